"""The brokers of whole systems, apart from those of other tests: there are gateways of the same names there,
and what a broker retains of one would reach the other."""

from collections.abc import Iterator

import pytest

from tests.parts.mosquitto import Mosquitto, running_mosquitto
from tests.parts.presence import part_or_skip


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Mosquitto]:
    """Between gateways and server. A test that kills it starts it again."""
    with part_or_skip(running_mosquitto) as part:
        yield part


@pytest.fixture(scope="session")
def device_broker() -> Iterator[Mosquitto]:
    """Beside a gateway, for its devices."""
    with part_or_skip(lambda: running_mosquitto(beside_gateway=True)) as part:
        yield part
