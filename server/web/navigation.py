"""What the pages' main navigation holds, as data: each entry with the right that it needs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from server.users.roles import Right
from server.users.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Entry:
    """One place to go: a route's name, the key of its words (or plain words), its icon, who may go."""

    route: str
    words: str
    icon: str
    right: Right


ENTRIES: Final = (
    Entry("tasks:list", "nav.tasks", "tasks", Right.VIEW_TASKS),
    Entry("coverage:now", "nav.coverage", "home", Right.VIEW_TASKS),
    Entry("residents:list", "nav.residents", "family", Right.VIEW_RESIDENTS),
    Entry("map:page", "nav.map", "map", Right.VIEW_TASKS),
    Entry("wells:list", "nav.wells", "well", Right.VIEW_DEVICES),
    Entry("devices:list", "nav.devices", "devices", Right.VIEW_DEVICES),
    Entry("install:list", "nav.install", "scan", Right.REGISTER),
    Entry("gateways:list", "nav.gateways", "gateways", Right.VIEW_DEVICES),
    Entry("rosters:week", "nav.rosters", "clock", Right.WORK_TASKS),
    Entry("playbooks:list", "nav.playbooks", "flag", Right.PLAYBOOKS),
    Entry("policies:list", "nav.policies", "note", Right.PLAYBOOKS),
    Entry("figures:page", "nav.figures", "spark", Right.ASSIGN_TASKS),
    Entry("quarantine:list", "nav.quarantine", "quarantine", Right.REGISTER),
)


def allowed(entries: Iterable[Entry], viewer: Viewer) -> list[Entry]:
    """The entries that this person may use."""
    return [entry for entry in entries if viewer.may(entry.right)]
