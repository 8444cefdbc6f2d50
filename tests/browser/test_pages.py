"""Every page for every role, in both languages; and who is turned away, how."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from server.db.database import Change
from server.tasks.states import TaskAction
from server.users.roles import Role
from server.users.viewer import Viewer
from server.web.rendering import LANGUAGE_COOKIE
from server.web.tasks import routes
from tests.browser.site import PASSWORD, PEOPLE, Site, site

PAGES = {
    "/tasks": set(PEOPLE),
    "/tasks?ended=true": set(PEOPLE),
    "/map": set(PEOPLE),
    "/map/places.json": set(PEOPLE),
    "/tasks/1": {"carer", "carer2", "dispatcher", "manager", "administrator", "wall"},
    "/tasks/1/chart.json": {"carer", "carer2", "dispatcher", "manager", "administrator", "wall"},
    "/tasks/2": {"dispatcher", "manager", "administrator", "maintenance", "wall"},
    "/devices": {"dispatcher", "manager", "administrator", "maintenance", "installer", "wall"},
    "/devices/dev-well-1-cover": {
        "dispatcher",
        "manager",
        "administrator",
        "maintenance",
        "installer",
        "wall",
    },
    "/profiles": {"dispatcher", "manager", "administrator", "maintenance", "installer", "wall"},
    "/profiles/dingtek-dc410?example=0": {
        "dispatcher",
        "manager",
        "administrator",
        "maintenance",
        "installer",
        "wall",
    },
    "/gateways": {"dispatcher", "manager", "administrator", "maintenance", "installer", "wall"},
    "/gateways/gw-1": {"dispatcher", "manager", "administrator", "maintenance", "installer", "wall"},
    "/devices/new": {"administrator", "maintenance", "installer"},
    "/playbooks": {"manager", "administrator"},
    "/playbooks/care/critical": {"manager", "administrator"},
    "/policies": {"manager", "administrator"},
    "/policies/messages": {"manager", "administrator"},
    "/notices": set(PEOPLE),
    "/rosters": {"carer", "carer2", "dispatcher", "manager", "administrator", "maintenance"},
    "/people": {"manager", "administrator"},
    "/people/new": {"manager", "administrator"},
    "/people/1": {"manager", "administrator"},
    "/me": set(PEOPLE),
    "/quarantine": {"administrator", "maintenance", "installer"},
}
"""Who sees what. Others get 403, or 404 for a task that is not their kind."""

ORIGIN = {"Origin": "http://site"}


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Site]:
    """The application with a press and an open cover."""
    async with site(tmp_path) as running:
        running.press()
        running.open_cover()
        yield running


@pytest.fixture
async def browser_of(street: Site) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's browser, not logged in."""
    transport = httpx.ASGITransport(street.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
        yield client


async def _log_in(client: httpx.AsyncClient, login: str) -> None:
    answer = await client.post("/login", data={"login": login, "password": PASSWORD}, headers=ORIGIN)
    assert answer.status_code == 303, answer.text


@pytest.mark.parametrize("login", PEOPLE)
async def test_each_role_sees_its_pages(browser_of: httpx.AsyncClient, login: str) -> None:
    await _log_in(browser_of, login)
    seen = {path for path in PAGES if (await browser_of.get(path)).status_code == 200}
    assert seen == {path for path, who in PAGES.items() if login in who}
    for path in set(PAGES) - seen:
        answer = await browser_of.get(path)
        assert answer.status_code == (404 if path.startswith("/tasks/") else 403)
        assert 'class="panel error-panel"' in answer.text


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_pages_need_no_inline_script_or_style(browser_of: httpx.AsyncClient, language: str) -> None:
    """The policy allows none, so one would silently not work."""
    await _log_in(browser_of, "administrator")
    await browser_of.post("/language", data={"to": language, "after": "/"}, headers=ORIGIN)
    for path in PAGES:
        answer = await browser_of.get(path)
        assert "default-src 'self'" in answer.headers["content-security-policy"], path
        assert "unsafe" not in answer.headers["content-security-policy"], path
        if path.endswith(".json"):
            continue
        assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in answer.text, path
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on", answer.text), path
        assert not re.search(r"<script(?![^>]*(src=|application/json))", answer.text), path


async def test_text_of_strangers_stays_text(browser_of: httpx.AsyncClient) -> None:
    await _log_in(browser_of, "administrator")
    page = (await browser_of.get("/gateways/gw-1")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_a_stranger_is_led_to_the_log_in_and_back(browser_of: httpx.AsyncClient) -> None:
    answer = await browser_of.get("/tasks/1?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/tasks/1%3Fx%3D1")
    fragment = await browser_of.get("/tasks", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.headers["hx-redirect"]) == (401, "/login")
    stream = await browser_of.get("/live/tasks", headers={"Accept": "text/event-stream"})
    assert stream.status_code == 401


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/\\evil.example", "evil"])
async def test_the_log_in_leads_nowhere_else(browser_of: httpx.AsyncClient, after: str) -> None:
    data = {"login": "carer", "password": PASSWORD, "after": after}
    answer = await browser_of.post("/login", data=data, headers=ORIGIN)
    assert answer.headers["location"] == "/"


async def test_a_wrong_password_is_said_and_slowed_down(browser_of: httpx.AsyncClient) -> None:
    wrong = {"login": "carer", "password": "wrong"}
    statuses = [(await browser_of.post("/login", data=wrong, headers=ORIGIN)).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


async def test_another_site_can_make_nobody_act(browser_of: httpx.AsyncClient, street: Site) -> None:
    await _log_in(browser_of, "carer")
    for headers in ({}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site", **ORIGIN}):
        answer = await browser_of.post("/tasks/1/acknowledge", headers=headers)
        assert answer.status_code == 403
    assert street.task().state == "new"


async def test_a_plain_form_moves_a_task(browser_of: httpx.AsyncClient, street: Site) -> None:
    await _log_in(browser_of, "carer")
    for _ in range(2):  # the second is a double tap
        answer = await browser_of.post("/tasks/1/acknowledge", headers=ORIGIN)
        assert (answer.status_code, answer.headers["location"]) == (303, "/tasks/1")
    assert street.task().version == 2
    answer = await browser_of.post("/tasks/1/resolve", headers=ORIGIN)
    assert answer.status_code == 422
    assert "请先选择结果" in answer.text
    assert street.task().state == "acknowledged"


async def test_a_lost_race_is_a_409_that_names_the_holder(browser_of: httpx.AsyncClient) -> None:
    await _log_in(browser_of, "carer2")
    await browser_of.post("/tasks/1/acknowledge", headers=ORIGIN)
    await browser_of.post("/logout", headers=ORIGIN)
    await _log_in(browser_of, "carer")
    answer = await browser_of.post("/tasks/1/acknowledge", headers=ORIGIN)
    assert answer.status_code == 409
    assert "周丽 已在" in answer.text
    answer = await browser_of.post("/tasks/1/depart", headers=ORIGIN)
    assert answer.status_code == 403
    assert "周丽 正在处理" in answer.text


async def test_a_recurrence_is_nobodys_to_post(browser_of: httpx.AsyncClient, street: Site) -> None:
    await _log_in(browser_of, "administrator")
    answer = await browser_of.post("/tasks/1/recur", headers=ORIGIN)
    assert answer.status_code == 422
    assert street.task().occurrences == 1


async def test_errors_are_pages_for_people_and_json_for_programs(browser_of: httpx.AsyncClient) -> None:
    await _log_in(browser_of, "carer")
    for path in ("/nowhere", "/tasks/abc", "/tasks/99", "/tasks/1/chart.json/x"):
        answer = await browser_of.get(path)
        assert answer.status_code == 404, path
        assert "找不到" in answer.text
    browser_of.cookies.set(LANGUAGE_COOKIE, "en")
    assert "Not found" in (await browser_of.get("/nowhere")).text
    assert (await browser_of.get("/api/v1/tasks/99")).headers["content-type"] == "application/json"


async def test_a_list_that_leaves_open_tasks_out_says_so(
    browser_of: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _log_in(browser_of, "dispatcher")
    monkeypatch.setattr(routes, "OPEN_AT_ONCE", 2)
    assert "这里列出最紧急的" not in (await browser_of.get("/tasks")).text
    monkeypatch.setattr(routes, "OPEN_AT_ONCE", 1)
    page = (await browser_of.get("/tasks")).text
    assert "共 2 个未结束的任务，这里列出最紧急的 1 个" in page
    assert page.count('id="task-') == 1
    assert 'id="task-1"' in page  # the fall, which is worse than the newer open cover
    assert (await browser_of.get("/tasks?every=true")).text.count('id="task-') == 2


async def test_a_device_is_registered_with_all_mistakes_at_once(
    browser_of: httpx.AsyncClient, street: Site
) -> None:
    await _log_in(browser_of, "installer")
    form = {"position_id": "bad id", "profile": "tuya-ts0215a-sos", "latitude": "123", "topic": "a/#"}
    answer = await browser_of.post("/devices/new", data=form, headers=ORIGIN)
    assert answer.status_code == 422
    wrong = set(re.findall(r'name="([a-z_]+)"[^>]*aria-invalid', answer.text))
    assert {"position_id", "position_name", "latitude"} <= wrong
    form |= {
        "position_id": "home-2-bed",
        "position_name": "床头",
        "area_id": "grid-1",
        "subject": "home-2|",
        "latitude": "31.28",
        "longitude": "121.55",
        "gateway_id": "gw-1",
        "topic": "zigbee2mqtt/0x01",
    }
    answer = await browser_of.post("/devices/new", data=form, headers=ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices/dev-home-2-bed?done=true")
    assert "home-2-bed" in (await browser_of.get("/devices")).text
    again = await browser_of.post("/devices/new", data=form | {"device_id": "other"}, headers=ORIGIN)
    assert again.status_code == 422
    assert "dev-home-2-bed" in again.text


async def test_one_change_makes_a_card_for_each_who_sees_it_differently(street: Site) -> None:
    """Made once for those who see the same, never shown to those who may see less."""
    cards = street.app.state.cards
    change = Change("task", "1", "opened")
    carer, other = Viewer(1, "李敏", Role.CARER), Viewer(2, "周丽", Role.CARER)
    mine = cards.card(change, carer, "zh")
    assert mine is cards.card(change, other, "zh")
    assert "王秀英" in mine
    assert "接单" in mine
    wall = cards.card(change, Viewer(8, "大屏", Role.WALL), "zh")
    assert "秀英" not in wall
    assert "<button" not in wall
    assert cards.card(change, Viewer(4, "孙伟", Role.MAINTENANCE), "zh") is None
    assert cards.card(change, carer, "zh", kind="public_health") is None
    street.act("carer", TaskAction.ACKNOWLEDGE)
    later = Change("task", "1", "acknowledge")
    assert "由我处理" in cards.card(later, carer, "zh")
    assert "李敏 处理中" in cards.card(later, other, "zh")
    assert cards.card(Change("task", "99", "opened"), carer, "zh") is None


@pytest.mark.parametrize("login", ["wall", "maintenance", "installer"])
async def test_masked_roles_never_get_a_residents_details(browser_of: httpx.AsyncClient, login: str) -> None:
    await _log_in(browser_of, login)
    assert PEOPLE[login][1] in (Role.WALL, Role.MAINTENANCE, Role.INSTALLER)
    for path in PAGES:
        page = (await browser_of.get(path)).text
        for secret in ("秀英", "桂兰", "1 号 101 室", "13800138000", "021-65430001", "听力差"):
            assert secret not in page or (login == "installer" and path == "/devices/new"), (path, secret)
