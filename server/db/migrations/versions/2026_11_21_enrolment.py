"""codes and credentials of gateways

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

import server.db.base

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = server.db.base.UtcDateTime(timezone=True)
    op.create_table(
        "gateway_codes",
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.Column("public_key", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f("fk_gateway_codes_gateway_id_gateways")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_gateway_codes_user_id_users")),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_gateway_codes")),
    )
    with op.batch_alter_table("gateway_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gateway_codes_gateway_id"), ["gateway_id"], unique=False)
    op.create_table(
        "gateway_credentials",
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("previous_key", sa.String(), nullable=True),
        sa.Column("enrolled_at", moment, nullable=False),
        sa.Column("issued_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("revoked_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f("fk_gateway_credentials_gateway_id_gateways")
        ),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_gateway_credentials")),
    )


def downgrade() -> None:
    op.drop_table("gateway_credentials")
    op.drop_table("gateway_codes")
