"""dispatch: playbooks, steps that fall due, deliveries, who can be called, and the loops' heartbeats

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

from server.db.base import Document, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("detail", Document, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "responders",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("on_duty", sa.Boolean(), nullable=False),
        sa.Column("volunteer", sa.Boolean(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_responders_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_responders")),
    )
    op.create_table(
        "key_holders",
        sa.Column("resident_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_key_holders_resident_id_residents")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_key_holders_user_id_users")),
        sa.PrimaryKeyConstraint("resident_id", "user_id", name=op.f("pk_key_holders")),
    )
    op.create_table(
        "playbooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("resident_id", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("plan", Document, nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_playbooks_created_by_users")),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_playbooks_resident_id_residents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_playbooks")),
    )
    with op.batch_alter_table("playbooks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_playbooks_resident_id"), ["resident_id"], unique=False)
        batch_op.create_index(
            "uq_playbooks_default",
            ["kind", "severity"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL AND resident_id IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL AND resident_id IS NULL"),
        )
        batch_op.create_index(
            "uq_playbooks_override",
            ["kind", "severity", "resident_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL AND resident_id IS NOT NULL"),
            postgresql_where=sa.text("ended_at IS NULL AND resident_id IS NOT NULL"),
        )

    op.create_table(
        "dispatch_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("playbook_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("planned_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("done_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("late_s", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["playbook_id"], ["playbooks.id"], name=op.f("fk_dispatch_steps_playbook_id_playbooks")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_dispatch_steps_task_id_tasks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch_steps")),
    )
    with op.batch_alter_table("dispatch_steps", schema=None) as batch_op:
        batch_op.create_index("ix_dispatch_steps_done_at", ["done_at"], unique=False)
        batch_op.create_index(
            "ix_dispatch_steps_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'planned'"),
            postgresql_where=sa.text("state = 'planned'"),
        )
        batch_op.create_index(batch_op.f("ix_dispatch_steps_task_id"), ["task_id"], unique=False)
        batch_op.create_index(
            "uq_dispatch_steps_call",
            ["task_id", "run", "number", "turn"],
            unique=True,
            sqlite_where=sa.text("kind = 'call'"),
            postgresql_where=sa.text("kind = 'call'"),
        )
        batch_op.create_index(
            "uq_dispatch_steps_planned",
            ["task_id", "kind"],
            unique=True,
            sqlite_where=sa.text("state = 'planned'"),
            postgresql_where=sa.text("state = 'planned'"),
        )

    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("rest", Document, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["step_id"], ["dispatch_steps.id"], name=op.f("fk_deliveries_step_id_dispatch_steps")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_deliveries_task_id_tasks")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_deliveries_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "step_id", "user_id", "channel", name=op.f("uq_deliveries_step_id_user_id_channel")
        ),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deliveries_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('queued', 'sending')"),
            postgresql_where=sa.text("state IN ('queued', 'sending')"),
        )
        batch_op.create_index(batch_op.f("ix_deliveries_task_id"), ["task_id"], unique=False)
        batch_op.create_index("ix_deliveries_user_id_created_at", ["user_id", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_table("key_holders")
    op.drop_table("deliveries")
    op.drop_table("dispatch_steps")
    op.drop_table("playbooks")
    op.drop_table("responders")
    op.drop_table("heartbeats")
