"""A resident's rhythm as it is seen: the days, the sentence, and what a manager lays down."""

from datetime import timedelta

from playwright.async_api import expect

from server.clock import now
from server.db.models import Rhythm
from server.rhythm import repository
from server.rhythm.usual import Day, learn
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.parts.browser import PHONE, wider_than_window
from tests.unit.server.rhythm.lives import POLICY, Habits, days


def _lived(site: Site) -> None:
    """Four weeks of a life in the second home, two days of them without data."""
    today = now().astimezone(POLICY.tz).date()
    life = days(Habits(), 28, seed=3, first=today - timedelta(days=28))
    gaps = {9: (1 << 200) - (1 << 130), 10: (1 << 90) - 1}
    known = [Day(day.date, day.active & ~gaps.get(n, 0), gaps.get(n, 0)) for n, day in enumerate(life)]
    with site.context.database.write() as session:
        session.add(
            Rhythm(
                resident_id="home-2",
                learned=repository.pack(learn(known, POLICY)),
                days=repository.pack_days(known),
                last_active_at=now() - timedelta(minutes=50),
                last_active_point="posture",
                updated_at=now(),
            )
        )


async def test_a_manager_sees_the_days_and_switches_the_telling_off(street: Site, visit: Visit) -> None:
    """A reason is asked for first; each day has words for who hears the page; what is laid down stays."""
    _lived(street)
    async with visit("manager", "/residents/home-2/rhythm", view=PHONE) as page:
        await page.get_by_role("button", name="查看").click()
        await expect(page.get_by_text("个有效日学得")).to_be_visible()
        await expect(page.locator("svg.rhythm-day")).to_have_count(29)
        await expect(page.get_by_role("img", name="没有数据").first).to_be_visible()
        assert not await wider_than_window(page)
        await page.get_by_label("因安静提醒").select_option("off")
        await page.get_by_role("button", name="保存").click()
        await expect(page.get_by_text("没有保存")).to_be_visible()
        await page.get_by_label("因安静提醒").select_option("off")
        await page.get_by_label("理由").fill("家属要求")
        await page.get_by_role("button", name="保存").click()
        await expect(page.get_by_text("已关闭：不因安静提醒")).to_be_visible()
    with street.context.database.read() as session:
        assert session.get_one(Rhythm, "home-2").fixed["off"] is True
