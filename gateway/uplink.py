"""The way to the server: sends what the lanes hold, forgets only what the server says it has stored.

MQTT's own acknowledgement only says that the broker took a message; the lanes wait for `down/ack`. The
uplink is a task of its own: whatever happens to it, collecting, judging and keeping go on.
"""

import asyncio
import random
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import aiomqtt
import structlog
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.reasoncodes import ReasonCode

from edge.driver import cut
from gateway import wire
from gateway.core.reconnect import LinkEvent, LinkState, Reconnect
from gateway.core.window import ItemId, Window
from gateway.enrolment.wire import client_id
from gateway.health.machine import monotonic_ms
from gateway.keeper import AlarmKeeper
from gateway.recorder import TelemetryRecorder
from gateway.settings import Broker

LOOK_S: Final = 1.0
"""How often it is looked, between two attempts, whether an alarm waits."""
KEEPALIVE_S: Final = 15
"""A dead line is noticed after at most one and a half of these, also while nothing is sent."""
ANSWER_S: Final = 3.0
"""For CONNACK, SUBACK and the like."""
CONNECT_S: Final = 2.0
"""For the TCP and TLS handshake; with ANSWER_S below the 5 s within which the gateway stops."""
DELIVERY_S: Final = 30.0
"""For the broker to take a frame over a slow line."""
MOST_REPLIES: Final = 1_000
FOUND_AGAIN_S: Final = 900.0
"""How long the server may miss a found device that it was told of while it was away."""
OLD_BROKER: Final = 0x84
"""The broker does not speak MQTT 5: go on with 3.1.1, which has all that is used here."""
REFUSALS: Final = frozenset({0x85, 0x86, 0x87, 0x8A, 0x8C})
"""MQTT 5 reasons that trying again does not change: client id, password, rights, ban."""

_log = structlog.get_logger(__name__)


_VERSIONS: Final = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}


