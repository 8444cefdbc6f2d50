"""Publishes what simulated devices say: in order, at QoS 1, and again after the broker was away."""

import asyncio
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Final, NamedTuple

import aiomqtt

MOST_WAITING: Final = 5_000
RETRY_S: Final = 0.5
AT_ONCE: Final = ((IPPROTO_TCP, TCP_NODELAY, 1),)
"""Without it a message may wait 40 ms for the acknowledgement of the one before."""


class Publication(NamedTuple):
    """A message to be published; `done` is set when the broker has it."""

    topic: str
    payload: bytes
    done: asyncio.Event | None = None


class Publisher:
    """One connection to a broker. Run it in a task; `say` from anywhere."""

    def __init__(
        self, host: str, port: int, username: str | None = None, password: str | None = None
    ) -> None:
        self._where = (host, port, username, password)
        self._waiting: asyncio.Queue[Publication] = asyncio.Queue(MOST_WAITING)
        self._stopped = False

    def stop(self) -> None:
        """Let `run` end at its next step. To be called before its task is cancelled: before Python 3.12 the
        time limit in aiomqtt's publish may swallow a cancellation that comes just as it succeeds."""
        self._stopped = True

    async def say(self, topic: str, payload: bytes) -> None:
        """Hand a message over; waits only when thousands are waiting already."""
        await self._waiting.put(Publication(topic, payload))

    async def say_and_wait(self, topic: str, payload: bytes) -> None:
        """Hand a message over and return when the broker has acknowledged it."""
        done = asyncio.Event()
        await self._waiting.put(Publication(topic, payload, done))
        await done.wait()

    async def run(self) -> None:
        """Publish until cancelled."""
        host, port, username, password = self._where
        current: Publication | None = None
        while not self._stopped:
            try:
                async with aiomqtt.Client(
                    host, port, username=username, password=password, socket_options=AT_ONCE
                ) as client:
                    while not self._stopped:
                        # Kept until the broker has it: what was cut off is said again.
                        current = current or await self._waiting.get()
                        await client.publish(current.topic, current.payload, qos=1)
                        if current.done is not None:
                            current.done.set()
                        current = None
            except aiomqtt.MqttError:
                await asyncio.sleep(RETRY_S)
