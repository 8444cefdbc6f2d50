"""The pages as people use them: a task appears, is worked to its end, and nobody works on it unawares."""

import asyncio
import re
from datetime import timedelta

import pytest
from playwright.async_api import Page, Route, expect

from server.places import coarse
from server.tasks.states import TaskAction
from tests.browser.conftest import Visit
from tests.browser.site import FALL, Site
from tests.parts.browser import DESK, PHONE, WALL, View, wider_than_window

LIVE = "#live-pill[data-state=live]"
LONG_MS = 30_000
"""Far more than an answer takes, also beside other work."""
SLOW_STREAM = """
const count = (what) => { document.body.dataset[what] = Number(document.body.dataset[what] ?? 0) + 1; };
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, heard) {
  if (name !== "task") return listen.call(this, name, heard);
  return listen.call(this, name, async (event) => {
    while (!document.getElementById("task-1")) await new Promise((next) => setTimeout(next, 50));
    heard(event);
    await new Promise((next) => setTimeout(next));
    count("came");
  });
};
addEventListener("DOMContentLoaded", () => {
  const say = document.getElementById("say-critical");
  new MutationObserver(() => count("told")).observe(say, { childList: true });
});
"""
"""The messages of a task come when the page shows it; counted, as is what a screen reader is told."""
DEAF = """
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, heard) {
  return listen.call(this, name, (event) => event.data?.includes('id="task-2"') || heard(event));
};
"""
"""What the stream says of the second task is lost."""
BEGINS_MS = 500
"""More than a script that has arrived takes to begin."""


async def test_a_press_appears_and_is_worked_to_its_end(street: Site, visit: Visit) -> None:
    """The whole way of a task on a telephone, without one reload by hand."""
    async with visit("carer", view=PHONE) as page:
        await expect(page.locator(LIVE)).to_be_visible()
        await expect(page.get_by_text("没有等待接单的任务")).to_be_visible()
        street.press()
        card = page.locator("#task-1")
        await expect(card).to_contain_text("王秀英")
        await expect(page).to_have_title(re.compile(r"^\(1\)"))
        await expect(page.locator("#say-critical")).to_contain_text("新任务")
        await card.get_by_role("button", name="接单").click()
        await expect(page.locator("[data-group=working] #task-1")).to_contain_text("由我处理")
        await page.locator("#task-1 h3 a").click()
        await expect(page.get_by_role("link", name="021-65430001").first).to_have_attribute(
            "href", "tel:02165430001"
        )
        await expect(page.locator(".advise")).to_be_in_viewport(ratio=1)
        await expect(page.locator("#act-depart[data-htmx-powered]")).to_be_attached()
        await page.get_by_role("button", name="出发").click()
        await expect(page.locator("#task-state")).to_contain_text("在路上")
        await expect(page.locator(".acts:focus-within")).to_have_count(1)  # a keyboard goes on from there
        await _closing_form_opens_and_goes(page)
        await page.get_by_role("button", name="到达").click()
        await page.get_by_role("link", name="办结").click()
        await page.get_by_role("dialog").get_by_role("radio", name="已上门帮助").check()
        await page.locator("#act-close textarea").fill("已扶起，无外伤")
        street.press()  # what others do shows behind it, and it stays
        await expect(page.locator(".times")).to_contain_text("2 次")
        assert await page.evaluate("document.getElementById('end').matches(':modal')")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="我知道了")).to_be_in_viewport(ratio=1)
        await page.get_by_role("button", name="我知道了").click()
        await expect(page.get_by_role("button", name="我知道了")).to_have_count(0)
        await page.get_by_role("link", name="办结").click()
        await page.get_by_role("button", name="处置完成，稍后办结").click()
        await expect(page.locator(".detail-head .state")).to_contain_text("已处置")
        await page.get_by_role("button", name="办结", exact=True).click()
        await expect(page.get_by_text("这个任务已结束。")).to_be_visible()
        await expect(page.locator(".timeline")).to_contain_text("已扶起，无外伤")
    assert street.task().state == "closed"
    assert street.task().outcome == "helped_on_site"


