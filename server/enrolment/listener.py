"""Where gateways enrol and renew: a port with a certificate of our own authority, and nothing else on it.

It faces the open network, so it shares nothing with the pages: other routes, other socket, and every
connection has an end after some seconds, whatever it does.
"""

import asyncio
import socket
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.api import PREFIX, on_error
from server.clock import now
from server.enrolment import ca
from server.enrolment.desk import Desk
from server.enrolment.keys import write_private
from server.enrolment.routes import gateways
from server.errors import ServerError
from server.settings import ServerSettings

LIFE_S: Final = 20.0
MOST_CONNECTIONS: Final = 200
STOP_S: Final = 1


class _ShortLivedProtocol(H11Protocol):
    """uvicorn's HTTP, each connection of which ends by itself."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._end = self.loop.call_later(LIFE_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)


def create_app(desk: Desk) -> FastAPI:
    """The routes for gateways alone."""
    app = FastAPI(title="Sunwell enrolment", version="1", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.desk = desk
    app.include_router(gateways, prefix=PREFIX)
    app.add_exception_handler(ServerError, on_error)
    return app


async def serving(desk: Desk, settings: ServerSettings, opened: socket.socket) -> None:
    """Serves on this socket until cancelled. The certificate is made anew at each start."""
    host = settings.enrol_address.rpartition(":")[0]
    certificate, key = await asyncio.to_thread(_make_certificate, settings.effective_ca, desk, host)
    config = uvicorn.Config(
        create_app(desk),
        http=_ShortLivedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=STOP_S,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[opened])  # its `serve` would look ten times a second whether it should end
    try:
        await asyncio.Event().wait()
    finally:
        await server.shutdown(sockets=[opened])
        for connection in list(server.server_state.connections):
            connection.transport.abort()


def open_socket(settings: ServerSettings) -> socket.socket:
    """The listening socket. Raises OSError where the port is taken."""
    return socket.create_server((settings.enrol_host, settings.enrol_port or 0), backlog=128)


def _make_certificate(folder: Path, desk: Desk, host: str) -> tuple[Path, Path]:
    key = ca.new_key()
    certificate = ca.server_certificate(desk.keys.authority, key, names=[host.strip("[]")], now=now())
    files = {"listener.crt": ca.pem_of(certificate).encode(), "listener.key": ca.key_pem(key).encode()}
    write_private(folder, files)
    return folder / "listener.crt", folder / "listener.key"
