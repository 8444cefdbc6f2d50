"""The pages of device profiles: all of them show, and the box decodes what is pasted."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.browser.conftest import Visit
from tests.browser.site import PASSWORD, Site, site
from tests.parts.browser import PHONE

ORIGIN = {"Origin": "http://site"}


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Site]:
    """The application, not listening."""
    async with site(tmp_path) as running:
        yield running


@pytest.fixture
async def installer(quiet: Site) -> AsyncIterator[httpx.AsyncClient]:
    """An installer's browser."""
    transport = httpx.ASGITransport(quiet.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site", headers=ORIGIN) as client:
        await client.post("/login", data={"login": "installer", "password": PASSWORD})
        yield client


async def test_every_profile_and_each_first_example_shows(quiet: Site, installer: httpx.AsyncClient) -> None:
    listed = (await installer.get("/profiles")).text
    for profile_id, profile in quiet.context.catalogue.items():
        assert f'href="/profiles/{profile_id}"' in listed
        page = await installer.get(f"/profiles/{profile_id}?example=0")
        assert page.status_code == 200
        assert all(f"<code>{name}</code>" in page.text for name in profile.points)
        assert 'id="explained"' in page.text


async def test_a_pasted_payload_is_shown_step_by_step(installer: httpx.AsyncClient) -> None:
    form = {"payload": "gAABAhEGpAAWAR4AEAACAIE=", "port": "3", "parameter.mount_height": "2500"}
    page = await installer.post("/profiles/dingtek-dc410", data=form)
    assert page.status_code == 200
    for text in ("<code>[5–6]</code>", "<code>06 A4 = 1700</code>", "<b>800</b> mm", "counter=2"):
        assert text in page.text


async def test_a_refusal_says_why(installer: httpx.AsyncClient) -> None:
    page = await installer.post("/profiles/milesight-ws101", data={"payload": "0367"})
    assert page.status_code == 200
    assert "拒收" in page.text
    assert "03 67 begins no item of this profile" in page.text


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"payload": "<b>zz!</b>"}, "is none of: hexadecimal bytes"),
        ({"payload": "00", "port": "three"}, "port: 0 to 255"),
        ({"payload": "00", "parameter.mount_height": "high"}, "mount_height: a number"),
    ],
)
async def test_what_cannot_be_read_stays_in_the_box(
    installer: httpx.AsyncClient, form: dict[str, str], why: str
) -> None:
    page = await installer.post("/profiles/dingtek-dc410", data=form)
    assert page.status_code == 422
    assert why in page.text
    assert "<b>zz!" not in page.text


async def test_an_unknown_profile_is_not_there(installer: httpx.AsyncClient) -> None:
    assert (await installer.get("/profiles/none")).status_code == 404


async def test_the_search_finds_models(installer: httpx.AsyncClient) -> None:
    page = (await installer.get("/profiles?q=dingtek dc410")).text
    assert 'href="/profiles/dingtek-dc410"' in page
    assert 'href="/profiles/milesight-ws101"' not in page


@pytest.mark.browser
async def test_an_installer_decodes_on_a_telephone(visit: Visit) -> None:
    async with visit("installer", "/profiles/milesight-ws101", view=PHONE) as page:
        await page.goto("/profiles/dingtek-dc410?example=0")
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        await page.goto("/profiles/milesight-ws101")
        await page.fill("[name=payload]", "017564FF2E01")
        await page.click("#decode button")
        await page.wait_for_selector("#explained")
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert "短按" in await page.inner_text("#explained")
