"""Fixtures of the browser tests: a served site, and pages of people who are logged in."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.site import PASSWORD, Site, served
from tests.parts.browser import DESK, View, page_of

Visit = Callable[..., AbstractAsyncContextManager[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def street(tmp_path: Path) -> AsyncIterator[Site]:
    """A served site with a small street, on the browser's event loop."""
    async with served(tmp_path) as running:
        yield running


@pytest.fixture
def visit(browser: Browser, street: Site) -> Visit:
    """`async with visit("carer", "/tasks") as page`: somebody who is logged in, at a path."""

    @asynccontextmanager
    async def visiting(login: str, path: str = "/tasks", *, view: View = DESK) -> AsyncIterator[Page]:
        street.must_serve_here()
        async with page_of(browser, view, base_url=street.url) as page:
            refused: list[str] = []
            page.on(
                "console", lambda line: refused.append(line.text) if "Content Security" in line.text else None
            )
            await page.goto(f"/login?next={path}")
            await page.fill("[name=login]", login)
            await page.fill("[name=password]", PASSWORD)
            await page.click("form.panel button")
            await page.wait_for_url(f"**{path}")
            yield page
            assert not refused, refused

    return visiting
