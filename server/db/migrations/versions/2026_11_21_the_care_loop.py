"""care: residents' contacts and absences, stations, rosters, policies, wells' work; personal data is sealed

Revision: 0007, after 0006. What was written in clear before is sealed here.
"""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

from server.db.base import Document, UtcDateTime
from server.db.sealed import WORDS, Sealed, SealedWords

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _people_and_channels()
    _residents()
    _work()
    _columns()
    _seal()
    _seal_words()
    _consents()
    _supersede()


def _people_and_channels() -> None:
    op.create_table(
        "channel_health",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("checked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_health")),
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("updated_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["updated_by"], ["users.id"], name=op.f("fk_addresses_updated_by_users")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_addresses_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addresses")),
        sa.UniqueConstraint("user_id", "channel", name=op.f("uq_addresses_user_id_channel")),
    )
    op.create_table(
        "push_subscriptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("endpoint_hash", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("keys", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_ok_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("failed_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_push_subscriptions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_subscriptions")),
        sa.UniqueConstraint("endpoint_hash", name=op.f("uq_push_subscriptions_endpoint_hash")),
    )
    op.create_index(op.f("ix_push_subscriptions_user_id"), "push_subscriptions", ["user_id"], unique=False)
    op.create_table(
        "skills",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("skill", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_skills_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", "skill", name=op.f("pk_skills")),
    )
    op.create_table(
        "stations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("area_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("radius_m", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["area_id"], ["areas.id"], name=op.f("fk_stations_area_id_areas")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stations")),
    )
    op.create_index(op.f("ix_stations_area_id"), "stations", ["area_id"], unique=False)
    op.create_table(
        "shifts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("area_id", sa.String(), nullable=True),
        sa.Column("station_id", sa.String(), nullable=True),
        sa.Column("starts_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("cancelled_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["area_id"], ["areas.id"], name=op.f("fk_shifts_area_id_areas")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_shifts_created_by_users")),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_shifts_station_id_stations")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_shifts_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shifts")),
    )
    op.create_index("ix_shifts_ends_at_starts_at", "shifts", ["ends_at", "starts_at"], unique=False)
    op.create_index(op.f("ix_shifts_user_id"), "shifts", ["user_id"], unique=False)
    op.create_table(
        "shift_swaps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shift_id", sa.Integer(), nullable=False),
        sa.Column("from_id", sa.Integer(), nullable=False),
        sa.Column("to_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("answered_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["from_id"], ["users.id"], name=op.f("fk_shift_swaps_from_id_users")),
        sa.ForeignKeyConstraint(["shift_id"], ["shifts.id"], name=op.f("fk_shift_swaps_shift_id_shifts")),
        sa.ForeignKeyConstraint(["to_id"], ["users.id"], name=op.f("fk_shift_swaps_to_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_swaps")),
    )
    op.create_index(op.f("ix_shift_swaps_shift_id"), "shift_swaps", ["shift_id"], unique=False)
    op.create_index(op.f("ix_shift_swaps_to_id"), "shift_swaps", ["to_id"], unique=False)


def _residents() -> None:
    op.create_table(
        "absences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resident_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_absences_created_by_users")),
        sa.ForeignKeyConstraint(["ended_by"], ["users.id"], name=op.f("fk_absences_ended_by_users")),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_absences_resident_id_residents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
    )
    op.create_index("ix_absences_resident_id_until", "absences", ["resident_id", "until"], unique=False)
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resident_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("given_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("given_by", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["given_by"], ["users.id"], name=op.f("fk_consents_given_by_users")),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_consents_resident_id_residents")
        ),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["users.id"], name=op.f("fk_consents_withdrawn_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_resident_id"), "consents", ["resident_id"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resident_id", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("relation", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("holds_key", sa.Boolean(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_contacts_resident_id_residents")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_contacts_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index(op.f("ix_contacts_resident_id"), "contacts", ["resident_id"], unique=False)
    op.create_index(op.f("ix_contacts_user_id"), "contacts", ["user_id"], unique=False)
    op.create_table(
        "rhythms",
        sa.Column("resident_id", sa.String(), nullable=False),
        sa.Column("learned", Document, nullable=False),
        sa.Column("learned_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("days", Document, nullable=False),
        sa.Column("fixed", Document, nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_active_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_active_point", sa.String(), nullable=False),
        sa.Column("updated_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_rhythms_resident_id_residents")
        ),
        sa.PrimaryKeyConstraint("resident_id", name=op.f("pk_rhythms")),
    )
    op.create_index("ix_rhythms_due_at", "rhythms", ["due_at"], unique=False)
    op.create_index("ix_rhythms_learned_until", "rhythms", ["learned_until"], unique=False)
    op.create_table(
        "unprotected_spans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resident_id", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("thing_kind", sa.String(), nullable=False),
        sa.Column("thing_id", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_unprotected_spans_resident_id_residents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unprotected_spans")),
    )
    op.create_index(
        "ix_unprotected_spans_resident_id_since", "unprotected_spans", ["resident_id", "since"], unique=False
    )
    op.create_index("ix_unprotected_spans_until", "unprotected_spans", ["until"], unique=False)
    op.create_index(
        "uq_unprotected_spans_now",
        "unprotected_spans",
        ["resident_id", "cause", "thing_id"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "unheard_sensors",
        sa.Column("position_id", sa.String(), nullable=False),
        sa.Column("resident_id", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["position_id"], ["positions.id"], name=op.f("fk_unheard_sensors_position_id_positions")
        ),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_unheard_sensors_resident_id_residents")
        ),
        sa.PrimaryKeyConstraint("position_id", name=op.f("pk_unheard_sensors")),
    )
    op.create_index(op.f("ix_unheard_sensors_resident_id"), "unheard_sensors", ["resident_id"], unique=False)


def _work() -> None:
    op.create_table(
        "seal_checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal_checks")),
    )
    op.create_table(
        "policies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_policies_created_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
    )
    op.create_index(
        "uq_policies_current",
        "policies",
        ["name"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "windows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("scope_kind", sa.String(), nullable=False),
        sa.Column("scope_id", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_windows_created_by_users")),
        sa.ForeignKeyConstraint(["ended_by"], ["users.id"], name=op.f("fk_windows_ended_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_windows")),
    )
    op.create_index("ix_windows_until_since", "windows", ["until", "since"], unique=False)
    op.create_table(
        "task_photos",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("file", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_photos_task_id_tasks")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_task_photos_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_photos")),
    )
    op.create_index(op.f("ix_task_photos_task_id"), "task_photos", ["task_id"], unique=False)
    op.create_table(
        "task_watchers",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_watchers_task_id_tasks")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_task_watchers_user_id_users")),
        sa.PrimaryKeyConstraint("task_id", "user_id", name=op.f("pk_task_watchers")),
    )
    op.create_table(
        "well_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("well_id", sa.String(), nullable=False),
        sa.Column("crew", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.Integer(), nullable=True),
        sa.Column("air", Document, nullable=False),
        sa.Column("check_due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["ended_by"], ["users.id"], name=op.f("fk_well_entries_ended_by_users")),
        sa.ForeignKeyConstraint(["started_by"], ["users.id"], name=op.f("fk_well_entries_started_by_users")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_well_entries_task_id_tasks")),
        sa.ForeignKeyConstraint(["well_id"], ["wells.id"], name=op.f("fk_well_entries_well_id_wells")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_well_entries")),
    )
    op.create_index(
        "ix_well_entries_check_due_at",
        "well_entries",
        ["check_due_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(op.f("ix_well_entries_task_id"), "well_entries", ["task_id"], unique=False)
    op.create_index(
        "uq_well_entries_now",
        "well_entries",
        ["well_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "well_upstream",
        sa.Column("well_id", sa.String(), nullable=False),
        sa.Column("upstream_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upstream_id"], ["wells.id"], name=op.f("fk_well_upstream_upstream_id_wells")
        ),
        sa.ForeignKeyConstraint(["well_id"], ["wells.id"], name=op.f("fk_well_upstream_well_id_wells")),
        sa.PrimaryKeyConstraint("well_id", "upstream_id", name=op.f("pk_well_upstream")),
    )
    op.create_table(
        "kiosk_visitors",
        sa.Column("position_id", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("visitor", sa.String(), nullable=False),
        sa.Column("kept_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position_id", "at", name=op.f("pk_kiosk_visitors")),
    )
    op.create_index(op.f("ix_kiosk_visitors_kept_at"), "kiosk_visitors", ["kept_at"], unique=False)


def _columns() -> None:
    op.add_column("residents", sa.Column("created_at", UtcDateTime(timezone=True), nullable=True))
    op.execute(  # of those who are there already: the first sensor's place
        "UPDATE residents SET created_at = "
        "(SELECT MIN(created_at) FROM positions WHERE positions.resident_id = residents.id)"
    )
    op.add_column("residents", sa.Column("left_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("residents", sa.Column("erased_at", UtcDateTime(timezone=True), nullable=True))
    op.create_index("ix_residents_address", "residents", ["address"], unique=False)
    op.add_column("occurrences", sa.Column("suspended_until", UtcDateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_occurrences_suspended_until",
        "occurrences",
        ["suspended_until"],
        unique=False,
        sqlite_where=sa.text("suspended_until IS NOT NULL"),
        postgresql_where=sa.text("suspended_until IS NOT NULL"),
    )
    op.add_column("tasks", sa.Column("test", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("tasks", sa.Column("muted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("tasks", sa.Column("told_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("tasks", sa.Column("level", sa.String(), nullable=False, server_default="community"))
    op.add_column("tasks", sa.Column("parent_id", sa.Integer(), nullable=True))
    op.add_column("tasks", sa.Column("due_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("tasks", sa.Column("snoozed_until", UtcDateTime(timezone=True), nullable=True))
    op.add_column("tasks", sa.Column("unheard_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("tasks", sa.Column("unanswered_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("tasks", sa.Column("reviewed_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("tasks", sa.Column("cause", sa.String(), nullable=True))
    op.add_column("tasks", sa.Column("review", sa.String(), nullable=True))
    op.create_index(op.f("ix_tasks_parent_id"), "tasks", ["parent_id"], unique=False)
    to_review = sa.text("review IS NOT NULL AND reviewed_at IS NULL")
    op.create_index(
        "ix_tasks_to_review", "tasks", ["closed_at"], sqlite_where=to_review, postgresql_where=to_review
    )
    op.create_index("ix_tasks_created_at", "tasks", ["created_at"])
    planned = sa.text("state = 'planned'")
    op.create_index("ix_tasks_due_at", "tasks", ["due_at"], sqlite_where=planned, postgresql_where=planned)
    happened = sa.text("state != 'cancelled'")
    op.create_index(
        "ix_dispatch_steps_due_at",
        "dispatch_steps",
        ["due_at"],
        sqlite_where=happened,
        postgresql_where=happened,
    )
    op.add_column("dispatch_steps", sa.Column("ask", sa.String(), nullable=False, server_default="go"))
    op.add_column("users", sa.Column("area_id", sa.String(), nullable=True))
    op.add_column("users", sa.Column("station_id", sa.String(), nullable=True))
    op.add_column("users", sa.Column("phone", sa.String(), nullable=False, server_default=""))
    op.add_column("wells", sa.Column("mount_height_m", sa.Double(), nullable=True))
    op.add_column("audit", sa.Column("once", sa.String(), nullable=True))
    op.create_index("uq_audit_once", "audit", ["once"], unique=True)
    op.create_index(
        "ix_audit_subject_kind_subject_id_id", "audit", ["subject_kind", "subject_id", "id"], unique=False
    )


def _seal() -> None:
    """What stood in clear, sealed; a resident's lines about whom to call become their contacts."""
    connection = op.get_bind()
    clear = sa.table(
        "residents",
        sa.column("id", sa.String()),
        *(sa.column(name, sa.String()) for name in ("phone", "access", "notes", "contact")),
    )
    sealed = sa.table(
        "residents",
        sa.column("id", sa.String()),
        *(sa.column(name, Sealed()) for name in ("phone", "access", "notes")),
    )
    contacts = sa.table(
        "contacts",
        *(sa.column(name, sa.String()) for name in ("resident_id", "relation", "name")),
        sa.column("phone", Sealed()),
        sa.column("rank", sa.Integer()),
        sa.column("holds_key", sa.Boolean()),
    )
    for row in connection.execute(sa.select(clear)).all():
        values = {name: getattr(row, name) for name in ("phone", "access", "notes")}
        connection.execute(sa.update(sealed).where(sealed.c.id == row.id).values(values))
        for rank, (name, phone) in enumerate(_names_and_numbers(row.contact)):
            connection.execute(
                sa.insert(contacts).values(
                    resident_id=row.id, rank=rank, relation="family", name=name, phone=phone, holds_key=False
                )
            )
    op.drop_column("residents", "contact")


def _consents() -> None:
    """What installers have noted: the first consent at each home becomes the resident's."""
    connection = op.get_bind()
    noted = connection.execute(
        sa.text(
            "SELECT positions.resident_id AS resident_id, MIN(tests.ended_at) AS given_at, "
            "MIN(tests.ended_by) AS given_by FROM commissioning_tests AS tests JOIN positions ON positions.id = tests.position_id "
            "WHERE tests.consent = 'given' AND tests.ended = 'signed_off' "
            "AND positions.resident_id IS NOT NULL GROUP BY positions.resident_id"
        ).columns(resident_id=sa.String(), given_at=UtcDateTime(), given_by=sa.Integer())
    )
    consents = sa.table(
        "consents",
        *(sa.column(name, sa.String()) for name in ("resident_id", "kind")),
        sa.column("given_at", UtcDateTime()),
        sa.column("given_by", sa.Integer()),
        sa.column("note", Sealed()),
    )
    for row in noted.mappings().all():
        values = {**row, "kind": "care", "note": "installation"}
        connection.execute(sa.insert(consents).values(values))


def _seal_words() -> None:
    """What people typed into timelines, tests and the audit log, sealed."""
    for name, column in (("commissioning_tests", "note"), ("audit", "reason")):
        clear, sealed = _two(name, column, sa.String(), Sealed())
        _convert(clear, sealed, column, sa.column(column) != "")
    for name in ("task_events", "audit"):
        clear, sealed = _two(name, "detail", Document, SealedWords())
        text = sa.cast(clear.c.detail, sa.String())
        _convert(clear, sealed, "detail", sa.or_(*(text.contains(f'"{word}"') for word in WORDS)))


def _two(
    name: str, column: str, before: sa.types.TypeEngine[Any], after: sa.types.TypeEngine[Any]
) -> tuple[sa.TableClause, sa.TableClause]:
    """The same table with the column as it was, and as it shall be."""
    return (
        sa.table(name, sa.column("id", sa.Integer()), sa.column(column, before)),
        sa.table(name, sa.column("id", sa.Integer()), sa.column(column, after)),
    )


def _convert(
    clear: sa.TableClause, sealed: sa.TableClause, column: str, where: sa.ColumnElement[bool]
) -> None:
    connection = op.get_bind()
    changed = (
        sa.update(sealed)
        .where(sealed.c.id == sa.bindparam("key"))
        .values({column: sa.bindparam("fresh", type_=sealed.c[column].type)})
    )
    rows = connection.execute(sa.select(clear).where(where)).all()
    if rows:
        connection.execute(changed, [{"key": row.id, "fresh": row[1]} for row in rows])


def _supersede() -> None:
    """Marks signed tests that a later one of the same device at the same place has followed."""
    op.add_column(
        "commissioning_tests",
        sa.Column("superseded", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.get_bind().execute(
        sa.text(
            "UPDATE commissioning_tests SET superseded = true WHERE ended = 'signed_off' AND EXISTS "
            "(SELECT 1 FROM commissioning_tests AS later WHERE later.ended = 'signed_off' "
            "AND later.position_id = commissioning_tests.position_id "
            "AND later.device_id = commissioning_tests.device_id AND later.id > commissioning_tests.id)"
        )
    )
    op.create_index("ix_commissioning_tests_ended_at", "commissioning_tests", ["ended_at", "ended"])
    for name, columns in (
        ("ix_commissioning_tests_due_at", ["due_at", "position_id"]),
        ("ix_commissioning_tests_counting", ["position_id", "device_id"]),
    ):
        op.create_index(
            name,
            "commissioning_tests",
            columns,
            sqlite_where=sa.text("superseded = 0"),
            postgresql_where=sa.text("NOT superseded"),
        )


_NUMBER = re.compile(r"(?<!\d)1\d{10}(?!\d)|\+?\d[\d -]{1,18}\d|\d{3,}")


def _names_and_numbers(text: str) -> list[tuple[str, str]]:
    """ "女儿 王芳 13800138000；邻居 老张" → ("女儿 王芳", "13800138000"), ("邻居 老张", ""). A number never stays
    in the name, which is kept in clear."""
    found: list[tuple[str, str]] = []
    for piece in filter(None, (piece.strip() for piece in re.split(r"[;；\n]", text))):
        name = " ".join(_NUMBER.sub(" ", piece).split()).strip(" ,，:：()（）") or "–"
        found += [(name, number.strip()) for number in _NUMBER.findall(piece) or [""]]
    return found
