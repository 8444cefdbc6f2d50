"""What the HTTP driver's contract tests share: sources, kiosks, and the messages of a terminal."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from edge.core.http_auth import token_digest
from edge.driver import EdgeDevice
from edge.drivers.http import HttpDriver, HttpSettings, Source
from tests.contract.edge_inbox import PATIENCE_S, Inbox, device, running

NOW_MS = 1_772_410_500_000  # 2026-03-02T00:15:00Z
TOKEN = "k3-0c2f9d0b7a5e4d6c"
SECRET = "correct horse battery"
MAC = "44:19:B6:00:00:01"
PICTURE = b"\xff\xd8\xff\xe0 a face, which nobody may keep " + bytes(range(256)) * 200
PRESS = {"device": "860000000000001", "time": "2026-03-02T08:15:04+08:00", "sos": True}
PERSON = {"name": "王芳", "employeeNoString": "362532198903201339", "cardNo": "0012345678"}


def event(serial: int = 41, celsius: float = 36.4, **more: Any) -> dict[str, Any]:
    """An access event as a terminal tells it, person and all."""
    return {
        "ipAddress": "192.0.2.7",
        "macAddress": MAC,
        "eventType": "AccessControllerEvent",
        "eventState": "active",
        "dateTime": "2026-03-02T08:15:04+08:00",
        "AccessControllerEvent": {
            "majorEventType": 5,
            "subEventType": 75,
            "serialNo": serial,
            "currentEvent": True,
            "thermometryUnit": "celsius",
            "currTemperature": celsius,
            "isAbnomalTemperature": celsius >= 37.3,
            "mask": "no",
            "pictureURL": "http://192.0.2.7/LOCALS/pic/face.jpeg",
            **PERSON,
            **more,
        },
    }


def form(document: dict[str, Any], pictures: int = 2) -> dict[str, Any]:
    """The arguments of httpx for the form that a terminal posts."""
    parts: list[Any] = [("event_log", (None, json.dumps(document).encode(), "application/json"))]
    parts += [("Picture", (f"{number}.jpg", PICTURE, "image/jpeg")) for number in range(pictures)]
    return {"files": parts}


def kiosk(name: str = "kiosk", token: str = TOKEN) -> EdgeDevice:
    """A terminal with a token of its own."""
    return device("hikvision-face-terminal", name, source="kiosks", token_sha256=token_digest(token))


def button(source: str, **address: Any) -> EdgeDevice:
    """A button behind a platform."""
    return device(
        "webhook-sos", f"button-{source}", **{"source": source, "identity": "860000000000001", **address}
    )


def settings(folder: Path, **changes: Any) -> HttpSettings:
    """Settings with a source for each way to prove oneself."""
    secret = folder / "secret"
    secret.write_text(SECRET + "\n", encoding="utf-8")
    plain = Source(secret_file=secret)
    base = HttpSettings(
        host="127.0.0.1",
        port=0,
        seen_file=folder / "seen",
        sources={
            "kiosks": Source(kind="hikvision", auth="device"),
            "digest": Source(kind="hikvision", auth="digest", user="hik", secret_file=secret),
            "basic": replace(plain, auth="basic", user="nb"),
            "header": replace(plain, auth="header", header="X-Token"),
            "path": replace(plain, auth="path", kind="ctwing"),
            "hmac": replace(plain, auth="hmac", header="X-Signature"),
            "onenet": replace(plain, auth="onenet", kind="onenet"),
            "iotda": replace(plain, auth="header", kind="iotda"),
        },
    )
    return replace(base, **changes)


@asynccontextmanager
async def serving(
    inbox: Inbox, config: HttpSettings, *devices: EdgeDevice, emit: Any = None
) -> AsyncIterator[httpx.AsyncClient]:
    """The driver on a free port, and a client of it."""
    driver = HttpDriver(
        devices,
        emit=emit or inbox.emit,
        trouble=inbox.trouble,
        settings=config,
        clock=lambda: NOW_MS,
    )
    async with running(driver.run):
        async with asyncio.timeout(PATIENCE_S):
            await driver.ready.wait()
        assert driver.address is not None
        host, port = driver.address
        async with httpx.AsyncClient(
            base_url=f"http://{host}:{port}", timeout=PATIENCE_S, trust_env=False
        ) as client:
            yield client
