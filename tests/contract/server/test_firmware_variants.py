"""A device's firmware version decides which variant of its profile reads it; an unknown one is said so."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from firmware_profiles import Catalogue, load_catalogue, parse_profile
from gateway.wire import DataReading
from server.app import create_app
from server.clock import now
from server.context import Context
from server.db.database import Database
from server.db.models import AuditEntry, Device, Gateway
from server.devices.schemas import DeviceIn
from server.devices.service import register, retire, told_firmware
from server.errors import InvalidError
from server.gateways.desired import message
from server.ingest.firmware import FirmwareReports
from server.users import service, sessions
from server.users.roles import Role
from tests.contract.server.conftest import NOW

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
BASE = "tuya-ts0215a-sos"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The packaged profiles, with the button up to 1.9 and a variant of it from 2.0 to 2.9."""
    packaged = load_catalogue()
    document = packaged[BASE].document()
    old = parse_profile({**document, "firmware": {"highest": "1.9"}})
    new = parse_profile(
        {
            **document,
            "id": f"{BASE}-2",
            "firmware": {"lowest": "2.0", "highest": "2.9"},
            "parameters": {"hold": {"name": {"zh": "长按", "en": "Hold"}, "unit": "s"}},
        }
    )
    return Catalogue({**packaged, old.id: old, new.id: new})


async def shown(context: Context) -> str:
    """The page of the button."""
    with context.database.write() as session:
        user = service.add(
            session, login="i", name="i", role=Role.INSTALLER, password="correct horse", now=now()
        )
        token = sessions.new_token(session, user, name="test", expires_at=None, now=now())
    transport = httpx.ASGITransport(create_app(context))
    async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as client:
        page = await client.get("/devices/d-home-sos", headers={"authorization": f"Bearer {token}"})
    assert page.status_code == 200
    return page.text


def state(street: Database, catalogue: Catalogue, firmware: str, **parameters: float) -> str:
    """Registers the button again with this version; the profile that it has then."""
    device = DeviceIn(
        gateway_id="gw-1",
        position_id="home-sos",
        profile=BASE,
        address={"topic": "zigbee2mqtt/sos"},
        parameters=parameters,
        firmware=firmware,
    )
    with street.write() as session:
        return register(session, "d-home-sos", device, catalogue=catalogue, now=NOW).profile


@ON_SQLITE
def test_the_stated_version_chooses_the_profile(street: Database, catalogue: Catalogue) -> None:
    assert state(street, catalogue, "") == BASE
    assert state(street, catalogue, "2.1", hold=3) == f"{BASE}-2"
    assert state(street, catalogue, "1.4") == BASE


@ON_SQLITE
def test_the_gateway_gets_the_variant(street: Database, catalogue: Catalogue) -> None:
    state(street, catalogue, "2.1", hold=3)
    with street.read() as session:
        document = message(session.get_one(Gateway, "gw-1"))
    (button,) = [device for device in document.devices if device.id == "d-home-sos"]
    assert button.profile == f"{BASE}-2"
    assert f"{BASE}-2" in str(document.profiles)


@ON_SQLITE
def test_a_variant_asks_for_its_own_parameters(street: Database, catalogue: Catalogue) -> None:
    with pytest.raises(InvalidError, match=r"parameters\.hold: Hold: a number is needed"):
        state(street, catalogue, "2.1")


@ON_SQLITE
@pytest.mark.parametrize(("firmware", "said"), [("3.0", True), ("1.4", False), ("", False)])
async def test_an_unknown_version_keeps_its_profile_and_its_page_says_so(
    street: Database, catalogue: Catalogue, context: Context, firmware: str, said: bool
) -> None:
    assert state(street, catalogue, firmware) == BASE
    with street.read() as session:
        assert session.get_one(Device, "d-home-sos").firmware == firmware
    page = await shown(context)
    assert ("未知版本" in page) == said


