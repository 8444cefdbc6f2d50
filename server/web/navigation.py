"""What the pages' main navigation holds, as data: each entry with the right that it needs and its group.

The bar has few places, on a telephone fewer than at a desk; what does not fit is behind "more", by group.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from server.users.roles import Right, Role
from server.users.viewer import Viewer


class Group(StrEnum):
    """The heading under which an entry stands behind "more"; in the order of the menu."""

    WORK = "work"
    FIELD = "field"
    MANAGEMENT = "management"
    OWN = "own"  # never in the bar


@dataclass(frozen=True, slots=True)
class Entry:
    """One place to go: a route's name, the key of its words (or plain words), its icon, who may go."""

    route: str
    words: str
    icon: str
    right: Right
    group: Group = Group.WORK


ENTRIES: Final = (
    Entry("tasks:list", "nav.tasks", "tasks", Right.VIEW_TASKS),
    Entry("coverage:now", "nav.coverage", "home", Right.VIEW_TASKS),
    Entry("residents:list", "nav.residents", "family", Right.VIEW_RESIDENTS),
    Entry("map:page", "nav.map", "map", Right.VIEW_TASKS),
    Entry("wells:list", "nav.wells", "well", Right.VIEW_DEVICES, Group.FIELD),
    Entry("devices:list", "nav.devices", "devices", Right.VIEW_DEVICES, Group.FIELD),
    Entry("install:list", "nav.install", "scan", Right.REGISTER, Group.FIELD),
    Entry("gateways:list", "nav.gateways", "gateways", Right.VIEW_DEVICES, Group.FIELD),
    Entry("kiosks:list", "nav.kiosks", "kiosk", Right.VIEW_TASKS, Group.FIELD),
    Entry("rosters:week", "nav.rosters", "clock", Right.WORK_TASKS, Group.MANAGEMENT),
    Entry("figures:page", "nav.figures", "spark", Right.ASSIGN_TASKS, Group.MANAGEMENT),
    Entry("playbooks:list", "nav.playbooks", "flag", Right.PLAYBOOKS, Group.MANAGEMENT),
    Entry("people:list", "people.title", "person", Right.EDIT_PEOPLE, Group.MANAGEMENT),
    Entry("areas:list", "areas.title", "map", Right.EDIT_AREAS, Group.MANAGEMENT),
    Entry("stations:list", "stations.title", "pin", Right.VIEW_RESIDENTS, Group.MANAGEMENT),
    Entry("windows:list", "windows.title", "hourglass", Right.VIEW_TASKS, Group.MANAGEMENT),
    Entry("policies:list", "nav.policies", "note", Right.PLAYBOOKS, Group.MANAGEMENT),
    Entry("quarantine:list", "nav.quarantine", "quarantine", Right.REGISTER, Group.MANAGEMENT),
    Entry("notices:mine", "nav.notices", "bell", Right.WORK_TASKS, Group.OWN),
    Entry("people:me", "people.me", "key", Right.VIEW_TASKS, Group.OWN),
)

FIRST: Final[Mapping[Role, tuple[str, ...]]] = {
    Role.INSTALLER: ("install:list", "devices:list"),
    Role.MAINTENANCE: ("tasks:list", "wells:list", "devices:list", "map:page"),
}
"""What stands first for those whose work is out in the field; for all others the order above."""

PHONE: Final = 4
DESK: Final = 6
"""Places in the bar beside "more": fingers need 64 of a telephone's 390 px, words of two languages 110 of the
800 px that a desk's bar has beside the name and the person."""


@dataclass(frozen=True, slots=True)
class Navigation:
    """One person's entries. Those in `bar` beyond the first `PHONE` are on a telephone in the menu, which
    therefore holds them too."""

    bar: tuple[Entry, ...]
    menu: tuple[tuple[Group, tuple[Entry, ...]], ...]

    def folded(self, entry: Entry) -> bool:
        """Whether an entry of the bar stands behind "more" on a telephone."""
        return entry in self.bar[PHONE:]

    def hides(self, route: str) -> bool:
        """Whether a page is behind "more" at a desk too."""
        return route not in {entry.route for entry in self.bar} and any(
            entry.route == route for _, entries in self.menu for entry in entries
        )

    def hides_on_phone(self, route: str) -> bool:
        """Whether a page is behind "more" on a telephone."""
        return self.hides(route) or route in {entry.route for entry in self.bar[PHONE:]}


def allowed(entries: Iterable[Entry], viewer: Viewer) -> Navigation:
    """What this person may use, in the order of their work."""
    first = FIRST.get(viewer.role, ())
    mine = [entry for entry in entries if viewer.may(entry.right)]
    mine.sort(key=lambda entry: first.index(entry.route) if entry.route in first else len(first))
    bar = tuple([entry for entry in mine if entry.group is not Group.OWN][:DESK])
    behind = [entry for entry in mine if entry not in bar[:PHONE]]
    groups = {group: tuple(entry for entry in behind if entry.group is group) for group in Group}
    return Navigation(bar, tuple((group, those) for group, those in groups.items() if those))
