"""The list of devices shows what waits, and one form adopts it at an old or a new position."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from edge.core.found import Findings
from edge.core.home_assistant import Discovery
from gateway.core.found import found_message
from server.clock import now
from server.db.models import Device, FoundDevice, Gateway, Position
from server.found import service
from tests.browser.site import PASSWORD, Site, site
from tests.browser.test_pages import ORIGIN
from tests.unit.edge.core.test_zigbee2mqtt import binary, bridge, entry

NEW = {"position_id": "cellar", "position_name": "地下室", "area_id": "area-1"}


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Site]:
    """The application, with a leak sensor and an unknown device found."""
    async with site(tmp_path) as running:
        unknown = entry("odd", ieee_address="0x00158d00000000ff")
        del unknown["definition"]
        heard = bridge(entry("leak", binary("water_leak")), unknown)
        message = found_message(Findings((), heard.devices), 0)
        context = running.context
        with context.database.write() as session:
            service.hear(session, gateway_id="gw-1", message=message, catalogue=context.catalogue, now=now())
        yield running


@pytest.fixture
async def installer(street: Site) -> AsyncIterator[httpx.AsyncClient]:
    """An installer's browser."""
    transport = httpx.ASGITransport(street.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site", headers=ORIGIN) as client:
        await client.post("/login", data={"login": "installer", "password": PASSWORD})
        yield client


def found(street: Site, name: str) -> FoundDevice:
    with street.context.database.read() as session:
        return session.query(FoundDevice).filter_by(name=name).one()


async def test_the_list_shows_what_waits(installer: httpx.AsyncClient, street: Site) -> None:
    page = (await installer.get("/devices")).text
    assert "待接入" in page
    assert f'href="/devices/found/{found(street, "leak").id}"' in page
    assert "Zigbee2MQTT does not support this model" in page


async def test_adopting_at_a_new_position(installer: httpx.AsyncClient, street: Site) -> None:
    path = f"/devices/found/{found(street, 'leak').id}"
    assert "漏水" in (await installer.get(path)).text
    with street.context.database.read() as session:
        area = session.query(Position).first()
        assert area is not None
    answer = await installer.post(path, data={**NEW, "area_id": area.area_id})
    assert answer.status_code == 303, answer.text
    assert (await installer.get(answer.headers["location"])).status_code == 200
    with street.context.database.read() as session:
        device = session.get_one(Device, found(street, "leak").device_id)
    assert device.profile.startswith("generated-acme-one-")
    assert "/devices/found/" + path.rsplit("/", 1)[1] not in (await installer.get("/devices")).text


@pytest.mark.parametrize(
    "given",
    [{}, NEW, {**NEW, "area_id": "nowhere"}, {"position": "no such"}, {**NEW, "position_id": "a b"}],
)
async def test_what_is_wrong_is_said_and_nothing_is_kept(
    installer: httpx.AsyncClient, street: Site, given: dict[str, str]
) -> None:
    path = f"/devices/found/{found(street, 'odd').id}"
    answer = await installer.post(path, data=given)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    with street.context.database.read() as session:
        assert session.get(Position, "cellar") is None
    assert found(street, "odd").device_id is None


async def test_only_those_who_register_adopt(street: Site) -> None:
    transport = httpx.ASGITransport(street.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site", headers=ORIGIN) as client:
        await client.post("/login", data={"login": "dispatcher", "password": PASSWORD})
        path = f"/devices/found/{found(street, 'leak').id}"
        assert "/devices/found/" not in (await client.get("/devices")).text
        assert (await client.get(path)).status_code == 403
        assert (await client.post(path, data=NEW)).status_code == 403


async def test_what_stands_in_quarantine_is_read_once_a_person_approved_it(
    installer: httpx.AsyncClient, street: Site
) -> None:
    config = {
        "stat_t": "hall/state",
        "uniq_id": "cord",
        "val_tpl": "{{ 'ON' if value_json.cord == 3 else 'OFF' }}",
        "dev": {"ids": ["hall"], "mf": "Acme", "mdl": "Hall"},
    }
    heard = Discovery("homeassistant")
    heard.heard("homeassistant/binary_sensor/cord/config", json.dumps(config).encode())
    message = found_message(Findings((), heard.devices), 0)
    context = street.context
    with context.database.write() as session:
        service.hear(session, gateway_id="gw-1", message=message, catalogue=context.catalogue, now=now())
        area = session.query(Position).first()
        assert area is not None
    row = found(street, "hall")
    path = f"/devices/found/{row.id}"
    page = (await installer.get(path)).text
    assert "value_json.cord == 3" in page  # a person judges by what it wanted to say
    assert "隔离中" in page
    form = {**NEW, "area_id": area.area_id, "value.0.label": "SOS cord", "value.0.path": "value_json.cord"}
    refused = await installer.post(path, data={**form, "value.0.rule": "sos"})
    assert refused.status_code == 422
    assert "SOS cord: an alarm needs the word that stands for it" in refused.text
    answer = await installer.post(path, data={**form, "value.0.on": "3", "value.0.rule": "sos"})
    assert answer.status_code == 303, answer.text
    with street.context.database.read() as session:
        device = session.get_one(Device, found(street, "hall").device_id)
        wanted = session.get_one(Gateway, "gw-1").desired
    assert device.profile.startswith("generated-acme-hall-")
    assert wanted["profiles"][device.profile]["decode"]["fields"]["sos_cord"]["path"] == [
        "value_json",
        "cord",
    ]
    assert "sos" in {rule["id"] for rule in wanted["rules"] if rule["position"] == "cellar"}
