"""What a street asks to have registered."""

import re
from collections import Counter

import pytest

from sunwell.simulate.street import Street

REGISTRY = Street().registry()


def test_ids_are_fit_for_topics_and_unique() -> None:
    for table in (REGISTRY.areas, REGISTRY.gateways, REGISTRY.residents, REGISTRY.wells, REGISTRY.positions):
        ids = [row.id for row in table]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", one) for one in ids)


def test_bodies_hold_all_but_the_id() -> None:
    device = next(row for row in REGISTRY.devices if row.id == "d-w01-cover")
    assert device.body() == {
        "gateway_id": "gw-street",
        "position_id": "w01-cover",
        "profile": "dingtek-dc410",
        "address": device.address,
        "parameters": {"mount_height": 2_500.0},
        "serial": "24e124c100000001",
    }
    assert "id" not in REGISTRY.residents[0].body()


def test_parents_come_before_their_children() -> None:
    known: set[str | None] = {None}
    for area in REGISTRY.areas:
        assert area.parent_id in known
        known.add(area.id)


def test_homes_are_split_between_two_gateways() -> None:
    counts = Counter(row.gateway_id for row in REGISTRY.devices)
    assert counts == {"gw-west": 32, "gw-east": 32, "gw-street": 40}


def test_nobody_can_be_called_by_mistake() -> None:
    called = [contact.phone for row in REGISTRY.residents for contact in row.contacts]
    own = [row.phone for row in REGISTRY.residents] + [row.phone for row in REGISTRY.stations]
    assert all(phone.startswith("000 ") for phone in called + own)
    assert len(called) > len(REGISTRY.residents), "neighbours and doctors too"


def test_the_street_has_a_station_and_water_that_runs_along_it() -> None:
    assert [station.id for station in REGISTRY.stations] == ["station-xiangyang"]
    wells = {row.id for row in REGISTRY.wells}
    above = {row.id: row.upstream for row in REGISTRY.wells if row.upstream}
    assert above["w04"] == ("w01",)
    assert all(one in wells and one < key for key, found in above.items() for one in found)


def test_no_personal_data_in_topics_or_ids() -> None:
    names = {row.name for row in REGISTRY.residents}
    for device in REGISTRY.devices:
        text = f"{device.id} {device.serial} {device.address}"
        assert text.isascii()
        assert not any(name in text for name in names)


def test_places_lie_along_one_small_street() -> None:
    places = [(row.latitude, row.longitude) for row in REGISTRY.positions]
    places += [(row.latitude, row.longitude) for row in REGISTRY.residents]
    latitudes, longitudes = zip(*places, strict=True)
    assert max(latitudes) - min(latitudes) < 0.001
    assert 0.003 < max(longitudes) - min(longitudes) < 0.005
    assert len({(row.latitude, row.longitude) for row in REGISTRY.residents}) == len(REGISTRY.residents)


@pytest.mark.parametrize(("homes", "wells", "kiosks"), [(1, 1, 1), (2, 5, 0), (40, 0, 3)])
def test_a_street_may_have_another_size(homes: int, wells: int, kiosks: int) -> None:
    registry = Street(homes=homes, wells=wells, kiosks=kiosks).registry()
    assert len(registry.devices) == len(registry.positions) == 2 * homes + 3 * wells + 2 * kiosks
