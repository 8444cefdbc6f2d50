"""The server's three connections to the broker: alarms, frames, and everything else.

Alarms have one of their own, and all acknowledgements go out by it: with each new connection come the
retained states of all gateways, and each may want its whole document. One loop takes the alarms, one after
the other. All reconnect by themselves with a growing, jittered wait. MQTT's own acknowledgements are not
relied on: what is not stored is not acknowledged, and its gateway sends it again.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import aiomqtt
from sqlalchemy import select

from gateway.wire import AckMessage, Channel, CommandMessage, Message, WireError, encode, parse_topic, topic
from server.clock import now
from server.commands import service as commands
from server.context import Context
from server.db.database import Change
from server.db.models import Gateway
from server.gateways import desired
from server.ingest import handlers
from server.ingest.condition import ConditionWriter
from server.ingest.connection import broker_client, kept_connected
from server.ingest.frames import Arrived, FrameWriter
from server.settings import ServerSettings
from server.supervision import survived

COMMANDS_S: Final = 5.0
"""How often unanswered commands are looked at."""
FAILED_KNOWN: Final = 1_000
"""Messages that failed and are kept already: they come again."""
LONGEST_TOPIC: Final = 200
GROUP: Final = "$share/ingest"
AGAIN_S: Final = 1.0
"""Before documents are sent again that a store which did not answer kept back."""
_TAKEN: Final[dict[str, Sequence[Channel]]] = {
    "alarms": ("up/alarm",),
    "talk": ("up/state", "up/reply", "up/found"),
}
"""What each connection's loop takes."""


