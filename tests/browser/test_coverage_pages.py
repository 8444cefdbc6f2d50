"""Who is unprotected and what a month amounts to, as a manager sees them on a telephone and at a desk."""

from datetime import timedelta

from playwright.async_api import Page, expect

from server.clock import now
from server.coverage.watch import Watch
from server.db.models import Absence
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.parts.browser import DESK, PHONE


async def fits(page: Page) -> bool:
    """Nothing stands out to the right."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def test_who_has_no_protection_and_why(street: Site, visit: Visit) -> None:
    with street.context.database.write() as session:
        until = now() + timedelta(days=2)
        session.add(Absence(resident_id="home-2", kind="family", since=now(), until=until, created_at=now()))
    assert await Watch(street.context).round(now())
    async with visit("manager", "/coverage", view=PHONE) as page:
        await expect(page.locator("tbody tr")).to_have_count(2)
        await expect(page.locator("#r-home-1")).to_contain_text("王秀英")
        await expect(page.locator("#r-home-1")).to_contain_text("安装后还没有测试通过")
        await expect(page.locator("#r-home-2")).to_contain_text("外出")
        await expect(page.locator(".coverage-counts")).to_contain_text("1人没有保护")
        assert await fits(page)
        await page.click("nav.segments a:last-child")
        await expect(page.locator("h1")).to_contain_text("守护时长")
        assert await fits(page)
    async with visit("wall", "/coverage", view=DESK) as page:
        await expect(page.locator("#r-home-1")).to_contain_text("王**")
        assert "王秀英" not in await page.content()


async def test_a_month_is_drawn_tabled_and_printed(street: Site, visit: Visit) -> None:
    street.press()
    for view in (PHONE, DESK):
        async with visit("manager", "/figures", view=view) as page:
            await expect(page.locator("#chart-shares canvas")).to_be_visible()
            await expect(page.locator("#table-total tbody")).to_contain_text("合计1")
            await expect(page.locator("#light-first")).to_contain_text("目标 97.5 %")
            assert await fits(page)
            async with page.expect_download() as paper:
                await page.click("text=打印报告")
            assert (await (await paper.value).path()).read_bytes().startswith(b"%PDF")
