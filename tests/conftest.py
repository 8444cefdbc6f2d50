"""What all tests share: the real parts as fixtures, and a check that a test leaves nothing running."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio
from playwright.async_api import Browser
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from firmware_profiles import load
from firmware_profiles.problems import Problem
from firmware_profiles.schema import Profile
from server.users import service as users
from tests.e2e.settled import settled, settled_demo, settled_template
from tests.parts.browser import running_browser
from tests.parts.influx import Bucket, Influx, running_influx
from tests.parts.mosquitto import Mosquitto, running_mosquitto
from tests.parts.postgres import Postgres, running_postgres
from tests.parts.presence import missing, part_or_skip
from tests.parts.processes import PartMissingError
from tests.parts.processes import free_port as a_free_port

hypothesis.settings.register_profile("sunwell", deadline=None)  # how long a case takes is the machine's
hypothesis.settings.load_profile("sunwell")

__all__ = ["settled", "settled_demo", "settled_template"]
MARKS = {
    "mosquitto": "real",
    "device_broker": "real",
    "postgres": "real",
    "pg_url": "real",
    "influx": "real",
    "influx_bucket": "real",
    "browser": "browser",
}
"""A test that asks for one of these fixtures is marked so."""

LIBRARY_THREADS = ("asyncio_", "ThreadPoolExecutor-", "AnyIO worker")
"""Pools that end with their event loop, later than a test's own teardown."""


_read = load.read_profile
_read_packaged = cache(_read)


def _read_once(path: Path) -> tuple[Profile | None, tuple[Problem, ...]]:
    return (_read_packaged if path.is_relative_to(load.MODELS) else _read)(path)


load.read_profile = _read_once
"""The packaged profiles never change, and dozens of test modules and all that is started here load them."""


FIRST = ("chaos", "e2e", "browser", "contract", "powercut")
"""The order of the folders: whole systems wait long and come in few large files, so that begun last they
would leave the other workers idle. Files of unit tests fill the gaps at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by the parts they ask for, and put those first that take longest."""
    tests = config.rootpath / "tests"
    ranks = {tests / folder: rank for rank, folder in enumerate(FIRST)}

    def rank(item: pytest.Item) -> int:
        return min((ranks[folder] for folder in item.path.parents if folder in ranks), default=len(FIRST))

    items.sort(key=rank)
    for item in items:
        names = getattr(item, "fixturenames", ())
        for name in names:
            if name in MARKS:
                item.add_marker(MARKS[name])
        if "browser" in names:  # it belongs to one event loop, which these tests share
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: the garbage collector need not walk over them, which took
    a sixth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def production_hasher() -> Iterator[PasswordHash]:
    """How passwords are hashed in production. Tests add people by the hundred: in this process they are
    hashed by Argon2 at its cheapest, which any process of Sunwell can verify."""
    cheapest = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    with pytest.MonkeyPatch.context() as patch:
        hasher = users._hasher
        patch.setattr(users, "_hasher", cheapest)
        yield hasher


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Mosquitto]:
    """A Mosquitto with the users of tests.parts.mosquitto.USERS. A test that kills it starts it again."""
    with part_or_skip(running_mosquitto) as part:
        yield part


@pytest.fixture(scope="session")
def device_broker() -> Iterator[Mosquitto]:
    """A Mosquitto as it stands beside a gateway, for its devices."""
    with part_or_skip(lambda: running_mosquitto(beside_gateway=True)) as part:
        yield part


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with part_or_skip(running_postgres) as part:
        yield part


@pytest.fixture(scope="session")
def influx() -> Iterator[Influx]:
    """An InfluxDB 1.6 that takes version 2's writes."""
    with part_or_skip(running_influx) as part:
        yield part


@pytest.fixture
def pg_url(postgres: Postgres) -> Iterator[str]:
    """The address of an empty PostgreSQL database of this test's own."""
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def influx_bucket(influx: Influx) -> Iterator[Bucket]:
    """An empty InfluxDB database of this test's own."""
    bucket = influx.create()
    yield bucket
    influx.drop(bucket)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium; open pages with tests.parts.browser.page_of, which share nothing. A site that a
    page is served by in the same process runs on the same event loop: `loop_scope="session"`."""
    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(running_browser())
        except PartMissingError as error:
            missing(error)
        yield running


@pytest.fixture
def free_port() -> int:
    """A TCP port that nobody listens on now."""
    return a_free_port()


async def _tasks_end() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    for _ in range(5):  # a task that was just cancelled or awaited needs a turn or two to end
        await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    if left:
        pytest.fail("the test left tasks running: " + ", ".join(str(task) for task in left), pytrace=False)


_no_task_left = pytest_asyncio.fixture(_tasks_end, name="_no_task_left")
_no_task_left_in_session = pytest_asyncio.fixture(
    _tasks_end, loop_scope="session", name="_no_task_left_in_session"
)


@pytest.fixture(autouse=True)
def nothing_left_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves an asyncio task or a thread that would keep the program from ending."""
    before = set(threading.enumerate())
    if (marker := request.node.get_closest_marker("asyncio")) is not None:
        shared = marker.kwargs.get("loop_scope") == "session"
        request.getfixturevalue("_no_task_left_in_session" if shared else "_no_task_left")
    yield
    left = []
    for thread in threading.enumerate():
        if thread in before or thread.daemon or thread.name.startswith(LIBRARY_THREADS):
            continue
        thread.join(1.0)
        if thread.is_alive():
            left.append(thread.name)
    if left:
        pytest.fail("the test left threads running: " + ", ".join(left), pytrace=False)
