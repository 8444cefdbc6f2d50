"""found devices, and profiles made for them

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

import server.db.base
from server.db.base import Document

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profiles",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("created_at", server.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
    )
    op.create_table(
        "found_devices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("firmware", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=True),
        sa.Column("first_at", server.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_at", server.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("gone_at", server.db.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_found_devices_device_id_devices")
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f("fk_found_devices_gateway_id_gateways")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_found_devices")),
        sa.UniqueConstraint(
            "gateway_id", "source", "key", name=op.f("uq_found_devices_gateway_id_source_key")
        ),
    )
    with op.batch_alter_table("found_devices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_found_devices_gateway_id"), ["gateway_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_found_devices_device_id"), ["device_id"], unique=False)


def downgrade() -> None:
    op.drop_table("found_devices")
    op.drop_table("profiles")
