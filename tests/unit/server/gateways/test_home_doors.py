"""A contact on a home's door is no cover over a well."""

from datetime import UTC, datetime

import pytest

from firmware_profiles import load_catalogue
from server.db.models import Device, Position
from server.gateways.desired import compile_document

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("home", "rules"), [(True, set()), (False, {"cover_open"})])
def test_an_open_door_is_daily_life_and_an_open_cover_an_alarm(home: bool, rules: set[str]) -> None:
    """What the sensor tells of itself (silence, battery) counts at both."""
    device = Device(
        id="d", profile="aqara-mccgq11lm", driver="mqtt", address={"topic": "zigbee2mqtt/d"}, parameters={}
    )
    place = {"resident_id": "r1"} if home else {"well_id": "w1"}
    position = Position(id="p", area_id="a", name="p", created_at=NOW, **place)
    document = compile_document([(device, position)], load_catalogue())
    assert {rule.id for rule in document.rules} - {"silent", "battery_low"} == rules
