"""What gateways find: kept once, followed when renamed, adopted with a matched or a generated profile."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from edge.core.found import Findings
from edge.core.patterns import Patterns
from edge.core.zigbee2mqtt import Bridge
from firmware_profiles import Catalogue
from gateway import wire
from gateway.core.found import found_message
from server.clock import to_ms
from server.db.database import Database
from server.db.models import AuditEntry, Device, FoundDevice, Gateway, StoredProfile
from server.devices.service import retire
from server.errors import ConflictError, InvalidError, NotFoundError
from server.found import repository, service
from server.found.catalogue import take_up
from server.found.schemas import AdoptIn
from server.places import schemas
from server.places.service import put_position
from tests.contract.server.conftest import NOW
from tests.unit.edge.core.test_zigbee2mqtt import binary, entry

Hear = Callable[..., None]
SOS = "0x00158d0000000001"
LEAK = "0x00158d0000000002"
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def live(catalogue: Catalogue) -> Catalogue:
    return Catalogue(dict(catalogue))


def button(name: str, address: str = SOS) -> dict[str, Any]:
    return entry(name, vendor="Tuya", model="TS0215A_sos", ieee_address=address)


def leak(name: str, address: str = LEAK) -> dict[str, Any]:
    return entry(name, binary("water_leak"), ieee_address=address)


def message(catalogue: Catalogue, *entries: dict[str, Any]) -> wire.FoundMessage:
    """What a gateway sends that has heard this list, over the wire and back."""
    bridge = Bridge("zigbee2mqtt", catalogue.find)
    bridge.heard("zigbee2mqtt/bridge/devices", json.dumps(entries).encode())
    made = found_message(Findings(("zigbee2mqtt/zigbee2mqtt",), bridge.devices), to_ms(NOW))
    decoded: wire.FoundMessage = wire.decode("up/found", wire.encode(made))
    return decoded


@pytest.fixture
def hear(street: Database, live: Catalogue, catalogue: Catalogue) -> Hear:
    """Lets gw-1 tell that it has found these."""

    def tell(*entries: dict[str, Any], gateway: str = "gw-1", now: Any = NOW) -> None:
        told = message(catalogue, *entries)
        with street.write() as session:
            service.hear(session, gateway_id=gateway, message=told, catalogue=live, now=now)

    return tell


def rows(street: Database, *, pending: bool = False) -> dict[str, FoundDevice]:
    with street.read() as session:
        return {row.key: row for row in repository.listed(session, pending=pending)}


def adopted(street: Database, live: Catalogue, key: str, position: str, **more: Any) -> Device:
    with street.write() as session:
        put_position(session, position, schemas.PositionIn(area_id="area", name=position), now=NOW)
        given = AdoptIn(position_id=position, **more)
        return service.adopt(session, rows(street)[key].id, given, catalogue=live, now=NOW)


def wanted(street: Database, device: str) -> dict[str, Any]:
    """The device in its gateway's document."""
    with street.read() as session:
        documents = session.get_one(Gateway, "gw-1").desired["devices"]
    return next(dict(one) for one in documents if one["id"] == device)


def test_the_same_message_again_changes_nothing(street: Database, hear: Hear) -> None:
    hear(button("one"), leak("two"))
    before = {key: (row.id, row.topic, row.profile) for key, row in rows(street).items()}
    hear(button("one"), leak("two"))
    assert {key: (row.id, row.topic, row.profile) for key, row in rows(street).items()} == before
    assert before[SOS][2] == "tuya-ts0215a-sos"
    assert before[LEAK][2].startswith("generated-acme-one-")
    assert set(rows(street, pending=True)) == {SOS, LEAK}


def test_what_is_listed_no_more_is_gone_and_may_come_back(street: Database, hear: Hear) -> None:
    hear(button("one"), leak("two"))
    hear(leak("two"), now=LATER)
    assert rows(street)[SOS].gone_at == LATER
    assert set(rows(street, pending=True)) == {LEAK}
    hear(button("one"), now=LATER)
    assert rows(street)[SOS].gone_at is None
    assert rows(street)[SOS].first_at == NOW


def test_a_source_that_was_not_heard_to_its_end_takes_nothing_away(
    street: Database, hear: Hear, live: Catalogue
) -> None:
    hear(button("one"))
    with street.write() as session:
        empty = wire.FoundMessage(at_ms=0)
        service.hear(session, gateway_id="gw-1", message=empty, catalogue=live, now=LATER)
    assert set(rows(street, pending=True)) == {SOS}


