"""Readings that show a commissioning test: looked for only while one runs, in the frames that were stored."""

from time import monotonic
from typing import Final

from gateway.wire import DataReading
from server.clock import from_ms, now
from server.commissioning import repository, witness
from server.context import Context
from server.db.models import CommissioningTest

FRESH_S: Final = 1.0
"""How old the list of running tests may be: it costs one small query a second while readings come."""


class Witnesses:
    """Knows which devices are being tested, and takes down what their readings show."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tests: dict[tuple[str, str], int] = {}
        self._loaded_at = -FRESH_S

    def due(self) -> bool:
        """Whether the list has to be read again."""
        return monotonic() - self._loaded_at >= FRESH_S

    def load(self) -> None:
        """Reads which tests run. Blocks."""
        self._loaded_at = monotonic()
        with self._context.database.read() as session:
            self._tests = {
                (test.position_id, test.device_id): test.id
                for test in repository.all_running(session, now=now())
            }

    def wants(self, reading: DataReading) -> bool:
        """Whether this reading is of a device that is being tested, and can be believed."""
        return bool(self._tests) and (reading.p, reading.d) in self._tests and reading.q == "good"

    def keep(self, readings: list[tuple[DataReading, int]]) -> None:
        """Takes down readings with their times (UTC milliseconds). Blocks."""
        with self._context.database.write() as session:
            for reading, time_ms in sorted(readings, key=lambda one: one[1]):
                test_id = self._tests[reading.p, reading.d]
                test = session.get(CommissioningTest, test_id, with_for_update=True)
                if test is not None:
                    values = {name: value for name, value in reading.v.items() if name not in reading.s}
                    witness.read(session, test, values=values, at=from_ms(time_ms), now=now())
