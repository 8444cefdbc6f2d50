"""commissioning tests, and what is held for them

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

import server.db.base
from server.db.base import Document

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = server.db.base.UtcDateTime(timezone=True)
    table = "commissioning_tests"
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position_id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("trial", Document, nullable=False),
        sa.Column("armed", sa.Boolean(), nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("started_by", sa.Integer(), nullable=True),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("seen_at", moment, nullable=True),
        sa.Column("pressed_at", moment, nullable=True),
        sa.Column("seen", Document, nullable=False),
        sa.Column("measured", Document, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended", sa.String(), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.Column("consent", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("photo", sa.String(), nullable=True),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["position_id"], ["positions.id"], name=op.f(f"fk_{table}_position_id_positions")
        ),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f(f"fk_{table}_device_id_devices")),
        sa.ForeignKeyConstraint(["started_by"], ["users.id"], name=op.f(f"fk_{table}_started_by_users")),
        sa.ForeignKeyConstraint(["ended_by"], ["users.id"], name=op.f(f"fk_{table}_ended_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    with op.batch_alter_table(table, schema=None) as batch_op:
        for column in ("position_id", "device_id"):
            batch_op.create_index(batch_op.f(f"ix_{table}_{column}"), [column], unique=False)
        batch_op.create_index(f"ix_{table}_settled", ["settled"], unique=False)
        batch_op.create_index(
            f"uq_{table}_running",
            ["position_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
    # Plain additions: SQLite writes them into the table's definition and leaves its rows alone.
    op.add_column("occurrences", sa.Column("test_id", sa.Integer(), nullable=True))
    op.add_column(
        "occurrences", sa.Column("removed", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index(op.f("ix_occurrences_test_id"), "occurrences", ["test_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_occurrences_test_id"), table_name="occurrences")
    with op.batch_alter_table("occurrences", schema=None) as batch_op:
        batch_op.drop_column("removed")
        batch_op.drop_column("test_id")
    op.drop_table("commissioning_tests")
