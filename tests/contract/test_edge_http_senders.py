"""Who may push to the HTTP driver: each proof, and the operators' platforms with their own messages."""

import hmac
import json
from pathlib import Path

import httpx
import pytest

from edge.core.http_auth import onenet_signature
from edge.driver import TroubleReason
from edge.readings import TimeSource
from tests.contract.edge_http import MAC, PRESS, SECRET, button, event, form, serving, settings
from tests.contract.edge_inbox import Inbox, device


@pytest.fixture
async def inbox() -> Inbox:
    return Inbox()


async def test_each_way_to_prove_oneself(tmp_path: Path, inbox: Inbox) -> None:
    body = json.dumps(PRESS).encode()
    typed = {"Content-Type": "application/json"}
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    config = settings(tmp_path)
    devices = [button(source) for source in ("basic", "header", "hmac")]
    terminal = device("hikvision-face-terminal", "kiosk", source="digest", identity=MAC)
    async with serving(inbox, config, *devices, terminal) as client:
        good = [
            await client.post("/in/basic", json=PRESS, auth=("nb", SECRET)),
            await client.post("/in/header", json=PRESS, headers={"X-Token": SECRET}),
            await client.post("/in/hmac", content=body, headers={**typed, "X-Signature": signature}),
            await client.post("/in/digest", **form(event()), auth=httpx.DigestAuth("hik", SECRET)),
            await client.post(f"/in/digest/{MAC}?x=1", json=event(5), auth=httpx.DigestAuth("hik", SECRET)),
        ]
        assert [answer.status_code for answer in good] == [200] * 5
        assert not inbox.troubles
        bad = [
            await client.post("/in/basic", json=PRESS),
            await client.post("/in/basic", json=PRESS, auth=("nb", "guess")),
            await client.post("/in/header", json=PRESS, headers={"X-Token": "guess"}),
            await client.post("/in/header", json=PRESS, headers={"Authorization": SECRET}),
            await client.post("/in/hmac", content=body + b" ", headers={**typed, "X-Signature": signature}),
            await client.post("/in/hmac/nobody", json=PRESS, headers={"X-Signature": signature}),
            await client.get("/in/hmac", headers={"X-Signature": signature}),
            await client.post("/in/digest", json=event(6), auth=httpx.DigestAuth("hik", "guess")),
            await client.post("/in/kiosks/guess", json=event(7)),
            await client.post("/in/kiosks", json=event(8)),
        ]
        assert [answer.status_code for answer in bad] == [401] * 10
    assert len(inbox.readings) == 5
    assert set(inbox.reasons()) == {TroubleReason.UNAUTHORIZED}
    assert "guess" not in repr(inbox.troubles)


async def test_operators_platforms(tmp_path: Path, inbox: Inbox) -> None:
    """The three platforms' own messages; one device's mistake does not make them hold back the others."""
    sos = device("webhook-sos", "a", source="path", identity="861941770261953")
    raw = device("webhook-sos", "b", source="path", identity="861941770261954")
    one = device("webhook-sos", "c", source="onenet", identity="860000000000003")
    two = device("webhook-sos", "d", source="iotda", identity="node-4", payload="properties")
    ctwing = {
        "timestamp": 1_772_410_000_000,
        "messageType": "dataReport",
        "IMEI": "861941770261953",
        "payload": {"sos": 1},
    }
    opaque = {**ctwing, "IMEI": "861941770261954", "payload": {"APPdata": "eyJzb3MiOiAxfQ=="}}
    stranger = {**ctwing, "IMEI": "999"}
    notice = {key: value for key, value in ctwing.items() if key != "payload"}
    message = json.dumps({"imei": "860000000000003", "at": 1_772_410_000_000, "value": '{"sos": 1}'})
    signed = {
        "msg": message,
        "nonce": "n1",
        "msg_signature": onenet_signature(SECRET, "n1", message),
    }
    huawei = {
        "resource": "device.property",
        "event": "report",
        "event_time": "20260302T001504Z",
        "notify_data": {
            "header": {"device_id": "p_node-4", "node_id": "node-4"},
            "body": {"services": [{"service_id": "sos", "properties": {"sos": 1}}]},
        },
    }
    async with serving(inbox, settings(tmp_path), sos, raw, one, two) as client:
        answers = [
            await client.post(f"/in/path/{SECRET}", json=ctwing),
            await client.post(f"/in/path/{SECRET}", json=opaque),
            await client.post(f"/in/path/{SECRET}", json=ctwing),
            await client.post(f"/in/path/{SECRET}", json=notice),
            await client.post(f"/in/path/{SECRET}", json=stranger),
            await client.post("/in/onenet", json=signed),
            await client.post("/in/iotda", json=huawei, headers={"Authorization": f"Bearer {SECRET}"}),
        ]
        told = [answer.json() for answer in answers]
        assert {answer.status_code for answer in answers} == {200}
        parts = await client.post("/in/onenet", **form(signed))
        assert parts.status_code == 415
        forged = await client.post("/in/onenet", json={**signed, "msg": message.replace("3", "4")})
        assert forged.status_code == 401
    kept = {"kept": 1}
    assert told == [kept, kept, {"repeated": 1}, {"nothing": 1}, {"unusable": 1}, kept, kept]
    assert [reading.device for reading in inbox.readings] == ["a", "b", "c", "d"]
    assert inbox.said("sos") == [True] * 4
    assert [reading.time_source for reading in inbox.readings] == [TimeSource.DEVICE] * 4
    assert inbox.reasons("path/999") == [TroubleReason.UNKNOWN_DEVICE]


async def test_onenet_verifies_the_address(tmp_path: Path, inbox: Inbox) -> None:
    asked = {"msg": "ok-71", "nonce": "abc", "signature": onenet_signature(SECRET, "abc", "ok-71")}
    async with serving(inbox, settings(tmp_path)) as client:
        answer = await client.get("/in/onenet", params=asked)
        assert (answer.status_code, answer.text) == (200, "ok-71")
        forged = await client.get("/in/onenet", params={**asked, "msg": "<script>"})
        assert forged.status_code == 401


async def test_equal_presses_without_a_time_are_two(tmp_path: Path, inbox: Inbox) -> None:
    press = {"device": "860000000000001", "sos": 1}
    async with serving(inbox, settings(tmp_path), button("header")) as client:
        for _ in range(2):
            await client.post("/in/header", json=press, headers={"X-Token": SECRET})
        for _ in range(2):
            await client.post("/in/header", json=PRESS, headers={"X-Token": SECRET})
    assert len(inbox.readings) == 3


async def test_a_device_may_stand_elsewhere_in_the_message(tmp_path: Path, inbox: Inbox) -> None:
    odd = button("header", identity="unit-9", field="meta.unit", payload="data.frame", encoding="hex")
    message = {"meta": {"unit": "UNIT-9"}, "device": "other", "data": {"frame": b'{"sos": true}'.hex()}}
    async with serving(inbox, settings(tmp_path), odd) as client:
        answer = await client.post("/in/header", json=message, headers={"X-Token": SECRET})
    assert answer.json() == {"kept": 1}
    assert inbox.said("sos") == [True]
