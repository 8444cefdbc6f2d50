"""Desired documents: all that is wrong at once, and what one changes against another."""

from typing import Any

import msgspec
import pytest

from gateway import wire
from gateway.core.desired import DesiredError, difference, read_desired
from gateway.rules.model import Condition, Event, Rate, Silence, State, Threshold
from tests.contract.gateway_parts import PROFILE, desired
from tests.unit.gateway.rules.scenes import rule

DRIVERS = ("mqtt", "modbus")


def changed(message: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(message, **changes)


def reasons(message: wire.DesiredMessage) -> tuple[str, ...]:
    with pytest.raises(DesiredError) as caught:
        read_desired(message, DRIVERS)
    return caught.value.reasons


def test_a_good_document_gives_devices_by_driver() -> None:
    wanted = read_desired(desired(1, "b1", "b2"), DRIVERS)
    assert [device.id for device in wanted.devices["mqtt"]] == ["b1", "b2"]
    assert wanted.device_at() == {"room of b1": "b1", "room of b2": "b2"}


def test_all_reasons_are_given_at_once() -> None:
    good = desired(1, "b1", "b1")
    lost = changed(good.devices[0], id="x", driver="telepathy", profile="unknown", position="p")
    bad = changed(
        good,
        devices=[*good.devices, lost],
        rules=[*good.rules, rule(Event(point="nothing"), "r", "nowhere")],
        profiles=good.profiles | {"broken": {"id": "broken"}},
        frame_ms=10,
        health_ms=1,
    )
    found = "\n".join(reasons(bad))
    for part in (
        "2 devices with the id 'b1'",
        "2 rules with this id at position 'room of b1'",
        "devices.x.driver: 'telepathy' is none of modbus, mqtt",
        "devices.x.profile: 'unknown' is not among the profiles sent",
        "rules.r at position 'nowhere': there is no device",
        "profiles.broken: ",
        "frame_ms: 10",
        "health_ms: 1",
    ):
        assert part in found


def test_a_rule_for_a_point_that_its_device_has_not_would_never_speak() -> None:
    good = desired(1, "b1")
    (found,) = reasons(changed(good, rules=[rule(Event(point="sos"), "r", "room of b1")]))
    assert "has no point 'sos'" in found


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (Threshold(point="battery", side="above", limit=5, clear=6), "alarming side"),
        (Threshold(point="battery", side="below", limit=5, clear=4), "alarming side"),
        (Threshold(point="battery", side="above", limit=5, for_ms=-1), "for_ms is negative"),
        (State(point="battery", values=()), "no values"),
        (Rate(point="battery", change=0, within_ms=5), "must not be 0"),
        (Silence(after_ms=0), "after_ms"),
        (Event(point="action", debounce_ms=-1), "debounce_ms is negative"),
    ],
)
def test_conditions_that_could_never_work_are_refused(when: Condition, reason: str) -> None:
    (found,) = reasons(changed(desired(1, "b1"), rules=[rule(when, "r", "room of b1")]))
    assert reason in found


def test_the_same_again_changes_nothing_whatever_its_order_and_version() -> None:
    one = read_desired(desired(1, "b1", "b2"), DRIVERS)
    again = desired(2, "b2", "b1")
    assert not difference(one, read_desired(again, DRIVERS))


def test_only_what_differs_is_named() -> None:
    old = read_desired(desired(1, "b1", "b2"), DRIVERS)
    message = desired(2, "b2", "b3")
    devices = [changed(message.devices[0], parameters={"x": 1.0}), message.devices[1]]
    change = difference(old, read_desired(changed(message, devices=devices), DRIVERS))
    assert (*change.added, *change.removed, *change.changed) == ("b3", "b1", "b2")
    assert change.drivers == {"mqtt"}
    assert change.rules
    assert not change.intervals


def test_another_profile_under_the_same_name_changes_its_devices() -> None:
    message = desired(1, "b1")
    profile = message.profiles[PROFILE]
    other = changed(message, profiles={PROFILE: profile | {"vendor": "another"}})
    change = difference(read_desired(message, DRIVERS), read_desired(other, DRIVERS))
    assert change.changed == {"b1"}


def test_a_changed_interval_disturbs_no_driver() -> None:
    message = desired(1, "b1")
    change = difference(read_desired(message, DRIVERS), read_desired(changed(message, frame_ms=400), DRIVERS))
    assert change.intervals
    assert not change.drivers
    assert not change.rules
