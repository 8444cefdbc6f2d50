"""A served Sunwell without brokers: pages, database and readings, alarms put in at the server's own door."""

import asyncio
import itertools
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from firmware_profiles import load_catalogue
from gateway.rules.model import Severity, TaskKind
from gateway.wire import AlarmMessage
from server.alarms import service as alarms
from server.alarms.texts import RuleTexts
from server.app import create_app
from server.clock import now, to_ms
from server.context import Context
from server.db.database import Database
from server.db.migrate import upgrade
from server.db.models import Area, Attachment, Contact, Device, Gateway, Position, Resident, Task, Well
from server.live.bus import Bus
from server.settings import ServerSettings
from server.tasks import service as tasks
from server.tasks.states import TaskAction
from server.timeseries.sqlite import SqliteStore
from server.timeseries.store import Point
from server.users import service as users
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.parts.seals import SEALS

PASSWORD = "sunwell-test"
PEOPLE = {
    "carer": ("李敏", Role.CARER),
    "carer2": ("周丽", Role.CARER),
    "dispatcher": ("王强", Role.DISPATCHER),
    "maintenance": ("孙伟", Role.MAINTENANCE),
    "installer": ("钱工", Role.INSTALLER),
    "administrator": ("赵刚", Role.ADMINISTRATOR),
    "manager": ("陈站长", Role.MANAGER),
    "wall": ("大屏", Role.WALL),
}
BUTTON, FALL, COVER = "home-1-bed", "home-2-bath", "well-1-cover"


@dataclass
class Site:
    """The running parts, and how to make something happen."""

    context: Context
    app: FastAPI
    url: str = ""
    group: asyncio.TaskGroup | None = None
    _server: uvicorn.Server | None = None
    _serving: "asyncio.Task[None] | None" = None
    _port: int = 0
    _sequence: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def start(self) -> None:
        """Listens; after a stop at the same address as before."""
        assert self.group is not None
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        config = uvicorn.Config(
            self.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]  # the runner's
        self._serving = self.group.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)

    def must_serve_here(self) -> None:
        """Raises RuntimeError where it serves on another event loop, which stands still while this one runs:
        no page would ever be answered."""
        if self._serving is None or self._serving.get_loop() is not asyncio.get_running_loop():
            raise RuntimeError(
                "the site is not on the browser's event loop: give its fixture and its test "
                'loop_scope="session"'
            )

    async def stop(self) -> None:
        """Stops listening; the parts stay as they are."""
        if self._server is None or self._serving is None:
            return
        self._server.should_exit = True
        await self._serving
        self._server = None

    def press(self, position: str = BUTTON, *, late: timedelta = timedelta(0), trusted: bool = True) -> None:
        """Somebody presses the button (or falls, at a fall sensor's position)."""
        rule = "sos" if position == BUTTON else "fall"
        self._record(position, rule, Severity.CRITICAL, TaskKind.CARE, late=late, trusted=trusted)

    def open_cover(self) -> None:
        """A well's cover is opened."""
        self._record(COVER, "cover_open", Severity.MAJOR, TaskKind.WELL, ends=True)

    def act(self, login: str, action: TaskAction, *, task_id: int = 1, outcome: str | None = None) -> None:
        """Somebody else acts on a task."""
        with self.context.database.write() as session:
            user = users.by_login(session, login)
            assert user is not None
            viewer = Viewer(user.id, user.name, Role(user.role))
            tasks.act(session, viewer, task_id, tasks.Act(action=action, outcome=outcome), now=now())

    def task(self, task_id: int = 1) -> Task:
        """The task as it is stored."""
        with self.context.database.read() as session:
            return session.get_one(Task, task_id)

    def tasks(self) -> int:
        """How many tasks there are."""
        with self.context.database.read() as session:
            return session.query(Task).count()

    def _record(
        self,
        position: str,
        rule: str,
        severity: Severity,
        kind: TaskKind,
        *,
        late: timedelta = timedelta(0),
        trusted: bool = True,
        ends: bool = False,
    ) -> None:
        moment = now()
        number = next(self._sequence)
        message = AlarmMessage(
            epoch="site",
            seq=number,
            event="occurred",
            breach=f"breach-{number}",
            position=position,
            device=f"dev-{position}",
            rule=rule,
            severity=severity,
            task_kind=kind,
            point="action" if rule == "sos" else None,
            value="emergency" if rule == "sos" else None,
            device_ms=to_ms(moment - late) - 300,
            gateway_ms=to_ms(moment - late) - 40,
            clock_trusted=trusted,
            ends=ends,
        )
        with self.context.database.write() as session:
            alarms.record(session, gateway_id="gw-1", message=message, now=moment)


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """The application with a small street, not listening."""
    path = folder / "site.db"
    await asyncio.to_thread(lambda: path.write_bytes(_peopled()))
    database = Database(f"sqlite:///{path}", seals=SEALS)
    catalogue = load_catalogue()
    store = SqliteStore(folder / "readings.db")
    bus = Bus(asyncio.get_running_loop())
    database.listeners.append(bus.publish)
    context = Context(
        settings=ServerSettings(data=folder),
        database=database,
        store=store,
        catalogue=catalogue,
        texts=RuleTexts(catalogue.values()),
        bus=bus,
    )
    _lay_street(database)
    await store.write(_readings())
    try:
        yield Site(context, create_app(context))
    finally:
        bus.close()
        await store.close()
        database.dispose()


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Site]:
    """The same, listening."""
    async with site(folder) as running, asyncio.TaskGroup() as group:
        running.group = group
        await running.start()
        try:
            yield running
        finally:
            await running.stop()


