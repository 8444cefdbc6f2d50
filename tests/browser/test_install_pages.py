"""The installer's pages without a browser: every step answers, mistakes are said, others are turned away."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from server.clock import now
from server.commissioning import repository
from server.commissioning.states import Protection
from server.db.models import CommissioningTest, Device, Position
from tests.browser.site import BUTTON, COVER, PASSWORD, Site, site
from tests.browser.test_pages import ORIGIN


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as running:
        yield running


@pytest.fixture
async def installer(street: Site) -> AsyncIterator[httpx.AsyncClient]:
    """An installer's browser."""
    transport = httpx.ASGITransport(street.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://site", headers=ORIGIN, follow_redirects=True
    ) as client:
        await client.post("/login", data={"login": "installer", "password": PASSWORD})
        yield client


def state(street: Site, position: str = BUTTON) -> Protection:
    with street.context.database.read() as session:
        return repository.standings(session, now=now())[position].state


def photo() -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (31.0, 17.0, 6.0)}
    Image.new("RGB", (3000, 2000), "teal").save(out, "JPEG", exif=exif)
    return out.getvalue()


async def test_a_test_from_the_list_to_the_signature(installer: httpx.AsyncClient, street: Site) -> None:
    assert "已安装，未测试" in (await installer.get("/install")).text
    page = await installer.get(f"/install/positions/{BUTTON}")
    assert "开始测试" in page.text
    page = await installer.post(f"/install/positions/{BUTTON}/test")
    assert "等待信号" in page.text
    where = page.url.path
    street.press()
    assert "已收到" in (await installer.get(where, headers={"HX-Request": "true"})).text
    assert street.tasks() == 0
    refused = await installer.post(f"{where}/sign", data={"note": ""}, files={"photo": ("", b"")})
    assert refused.status_code == 422
    page = await installer.post(
        f"{where}/sign", data={"consent": "given"}, files={"photo": ("p.jpg", photo(), "image/jpeg")}
    )
    assert "测试通过" in page.text, page.text
    assert state(street) is Protection.PROTECTING
    kept = await installer.get(f"{where}/photo")
    with Image.open(io.BytesIO(kept.content)) as picture:
        assert max(picture.size) == 1600
        assert not picture.getexif()
    assert "守护中" in (await installer.get(f"/install/positions/{BUTTON}")).text


async def test_a_real_call_during_the_test_goes_out_at_once(
    installer: httpx.AsyncClient, street: Site
) -> None:
    page = await installer.post(f"/install/positions/{BUTTON}/test")
    street.press()
    page = await installer.post(f"{page.url.path}/end", data={"mine": "false"})
    assert "已转为真实报警" in page.text
    assert street.tasks() == 1


async def test_a_picture_that_is_none_is_refused(installer: httpx.AsyncClient, street: Site) -> None:
    page = await installer.post(f"/install/positions/{BUTTON}/test")
    street.press()
    page = await installer.post(
        f"{page.url.path}/sign", data={"consent": "given"}, files={"photo": ("p.jpg", b"<svg/>")}
    )
    assert page.status_code == 422
    assert "cannot be read" in page.text


async def test_codes_lead_to_their_positions(installer: httpx.AsyncClient, street: Site) -> None:
    for code in (f"sunwell:position:{COVER}", f"sunwell:device:dev-{COVER}", f"dev-{COVER}"):
        page = await installer.post("/install/scan", data={"code": code})
        assert page.url.path == f"/install/positions/{COVER}"
    page = await installer.post(
        "/install/scan", data={"code": "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122"}
    )
    assert "还不认识这个设备" in page.text
    assert "aabbccddeeff0011" in page.text
    assert (await installer.post("/install/scan", data={"code": "LW:D0:1:2"})).status_code == 422


async def test_a_swap_that_cannot_be_known_asks_and_changes_nothing(
    installer: httpx.AsyncClient, street: Site
) -> None:
    path = f"/install/positions/{BUTTON}/swap"
    assert (await installer.get(path)).status_code == 200
    page = await installer.post(path, data={"reason": "broken", "code": "0x00124b0022334455"})
    assert page.status_code == 422
    assert 'name="topic"' in page.text
    with street.context.database.read() as session:
        assert session.get_one(Device, f"dev-{BUTTON}").retired_at is None
    page = await installer.post(
        path, data={"reason": "broken", "code": "0x00124b0022334455", "topic": "zigbee2mqtt/new"}
    )
    assert page.url.path == f"/install/positions/{BUTTON}"
    assert "开始测试" in page.text


async def test_import_says_everything_and_then_writes(installer: httpx.AsyncClient, street: Site) -> None:
    page = await installer.get("/install/import")
    assert page.status_code == 200
    wrong = "id,area_id,name\nnew one,grid-1,床头\nnew-2,nowhere,厨房\n".encode("gb18030")
    page = await installer.post(
        "/install/import", data={"mode": "apply"}, files={"file": ("positions.csv", wrong)}
    )
    assert page.status_code == 422
    assert "2 处错误" in page.text
    right = "编号,网格编号,名称\nnew-2,grid-1,厨房\n".encode("gb18030")
    for mode in ("check", "apply", "apply"):
        page = await installer.post(
            "/install/import", data={"mode": mode, "kind": "positions"}, files={"file": ("a.csv", right)}
        )
        assert page.status_code == 200, page.text
    with street.context.database.read() as session:
        assert session.get_one(Position, "new-2").name == "厨房"
    assert "第 1 步" in (await installer.get("/install/positions/new-2")).text
    assert state(street, "new-2") is Protection.NOT_INSTALLED
    assert (await installer.get("/install/import/template.xlsx")).content[:2] == b"PK"
    assert (await installer.get("/install/labels")).content[:5] == b"%PDF-"


async def test_others_are_turned_away(street: Site) -> None:
    transport = httpx.ASGITransport(street.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site", headers=ORIGIN) as client:
        await client.post("/login", data={"login": "carer", "password": PASSWORD})
        for path in ("/install", f"/install/positions/{BUTTON}", "/install/import", "/install/labels"):
            assert (await client.get(path)).status_code == 403
        assert (await client.post(f"/install/positions/{BUTTON}/test")).status_code == 403
    with street.context.database.read() as session:
        assert session.query(CommissioningTest).count() == 0