class Link:
    """All connections of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._conditions = ConditionWriter(context)
        self._clients: dict[str, aiomqtt.Client] = {}
        self._missed = asyncio.Event()
        """Set when gateways may have missed documents and commands: all are sent."""
        self._one_document = asyncio.Lock()
        self._failed: deque[int] = deque(maxlen=FAILED_KNOWN)
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Receives, stores and acknowledges until cancelled."""
        writer = FrameWriter(self._context, self._acknowledge)
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.run(), name="frame-writer")
            group.create_task(self._conditions.run(), name="condition-writer")
            for name, channels in _TAKEN.items():
                group.create_task(
                    kept_connected(name, partial(self._run_taking, name, channels)), name=f"link-{name}"
                )
            group.create_task(kept_connected("data", lambda: self._run_data(writer)), name="link-data")
            group.create_task(self._publish_missed(), name="missed-publisher")
            group.create_task(self._publish_desired(), name="desired-publisher")
            group.create_task(self._publish_commands(), name="command-publisher")

    async def send(
        self, gateway_id: str, channel: Channel, message: Message, *, retain: bool = False
    ) -> bool:
        """Publishes to a gateway; False where the broker is away just now."""
        client = self._clients.get("alarms" if channel == "down/ack" else "talk")
        if client is None:
            return False
        try:
            await client.publish(
                topic(gateway_id, channel),
                encode(message),
                qos=1 if retain or channel == "down/command" else 0,
                retain=retain,
            )
        except aiomqtt.MqttError:
            return False
        return True

    async def _acknowledge(self, gateway_id: str, ack: AckMessage) -> None:
        await self.send(gateway_id, "down/ack", ack)

    async def _run_taking(self, name: str, channels: Sequence[Channel]) -> None:
        async with broker_client(self._context.settings, name) as client:
            try:
                for channel in channels:
                    await client.subscribe(_filter(self._context.settings, channel), qos=1)
                self._clients[name] = client
                if name == "talk":
                    self._missed.set()
                if self._clients.keys() == _TAKEN.keys():
                    self.connected.set()
                async for message in client.messages:
                    await self._take(str(message.topic), bytes(message.payload or b""))
            finally:
                self._clients.pop(name, None)
                self.connected.clear()

    async def _run_data(self, writer: FrameWriter) -> None:
        async with broker_client(self._context.settings, "data") as client:
            await client.subscribe(_filter(self._context.settings, "up/data"), qos=1)
            async for message in client.messages:
                name, payload = str(message.topic), bytes(message.payload or b"")
                try:
                    gateway_id, channel = parse_topic(name)
                except WireError:
                    await self._take(name, payload)
                    continue
                if channel == "up/data":
                    writer.put(Arrived(gateway_id, name, payload))

    async def _take(self, name: str, payload: bytes) -> None:
        """Handles one message. Whatever it does to our code, the next one is taken."""
        with survived("not_stored"):
            with survived("message_failed", outages=False, topic=name[:LONGEST_TOPIC]) as failed:
                await self._handle(name, payload)
            if failed:
                await self._set_aside(name, payload, failed[0])

    async def _handle(self, name: str, payload: bytes) -> None:
        try:
            gateway_id, channel = parse_topic(name)
        except WireError as error:
            await asyncio.to_thread(handlers.refuse_topic, self._context, name, str(error), payload)
            return
        if channel == "up/alarm":
            ack = await asyncio.to_thread(handlers.handle_alarm, self._context, gateway_id, name, payload)
            if ack is not None:
                await self._acknowledge(gateway_id, ack)
        elif channel == "up/state":
            await self._take_state(gateway_id, name, payload)
        elif channel == "up/reply":
            await asyncio.to_thread(handlers.handle_reply, self._context, gateway_id, name, payload)
        elif channel == "up/found":
            await asyncio.to_thread(handlers.handle_found, self._context, gateway_id, name, payload)

    async def _set_aside(self, name: str, payload: bytes, failure: str) -> None:
        """Keeps a message that our code failed on where people look, once. An alarm is not acknowledged: its
        gateway sends it again each minute, until the mistake is mended."""
        known = hash((name, payload))
        if known not in self._failed:
            await asyncio.to_thread(handlers.set_aside, self._context, name, failure, payload)
            self._failed.append(known)

    async def _take_state(self, gateway_id: str, name: str, payload: bytes) -> None:
        health = await asyncio.to_thread(handlers.handle_state, self._context, gateway_id, name, payload)
        if health is not None:
            self._conditions.put(gateway_id, health)

    async def _publish_missed(self) -> None:
        """Sends everything with each new connection, and again where a store did not answer."""
        while True:
            await self._missed.wait()
            self._missed.clear()
            with survived("desired_not_sent") as failed:
                for gateway_id in await asyncio.to_thread(self._gateways):
                    await self._send_desired(gateway_id)
                await self._send_commands(everything=True)
            if failed:
                await asyncio.sleep(AGAIN_S)
                self._missed.set()

    async def _publish_desired(self) -> None:
        with self._context.bus.subscribe() as changes:
            async for change in changes:
                if change.kind == "desired":
                    with survived("desired_not_sent", gateway=change.id) as failed:
                        await self._send_desired(change.id)
                    if failed:
                        self._missed.set()
                elif change.kind == "resync":
                    self._missed.set()

    async def _publish_commands(self) -> None:
        """Publishes new commands at once, unanswered ones again; gives up those that nobody answered."""
        with self._context.bus.subscribe() as changes:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(COMMANDS_S):
                        while (change := await changes.next()) is not None and not _is_new_command(change):
                            pass
                        if change is None:
                            return
                await self._send_commands()

    async def _send_commands(self, *, everything: bool = False) -> None:
        with survived("commands_not_sent"):
            for gateway_id, command in await asyncio.to_thread(self._due, everything):
                await self.send(gateway_id, "down/command", command)

    def _due(self, everything: bool) -> list[tuple[str, CommandMessage]]:
        with self._context.database.write() as session:
            commands.give_up(session, now=now())
            if "talk" not in self._clients:
                return []
            return commands.due(session, now=now(), everything=everything)

    async def _send_desired(self, gateway_id: str) -> None:
        """Sends a gateway its document as it is now; an older one never comes after it. One that cannot be
        made is said, and keeps no other back."""
        async with self._one_document:
            gateway = await asyncio.to_thread(self._gateway, gateway_id)
            if gateway is None or gateway.desired_version <= 0:
                return
            with survived("desired_not_made", outages=False, gateway=gateway_id):
                await self.send(gateway_id, "down/desired", desired.message(gateway), retain=True)

    def _gateway(self, gateway_id: str) -> Gateway | None:
        with self._context.database.read() as session:
            return session.get(Gateway, gateway_id)

    def _gateways(self) -> Sequence[str]:
        with self._context.database.read() as session:
            return session.scalars(select(Gateway.id).order_by(Gateway.id)).all()


def _is_new_command(change: Change) -> bool:
    return change.kind == "command" and change.what == "new"


def _filter(settings: ServerSettings, channel: Channel) -> str:
    """Servers share what comes; each hears all states."""
    filter_ = f"sunwell/v1/+/{channel}"
    return f"{GROUP}/{filter_}" if settings.mqtt_version == "5" and channel != "up/state" else filter_
