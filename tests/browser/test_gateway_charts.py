"""The last day of a gateway's condition on its page, as it is seen."""

from datetime import timedelta

from playwright.async_api import expect

from gateway.wire import DriverHealth, Health, StateMessage
from server.clock import now, to_ms
from server.gateways import service
from server.gateways.health import point
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.parts.browser import PHONE, wider_than_window


async def test_its_condition_is_drawn_and_what_it_does_not_tell_is_not(street: Site, visit: Visit) -> None:
    end = now()
    drivers = [DriverHealth(name="mqtt", running=True, restarts=0, readings=9, errors=2)]
    reports = [
        Health(
            at_ms=to_ms(end - timedelta(minutes=10 * n)),
            uptime_s=9,
            cpu_celsius=40.0 + n,
            clock_offset_ms=0.5 * n,
            wear_percent=30.0,
            outputs=["siren", "voice"],
            drivers=drivers,
        )
        for n in range(100)
    ]
    with street.context.database.write() as session:
        said = StateMessage(online=True, session="s", applied=1, health=reports[0])
        service.heard_state(session, gateway_id="gw-1", state=said, now=end)
    await street.context.store.write([point("gw-1", "grid-1", one, now=end) for one in reports])
    async with visit("maintenance", "/gateways/gw-1", view=PHONE) as page:
        await expect(page.get_by_text("警笛 · 语音")).to_be_visible()
        charts = page.locator("[data-chart]")
        names = await charts.evaluate_all("all => all.map(one => one.dataset.name)")
        assert "CPU 温度" in names or any("温度" in name for name in names)
        assert "mqtt 驱动错误数" in names
        assert not any("内存" in name for name in names)  # it does not tell
        heat = charts.nth(next(n for n, name in enumerate(names) if "温度" in name))
        await heat.scroll_into_view_if_needed()
        await expect(heat.locator("canvas")).to_be_visible()
        assert not await wider_than_window(page)