async def _closing_form_opens_and_goes(page: Page) -> None:
    """The bar's link opens it over the page from anywhere, Escape leads back to the link."""
    await page.evaluate("scrollTo(0, 0)")
    link = page.get_by_role("link", name="办结")
    await expect(link).to_be_in_viewport(ratio=1)
    await link.press("Enter")
    form = page.get_by_role("dialog", name="办结")
    await expect(form.get_by_role("button", name="办结", exact=True)).to_be_in_viewport(ratio=1)
    await page.keyboard.press("Escape")
    await expect(link).to_be_focused()
    await expect(form).to_be_hidden()


async def test_a_false_alarm_is_closed_with_three_taps(street: Site, visit: Visit) -> None:
    """Outcome, cause, close; the cause is asked for only where it is needed."""
    street.press()
    for action in (TaskAction.ACKNOWLEDGE, TaskAction.ARRIVE):
        street.act("carer", action)
    async with visit("carer", "/tasks/1", view=PHONE) as page:
        await page.get_by_role("link", name="办结").click()
        await expect(page.locator(".causes")).to_be_hidden()
        await page.get_by_role("radio", name="误报").check()
        await page.get_by_role("radio", name="宠物").check()
        await page.get_by_role("button", name="办结", exact=True).click()
        await expect(page.get_by_text("这个任务已结束。")).to_be_visible()
    assert (street.task().outcome, street.task().cause) == ("false_alarm", "pet")


async def test_cards_stand_in_order_and_a_recurrence_tells_again(street: Site, visit: Visit) -> None:
    """The worst first, then the oldest; a second press changes the card, not the number of cards."""
    async with visit("dispatcher") as page:
        await expect(page.locator(LIVE)).to_be_visible()
        street.open_cover()
        await expect(page.locator("#task-1")).to_be_visible()
        street.press(late=timedelta(minutes=5), trusted=False)
        street.press(FALL)
        cards = page.locator("[data-group=waiting] .card")
        await expect(cards).to_have_count(3)
        assert await cards.evaluate_all("cards => cards.map(card => card.id)") == [
            "task-2",
            "task-3",
            "task-1",
        ]
        await expect(page.locator("#task-2")).to_contain_text("迟报")
        await expect(page.locator("#task-2")).to_contain_text("时钟不可信")
        street.press()
        await expect(page.locator("#task-2.again")).to_contain_text("2 次")
        await expect(cards).to_have_count(3)


@pytest.mark.parametrize(("address", "shown"), [("/tasks", "#task-2"), ("/tasks/1", ".holder")])
async def test_what_happens_before_a_page_hears_of_changes_shows(
    street: Site, visit: Visit, address: str, shown: str
) -> None:
    """A cover opens and somebody takes the press after the page was made and before its stream begins."""
    street.press()
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        began.set()
        await goes_on.wait()
        await route.continue_()

    async with visit("dispatcher", address) as page:
        await page.route("**/live/**", late)
        await page.reload()
        await began.wait()
        street.open_cover()
        street.act("carer2", TaskAction.ACKNOWLEDGE)
        await expect(page.locator(shown)).to_have_count(0)
        goes_on.set()
        await expect(page.locator(shown)).to_be_visible()


async def test_what_was_missed_shows_although_more_happens_while_it_is_read(
    street: Site, visit: Visit
) -> None:
    """A list that is older than what came meanwhile may have what nothing else brings."""
    reads_again = asyncio.Event()
    readings = 0

    async def reads(route: Route) -> None:
        nonlocal readings
        if "hx-request" not in route.request.headers:
            await route.continue_()
            return
        readings += 1
        if readings > 1:
            await reads_again.wait()
            await route.continue_()
            return
        street.press()
        old = await route.fetch()
        street.press(FALL)
        await expect(page.locator("#task-3")).to_be_visible()
        await route.fulfill(response=old)

    street.open_cover()
    async with visit("dispatcher", "/devices") as page:
        await page.add_init_script(DEAF)
        await page.route("**/tasks", reads)
        await page.goto("/tasks")
        await expect(page.locator("#task-2")).to_be_visible()
        await expect(page.locator("#say-critical")).to_contain_text("紧急呼叫")
        cards = page.locator("[data-group=waiting] .card")
        ids = await cards.evaluate_all("cards => cards.map(card => card.id)")
        assert ids == ["task-2", "task-3", "task-1"]
        reads_again.set()


