"""A carer's open page: the log-in, and the stream of cards as the browser reads it."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

_VERSION = re.compile(r'data-version="(\d+)"')
_WHAT = re.compile(r'data-what="([^"]*)"')
_NAME = re.compile(r"<b>([^<]+)</b>")


@dataclass(frozen=True, slots=True)
class Card:
    """One `task` event: whose task, its version, what happened, and when its last byte was read
    (`perf_counter` seconds)."""

    name: str
    version: int
    what: str
    at: float


@dataclass(slots=True)
class Page:
    """An open stream. Events that are no cards are counted in `others`, by name."""

    response: aiohttp.ClientResponse
    others: dict[str, int] = field(default_factory=dict)

    async def cards(self) -> AsyncIterator[Card]:
        """Cards as they come, until the stream ends."""
        async for name, data, at in self.events():
            if name != "task":
                self.others[name] = self.others.get(name, 0) + 1
                continue
            who, version, what = _NAME.search(data), _VERSION.search(data), _WHAT.search(data)
            if who is None or version is None or what is None:
                raise ValueError(f"a card without name, version or what happened: {data[:200]}")
            yield Card(who[1], int(version[1]), what[1], at)

    async def events(self) -> AsyncIterator[tuple[str, str, float]]:
        """Name, data and time of each event."""
        name, data = "", []
        async for line in self.response.content:
            if line != b"\n":
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    data.append(value)
                continue
            at = time.perf_counter()
            if name:
                yield name, "\n".join(data), at
            name, data = "", []


@asynccontextmanager
async def open_page(url: str, login: str, password: str) -> AsyncIterator[Page]:
    """A page whose stream the server has begun to serve, in Chinese as for most of its readers."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of a numeric address
    async with aiohttp.ClientSession(url, cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=None)) as http:
        form = {"login": login, "password": password}
        async with http.post("/login", data=form, headers={"Origin": url}, allow_redirects=False) as answer:
            assert answer.status == 303, f"the log-in was refused: {answer.status}"
        async with http.get("/live/tasks") as response:
            assert response.status == 200, f"no stream: {response.status}"
            page = Page(response)
            async for name, _, _ in page.events():
                if name == "hello":
                    break
            yield page