class Uplink:
    """The connection to the server's broker.

    `state` gives the present StateMessage (its argument: online or not), `found` the devices that were found
    (None as long as nobody asked for them), `on_desired` takes a document's bytes, `on_command` a command,
    which is answered by `reply`, `trouble` hears of messages that can't be used.
    """

    def __init__(
        self,
        *,
        gateway: str,
        broker: Broker,
        keeper: AlarmKeeper,
        recorder: TelemetryRecorder,
        state: Callable[[bool], wire.StateMessage],
        found: Callable[[], wire.FoundMessage | None],
        on_desired: Callable[[bytes], Awaitable[None]],
        on_command: Callable[[wire.CommandMessage], None],
        trouble: Callable[[str, str], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._gateway = gateway
        self._broker = broker
        self._keeper = keeper
        self._recorder = recorder
        self._state = state
        self._found = found
        self._on_desired = on_desired
        self._on_command = on_command
        self._trouble = trouble
        self._jitter = jitter
        self._window = Window()
        self._link = Reconnect()
        self._to_send = asyncio.Event()
        self._state_wanted = asyncio.Event()
        self._found_wanted = asyncio.Event()
        self._replies: deque[wire.ReplyMessage] = deque(maxlen=MOST_REPLIES)
        self._replies_wanted = asyncio.Event()
        self.replied = asyncio.Event()
        """Set while no reply waits to be sent."""
        self.replied.set()
        self._stop = asyncio.Event()
        self._moved = asyncio.Event()
        self._publishing: set[asyncio.Task[None]] = set()
        self._version = _VERSIONS[broker.version]
        self._version_known = self._version is aiomqtt.ProtocolVersion.V311
        self.online = asyncio.Event()

    @property
    def rtt_ms(self) -> float | None:
        """The last time from sending a message to the server's word that it is stored."""
        return self._window.rtt_ms

    def wake(self) -> None:
        """There is something new to send."""
        self._to_send.set()

    def tell_state(self) -> None:
        """The state has changed: publish it."""
        self._state_wanted.set()

    def tell_found(self) -> None:
        """What was found has changed, or the server may have missed it: publish it."""
        self._found_wanted.set()

    def reply(self, message: wire.ReplyMessage) -> None:
        """Send a reply, now or with the next connection. If the server misses it, it asks again."""
        self._replies.append(message)
        self.replied.clear()
        self._replies_wanted.set()

    def use(self, broker: Broker) -> None:
        """Connect anew, at once, to this broker: it is another, or the certificate is."""
        self._broker = broker
        self._moved.set()

    def stop(self) -> None:
        """Say goodbye and let `run` end, within 5 s."""
        self._stop.set()

    async def run(self) -> None:
        """Connect, again and again, until `stop`."""
        self._link = Reconnect()
        self._link.on(LinkEvent.START, monotonic_ms())
        while not self._stop.is_set():
            event = await self._attempt()
            if self._stop.is_set():
                break
            self._link.on(event, monotonic_ms(), self._jitter())
            await self._rest(monotonic_ms())
            if not self._stop.is_set():
                self._link.on(LinkEvent.WAKE, monotonic_ms())
        self._link.on(LinkEvent.STOP, monotonic_ms())

    async def _rest(self, since_ms: int) -> None:
        """Wait for the next attempt; it comes sooner when an alarm waits, also one that is just raised."""
        while not self._stop.is_set() and not self._moved.is_set():
            pause_ms = self._link.pause(hurried=bool(self._keeper.waiting()))
            left_ms = since_ms + pause_ms - monotonic_ms()
            if left_ms <= 0:
                return
            await _first_of((self._stop, self._moved), min(left_ms / 1000, LOOK_S))

    async def _attempt(self) -> LinkEvent:
        """One connection, from its beginning to its end; how it ended."""
        self._moved.clear()
        try:
            password = await asyncio.to_thread(self._broker.password)
            await self._learn_version(password)
            client = self._client(password)
            async with client:
                self._link.on(LinkEvent.CONNECTED, monotonic_ms())
                await self._session(client)
        except aiomqtt.MqttError as error:
            return self._ended(error)
        except OSError as error:  # the password or certificate file
            return self._ended(error)
        except BaseExceptionGroup as group:
            lost, others = group.split(aiomqtt.MqttError)
            if others is not None or lost is None:
                raise
            return self._ended(_leaf(lost))
        finally:
            self.online.clear()
            self._recorder.set_online(False)
        return LinkEvent.LOST

    def _ended(self, error: BaseException) -> LinkEvent:
        text = cut(error)
        if self._link.state is LinkState.ONLINE:
            _log.warning("connection to the server's broker lost", reason=text)
            return LinkEvent.LOST
        self._trouble("uplink", f"{self._broker.host}:{self._broker.port}: {text}")
        return LinkEvent.REFUSED if _reason(error) in REFUSALS else LinkEvent.FAILED

    async def _learn_version(self, password: str | None) -> None:
        """Find out once whether the broker speaks MQTT 5, without a last will: an old broker takes its
        properties for something else and never answers."""
        if self._version_known:
            return
        try:
            async with self._client(password, will=False):
                pass
        except aiomqtt.MqttError as error:
            if _reason(error) != OLD_BROKER:
                raise
            self._version = aiomqtt.ProtocolVersion.V311
        self._version_known = True

    def _client(self, password: str | None, *, will: bool = True) -> aiomqtt.Client:
        tls = self._broker.tls
        files = None
        if tls is not None:
            files = aiomqtt.TLSParameters(
                ca_certs=str(tls.ca),
                certfile=None if tls.certificate is None else str(tls.certificate),
                keyfile=None if tls.key is None else str(tls.key),
            )
        five = self._version is aiomqtt.ProtocolVersion.V5
        client = aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.user,
            password=password,
            identifier=client_id(self._gateway),
            protocol=self._version,
            clean_start=True if five else MQTT_CLEAN_START_FIRST_ONLY,
            clean_session=None if five else True,
            keepalive=KEEPALIVE_S,
            timeout=ANSWER_S,
            tls_params=files,
            will=aiomqtt.Will(*self._state_message(False), qos=1, retain=True) if will else None,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.pending_calls_threshold = 10_000  # many at once is meant: each waits for its own PUBACK
        client._client.connect_timeout = CONNECT_S  # aiomqtt has no option for paho's
        return client

    async def _session(self, client: aiomqtt.Client) -> None:
        """All that is done on one connection; ends with it, or when the gateway stops."""
        self._window.reconnected()
        self._state_wanted.set()
        self._found_wanted.set()
        self._to_send.set()
        await client.subscribe(f"{wire.PREFIX}/{self._gateway}/down/#", qos=1)
        _log.info("connected to the server's broker", host=self._broker.host, port=self._broker.port)
        self.online.set()
        self._recorder.set_online(True)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._receive(client), name="uplink receives"),
                group.create_task(self._send(client, group), name="uplink sends"),
                group.create_task(self._publish_state(client), name="uplink tells its state"),
                group.create_task(self._publish_found(client), name="uplink tells what was found"),
                group.create_task(self._publish_replies(client), name="uplink replies"),
            ]
            await _first_of((self._stop, self._moved))
            for task in (*tasks, *self._publishing):
                task.cancel()
        if self._stop.is_set():
            await client.publish(*self._state_message(False), qos=1, retain=True, timeout=1)

    async def _send(self, client: aiomqtt.Client, group: asyncio.TaskGroup) -> None:
        while True:
            self._to_send.clear()
            fresh, backlog = self._recorder.waiting()
            now_ms = monotonic_ms()
            for item in self._window.next(now_ms, self._keeper.waiting(), fresh, backlog):
                payload = (self._keeper if item[0] == "alarm" else self._recorder).payload(item)
                if payload is not None:
                    task = group.create_task(self._publish(client, item, payload))
                    self._publishing.add(task)
                    task.add_done_callback(self._publishing.discard)
            due_ms = self._window.next_due_ms()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due_ms is None else max(due_ms - now_ms, 0) / 1000):
                    await self._to_send.wait()

    async def _publish(self, client: aiomqtt.Client, item: ItemId, payload: bytes) -> None:
        channel: wire.Channel = "up/alarm" if item[0] == "alarm" else "up/data"
        await client.publish(wire.topic(self._gateway, channel), payload, qos=1, timeout=DELIVERY_S)
        self._window.handed_over(item, monotonic_ms())
        self._to_send.set()

    async def _publish_state(self, client: aiomqtt.Client) -> None:
        while True:
            await self._state_wanted.wait()
            self._state_wanted.clear()
            await client.publish(*self._state_message(True), qos=1, retain=True)

    async def _publish_found(self, client: aiomqtt.Client) -> None:
        """Nobody acknowledges it, so it is told again from time to time: the server knows it already."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(FOUND_AGAIN_S):
                    await self._found_wanted.wait()
            self._found_wanted.clear()
            message = self._found()
            if message is not None:
                await client.publish(
                    wire.topic(self._gateway, "up/found"), wire.encode(message), qos=1, timeout=DELIVERY_S
                )

    async def _publish_replies(self, client: aiomqtt.Client) -> None:
        where = wire.topic(self._gateway, "up/reply")
        while True:
            while self._replies:
                reply = self._replies[0]
                await client.publish(where, wire.encode(reply), qos=1, timeout=DELIVERY_S)
                if self._replies and self._replies[0] is reply:
                    self._replies.popleft()
            self.replied.set()
            self._replies_wanted.clear()
            await self._replies_wanted.wait()

    def _state_message(self, online: bool) -> tuple[str, bytes]:
        return wire.topic(self._gateway, "up/state"), wire.encode(self._state(online))

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            try:
                gateway, channel = wire.parse_topic(str(message.topic))
                if gateway != self._gateway:
                    continue  # a broker that delivers more than was asked for: never another's document
                if channel == "down/desired":
                    await self._on_desired(payload)
                elif channel == "down/ack":
                    self._acknowledge(wire.decode(channel, payload))
                elif channel == "down/command" and not message.retain:
                    self._on_command(wire.decode(channel, payload))
            except wire.WireError as error:
                self._trouble("server", cut(error))
            except Exception as error:  # noqa: BLE001 - no message ends the connection: a retained one would again
                _log.error("message of the server failed", exc_info=error)
                self._trouble("server", cut(f"{message.topic}: {type(error).__name__}: {error}"))

    def _acknowledge(self, message: wire.AckMessage) -> None:
        """Only what this connection has sent: a late word about an earlier one is repeated when that is sent
        again, and another gateway with our identity may have used the same numbers."""
        now_ms = monotonic_ms()
        ours = [
            seq
            for seq in message.seqs
            if self._window.acknowledged((message.lane, message.epoch, seq), now_ms)
        ]
        lane = self._keeper if message.lane == "alarm" else self._recorder
        lane.acknowledge(message.epoch, ours)
        self._to_send.set()


async def _first_of(events: Sequence[asyncio.Event], seconds: float | None = None) -> None:
    """Until one of the events is set, or the time is over."""
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(event.wait()) for event in events]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _reason(error: BaseException) -> int | None:
    """The broker's reason code, if it gave one."""
    code = getattr(error, "rc", None)
    return int(code.value) if isinstance(code, ReasonCode) else None
