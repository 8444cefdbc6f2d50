"""The roster on a telephone and at a desk: entering shifts, gaps in red, a swap from one to another."""

from datetime import timedelta

from server.clock import now
from server.rosters.core import LOCAL
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.parts.browser import PHONE


async def test_a_manager_enters_shifts_and_a_carer_gives_one_away(street: Site, visit: Visit) -> None:
    tomorrow = (now().astimezone(LOCAL) + timedelta(days=1)).date().isoformat()
    async with visit("manager", "/rosters") as page:
        assert await page.locator(".gap-row").count() >= 7
        await page.select_option("[name=user_id]", label="李敏 (照护员)")
        await page.fill("[name=day]", tomorrow)
        await page.fill("[name=begins]", "20:00")
        await page.fill("[name=ends]", "08:00")
        await page.click("#enter button")
        await page.goto(f"/rosters?day={tomorrow}")
        assert await page.locator(".roster-line summary", has_text="李敏").count() >= 1
    async with visit("carer", "/rosters", view=PHONE) as page:
        await page.goto(f"/rosters?day={tomorrow}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        mine = page.locator("li.mine").first
        await mine.locator("summary").click()
        await mine.locator("select").select_option(label="周丽")
        await mine.locator("button").click()
        assert await page.locator(".swap-row").count() == 1
    async with visit("carer2", "/rosters", view=PHONE) as page:
        await page.locator(".swap-row button").first.click()
        await page.goto(f"/rosters?day={tomorrow}")
        assert await page.locator("li.mine").count() >= 1