def test_a_gateway_that_nobody_registered_is_refused(hear: Hear) -> None:
    with pytest.raises(NotFoundError):
        hear(button("one"), gateway="gw-9")


def test_adopting_registers_with_the_profile_of_the_model(
    street: Database, hear: Hear, live: Catalogue
) -> None:
    hear(button("bed"))
    device = adopted(street, live, SOS, "new-bed")
    assert (device.id, device.profile, device.serial) == (f"zigbee-{SOS}", "tuya-ts0215a-sos", SOS)
    assert wanted(street, device.id)["address"] == {"topic": "zigbee2mqtt/bed", "ieee_address": SOS}
    assert rows(street, pending=True) == {}
    with street.read() as session:
        assert repository.count_pending(session) == 0
        assert session.scalars(select(StoredProfile)).all() == []


def test_adopting_keeps_a_generated_profile_for_this_server_and_the_others(
    street: Database, hear: Hear, live: Catalogue, catalogue: Catalogue
) -> None:
    hear(leak("cellar"))
    device = adopted(street, live, LEAK, "cellar")
    assert device.profile.startswith("generated-acme-one-")
    assert device.profile in live
    with street.read() as session:
        document = session.get_one(Gateway, "gw-1").desired
        other = Catalogue(dict(catalogue))
        take_up(session, other)
    assert device.profile in document["profiles"]
    assert [rule["id"] for rule in document["rules"] if rule["position"] == "cellar"] == ["leak", "silent"]
    assert other[device.profile] == live[device.profile]


def test_a_profile_of_the_servers_own_goes_before_a_generated_one(
    street: Database, hear: Hear, live: Catalogue
) -> None:
    hear(entry("one", binary("water_leak"), ieee_address=LEAK, model="Two"))
    own = live["aqara-sjcgq12lm"].model_copy(update={"id": "acme-two", "vendor": "Acme", "model": "Two"})
    live.add(own)
    assert adopted(street, live, LEAK, "cellar").profile == "acme-two"


def test_what_cannot_be_read_needs_a_profile_that_is_known(
    street: Database, hear: Hear, live: Catalogue
) -> None:
    unknown = entry("odd", ieee_address=LEAK)
    del unknown["definition"]
    hear(unknown)
    with pytest.raises(InvalidError, match="choose one"):
        adopted(street, live, LEAK, "cellar")
    with pytest.raises(InvalidError, match="no profile"):
        adopted(street, live, LEAK, "cellar", profile="generated-nothing")
    assert adopted(street, live, LEAK, "cellar", profile="owon-pb206").profile == "owon-pb206"


def test_a_document_that_lies_is_not_kept(
    street: Database, hear: Hear, live: Catalogue, catalogue: Catalogue
) -> None:
    told = message(catalogue, leak("one"))
    ((name, document),) = told.profiles.items()
    for wrong in ({}, {"id": name}, {**document, "id": "aqara-sjcgq12lm"}):
        lying = wire.FoundMessage(at_ms=0, devices=told.devices, profiles={name: wrong})
        with street.write() as session:
            service.hear(session, gateway_id="gw-1", message=lying, catalogue=live, now=NOW)
        with pytest.raises(InvalidError):
            adopted(street, live, LEAK, "cellar")
    assert name not in live


def test_a_renamed_device_is_followed_and_the_log_says_so(
    street: Database, hear: Hear, live: Catalogue
) -> None:
    hear(button("bed"))
    device = adopted(street, live, SOS, "new-bed")
    hear(button("bath"))
    assert wanted(street, device.id)["address"]["topic"] == "zigbee2mqtt/bath"
    with street.read() as session:
        (line,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "rename")).all()
    assert line.detail == {"from": "zigbee2mqtt/bed", "to": "zigbee2mqtt/bath"}


def test_leaving_and_joining_again_keeps_the_position(street: Database, hear: Hear, live: Catalogue) -> None:
    hear(button("bed"))
    device = adopted(street, live, SOS, "new-bed")
    hear()
    hear(button(SOS), now=LATER)
    assert wanted(street, device.id)["address"]["topic"] == f"zigbee2mqtt/{SOS}"
    assert wanted(street, device.id)["position"] == "new-bed"
    assert rows(street, pending=True) == {}


