"""Addresses of routes: filled in, not asked for each time."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import Mount, NoMatchFound
from starlette.staticfiles import StaticFiles

from server.web.rendering import path_of

ADDRESSES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("devices", {"device_id": "d-1"}, "/devices/d-1"),
    ("devices", {"device_id": "门 {1} %2F"}, "/devices/门 {1} %2F"),
    ("shift", {"shift_id": 7, "answer": "yes"}, "/shifts/7/yes"),
    ("shift", {"answer": "no", "shift_id": 70}, "/shifts/70/no"),
    ("list", {}, "/list"),
    ("static", {"path": "js/app.js"}, "/static/js/app.js"),
    ("static", {"path": "app.css"}, "/static/app.css"),
)


def test_an_address_is_the_one_that_the_application_gives() -> None:
    app = _app()
    for name, parameters, address in ADDRESSES:
        assert str(app.url_path_for(name, **parameters)) == address
        assert path_of(app, name, **parameters) == address


def test_the_application_is_asked_once_for_each_route(monkeypatch: pytest.MonkeyPatch) -> None:
    app = _app()
    asked: list[str] = []
    known = app.url_path_for

    def counted(name: str, /, **parameters: Any) -> Any:
        asked.append(name)
        return known(name, **parameters)

    monkeypatch.setattr(app, "url_path_for", counted)
    assert [path_of(app, "devices", device_id=f"d-{number}") for number in range(50)][49] == "/devices/d-49"
    assert asked == ["devices"]


def test_what_no_address_can_hold_is_refused_as_before() -> None:
    app = _app()
    for device_id in ("a/b", ""):
        with pytest.raises(AssertionError):
            path_of(app, "devices", device_id=device_id)
    with pytest.raises(NoMatchFound):
        path_of(app, "devices", id="d-1")


def _app() -> FastAPI:
    router = APIRouter()

    @router.get("/devices/{device_id}", name="devices")
    def device(device_id: str) -> None: ...

    @router.get("/shifts/{shift_id:int}/{answer}", name="shift")
    def shift(shift_id: int, answer: str) -> None: ...

    @router.get("/list", name="list")
    def listed() -> None: ...

    app = FastAPI(routes=[Mount("/static", StaticFiles(directory="."), name="static")])
    app.include_router(router)
    return app
