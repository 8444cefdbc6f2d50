"""A browser that is woken while no page asks: the real Chromium, with the push service left out (it cannot
exist here; what it carries is in tests/contract/server/test_push.py)."""

import asyncio
import json

from playwright.async_api import Page

from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.parts.browser import PHONE

SHOWN = """async () => {
  const registration = await navigator.serviceWorker.ready;
  const shown = await registration.getNotifications();
  if (!shown.some((each) => each.requireInteraction)) return null;
  return shown.map((each) => [each.title, each.body, each.tag, each.data.path]);
}"""


async def registered(page: Page) -> str:
    """Registers the worker as the page does, and gives its number in the browser."""
    session = await page.context.new_cdp_session(page)
    numbers: asyncio.Queue[str] = asyncio.Queue()

    def heard(event: dict[str, list[dict[str, str]]]) -> None:
        for each in event["registrations"]:
            numbers.put_nowait(each["registrationId"])

    session.on("ServiceWorker.workerRegistrationUpdated", heard)
    await session.send("ServiceWorker.enable")
    await page.evaluate(
        "navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)"
        ".then(() => true)"
    )
    return await asyncio.wait_for(numbers.get(), 20)


async def woken(page: Page, street: Site, number: str, message: dict[str, object]) -> None:
    """What the browser does when a push service hands it a message."""
    session = await page.context.new_cdp_session(page)
    await session.send("ServiceWorker.enable")
    await session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": street.url, "registrationId": number, "data": json.dumps(message)},
    )


async def test_a_message_shows_while_nobody_looks_and_leads_to_the_task(visit: Visit, street: Site) -> None:
    async with visit("carer", "/notices", view=PHONE) as page:
        await page.context.grant_permissions(["notifications"], origin=street.url)
        await page.get_by_role("button", name="让这个浏览器接收推送").wait_for()
        number = await registered(page)
        await page.goto(f"{street.url}/tasks")
        message: dict[str, object] = {
            "title": "【阳光井】危急",
            "body": "任务 1",
            "tag": "task-1",
            "path": "/take/x",
        }
        await woken(page, street, number, message)
        await woken(page, street, number, message | {"urgent": True})
        async with asyncio.timeout(20):  # wait_for_function takes the promise itself for an answer
            while (shown := await page.evaluate(SHOWN)) is None:
                await page.wait_for_timeout(50)
        # The second one of the same task takes the place of the first.
        assert shown == [["【阳光井】危急", "任务 1", "task-1", "/take/x"]]
