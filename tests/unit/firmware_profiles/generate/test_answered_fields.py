"""What a codec's answers become: a number with its unit, a boolean, a text, or a note why not."""

from typing import Any

import pytest

from firmware_profiles.generate.answered_fields import MOST_POINTS, AnsweredField, answered_fields


def fields(*answers: dict[str, Any]) -> dict[str, AnsweredField]:
    return {item.name: item for item in answered_fields(answers, [])}


def one(key: str, *values: Any) -> AnsweredField:
    (field,) = fields(*({key: value} for value in values)).values()
    return field


@pytest.mark.parametrize(
    ("key", "values", "name", "unit", "strip"),
    [
        ("temperature", [21.5, -3], "temperature", "Cel", None),
        ("TempC_SHT", [21.5], "temp_c_sht", "Cel", None),
        ("distance", ["1700 mm", "3 mm"], "distance", "mm", ["mm"]),
        ("level", ["92%"], "level", "%", ["%"]),
        ("Bat", ["2.4(low battery)", "3.6"], "bat", "V", ["(low battery)"]),
        ("battery", [3600], "battery", "mV", None),
        ("BatV", [3.6, None, ""], "bat_v", "V", None),
        ("humidity", [140], "humidity", "1", None),  # no percentage that we know of
        ("count", [5], "count", "1", None),
    ],
)
def test_numbers(key: str, values: list[Any], name: str, unit: str, strip: list[str] | None) -> None:
    field = one(key, *values)
    assert (field.name, field.point["kind"], field.point["unit"]) == (name, "measure", unit)
    assert field.field.get("strip") == strip
    assert field.field["path"] == key


@pytest.mark.parametrize("values", [["1.2.3"], ["2024-05-01"], ["0012"], ["open", 5], [True, 5], ["ff:01"]])
def test_what_is_no_number_is_a_text(values: list[Any]) -> None:
    assert one("x", *values).point["kind"] == "state"
    assert "unit" not in one("x", *values).point


def test_booleans_are_states_with_both_values() -> None:
    assert set(one("leak", True).point["values"]) == {"true", "false"}


def test_all_that_was_seen_is_in_range() -> None:
    assert one("count", 5, 4e9).point["range"][1] >= 4e9


def test_places_in_objects_and_names() -> None:
    found = fields({"status": {"battery": 3.1, "a.b": 1}, "battery": 2, "12": 3, "距离": 4})
    assert {name: item.field["path"] for name, item in found.items()} == {
        "battery": "status.battery",
        "a_b": ["status", "a.b"],
        "battery_2": "battery",
    }


def test_what_is_left_out_is_said() -> None:
    notes: list[str] = []
    found = answered_fields([{"rows": [1, 2], "距离": 1, **{f"v{n}": n for n in range(70)}}], notes)
    assert len(found) == MOST_POINTS
    assert "rows: a list; left out" in notes
    assert "距离: left out, it has no name" in notes
    assert sum("too many values" in note for note in notes) == 10
