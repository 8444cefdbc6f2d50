"""An installer's walk on a telephone: choose the device, press it for real, sign, and replace it later."""

import re

from playwright.async_api import Browser, expect

from tests.e2e.street import SOS_TOPIC, press, register_home, wait_applied
from tests.e2e.system import PASSWORD, System, wait_for
from tests.parts.browser import PHONE, page_of, screenshot, wider_than_window


async def test_scan_press_sign_and_swap(system: System, browser: Browser) -> None:
    await register_home(system)
    body = {"login": "fitter", "name": "钱工", "role": "installer", "password": PASSWORD}
    system.api("POST", "/users", body)
    async with page_of(browser, PHONE, base_url=system.api.url) as page, system.device_client() as device:
        await page.goto("/login?next=/install")
        await page.fill("[name=login]", "fitter")
        await page.fill("[name=password]", PASSWORD)
        await page.click("form.panel button")
        await page.wait_for_url("**/install")
        await screenshot(page, "install-1-list")
        assert await wider_than_window(page) <= 0
        await page.fill("[name=code]", "sunwell:position:home-sos")
        await page.get_by_role("button", name="下一步").click()
        await expect(page.get_by_text("已安装，未测试")).to_be_visible()
        await screenshot(page, "install-2-position")
        await page.get_by_role("button", name="开始测试").click()
        await expect(page.locator("#live-pill[data-state=live]")).to_be_visible()
        await expect(page.get_by_role("status").filter(has_text="等待信号")).to_be_visible()
        await screenshot(page, "install-3-waiting")
        await device.publish(SOS_TOPIC, press(), qos=1)
        await expect(page.locator("#progress[data-state=seen]")).to_be_visible()
        await expect(page.locator("#progress")).to_contain_text("从按下到服务器")
        await expect(page.locator("#progress")).to_contain_text("120", timeout=10_000)  # the signal
        await expect(page.locator("#progress")).to_contain_text("97")  # the battery
        await screenshot(page, "install-4-seen")
        assert await wider_than_window(page) <= 0
        assert system.api("GET", "/tasks") == []
        await page.get_by_label("住户同意安装").check()
        await page.get_by_role("button", name="确认是我按的").click()
        await expect(page.get_by_text("测试通过")).to_be_visible()
        await screenshot(page, "install-5-signed")
        state = system.api("GET", "/commissioning/positions/home-sos")
        assert (state["state"], state["device_id"]) == ("protecting", "d-sos")

        # The device breaks. Its successor speaks on a topic of its own.
        await page.goto("/install/positions/home-sos")
        await page.get_by_role("link", name="更换坏设备").click()
        await screenshot(page, "install-6-swap")
        await page.fill("[name=code]", "0x00124B00AABBCCDD")
        await page.get_by_role("button", name="更换，然后测试").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await page.fill("[name=topic]", "zigbee2mqtt/sos-2")
        await page.get_by_role("button", name="更换，然后测试").click()
        await expect(page.get_by_text("已安装，未测试")).to_be_visible()
        await wait_applied(system)
        await device.publish(SOS_TOPIC, press(), qos=1)  # the old one, in somebody's hand
        await page.get_by_role("button", name="开始测试").click()
        await expect(page.locator("#live-pill[data-state=live]")).to_be_visible()
        await device.publish("zigbee2mqtt/sos-2", press(), qos=1)
        await expect(page.locator("#progress[data-state=seen]")).to_be_visible()
        await page.get_by_text("没有测试，或者不是我按的").click()
        await screenshot(page, "install-7-second")
        await page.get_by_role("button", name=re.compile("真实求助")).click()
        await expect(page.get_by_text("已转为真实报警").first).to_be_visible()
        await screenshot(page, "install-8-raised")

    def called() -> bool:
        return len(system.api("GET", "/tasks")) == 1

    await wait_for("the real call is a task", called)
    (task,) = system.api("GET", "/tasks")
    assert task["severity"] == "critical"
    assert [one["device_id"] for one in system.api.occurrences()] == ["dev-home-sos.2"]
