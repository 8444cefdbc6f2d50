"""The page of a gateway that has not enrolled yet: for the installer beside it, and nobody else."""

import asyncio
import html
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, expect

from edge.drivers.http.listener import listening
from gateway.enrolment.identity import IdentityStore
from gateway.enrolment.page import create_app, waiting
from gateway.enrolment.wire import Code, Credential
from gateway.settings import EnrolPage
from tests.parts.browser import PHONE, page_of
from tests.parts.processes import free_port

CODE = Code(address="127.0.0.1:1", fingerprint=bytes(20), secret=bytes(15)).text()


def client(tmp_path: Path, address: str = "192.168.1.20") -> httpx.AsyncClient:
    """A telephone at this address."""
    app = create_app(IdentityStore(tmp_path), asyncio.Event())
    transport = httpx.ASGITransport(app, client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://sunwell.local:8481")


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        ("192.168.1.20", "sunwell.local:8481", 200),
        ("10.1.2.3", "10.0.0.7:8481", 200),
        ("fe80::1", "[fe80::2]:8481", 200),
        ("::ffff:192.168.1.20", "sunwell:8481", 200),
        ("127.0.0.1", "localhost:8481", 200),
        ("8.8.8.8", "sunwell.local:8481", 403),
        ("2001:4860::1", "sunwell.local:8481", 403),
        ("192.168.1.20", "evil.example.org:8481", 403),
    ],
)
async def test_it_is_for_the_local_network_only(tmp_path: Path, address: str, host: str, status: int) -> None:
    async with client(tmp_path, address) as phone:
        assert (await phone.get("/", headers={"host": host})).status_code == status


@pytest.mark.parametrize("origin", [None, "http://evil.example.org", "null"])
async def test_another_site_cannot_send_a_code(tmp_path: Path, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    async with client(tmp_path) as phone:
        answer = await phone.post("/enrol", data={"code": CODE}, headers=headers)
    assert answer.status_code == 403


async def test_what_goes_wrong_is_said_and_nothing_is_run_from_it(tmp_path: Path) -> None:
    headers = {"origin": "http://sunwell.local:8481", "accept-language": "en"}
    async with client(tmp_path) as phone:
        wrong = await phone.post("/enrol", data={"code": "<script>x</script>"}, headers=headers)
        away = await phone.post("/enrol", data={"code": CODE}, headers=headers)
        long = await phone.post("/enrol", data={"code": "x" * 10_000}, headers=headers)
    assert "a code has the form" in wrong.text
    assert "<script>x" not in wrong.text
    assert "can't be reached" in html.unescape(away.text)
    assert long.status_code == 413
    assert "script-src 'self'" in wrong.headers["content-security-policy"]


async def test_a_scanned_code_stands_in_the_field(tmp_path: Path, browser: Browser) -> None:
    app = create_app(IdentityStore(tmp_path), asyncio.Event())
    async with (
        listening(app, host="127.0.0.1", port=0) as (host, port),
        page_of(browser, view=PHONE) as page,
    ):
        await page.goto(f"http://{host}:{port}/#{CODE}")
        await expect(page.locator("textarea")).to_have_value(CODE)
        await page.get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_be_visible()


async def test_the_wait_ends_with_a_credential_from_elsewhere_and_the_page_is_gone(tmp_path: Path) -> None:
    store, enrolled = IdentityStore(tmp_path / "identity"), asyncio.Event()
    port = free_port()
    credential = Credential(
        gateway="gw-1", certificate="c", authority="a", broker_host="b", broker_port=1, password="p"
    )
    async with waiting(EnrolPage(host="127.0.0.1", port=port), store, enrolled):
        async with httpx.AsyncClient() as phone:
            assert (await phone.get(f"http://127.0.0.1:{port}/")).status_code == 200
        await asyncio.to_thread(store.keep, credential, b"key", server="s:1")
        await asyncio.wait_for(enrolled.wait(), 10)
    async with httpx.AsyncClient() as phone:
        with pytest.raises(httpx.ConnectError):
            await phone.get(f"http://127.0.0.1:{port}/")