async def test_what_was_read_and_then_comes_by_the_stream_is_told_once(street: Site, visit: Visit) -> None:
    """The list that a stream's beginning reads may have the task whose message is still on its way."""
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        if "hx-request" in route.request.headers:
            began.set()
            await goes_on.wait()
        await route.continue_()

    async with visit("dispatcher", "/devices") as page:
        await page.add_init_script(SLOW_STREAM)
        await page.route("**/tasks", late)
        await page.goto("/tasks")
        await began.wait()
        street.press()
        goes_on.set()
        await expect(page.locator("body[data-came]")).to_be_attached()
        await expect(page.locator("body[data-told='1']")).to_be_attached()
        await expect(page.locator("#task-1.fresh")).to_be_visible()
        await expect(page.locator("#say-critical")).to_contain_text("新任务")
        street.press()
        await expect(page.locator("#say-critical")).to_contain_text("再次报警")


async def test_a_lost_race_says_who_has_it(street: Site, visit: Visit) -> None:
    """Two press the button; the second learns the first one's name and sees the new state."""
    street.press()
    async with visit("carer") as page:
        await page.route("**/live/**", lambda route: route.abort())  # this page does not hear of it in time
        await page.reload()
        await expect(page.locator("#task-1 form[data-htmx-powered]")).to_be_attached()
        street.act("carer2", TaskAction.ACKNOWLEDGE)
        await page.locator("#task-1").get_by_role("button", name="接单").click()
        await expect(page.locator("#sound-bar")).to_be_hidden()  # the first tap also allows the sound
        await expect(page.locator("#task-1 .problem")).to_contain_text("周丽 已在", timeout=LONG_MS)
        await expect(page.locator("#task-1").get_by_role("button", name="接单")).to_have_count(0)
    assert street.task().version == 2


async def test_an_open_task_follows_what_others_do(street: Site, visit: Visit) -> None:
    """Somebody else's step shows at once, and what is being typed stays."""
    street.press()
    async with visit("dispatcher", "/tasks/1") as page:
        await expect(page.locator(LIVE)).to_be_visible()
        await page.get_by_text("添加备注").first.click()
        await page.locator("#act-note textarea").fill("家属在路上")
        street.act("carer", TaskAction.ACKNOWLEDGE)
        await expect(page.locator(".detail-head .state")).to_contain_text("已接单")
        await expect(page.locator(".clocks li").last).to_have_class("reached")
        assert await page.locator("#act-note textarea").input_value() == "家属在路上"
        await expect(page.locator("#chart.words")).to_contain_text("没有可画的读数")
        await page.locator("#act-note button").click()
        await expect(page.locator(".timeline")).to_contain_text("家属在路上")
        await expect(page.locator("#act-note textarea")).to_have_value("")  # when the answer comes


async def test_a_lost_connection_is_told_and_nothing_is_missed(street: Site, visit: Visit) -> None:
    """The server goes away, a press comes in, the server comes back: the page says so, then shows it."""
    street.press(FALL)
    async with visit("carer") as page:
        await expect(page.locator(LIVE)).to_be_visible()
        place = await page.locator("#task-1 button").bounding_box()
        await street.stop()
        await expect(page.locator("#live-banner")).to_be_visible(timeout=15_000)
        assert await page.locator("#task-1 button").bounding_box() == place  # no tap goes astray
        street.press()
        await street.start()
        await expect(page.locator("#task-2")).to_be_visible(timeout=20_000)
        await expect(page.locator("#live-banner")).to_be_hidden()


async def test_a_double_tap_is_one_request(street: Site, visit: Visit) -> None:
    """Two quick taps on a slow line: one acknowledgement, no complaint."""
    street.press()
    async with visit("carer") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.method) if request.method == "POST" else None)
        await page.locator("#task-1").get_by_role("button", name="接单").dblclick()
        await expect(page.locator("#task-1")).to_contain_text("由我处理")
        assert asked == ["POST"]
    assert street.task().version == 2


