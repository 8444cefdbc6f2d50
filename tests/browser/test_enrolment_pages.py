"""Enrolment on a gateway's page: a code with its QR code and countdown, where it stands, revoking."""

import asyncio
import re

from playwright.async_api import expect

from gateway.enrolment import keys
from gateway.enrolment.wire import EnrolRequest, read_code, to_letters
from server.clock import now
from server.enrolment import service
from server.enrolment.desk import Desk
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.parts.browser import PHONE


def enrol(street: Site, text: str) -> None:
    """What the server does when a gateway brings the code."""
    desk: Desk = street.app.state.desk
    request = EnrolRequest(
        secret=to_letters(read_code(text).secret), csr=keys.make_request(keys.make_key(), "x")
    )
    with street.context.database.write() as session:
        service.enrol(session, desk.keys, request, life=desk.certificate_life, now=now())


async def test_an_installer_makes_a_code_and_sees_the_gateway_arrive(street: Site, visit: Visit) -> None:
    async with visit("installer", "/gateways/gw-1", view=PHONE) as page:
        await expect(page.locator("[data-state=never]")).to_be_visible()
        await page.locator("#enrolment form button").first.click()
        await expect(page.locator("img.qr")).to_be_visible()
        await expect(page.locator("#left")).to_have_text(re.compile(r"00:59:|01:00:00"))
        await expect(
            page.get_by_role("alert")
        ).to_be_visible()  # nobody can use it: no broker with rights here
        text = (await page.locator("#code").inner_text()).removeprefix("sunwell gateway enrol ")
        await asyncio.to_thread(enrol, street, text)
        await expect(page.locator("[data-state=enrolled]")).to_be_visible()


async def test_revoking_asks_for_a_reason_and_shows(street: Site, visit: Visit) -> None:
    desk: Desk = street.app.state.desk
    async with visit("administrator", "/gateways/gw-1") as page:
        await page.locator("#enrolment form button").first.click()
        text = (await page.locator("#code").inner_text()).removeprefix("sunwell gateway enrol ")
        await asyncio.to_thread(enrol, street, text)
        assert desk.offered is False
        await page.goto(f"{street.url}/gateways/gw-1")
        await page.locator("#enrolment summary").click()
        await page.locator("#enrolment [name=reason]").fill("stolen")
        await page.locator("#enrolment .danger").click()
        await expect(page.locator("[data-state=revoked]")).to_be_visible()


async def test_others_only_look(street: Site, visit: Visit) -> None:
    async with visit("maintenance", "/gateways/gw-1") as page:
        await expect(page.locator("[data-state=never]")).to_be_visible()
        assert await page.locator("#enrolment form").count() == 0
