"""Templates and what they all know: the words, the paths by route name, the navigation, who is looking."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, cast

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette

from server.clock import now
from server.users.viewer import Viewer
from server.web import formats, i18n
from server.web.navigation import Entry, allowed

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"
LANGUAGE_COOKIE: Final = "sunwell_language"
_MARK: Final = 90_071_992_547_409_910


@dataclass(frozen=True, slots=True)
class Pages:
    """What rendering needs beside a page's own values; kept as `app.state.pages`."""

    environment: Environment
    navigation: tuple[Entry, ...]
    versions: Mapping[str, str]


def templates(extra_folders: Sequence[Path] = ()) -> Environment:
    """The template environment. Templates of `extra_folders` may extend ours ("layout.html")."""
    environment = Environment(
        loader=FileSystemLoader([FOLDER / "templates", *extra_folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        clock=formats.clock,
        when=formats.when,
        moment=datetime.fromisoformat,
        gap=formats.gap,
        number=formats.number,
        unit=formats.unit,
        ms=formats.milliseconds,
    )
    return environment


def static_versions() -> dict[str, str]:
    """A short hash of each of our own static files, so that a new one is fetched at once."""
    return {
        str(path.relative_to(STATIC)): hashlib.sha256(path.read_bytes()).hexdigest()[:10]
        for path in STATIC.rglob("*")
        if path.is_file()
    }


def language_of(request: Request, viewer: Viewer | None) -> str:
    """The person's language; before the log-in the one chosen here, or the browser's."""
    if viewer is not None and viewer.language in i18n.TABLES:
        return viewer.language
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in i18n.TABLES:
        return chosen
    accepted = request.headers.get("accept-language", "").lower()
    return "en" if accepted.startswith("en") else i18n.DEFAULT


def is_fragment(request: Request) -> bool:
    """Whether the page's own script asks for a part of it."""
    return request.headers.get("HX-Request") == "true"


def text(app: Starlette, template: str, language: str, viewer: Viewer | None, **values: Any) -> str:
    """A rendered template."""
    pages = cast("Pages", app.state.pages)
    known = {
        "t": partial(i18n.say, language),
        "span": partial(formats.span, language),
        "path": partial(path_of, app),
        "asset": partial(_asset, app, pages.versions),
        "language": language,
        "viewer": viewer,
        "navigation": allowed(pages.navigation, viewer) if viewer else None,
        "knows": i18n.knows,
        "now": now(),
        "here": "",
    }
    return pages.environment.get_template(template).render(known | values)


def render(
    request: Request, template: str, viewer: Viewer | None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """A page, or a part of one, for this person. `here` is the route name to mark in the navigation."""
    language = language_of(request, viewer)
    body = text(request.app, template, language, viewer, request=request, **values)
    return HTMLResponse(body, status, headers={"Cache-Control": "no-store", "Vary": "HX-Request, Cookie"})


def path_of(app: Starlette, name: str, **parameters: Any) -> str:
    """The address of the route `name`. Lists ask for hundreds, and each answer of the application's own asks
    every route there is: it is asked once for each route, and its answer filled in."""
    written = {key: str(value) for key, value in parameters.items()}
    if any(not value or "/" in value for value in written.values()):
        return _exact(app, name, **parameters)
    return _form(app, name, tuple(written)).format_map(written)


@lru_cache(maxsize=1024)
def _exact(app: Starlette, name: str, **parameters: Any) -> str:
    return str(app.url_path_for(name, **parameters))


@lru_cache(maxsize=1024)
def _form(app: Starlette, name: str, keys: tuple[str, ...]) -> str:
    """The address with its parameters in braces. They are asked for as figures, which every kind of parameter
    takes, and such as no address has."""
    marks = {key: str(_MARK + number) for number, key in enumerate(keys)}
    address = str(app.url_path_for(name, **marks)).replace("{", "{{").replace("}", "}}")
    for key, mark in marks.items():
        address = address.replace(mark, f"{{{key}}}")
    return address


def _asset(app: Starlette, versions: Mapping[str, str], name: str) -> str:
    address = path_of(app, "static", path=name)
    # A module that is also imported by another must have one address, or it would run twice.
    return address if name.startswith("js/") else f"{address}?v={versions.get(name, '')}"