@ON_SQLITE
async def test_a_variant_that_needs_a_parameter_is_asked_for_on_the_page(
    street: Database, catalogue: Catalogue, context: Context
) -> None:
    state(street, catalogue, "1.4")
    tell(street, catalogue, "2.2")
    page = await shown(context)
    assert "另有适用档案" in page
    assert f"{BASE}-2" in page


def tell(street: Database, catalogue: Catalogue, version: str, gateway: str = "gw-1") -> tuple[str, str]:
    """What the device's record says after it reported this version."""
    with street.write() as session:
        told_firmware(session, "d-home-sos", version, gateway_id=gateway, catalogue=catalogue, now=NOW)
    with street.read() as session:
        row = session.get_one(Device, "d-home-sos")
        return row.profile, row.firmware


def desired_profile(street: Database) -> str:
    with street.read() as session:
        document = message(session.get_one(Gateway, "gw-1"))
    return next(device.profile for device in document.devices if device.id == "d-home-sos")


@ON_SQLITE
def test_a_reported_version_brings_its_variant(street: Database, catalogue: Catalogue) -> None:
    assert state(street, catalogue, "2.0", hold=3) == f"{BASE}-2"
    assert tell(street, catalogue, "1.7") == (BASE, "1.7")
    assert desired_profile(street) == BASE
    assert tell(street, catalogue, "2.2") == (f"{BASE}-2", "2.2")
    assert desired_profile(street) == f"{BASE}-2"
    assert tell(street, catalogue, "9") == (f"{BASE}-2", "9")  # unknown: the page says so
    with street.read() as session:
        told = session.scalars(select(AuditEntry).where(AuditEntry.action == "firmware")).all()
    assert [entry.detail.get("profile") for entry in told] == [BASE, f"{BASE}-2", None]


@ON_SQLITE
def test_a_variant_without_its_parameters_is_not_taken(street: Database, catalogue: Catalogue) -> None:
    state(street, catalogue, "1.4")
    assert tell(street, catalogue, "2.2") == (BASE, "2.2")


@ON_SQLITE
def test_only_its_own_gateway_may_tell_a_version(street: Database, catalogue: Catalogue) -> None:
    state(street, catalogue, "1.4")
    assert tell(street, catalogue, "1.5", gateway="gw-2") == (BASE, "1.4")


@ON_SQLITE
def test_the_newest_word_of_a_batch_is_kept_once(
    street: Database, catalogue: Catalogue, context: Context
) -> None:
    state(street, catalogue, "1.4")
    reports = FirmwareReports(context)

    def said(version: object, at_ms: int, quality: str = "good") -> None:
        values: dict[str, Any] = {"firmware": version}
        reports.hear(
            "gw-1",
            DataReading(p="home-sos", d="d-home-sos", f="button", t=at_ms, r=at_ms, v=values, q=quality),
        )

    said("1.6", 2_000)
    said("1.5", 1_000)
    said("1.7", 3_000, "stale")
    said(1.8, 4_000)
    assert reports.waiting
    reports.keep()
    with street.read() as session:
        assert session.get_one(Device, "d-home-sos").firmware == "1.6"
    said("1.6", 5_000)
    assert not reports.waiting


@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
def test_what_a_gateway_gets_keeps_the_order_of_frames(street: Database, catalogue: Catalogue) -> None:
    """The first frame that matches is taken: a database that sorts keys would have others tried first."""
    profile = catalogue["mclimate-flood-sensor"]
    device = DeviceIn(
        gateway_id="gw-1",
        position_id="home-sos",
        profile=profile.id,
        address={"topic": "application/a/device/1/event/up"},
    )
    with street.write() as session:
        retire(session, "d-home-sos", catalogue=catalogue, now=NOW)
        register(session, "d-flood", device, catalogue=catalogue, now=NOW)
    with street.read() as session:
        sent = message(session.get_one(Gateway, "gw-1")).profiles[profile.id]
    assert list(sent["decode"]["frames"]) == ["version", "long", "short"]
    assert json.dumps(sent) == json.dumps(profile.document())
