"""Chromium, driven by Playwright, as the people who use the pages see them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests.parts.processes import REPOSITORY, find_program

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
RESULTS = REPOSITORY / "test-results"


@dataclass(frozen=True)
class View:
    """The window of a kind of user. Sizes in CSS pixels."""

    width: int
    height: int
    scale: float = 1.0
    touch: bool = False


PHONE = View(390, 844, scale=2.0, touch=True)
DESK = View(1440, 900)
WALL = View(1920, 1080)


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """A headless Chromium. Raises PartMissingError."""
    program = find_program("chromium", package="chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def page_of(
    browser: Browser, view: View = DESK, *, base_url: str | None = None, language: str = "zh-CN"
) -> AsyncIterator[Page]:
    """A page with cookies of its own, in Shanghai's time. Its script errors fail the test at the end."""
    errors: list[str] = []
    context = await browser.new_context(
        viewport={"width": view.width, "height": view.height},
        device_scale_factor=view.scale,
        is_mobile=view.touch,
        has_touch=view.touch,
        locale=language,
        timezone_id="Asia/Shanghai",
        base_url=base_url,
    )
    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    finally:
        await context.close()
    if errors:
        raise AssertionError("the page's scripts failed: " + "; ".join(errors))


async def screenshot(page: Page, name: str) -> Path:
    """A picture of the window in test-results/NAME.png."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.png"
    await page.screenshot(path=path)
    return path


async def wider_than_window(page: Page) -> float:
    """By how many CSS pixels the page is wider than its window; more than 0 scrolls sideways on a phone."""
    return float(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
