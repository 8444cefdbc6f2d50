"""The chart of a task and of a device, as it is seen: what is drawn, and the sentence where nothing is."""

from datetime import timedelta

from playwright.async_api import Page, expect

from server.clock import now, to_ms
from server.timeseries.store import Point, split
from tests.browser.conftest import Visit
from tests.browser.site import BUTTON, COVER, FALL, Site
from tests.parts.browser import PHONE, wider_than_window


async def _tell(site: Site, position: str, family: str, *said: tuple[float, dict[str, float | str]]) -> None:
    """Readings some seconds before now."""
    await site.context.store.write(
        [
            Point(
                family=family,
                area="grid-1",
                position=position,
                device=f"dev-{position}",
                gateway="gw-1",
                time_ms=to_ms(now() - timedelta(seconds=seconds)),
                fields=fields,
            )
            for seconds, fields in said
        ]
    )


def _posture(text: str) -> dict[str, float | str]:
    return split({"posture": text}, {})


async def _dark_pixels(page: Page, picture: str) -> int:
    """How much is painted there: an empty canvas has none."""
    return int(
        await page.locator(picture).evaluate(
            """place => {
              const canvas = place.querySelector("canvas");
              const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              return data.filter((value, index) => index % 4 === 3 && value > 200).length;
            }"""
        )
    )


async def test_a_fall_shows_the_postures_around_it_and_the_event(street: Site, visit: Visit) -> None:
    """The alarm's own point first, in the profile's words; a value that stands still is not drawn."""
    await _tell(
        street,
        FALL,
        "fall",
        (4000, _posture("occupied")),
        *(
            (seconds, split({"location_x": 40.0 + seconds, "location_y": 120.0}, {}))
            for seconds in (50, 30, 5)
        ),
        (1, _posture("falling")),
    )
    street.press(FALL)
    async with visit("carer", "/tasks/1", view=PHONE) as page:
        tracks = page.locator("#chart .track")
        await expect(tracks).to_have_count(2)
        await expect(tracks.first.locator("figcaption")).to_contain_text("触发")
        await expect(tracks.first.locator(".track-value.tone-critical")).to_have_text("跌倒")
        await expect(tracks.last.locator("figcaption b")).to_contain_text("cm")
        assert await _dark_pixels(page, ".track-bands") > 2_000
        assert await _dark_pixels(page, ".track-line") > 200
        assert await wider_than_window(page) <= 0


async def test_a_press_is_marked(street: Site, visit: Visit) -> None:
    await _tell(street, BUTTON, "button", (1, split({"action": "emergency"}, {})))
    street.press()
    async with visit("carer", "/tasks/1") as page:
        await expect(page.locator("#chart .track")).to_have_count(1)
        await expect(page.locator("#chart .track-value.tone-critical")).to_have_text("紧急呼叫")
        assert await _dark_pixels(page, ".track-marks") > 100


async def test_where_nothing_is_to_be_drawn_a_sentence_says_so(street: Site, visit: Visit) -> None:
    street.press(FALL)
    async with visit("carer", "/tasks/1") as page:
        await expect(page.locator("#chart.words")).to_have_text("这段时间没有可画的读数。")
        await _tell(street, FALL, "fall", *((seconds, split({"location_x": 5.0}, {})) for seconds in (9, 5)))
        await page.reload()
        await expect(page.locator("#chart.words")).to_have_text("这段时间各项读数没有变化。")
        assert await page.locator("#chart canvas").count() == 0


async def test_a_device_shows_its_states_and_says_what_stands_still(street: Site, visit: Visit) -> None:
    """And nothing for points that it has never told."""
    await _tell(
        street,
        COVER,
        "well",
        (5, {"cover_open": 1.0}),
        *((n, split({"temperature": 16.0}, {})) for n in (9, 5)),
    )
    async with visit("maintenance", f"/devices/dev-{COVER}") as page:
        await expect(page.locator("[data-chart]")).to_have_count(3)
        await expect(page.locator(".track-bands canvas")).to_have_count(1)
        await expect(page.locator(".track-limit")).to_have_text(["井盖倾斜 10 °", "井盖翻开 90 °"])
        await expect(page.locator(".chart.words")).to_have_text("温度一直是 16 °C，没有变化。")