@pytest.mark.parametrize(("address", "script"), [("/tasks", "tasks.js"), ("/tasks/1", "task.js")])
async def test_nothing_is_sent_by_scripts_before_the_pages_own_listens(
    street: Site, visit: Visit, address: str, script: str
) -> None:
    """While the page's script is on its way, its forms are plain ones, which always work."""
    street.press()
    goes_on = asyncio.Event()

    async def late(route: Route) -> None:
        await goes_on.wait()
        await route.continue_()

    async with visit("carer", address) as page:
        await page.route(f"**/js/{script}*", late)
        async with page.expect_request_finished(lambda request: "htmx" in request.url):
            await page.reload(wait_until="commit")
        await page.wait_for_timeout(BEGINS_MS)
        async with page.expect_request(lambda request: request.method == "POST") as sent:
            await page.locator("#task-1, #task-page").get_by_role("button", name="接单").click()
        assert (await sent.value).is_navigation_request()
        goes_on.set()
        await expect(page.locator(".holder")).to_contain_text("由我处理")
    assert street.task().version == 2


async def test_it_works_without_scripts(street: Site, visit: Visit) -> None:
    """The main way of a task with plain forms."""
    street.press()
    async with visit("carer", view=PHONE) as page:
        await page.route("**/*.js*", lambda route: route.abort())
        await page.goto("/tasks")
        await page.get_by_role("button", name="接单").click()
        await page.wait_for_url("**/tasks/1")
        await page.get_by_role("button", name="出发").click()
        await expect(page.locator(".detail-head .state")).to_contain_text("在路上")
        await page.get_by_role("button", name="到达").click()
        await page.get_by_role("link", name="办结").click()
        await expect(page.get_by_text("结果如何？")).to_be_in_viewport()


@pytest.mark.parametrize("view", [PHONE, DESK, WALL], ids=["phone", "desk", "wall"])
async def test_no_page_is_wider_than_its_window(street: Site, visit: Visit, view: View) -> None:
    """Nothing scrolls sideways, and all images and scripts of every page load."""
    street.press()
    street.open_cover()
    async with visit("administrator", view=view) as page:
        failed: list[str] = []
        page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        for path in ("/tasks", "/tasks?ended=true", "/tasks/1", "/map", "/devices", "/devices/new",
                     "/devices/dev-well-1-cover", "/gateways", "/gateways/gw-1", "/quarantine"):  # fmt: skip
            await page.goto(path)
            await page.wait_for_load_state("load")
            assert await wider_than_window(page) <= 0, path
        assert not failed


async def test_the_map_shows_what_is_the_matter(street: Site, visit: Visit) -> None:
    """A marker changes without reload and leads to the task."""
    async with visit("dispatcher", "/map") as page:
        await expect(page.locator(".marker.kind-home.status-alarm")).to_have_count(0)
        await expect(page.locator(".marker.kind-home")).to_have_count(2)
        street.press()
        await expect(page.locator(".marker.kind-home.status-alarm.waiting")).to_have_count(1)
        await page.locator(".marker.kind-home.status-alarm").click()
        await page.get_by_role("link", name="查看任务").click()
        await page.wait_for_url("**/tasks/1")


async def test_the_wall_shows_no_names(street: Site, visit: Visit) -> None:
    """Initials and the area only, also in what arrives live."""
    async with visit("wall", view=WALL) as page:
        await expect(page.locator(LIVE)).to_be_visible()
        street.press()
        await expect(page.locator("#task-1")).to_contain_text("王**")
        await page.reload()
        for word in ("王秀英", "阳光路"):
            assert word not in await page.content()
        await _sees_no_buttons(page)


async def _sees_no_buttons(page: Page) -> None:
    await expect(page.locator("#task-1 button")).to_have_count(0)


async def test_a_large_district_shows_areas_first_and_homes_from_near(
    street: Site, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs somebody is there at any distance; the rest are numbers until few are in sight."""
    street.press()
    monkeypatch.setattr(coarse, "MOST", 1)
    async with visit("dispatcher", "/map") as page:
        await expect(page.locator(".marker.kind-home.status-alarm")).to_have_count(1)
        await expect(page.locator(".area-total")).not_to_have_count(0)
        await expect(page.locator(".marker.status-ok, .marker.status-silent")).to_have_count(0)
        monkeypatch.setattr(coarse, "MOST", 3)
        await page.locator(".area-total").first.click()
        await expect(page.locator(".area-total")).to_have_count(0)
        await expect(page.locator(".marker.kind-home")).not_to_have_count(0)