@cache
def _peopled() -> bytes:
    """A database that the migrations have built, with all people in it: made once, since hashing eight
    passwords takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peopled.db"
        database = Database(f"sqlite:///{path}", seals=SEALS)
        upgrade(database)
        with database.write() as session:
            for login, (name, role) in PEOPLE.items():
                users.add(session, login=login, name=name, role=role, password=PASSWORD, now=now())
        database.dispose()
        return path.read_bytes()


def _lay_street(database: Database) -> None:
    moment = now()
    with database.write() as session:
        session.add(Area(id="grid-1", kind="grid", name="第一网格"))
        session.flush()
        session.add(
            Gateway(
                id="gw-1",
                area_id="grid-1",
                name="一号网关",
                created_at=moment,
                online=True,
                seen_at=moment,
                health={
                    "at_ms": to_ms(moment),
                    "uptime_s": 90_000.0,
                    "drivers": [{"name": "mqtt", "running": True, "restarts": 0, "readings": 7, "errors": 1}],
                    "troubles": [
                        {
                            "source": "zigbee2mqtt/stranger",
                            "reason": "unknown_device",
                            "detail": "<script>alert(1)</script>",
                            "count": 3,
                            "last_ms": to_ms(moment),
                        }
                    ],
                },
            )
        )
        for number in (1, 2):
            session.add(
                Resident(
                    id=f"home-{number}",
                    area_id="grid-1",
                    name=("王秀英", "张桂兰")[number - 1],
                    born=1940,
                    address=f"阳光路 {number} 号 101 室",
                    access="门卫处有钥匙",
                    phone="021-65430001",
                    notes="听力差",
                    risk="high",
                    latitude=31.285 + number * 0.0003,
                    longitude=121.556,
                )
            )
        session.flush()
        for number in (1, 2):
            session.add(
                Contact(
                    resident_id=f"home-{number}",
                    rank=1,
                    relation="family",
                    name="女儿",
                    phone="13800138000",
                )
            )
        session.add(
            Well(
                id="well-1",
                area_id="grid-1",
                name="雨水井 1",
                address="阳光路 1 号门前",
                latitude=31.2851,
                longitude=121.5563,
            )
        )
        session.flush()
        for position, name, profile, resident, well in (
            (BUTTON, "床头", "tuya-ts0215a-sos", "home-1", None),
            (FALL, "卫生间", "owon-fds315", "home-2", None),
            (COVER, "井内", "dingtek-dc410", None, "well-1"),
        ):
            session.add(
                Position(
                    id=position,
                    area_id="grid-1",
                    name=name,
                    resident_id=resident,
                    well_id=well,
                    created_at=moment,
                )
            )
            session.flush()
            session.add(
                Device(
                    id=f"dev-{position}",
                    gateway_id="gw-1",
                    profile=profile,
                    driver="mqtt",
                    address={"topic": f"zigbee2mqtt/{position}"},
                    created_at=moment,
                )
            )
            session.flush()
            session.add(Attachment(position_id=position, device_id=f"dev-{position}", since=moment))


def _readings() -> list[Point]:
    start = to_ms(now()) - 600_000
    points = []
    for step in range(60):
        well: dict[str, float | str] = {"tilt": 2.0 + step % 3, "cover_open": 0.0}
        button: dict[str, float | str] = {"battery": 88.0}
        for family, position, fields in (("button", BUTTON, button), ("well", COVER, well)):
            points.append(
                Point(
                    family=family,
                    area="grid-1",
                    position=position,
                    device=f"dev-{position}",
                    gateway="gw-1",
                    time_ms=start + step * 10_000,
                    fields=fields,
                )
            )
    return points
