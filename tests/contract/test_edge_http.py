"""The HTTP driver over real sockets: terminals and platforms that push, and clients that should not."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from edge.driver import TroubleReason
from edge.drivers.http import HttpDriver, Source, listener
from edge.readings import Reading, TimeSource
from tests.contract.edge_http import (
    PERSON,
    PRESS,
    SECRET,
    TOKEN,
    button,
    event,
    form,
    kiosk,
    serving,
    settings,
)
from tests.contract.edge_inbox import PATIENCE_S, Inbox, device, running
from tests.contract.test_edge_mqtt_tls import make_certificate


@pytest.fixture
async def inbox() -> Inbox:
    return Inbox()


async def test_a_fever_becomes_a_reading_and_the_person_stays_outside(tmp_path: Path, inbox: Inbox) -> None:
    async with serving(inbox, settings(tmp_path), kiosk()) as client:
        answer = await client.post(f"/in/kiosks/{TOKEN}", **form(event(celsius=38.2)))
    assert (answer.status_code, answer.json()) == (200, {"kept": 1})
    (reading,) = inbox.readings
    assert reading.points == {"temperature": 38.2, "fever": True, "mask": "no"}
    assert (reading.position, reading.family) == ("at-kiosk", "temperature")
    assert (reading.time_ms, reading.time_source) == (1_772_410_504_000, TimeSource.DEVICE)
    assert not inbox.troubles
    said = repr((inbox.readings, inbox.troubles, (tmp_path / "seen").read_bytes().hex()))
    assert not any(text in said for text in PERSON.values())


@pytest.mark.parametrize("way", ["json", "xml", "list"])
async def test_other_forms_of_the_event(tmp_path: Path, inbox: Inbox, way: str) -> None:
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><EventNotificationAlert version="2.0" '
        'xmlns="http://www.hikvision.com/ver20/XMLSchema"><eventType>AccessControllerEvent</eventType>'
        "<dateTime>2026-03-02T08:15:04+08:00</dateTime><AccessControllerEvent><serialNo>7</serialNo>"
        "<name>王芳</name><currTemperature>38.2</currTemperature>"
        "<isAbnomalTemperature>true</isAbnomalTemperature></AccessControllerEvent></EventNotificationAlert>"
    )
    sent: dict[str, dict[str, Any]] = {
        "json": {"json": event(celsius=38.2)},
        "xml": {"content": xml.encode(), "headers": {"Content-Type": 'application/xml; charset="UTF-8"'}},
        "list": {"json": [event(serial=6), event(serial=7, celsius=38.2)]},
    }
    async with serving(inbox, settings(tmp_path), kiosk()) as client:
        assert (await client.post(f"/in/kiosks/{TOKEN}", **sent[way])).status_code == 200
    assert inbox.said("fever")[-1] is True
    assert inbox.said("temperature")[-1] == 38.2


async def test_a_repeated_event_is_taken_once_even_after_a_restart(tmp_path: Path, inbox: Inbox) -> None:
    config = settings(tmp_path)
    async with serving(inbox, config, kiosk()) as client:
        both = [client.post(f"/in/kiosks/{TOKEN}", **form(event(serial=9))) for _ in range(4)]
        answers = [answer.json() for answer in await asyncio.gather(*both)]
    assert sorted(answers, key=str) == [{"kept": 1}, {"repeated": 1}, {"repeated": 1}, {"repeated": 1}]
    async with serving(inbox, config, kiosk()) as client:
        again = await client.post(f"/in/kiosks/{TOKEN}", **form(event(serial=9)))
        assert again.json() == {"repeated": 1}
        new = {**event(serial=9), "dateTime": "2026-03-02T09:00:00+08:00"}
        assert (await client.post(f"/in/kiosks/{TOKEN}", **form(new))).json() == {"kept": 1}
    assert len(inbox.readings) == 2, "a terminal that was reset counts from the start: that is news"


async def test_what_could_not_be_kept_is_asked_for_again(tmp_path: Path, inbox: Inbox) -> None:
    failing = True

    async def emit(reading: Reading) -> None:
        if failing:
            raise OSError("the disk is full")
        await inbox.emit(reading)

    async with serving(inbox, settings(tmp_path), kiosk(), emit=emit) as client:
        refused = await client.post(f"/in/kiosks/{TOKEN}", **form(event(celsius=38.2)))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert not inbox.readings
        failing = False
        assert (await client.post(f"/in/kiosks/{TOKEN}", **form(event(celsius=38.2)))).json() == {"kept": 1}
    assert inbox.reasons() == [TroubleReason.NOT_KEPT]
    assert len(inbox.readings) == 1


async def test_what_was_kept_but_not_answered_comes_again_under_the_same_key(
    tmp_path: Path, inbox: Inbox
) -> None:
    """The gateway dies between the disk and the answer: the rules then know the repetition by its key."""

    async def keep_and_fail(reading: Reading) -> None:
        await inbox.emit(reading)
        raise ConnectionError("the program ends here")

    async with serving(inbox, settings(tmp_path), kiosk(), emit=keep_and_fail) as client:
        assert (await client.post(f"/in/kiosks/{TOKEN}", json=event(5))).status_code == 503
    async with serving(inbox, settings(tmp_path), kiosk()) as client:
        assert (await client.post(f"/in/kiosks/{TOKEN}", json=event(5))).json() == {"kept": 1}
        assert (await client.post(f"/in/kiosks/{TOKEN}", json=event(6))).json() == {"kept": 1}
    first, again, new = (reading.key for reading in inbox.readings)
    assert first is not None
    assert again == first
    assert new != first


async def test_the_answer_waits_until_the_reading_is_kept(tmp_path: Path, inbox: Inbox) -> None:
    kept, free = asyncio.Event(), asyncio.Event()

    async def emit(reading: Reading) -> None:
        kept.set()
        await free.wait()
        await inbox.emit(reading)

    async with serving(inbox, settings(tmp_path), kiosk(), emit=emit) as client, asyncio.TaskGroup() as group:
        asking = group.create_task(client.post(f"/in/kiosks/{TOKEN}", **form(event())))
        async with asyncio.timeout(PATIENCE_S):
            await kept.wait()
        assert not asking.done()
        free.set()
        assert (await asking).status_code == 200


async def test_a_heartbeat_is_a_sign_of_life(tmp_path: Path, inbox: Inbox) -> None:
    beat = {"eventType": "heartBeat", "eventState": "active", "dateTime": "2026-03-02T08:18:00+08:00"}
    async with serving(inbox, settings(tmp_path), kiosk()) as client:
        assert (await client.post(f"/in/kiosks/{TOKEN}", json=beat)).status_code == 200
        assert (await client.get(f"/in/kiosks/{TOKEN}")).status_code == 200
    (reading,) = inbox.readings
    assert not reading.points


REFUSED: list[tuple[str, dict[str, Any], int, TroubleReason | None]] = [
    (f"/in/kiosks/{TOKEN}", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400,
     TroubleReason.INVALID_JSON),
    (f"/in/kiosks/{TOKEN}", {"content": b'{"a":"\xff\xff"}', "headers": {"Content-Type": "application/json"}},
     400, TroubleReason.INVALID_UTF8),
    (f"/in/kiosks/{TOKEN}", {"content": b"\x00\x01garbage", "headers":
     {"Content-Type": "multipart/form-data; boundary=x"}}, 400, TroubleReason.UNEXPECTED_SHAPE),
    (f"/in/kiosks/{TOKEN}", {"files": [("Picture", ("a.jpg", b"\xff\xd8", "image/jpeg"))]}, 400,
     TroubleReason.UNEXPECTED_SHAPE),
    (f"/in/kiosks/{TOKEN}", {"content": b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "headers":
     {"Content-Type": "text/xml"}}, 400, TroubleReason.UNEXPECTED_SHAPE),
    (
        f"/in/kiosks/{TOKEN}",
        {"json": {"a": 1}, "headers": {"Content-Encoding": "gzip"}},
        415,
        TroubleReason.UNEXPECTED_SHAPE,
    ),
    (f"/in/kiosks/{TOKEN}", {"data": {"a": "b"}}, 415, TroubleReason.UNEXPECTED_SHAPE),
    (f"/in/kiosks/{TOKEN}", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 415,
     TroubleReason.UNEXPECTED_SHAPE),
    ("/in/header", {"json": {"device": "unknown"}, "headers": {"X-Token": SECRET}}, 404,
     TroubleReason.UNKNOWN_DEVICE),
    ("/in/header/nobody", {"json": PRESS, "headers": {"X-Token": SECRET}}, 404, TroubleReason.UNKNOWN_DEVICE),
    ("/in/header", {"json": {**PRESS, "sos": None}, "headers": {"X-Token": SECRET}}, 200, None),
    ("/in/nowhere", {"json": PRESS}, 404, TroubleReason.UNKNOWN_DEVICE),
]  # fmt: skip


@pytest.mark.parametrize(("path", "sent", "status", "reason"), REFUSED)
async def test_what_is_refused_says_why(
    tmp_path: Path, inbox: Inbox, path: str, sent: dict[str, Any], status: int, reason: TroubleReason | None
) -> None:
    async with serving(inbox, settings(tmp_path), kiosk(), button("header")) as client:
        answer = await client.post(path, **sent)
        assert answer.status_code == status
        assert (await client.post(f"/in/kiosks/{TOKEN}", json=event(99))).json() == {"kept": 1}
    if reason is None:
        return
    assert inbox.reasons() == [reason]
    assert answer.json()["error"]


async def test_too_large_is_refused_announced_or_not(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "DRAIN_S", 0.3)

    async def endless() -> Any:
        while True:
            yield b"x" * 65_536

    config = settings(tmp_path, most_body_bytes=200_000)
    typed = {"Content-Type": "multipart/form-data; boundary=x"}
    async with serving(inbox, config, kiosk()) as client:
        announced = await client.post(f"/in/kiosks/{TOKEN}", content=b"x" * 200_001, headers=typed)
        assert announced.status_code == 413
        assert "200000" in announced.json()["error"]
        try:
            streamed = await client.post(f"/in/kiosks/{TOKEN}", content=endless(), headers=typed)
            assert streamed.status_code == 413
        except (httpx.WriteError, httpx.ReadError):
            pass  # hung up on, while it still sent
        await inbox.until(lambda: inbox.reasons() == [TroubleReason.OVERSIZED] * 2)
        large = {"a": "x" * 150_000}
        assert (await client.post(f"/in/kiosks/{TOKEN}", json=large)).status_code == 400
        fits = await client.post(f"/in/kiosks/{TOKEN}", **form(event()))
        assert fits.json() == {"kept": 1}


async def test_a_slow_client_is_given_up_and_disturbs_nobody(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "HEADER_S", 0.3)
    async with serving(inbox, settings(tmp_path, body_s=0.3), kiosk()) as client:
        where = urlsplit(str(client.base_url))
        async with asyncio.timeout(PATIENCE_S):
            silent, _unused = await asyncio.open_connection(where.hostname, where.port)
            headers, slow = await asyncio.open_connection(where.hostname, where.port)
            slow.write(b"POST /in/kiosks/x HTTP/1.1\r\nHost: a\r\nX-")
            body, other = await asyncio.open_connection(where.hostname, where.port)
            other.write(
                f"POST /in/kiosks/{TOKEN} HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{{".encode()
            )
            assert (await client.post(f"/in/kiosks/{TOKEN}", json=event())).json() == {"kept": 1}
            assert await silent.read() == b""
            assert await headers.read() == b""
            assert (await body.read()).startswith(b"HTTP/1.1 408 ")
        for writer in (_unused, slow, other):
            writer.close()
    assert inbox.reasons() == [TroubleReason.TOO_SLOW]


async def test_one_client_does_not_take_all_places(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.drivers.http.intake.MOST_OF_ONE", 2)
    entered, free = asyncio.Semaphore(0), asyncio.Event()

    async def emit(reading: Reading) -> None:
        entered.release()
        await free.wait()
        await inbox.emit(reading)

    devices = [kiosk("a", "token-a"), kiosk("b", "token-b")]
    async with (
        serving(inbox, settings(tmp_path), *devices, emit=emit) as client,
        asyncio.timeout(PATIENCE_S),
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(client.post(f"/in/kiosks/token-{n}", json=event())) for n in "ab"]
        await entered.acquire()
        await entered.acquire()
        refused = await client.post("/in/kiosks/token-a", json=event(77))
        assert refused.status_code == 503
        free.set()
        assert [(await task).status_code for task in tasks] == [200, 200]
    assert inbox.reasons() == [TroubleReason.OVERLOADED]


async def test_the_driver_stops_at_once_though_a_client_is_in_the_middle(
    tmp_path: Path, inbox: Inbox
) -> None:
    async with serving(inbox, settings(tmp_path), kiosk()) as client:  # fails if it takes more than 5 s
        where = urlsplit(str(client.base_url))
        _reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(f"POST /in/kiosks/{TOKEN} HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n".encode())
        await writer.drain()
        await client.get("/in/kiosks/x")
    writer.close()


async def test_a_source_without_its_secret_is_closed_alone(tmp_path: Path, inbox: Inbox) -> None:
    config = settings(tmp_path)
    closed = Source(auth="header", secret_file=tmp_path / "missing")
    config = replace(config, sources={**config.sources, "closed": closed})
    async with serving(inbox, config, kiosk()) as client:
        assert (await client.post("/in/closed", json=PRESS)).status_code == 503
        assert (await client.post(f"/in/kiosks/{TOKEN}", json=event())).status_code == 200
    assert inbox.reasons("closed") == [TroubleReason.UNAUTHORIZED] * 2


async def test_addresses_that_cannot_be(tmp_path: Path, inbox: Inbox) -> None:
    bad = [
        device("hikvision-face-terminal", "no-source", identity="x"),
        device("hikvision-face-terminal", "no-token", source="kiosks", identity="x"),
        device("hikvision-face-terminal", "no-identity", source="digest"),
        device("hikvision-face-terminal", "odd", source="digest", identity="x", colour="red"),
        device("webhook-sos", "encoding", source="basic", identity="x", payload="a", encoding="rot13"),
        device("webhook-sos", "identity", source="basic", identity=["x"]),
    ]
    async with serving(inbox, settings(tmp_path), *bad, kiosk()) as client:
        assert (await client.post(f"/in/kiosks/{TOKEN}", json=event())).status_code == 200
    wrong = {report.source for report in inbox.troubles if report.reason is TroubleReason.BAD_ADDRESS}
    assert wrong == {one.id for one in bad}


async def test_over_tls(tmp_path: Path, inbox: Inbox) -> None:
    make_certificate(tmp_path)
    config = settings(tmp_path, certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    async with serving(inbox, config, kiosk()) as plain:
        with pytest.raises(httpx.TransportError):
            await plain.post(f"/in/kiosks/{TOKEN}", json=event())
        secure = str(plain.base_url).replace("http://", "https://")
        trusted = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        async with httpx.AsyncClient(base_url=secure, verify=trusted, trust_env=False) as client:
            assert (await client.post(f"/in/kiosks/{TOKEN}", **form(event()))).json() == {"kept": 1}
    assert len(inbox.readings) == 1


async def test_a_port_in_use_is_told_and_tried_again(tmp_path: Path, inbox: Inbox) -> None:
    async with serving(inbox, settings(tmp_path)) as client:
        taken = int(str(client.base_url).rpartition(":")[2])
        second = HttpDriver(
            (), emit=inbox.emit, trouble=inbox.trouble, settings=settings(tmp_path, port=taken)
        )
        with pytest.raises(OSError, match="in use"):
            await second.run()
    again = HttpDriver((), emit=inbox.emit, trouble=inbox.trouble, settings=settings(tmp_path, port=taken))
    for _ in range(2):  # one object may run several times
        async with running(again.run), asyncio.timeout(PATIENCE_S):
            await again.ready.wait()
            assert again.address == ("127.0.0.1", taken)


async def test_without_settings_it_waits_and_says_so(inbox: Inbox) -> None:
    driver = HttpDriver([kiosk()], emit=inbox.emit, trouble=inbox.trouble)
    async with running(driver.run):
        await asyncio.sleep(0)
    assert inbox.reasons("kiosk") == [TroubleReason.BAD_ADDRESS]


async def test_devices_that_change_while_it_runs(tmp_path: Path, inbox: Inbox) -> None:
    driver = HttpDriver([kiosk()], emit=inbox.emit, trouble=inbox.trouble, settings=settings(tmp_path))
    async with running(driver.run), asyncio.timeout(PATIENCE_S):
        await driver.ready.wait()
        host, port = driver.address or ("", 0)
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as client:
            driver.apply([kiosk("new", "another-token")])
            assert (await client.post(f"/in/kiosks/{TOKEN}", json=event())).status_code == 401
            assert (await client.post("/in/kiosks/another-token", json=event())).status_code == 200
    assert [reading.device for reading in inbox.readings] == ["new"]
