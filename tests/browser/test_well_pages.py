"""The work at a well on a telephone: no entry into bad air, no end before the list is ticked."""

from playwright.async_api import expect

from server.tasks.states import TaskAction
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.parts.browser import DESK, PHONE, wider_than_window


async def test_a_crew_goes_down_and_comes_up_and_ends_the_task(street: Site, visit: Visit) -> None:
    street.open_cover()
    street.act("maintenance", TaskAction.ACKNOWLEDGE)
    street.act("maintenance", TaskAction.ARRIVE)
    async with visit("maintenance", view=PHONE) as page:
        await page.goto(f"{street.url}/tasks/1")
        await page.get_by_role("link", name="现场与下井").click()
        await page.get_by_label("井口监护人").fill("老周")
        for label, value in (("氧气", "18.2"), ("硫化氢", "0"), ("一氧化碳", "1"), ("可燃气体", "0")):
            await page.get_by_label(label).fill(value)
        await page.get_by_label("仪器名称和编号").fill("四合一 07")
        await page.get_by_role("button", name="开始下井").click()
        await expect(page.get_by_role("alert")).to_contain_text("氧气 18.2 %")
        await page.get_by_label("井口监护人").fill("老周")
        for label, value in (("氧气", "20.8"), ("硫化氢", "0"), ("一氧化碳", "1"), ("可燃气体", "0")):
            await page.get_by_label(label).fill(value)
        await page.get_by_label("仪器名称和编号").fill("四合一 07")
        await page.get_by_role("button", name="开始下井").click()
        await expect(page.get_by_text("井下 2 人")).to_be_visible()
        assert not await wider_than_window(page)
        await page.get_by_role("button", name="人员已全部出井").click()
        await page.goto(f"{street.url}/tasks/1")
        await page.get_by_role("radio", name="已修复").check()
        await page.get_by_role("button", name="处置完成").click()
        await expect(page.get_by_role("alert")).to_contain_text("井盖已锁好")
        await page.get_by_role("link", name="现场与下井").click()
        for box in await page.get_by_role("checkbox").all():
            await box.check()
        await page.get_by_label("现场看守人").fill("老周")
        await page.get_by_role("button", name="保存现场检查").click()
        await page.goto(f"{street.url}/tasks/1")
        await page.get_by_role("radio", name="已修复").check()
        await page.get_by_role("button", name="处置完成").click()
        await expect(page.get_by_role("button", name="处置完成")).to_have_count(0)
        assert street.task().state == "resolved"
    async with visit("dispatcher", view=DESK) as page:
        await page.goto(f"{street.url}/wells")
        await page.get_by_role("link", name="雨水井 1").click()
        await expect(page.get_by_role("heading", name="井的信息")).to_be_visible()
        assert not await wider_than_window(page)
        await page.get_by_role("link", name="登记作业").click()
        await expect(page.get_by_role("radio", name="雨水井 1")).to_be_checked()
        await page.get_by_label("范围").select_option(label="老人")
        await page.get_by_role("searchbox").fill("桂兰")
        await expect(page.get_by_role("radio", name="张桂兰")).to_be_checked()
        await page.get_by_label("原因").fill("更换水管")
        await page.get_by_role("button", name="登记", exact=True).click()
        await expect(page.get_by_role("heading", name="张桂兰")).to_be_visible()
