"""A terminal that pushes, registered: its gateway is told the digest of its token, and nobody the token."""

import hashlib

import pytest

from firmware_profiles import Catalogue
from server.db.database import Database
from server.db.models import Device, Gateway
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.errors import InvalidError
from server.gateways.desired import message
from server.web.devices.form import check
from tests.contract.server.conftest import NOW

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
TOKEN = "k3-0c2f9d0b7a5e4d6c"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
PROFILE = "hikvision-face-terminal"
FORM = {
    "position_id": "kiosk",
    "position_name": "入口",
    "area_id": "area",
    "gateway_id": "gw-2",
    "profile": PROFILE,
    "source": "kiosks",
    "token": TOKEN,
    "identity": "",
    "field": "",
    "topic": "",
}


def test_from_the_form_to_the_desired_state(street: Database, catalogue: Catalogue) -> None:
    checked = check({**FORM, "device_id": "d-kiosk"}, catalogue[PROFILE])
    assert not checked.errors
    assert checked.device is not None
    with street.write() as session:
        name = "d-kiosk"  # the one at that position, taken over
        register(session, name, checked.device, catalogue=catalogue, now=NOW)
        document = message(session.get_one(Gateway, "gw-2"))
        row = session.get_one(Device, name)
        assert (row.driver, row.address) == ("http", {"source": "kiosks", "token_sha256": DIGEST})
    (device,) = (one for one in document.devices if one.id == name)
    assert (device.driver, device.address) == ("http", {"source": "kiosks", "token_sha256": DIGEST})
    assert {"fever", "fever_missed", "silent"} <= {rule.id for rule in document.rules}
    assert TOKEN not in repr(document)


def test_an_address_without_a_name_or_token_is_refused_at_its_field(
    street: Database, catalogue: Catalogue
) -> None:
    device = DeviceIn(gateway_id="gw-2", position_id="kiosk", profile=PROFILE, address={"source": "kiosks"})
    with street.write() as session, pytest.raises(InvalidError) as caught:
        register(session, "terminal", device, catalogue=catalogue, now=NOW)
    assert [error["where"] for error in caught.value.details["errors"]] == ["address.identity"]
