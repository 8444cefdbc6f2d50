"""What of the navigation each role finds in the bar, and what behind "more"."""

import pytest

from server.users.roles import LINKS_ONLY, Right, Role
from server.users.viewer import Viewer
from server.web.navigation import DESK, ENTRIES, PHONE, Entry, Group, Navigation, allowed

ROLES = sorted(set(Role) - LINKS_ONLY)


def of(role: Role, *more: Entry) -> Navigation:
    """The navigation of somebody."""
    return allowed((*ENTRIES, *more), Viewer(user_id=1, name="somebody", role=role))


def menu(navigation: Navigation) -> list[Entry]:
    """What is behind "more" on a telephone."""
    return [entry for _, entries in navigation.menu for entry in entries]


@pytest.mark.parametrize("role", ROLES)
def test_every_page_that_a_role_may_use_is_reached_once_on_each_screen(role: Role) -> None:
    found = of(role)
    usable = sorted(entry.route for entry in ENTRIES if entry.right in _rights(role))
    phone = [*found.bar[:PHONE], *menu(found)]
    desk = [*found.bar, *(entry for entry in menu(found) if not found.folded(entry))]
    assert sorted(entry.route for entry in phone) == usable
    assert sorted(entry.route for entry in desk) == usable
    assert len(found.bar) <= DESK


def test_what_is_ones_own_stands_behind_more_in_its_order() -> None:
    groups = [group for group, _ in of(Role.MANAGER).menu]
    assert groups == [Group.FIELD, Group.MANAGEMENT, Group.OWN]
    assert all(entry.group is not Group.OWN for role in ROLES for entry in of(role).bar)


def test_those_in_the_field_have_their_work_first() -> None:
    assert of(Role.INSTALLER).bar[0].route == "install:list"
    assert [entry.route for entry in of(Role.MAINTENANCE).bar[:2]] == ["tasks:list", "wells:list"]
    assert of(Role.CARER).bar[0].route == "tasks:list"


def test_more_is_marked_where_it_hides_the_page_that_is_open() -> None:
    found = of(Role.MANAGER)
    fifth = found.bar[PHONE].route
    assert (found.hides(fifth), found.hides_on_phone(fifth)) == (False, True)
    assert found.hides("people:me")
    assert not found.hides_on_phone("tasks:list")
    assert not found.hides_on_phone("")


def _rights(role: Role) -> set[Right]:
    viewer = Viewer(user_id=1, name="somebody", role=role)
    return {right for right in Right if viewer.may(right)}
