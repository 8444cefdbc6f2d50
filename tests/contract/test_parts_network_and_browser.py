"""The bad network and the browser that tests use do what their names say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser

from sunwell.simulate.network import Proxy
from tests.parts.browser import PHONE, page_of, screenshot, wider_than_window

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """The port of a server that sends back what it gets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1000):
                writer.write(chunk)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for _ in range(3):
            await asyncio.sleep(0)


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def read_or_reset(reader: asyncio.StreamReader) -> bytes:
    """One byte, or none when the connection ended; which way it ended is the kernel's timing."""
    try:
        return await reader.read(1)
    except ConnectionError:
        return b""


async def test_the_proxy_passes_bytes_on() -> None:
    async with echo() as target, Proxy(target) as proxy, connection(proxy.port) as (reader, writer):
        writer.write(b"press")
        assert await reader.readexactly(5) == b"press"
        assert proxy.connections == 1


async def test_the_proxy_swallows_bytes_while_the_connection_stays_open() -> None:
    async with echo() as target, Proxy(target) as proxy, connection(proxy.port) as (reader, writer):
        proxy.drop = True
        writer.write(b"lost")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(1)
        proxy.drop = False
        writer.write(b"kept")
        assert await reader.readexactly(4) == b"kept"


async def test_a_cut_breaks_connections_and_refuses_new_ones_until_restored() -> None:
    async with echo() as target, Proxy(target) as proxy:
        port = proxy.port
        async with connection(port) as (reader, _):
            await proxy.cut()
            assert await read_or_reset(reader) == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await proxy.restore()
        assert proxy.port == port
        async with connection(port) as (reader, writer):
            writer.write(b"back")
            assert await reader.readexactly(4) == b"back"


async def test_the_browser_shows_chinese_on_a_phone(browser: Browser) -> None:
    async with page_of(browser, PHONE) as page:
        await page.set_content("<meta name=viewport content='width=device-width'><h1>阳光之家</h1>")
        assert await page.inner_text("h1") == "阳光之家"
        assert await page.evaluate("window.innerWidth") == PHONE.width
        assert await wider_than_window(page) == 0
        assert (await screenshot(page, "parts-phone")).stat().st_size > 1000


async def test_a_script_error_on_a_page_fails_the_test(browser: Browser) -> None:
    with pytest.raises(AssertionError, match="not a function"):
        async with page_of(browser) as page:
            await page.set_content("<script>document.nothing()</script>")
