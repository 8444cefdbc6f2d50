"""What a declared time means for one alarm."""

from datetime import UTC, datetime

import pytest

from server.windows.core import DRILL, WORK, Declared, Expected, Sign, expected

UNTIL = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOME = frozenset(
    {("area", "grid"), ("area", "town"), ("resident", "r1"), ("position", "p1"), ("gateway", "g1")}
)


def window(scope_kind: str, scope_id: str, kind: str = WORK, number: int = 1) -> Declared:
    """A window that runs."""
    return Declared(id=number, kind=kind, scope=(scope_kind, scope_id), until=UNTIL, reason="检修")


def mutes(
    scope: tuple[str, str], kind: str, *, rule: str = "any", silence: bool = False, critical: bool = False
) -> bool:
    """Whether work on `scope` quietens such an alarm in the home."""
    sign = Sign(kind=kind, rule=rule, source_kind="position", silence=silence, critical=critical)
    return expected([window(*scope)], sign, HOME, never=["gas"]).work is not None


@pytest.mark.parametrize("scope", sorted(HOME))
def test_work_quietens_faults_and_covers_anywhere_in_its_scope(scope: tuple[str, str]) -> None:
    assert mutes(scope, "maintenance")
    assert mutes(scope, "well")


@pytest.mark.parametrize(
    ("scope", "quiet"),
    [
        (("area", "grid"), False),
        (("area", "town"), False),
        (("gateway", "g1"), False),
        (("resident", "r1"), True),
        (("position", "p1"), True),
    ],
)
@pytest.mark.parametrize("kind", ["care", "public_health"])
def test_a_persons_need_is_quietened_only_by_work_on_exactly_them(
    scope: tuple[str, str], quiet: bool, kind: str
) -> None:
    assert mutes(scope, kind) is quiet
    assert mutes(scope, kind, silence=True)


@pytest.mark.parametrize(
    ("scope", "quiet", "asked"),
    [
        (("area", "grid"), False, False),
        (("gateway", "g1"), False, False),
        (("resident", "r1"), False, True),
        (("position", "p1"), True, False),
        (("position", "p2"), False, False),
    ],
)
def test_a_call_for_help_is_quiet_only_from_the_position_that_is_worked_on(
    scope: tuple[str, str], quiet: bool, asked: bool
) -> None:
    sign = Sign(kind="care", rule="sos", source_kind="position", silence=False, critical=True)
    found = expected([window(*scope)], sign, HOME, never=["gas"])
    assert (found.work is not None, found.ask is not None) == (quiet, asked)
    both = expected([window(*scope), window("position", "p1", number=2)], sign, HOME, never=["gas"])
    assert both.work is not None
    assert both.ask is None


def test_work_elsewhere_means_nothing() -> None:
    assert not mutes(("area", "other"), "well")
    assert not mutes(("resident", "r2"), "care")


def test_what_kills_the_crew_and_what_the_server_says_of_itself_is_never_quiet() -> None:
    assert not mutes(("position", "p1"), "well", rule="gas")
    for source, rule in (("server", "dispatch_overdue"), ("channel", "channel_failing")):
        own = Sign(kind="maintenance", rule=rule, source_kind=source, silence=False)
        assert expected([window("area", "town")], own, HOME, never=[]) == Expected()


def test_a_drill_marks_everything_and_quietens_nothing() -> None:
    sign = Sign(kind="care", rule="sos", source_kind="position", silence=False)
    found = expected([window("area", "town", DRILL)], sign, HOME, never=[])
    assert found.work is None
    assert found.drill is not None


def test_of_several_the_one_that_lasts_longest_is_named() -> None:
    sign = Sign(kind="well", rule="cover_open", source_kind="position", silence=False)
    found = expected([window("area", "town"), window("area", "grid", number=2)], sign, HOME, never=[])
    assert found.work is not None
    assert found.work.id == 2
