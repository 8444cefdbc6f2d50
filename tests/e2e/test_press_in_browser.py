"""A press published over MQTT appears on an open page and is worked to its end there."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.street import SOS_TOPIC, press, register_home
from tests.e2e.system import PASSWORD, System
from tests.parts.browser import PHONE, page_of, screenshot


@pytest.mark.parametrize("system", ["real", "embedded"], indirect=True)
async def test_a_press_over_mqtt_is_worked_to_its_end_on_a_telephone(
    system: System, browser: Browser
) -> None:
    await register_home(system)
    system.api("POST", "/users", {"login": "helper", "name": "李敏", "role": "carer", "password": PASSWORD})
    async with page_of(browser, PHONE, base_url=system.api.url) as page:
        await page.goto("/login?next=/tasks")
        await page.fill("[name=login]", "helper")
        await page.fill("[name=password]", PASSWORD)
        await page.click("form.panel button")
        await expect(page.locator("#live-pill[data-state=live]")).to_be_visible()
        await expect(page.get_by_text("没有等待接单的任务")).to_be_visible()

        async with system.device_client() as button:
            await button.publish(SOS_TOPIC, press(), qos=1)
        card = page.locator("#task-1")
        await expect(card).to_contain_text("王秀英")
        await expect(card).to_contain_text("幸福路1号301")
        await screenshot(page, "press-on-a-telephone")
        await card.get_by_role("button", name="接单").click()
        await page.locator("#task-1 h3 a").click()
        await expect(page.get_by_text("钥匙在302室张阿姨处")).to_be_visible()
        await page.get_by_role("button", name="出发").click()
        await page.get_by_role("button", name="到达").click()
        await page.get_by_role("radio", name="已上门帮助").check()
        await page.get_by_role("button", name="办结", exact=True).click()
        await expect(page.get_by_text("这个任务已结束。")).to_be_visible()
    assert system.api("GET", "/tasks/1")["task"]["outcome"] == "helped_on_site"