def test_two_devices_that_swap_their_names_keep_their_positions(
    street: Database, hear: Hear, live: Catalogue
) -> None:
    hear(button("a"), button("b", LEAK))
    first = adopted(street, live, SOS, "first")
    second = adopted(street, live, LEAK, "second")
    hear(button("b"), button("a", LEAK))
    assert wanted(street, first.id)["address"]["topic"] == "zigbee2mqtt/b"
    assert wanted(street, second.id)["address"]["topic"] == "zigbee2mqtt/a"


def test_a_device_registered_by_hand_is_known_by_its_topic_and_then_by_its_hardware(
    street: Database, hear: Hear
) -> None:
    hear(button("sos"))
    assert rows(street)[SOS].device_id == "d-home-sos"
    assert wanted(street, "d-home-sos")["address"] == {"topic": "zigbee2mqtt/sos", "ieee_address": SOS}
    hear(button("renamed"))
    assert wanted(street, "d-home-sos")["address"]["topic"] == "zigbee2mqtt/renamed"


def test_a_topic_changed_by_hand_is_left_alone(street: Database, hear: Hear) -> None:
    hear(button("sos"))
    with street.write() as session:
        session.get_one(Device, "d-home-sos").address = {"topic": "elsewhere", "ieee_address": SOS}
    hear(button("renamed"))
    with street.read() as session:
        assert session.get_one(Device, "d-home-sos").address["topic"] == "elsewhere"


def test_what_is_taken_out_of_service_waits_again_and_comes_back_as_itself(
    street: Database, hear: Hear, live: Catalogue
) -> None:
    hear(button("bed"))
    device = adopted(street, live, SOS, "new-bed")
    with street.write() as session:
        retire(session, device.id, catalogue=live, now=NOW)
    assert set(rows(street, pending=True)) == {SOS}
    assert adopted(street, live, SOS, "other-bed").id == device.id


def test_a_position_that_is_taken_is_a_conflict(street: Database, hear: Hear, live: Catalogue) -> None:
    hear(button("bed"), leak("cellar"))
    adopted(street, live, SOS, "new-bed")
    with pytest.raises(ConflictError):
        adopted(street, live, LEAK, "new-bed")


def test_peer_text_is_cut_and_made_printable(street: Database, live: Catalogue) -> None:
    odd = wire.FoundDevice(
        source="zigbee2mqtt", base="z", id="i" * 400, name="a\0b\n" + "c" * 500, topic="t\0", reason="r" * 900
    )
    told = wire.FoundMessage(at_ms=0, devices=[odd])
    with street.write() as session:
        service.hear(session, gateway_id="gw-1", message=told, catalogue=live, now=NOW)
    (row,) = rows(street).values()
    assert (row.name[:3], row.topic, len(row.key), len(row.reason)) == ("abc", "t", 256, 500)
    assert len(row.name) <= 100


def test_an_update_over_the_air_is_followed(street: Database, hear: Hear, live: Catalogue) -> None:
    hear(button("bed"))
    device = adopted(street, live, SOS, "new-bed")
    assert device.firmware == "1.0.3"
    hear({**button("bed"), "software_build_id": "1.0.4"}, now=LATER)
    with street.read() as session:
        assert session.get_one(Device, device.id).firmware == "1.0.4"
    hear({**button("bed"), "software_build_id": None}, now=LATER)  # unknown now: what was known stays
    with street.read() as session:
        assert session.get_one(Device, device.id).firmware == "1.0.4"


def test_what_speaks_on_a_pattern_is_adopted_with_its_profile(street: Database, live: Catalogue) -> None:
    heard = Patterns({"application/+/device/+/event/up": "dingtek-dc410"})
    heard.heard("application/a/device/24e1/event/up")
    told = found_message(Findings((), heard.devices), to_ms(NOW))
    with street.write() as session:
        service.hear(session, gateway_id="gw-1", message=told, catalogue=live, now=NOW)
    device = adopted(
        street, live, "application/a/device/24e1/event/up", "w", parameters={"mount_height": 2000}
    )
    assert (device.profile, device.address) == (
        "dingtek-dc410",
        {"topic": "application/a/device/24e1/event/up"},
    )
