"""Policies on both databases: complete without anything written, versions kept, nothing doubled."""

from datetime import UTC, datetime
from typing import ClassVar

import pytest
from sqlalchemy import update

from server.db.database import Database
from server.db.models import StoredPolicy
from server.errors import ForbiddenError
from server.policies import service
from server.policies.model import Policy, rule
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import person

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class Near(Policy):
    """One rule."""

    NAME: ClassVar = "near"
    TITLES: ClassVar = {"zh": "近", "en": "Near"}

    metres: int = rule(200, zh="米", en="Metres", ge=10)


def test_versions_follow_one_another_and_the_same_again_is_no_version(database: Database) -> None:
    manager = person(database, Role.MANAGER, "manager-1")
    with database.read() as session:
        assert service.current(session, Near) == Near()
        assert service.version(session, "near") is None
    for metres in (200, 300, 300, 200):
        with database.write() as session:
            service.put(session, manager, Near(metres=metres), now=NOW)
    with database.read() as session:
        assert service.current(session, Near).metres == 200
        history = service.history_with_people(session, "near")
    assert [(row.version, row.document["metres"], row.ended_at is None) for row, _ in history] == [
        (2, 200, True),
        (1, 300, False),
    ]
    assert {person for _, person in history} == {manager.name}


def test_only_those_who_may_write_rules_do(database: Database) -> None:
    with pytest.raises(ForbiddenError), database.write() as session:
        service.put(session, Viewer(1, "x", Role.CARER), Near(metres=300), now=NOW)


def test_a_version_that_this_program_cannot_read_gives_way_to_the_packaged_one(database: Database) -> None:
    manager = person(database, Role.MANAGER, "manager-1")
    with database.write() as session:
        service.put(session, manager, Near(metres=300), now=NOW)
        session.flush()
        session.execute(update(StoredPolicy).values(document={"metres": "far", "older": 1}))
    with database.read() as session:
        assert service.current(session, Near) == Near()
