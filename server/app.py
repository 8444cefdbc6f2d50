"""One server process: its parts built, its loops run, its stop in order.

`create_app` makes the web application around a context; `Server` opens the stores, runs the broker links,
the watch over gateways and the web server in one task group, and closes everything within 5 s.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from firmware_profiles import Catalogue, load_catalogue
from server import api, sweeps, web
from server.alarms.texts import RuleTexts
from server.context import Context
from server.coverage.watch import Watch
from server.db.database import Database
from server.db.migrate import upgrade
from server.db.opening import check_seals, open_database
from server.dispatch.loops import Dispatch
from server.enrolment import listener
from server.enrolment.broker import BrokerRights
from server.enrolment.desk import Desk
from server.found.catalogue import take_up
from server.ingest.link import Link
from server.live.bus import Bus
from server.live.relay import Relay
from server.settings import ServerSettings, read_secret
from server.supervision import survived
from server.timeseries.opening import open_store
from server.wells.watch import Watch as WellWatch

STOP_S: Final = 3
AGAIN_S: Final = 0.2


def create_app(context: Context, *, extend: Callable[[FastAPI], None] | None = None) -> FastAPI:
    """The web application: the API and the pages. `extend` may add routes (the demo does)."""
    app = FastAPI(
        title="Sunwell", version="1", openapi_url="/api/openapi.json", docs_url=None, redoc_url=None
    )
    app.state.context = context
    app.state.link_connected = asyncio.Event()
    app.state.desk = Desk(context)
    api.mount(app)
    web.mount(app)
    if extend is not None:
        extend(app)
    return app


class _WebServer(uvicorn.Server):
    """Signals are the command's business, not the web server's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """A running server. `async with server.running():`; `url` is where it listens."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        demo: bool = False,
        extend: Callable[[FastAPI], None] | None = None,
    ) -> None:
        self._settings = settings
        self._demo = demo
        self._extend = extend
        self._socket: socket.socket | None = None
        self._enrol_socket: socket.socket | None = None
        self.context: Context
        self.app: FastAPI
        self.link: Link

    @property
    def url(self) -> str:
        """The address of the pages."""
        assert self._socket is not None
        host, port = self._socket.getsockname()[:2]
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - shown, not bound

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        """Opens, serves, and closes again."""
        async with AsyncExitStack() as stack:
            await self._open(stack)
            async with asyncio.TaskGroup() as group:
                loops = [
                    group.create_task(self.link.run(), name="link"),
                    group.create_task(sweeps.run(self.context), name="sweeps"),
                    group.create_task(Dispatch(self.context).run(), name="dispatch"),
                    group.create_task(Watch(self.context).run(), name="coverage"),
                    group.create_task(WellWatch(self.context).run(), name="wells"),
                    group.create_task(self._follow_profiles(), name="profiles"),
                ]
                if not self.context.database.is_sqlite:
                    relay = Relay(self.context.database)
                    self.context.database.listeners.append(relay.tell)
                    loops.append(group.create_task(relay.run(self.context.bus.publish), name="relay"))
                desk: Desk = self.app.state.desk
                if desk.rights is not None:
                    loops.append(group.create_task(desk.rights.run(), name="broker-rights"))
                if self._enrol_socket is not None:
                    enrolling = listener.serving(desk, self._settings, self._enrol_socket)
                    loops.append(group.create_task(enrolling, name="enrolment"))
                web_server = self._web_server()
                serving = group.create_task(
                    web_server.serve(sockets=[self._socket] if self._socket else None), name="web"
                )
                try:
                    yield self
                finally:
                    self.context.bus.close()
                    web_server.should_exit = True
                    await serving
                    await _ended(loops)

    def silent_loops(self) -> tuple[str, ...]:
        """The loops that do not get round any more, though nobody is told without them."""
        return self.context.pulse.silent()

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        settings.data.mkdir(parents=True, exist_ok=True)
        catalogue = load_all_profiles(settings)
        database = open_database(settings)
        stack.callback(database.dispose)
        await asyncio.to_thread(upgrade, database)
        await asyncio.to_thread(check_seals, database)
        await asyncio.to_thread(_take_up, database, catalogue)
        store = open_store(
            settings.effective_timeseries,
            org=settings.influx_org,
            token=read_secret(settings.influx_token_file) or "",
        )
        stack.push_async_callback(store.close)
        bus = Bus(asyncio.get_running_loop())
        database.listeners.append(bus.publish)
        self.context = Context(
            settings=settings,
            database=database,
            store=store,
            catalogue=catalogue,
            texts=RuleTexts(catalogue.values()),
            bus=bus,
            demo=self._demo,
        )
        self.app = create_app(self.context, extend=self._extend)
        self.link = Link(self.context)
        self.app.state.link_connected = self.link.connected
        self._socket = socket.create_server((settings.http_host, settings.http_port), backlog=256)
        stack.callback(self._socket.close)
        if settings.enrols:
            await self._open_enrolment(stack)

    async def _open_enrolment(self, stack: AsyncExitStack) -> None:
        desk: Desk = self.app.state.desk
        keys = await asyncio.to_thread(lambda: desk.keys)
        desk.rights = BrokerRights(self.context, keys)
        if self._settings.enrol_port is not None:
            self._enrol_socket = listener.open_socket(self._settings)
            stack.callback(self._enrol_socket.close)

    def _web_server(self) -> uvicorn.Server:
        config = uvicorn.Config(
            self.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_S,
            proxy_headers=True,
        )
        return _WebServer(config)

    async def _follow_profiles(self) -> None:
        """Take up the profiles that were adopted at another server."""
        with self.context.bus.subscribe() as changes:
            async for change in changes:
                if change.kind not in ("profile", "resync"):
                    continue
                with survived("profiles_not_read"):
                    await asyncio.to_thread(_take_up, self.context.database, self.context.catalogue)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """Cancels until all have ended: before Python 3.12 a wait with a time limit, as in aiomqtt's publish, may
    swallow a cancellation that comes just as it succeeds."""
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=AGAIN_S)


def load_all_profiles(settings: ServerSettings) -> Catalogue:
    """The packaged profiles, and those of your own folder beside them; those made for found devices come from
    the database. Raises ProfileErrors."""
    catalogue = load_catalogue()
    if settings.profiles is None:
        return Catalogue(catalogue)
    return Catalogue({**catalogue, **load_catalogue(settings.profiles)})


def _take_up(database: Database, catalogue: Catalogue) -> None:
    with database.read() as session:
        take_up(session, catalogue)
