"""The server's connection to its broker, and keeping it: again and again, after a growing, jittered wait."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from server.clock import now
from server.settings import ServerSettings, read_secret
from server.supervision import survived

log = structlog.get_logger(__name__)
FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 10.0
QUEUE: Final = 2_000
RECEIVE_MAXIMUM: Final = 65_535
"""Mosquitto's default queue silently drops what a slower consumer has not taken; this lifts it."""


async def kept_connected(name: str, connect: Callable[[], Awaitable[None]]) -> None:
    """Runs `connect` again whenever its connection ends. Runs until cancelled."""
    wait = FIRST_WAIT_S
    while True:
        started = now()
        with survived("broker_connection_failed", connection=name):
            try:
                await connect()
            except aiomqtt.MqttError as error:
                if (now() - started).total_seconds() > LONGEST_WAIT_S:
                    wait = FIRST_WAIT_S
                level = log.warning if wait == FIRST_WAIT_S else log.debug
                level("broker_lost", connection=name, error=str(error)[:200])
        await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
        wait = min(wait * 2, LONGEST_WAIT_S)


@asynccontextmanager
async def broker_client(settings: ServerSettings, name: str) -> AsyncIterator[aiomqtt.Client]:
    """A connected client of the server's user. Raises MqttError."""
    v5 = settings.mqtt_version == "5"
    properties = None
    if v5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # the library's
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
    tls = aiomqtt.TLSParameters(ca_certs=str(settings.mqtt_ca_file)) if settings.mqtt_ca_file else None
    async with aiomqtt.Client(
        settings.mqtt_host,
        settings.mqtt_port,
        identifier=f"server-{name}-{uuid4().hex[:12]}",
        username=settings.mqtt_user,
        password=read_secret(settings.mqtt_password_file),
        protocol=aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311,
        clean_session=None if v5 else True,
        properties=properties,
        max_queued_incoming_messages=QUEUE,
        tls_params=tls,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        timeout=10,
    ) as client:
        yield client
