"""Commands on the pages of a gateway and a device: a form is sent, and its row moves on by itself."""

import msgspec
from playwright.async_api import expect
from sqlalchemy import select

from gateway.wire import ReplyMessage
from server.clock import now
from server.commands import service
from server.db.models import Command, Device
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.parts.browser import PHONE


async def test_a_command_is_sent_and_followed(street: Site, visit: Visit) -> None:
    with street.context.database.read() as session:
        gateway_id = session.scalars(select(Device.gateway_id)).first()
    async with visit("maintenance", f"/gateways/{gateway_id}", view=PHONE) as page:
        form = page.locator("form.command", has=page.locator("input[value=locate]"))
        await form.locator("[name='argument.seconds']").fill("20")
        await form.get_by_role("button").click()
        await expect(page.locator("[data-state=new]")).to_be_visible()
        with street.context.database.write() as session:
            command = session.scalars(select(Command)).one()
            assert command.arguments == {"seconds": 20}
            reply = ReplyMessage(id=command.id, ok=True, detail="LED for 20 s", stage=msgspec.UNSET)
            service.heard(session, gateway_id=command.gateway_id, reply=reply, now=now())
        await expect(page.locator("[data-state=done]")).to_be_visible()
        await expect(page.get_by_text("LED for 20 s")).to_be_visible()


async def test_a_wall_screen_can_only_look(street: Site, visit: Visit) -> None:
    with street.context.database.read() as session:
        gateway_id = session.scalars(select(Device.gateway_id)).first()
    async with visit("wall", f"/gateways/{gateway_id}") as page:
        await expect(page.locator("#command-list")).to_be_visible()
        assert await page.locator("form.command").count() == 0
