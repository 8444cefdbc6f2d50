"""A device's firmware version decides which variant of its profile reads it; an unknown one is said so."""

import asyncio
from pathlib import Path

import httpx
import pytest

from firmware_profiles import Catalogue, load_catalogue, parse_profile
from server.alarms.texts import RuleTexts
from server.app import create_app
from server.clock import now
from server.context import Context
from server.db.database import Database
from server.db.models import Device, Gateway
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.errors import InvalidError
from server.gateways.desired import message
from server.live.bus import Bus
from server.settings import ServerSettings
from server.timeseries.sqlite import SqliteStore
from server.users import service, sessions
from server.users.roles import Role
from tests.contract.server.conftest import NOW

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
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


def test_the_stated_version_chooses_the_profile(street: Database, catalogue: Catalogue) -> None:
    assert state(street, catalogue, "") == BASE
    assert state(street, catalogue, "2.1", hold=3) == f"{BASE}-2"
    assert state(street, catalogue, "1.4") == BASE


def test_the_gateway_gets_the_variant(street: Database, catalogue: Catalogue) -> None:
    state(street, catalogue, "2.1", hold=3)
    with street.read() as session:
        document = message(session.get_one(Gateway, "gw-1"))
    (button,) = [device for device in document.devices if device.id == "d-home-sos"]
    assert button.profile == f"{BASE}-2"
    assert f"{BASE}-2" in str(document.profiles)


def test_a_variant_asks_for_its_own_parameters(street: Database, catalogue: Catalogue) -> None:
    with pytest.raises(InvalidError, match=r"parameters\.hold: Hold: a number is needed"):
        state(street, catalogue, "2.1")


@pytest.mark.parametrize(("firmware", "said"), [("3.0", True), ("1.4", False), ("", False)])
async def test_an_unknown_version_keeps_its_profile_and_its_page_says_so(
    street: Database, catalogue: Catalogue, tmp_path: Path, firmware: str, said: bool
) -> None:
    assert state(street, catalogue, firmware) == BASE
    with street.write() as session:
        assert session.get_one(Device, "d-home-sos").firmware == firmware
        user = service.add(
            session, login="i", name="i", role=Role.INSTALLER, password="correct horse", now=now()
        )
        token = sessions.new_token(session, user, name="test", expires_at=None, now=now())
    store = SqliteStore(tmp_path / "readings.db")
    context = Context(
        settings=ServerSettings(data=tmp_path),
        database=street,
        store=store,
        catalogue=catalogue,
        texts=RuleTexts(catalogue.values()),
        bus=Bus(asyncio.get_running_loop()),
    )
    transport = httpx.ASGITransport(create_app(context))
    async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as client:
        page = await client.get("/devices/d-home-sos", headers={"authorization": f"Bearer {token}"})
    await store.close()
    assert page.status_code == 200
    assert ("未知版本" in page.text) == said
