"""Reads sensors over MQTT: one topic a device, at QoS 1, acknowledged once what they said is kept.

The session lasts at the broker, so presses made while this program is down are queued there. A message is
acknowledged after `emit` has returned, or after its trouble has been reported: a message that cannot be used
must not block those behind it. A device's implausible time (before 2020, more than a day ahead) is replaced
by the time of receipt and reported; the reading is delivered.

Discovery is read over a second connection without a session, so that a message never comes twice because two
subscriptions match it. What it says of a Zigbee device's name moves the device's topic at once, without the
server: a renamed button goes on working. The old topic is read on, unless another device has taken its name.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from paho.mqtt.enums import MQTTProtocolVersion

from edge.commanding import Outcome, TellOutcome
from edge.core.compose import RETAINED_EVENT, Origin, compose
from edge.core.envelopes import MAXIMUM_BODY_BYTES, OPENERS, EnvelopeError
from edge.core.found import Findings
from edge.core.presence import Presence
from edge.driver import (
    Clock,
    EdgeDevice,
    Emit,
    ReportTrouble,
    TroubleReason,
    TroubleReport,
    cut,
    system_clock,
)
from edge.drivers.mqtt.broker import Broker, BrokerError, Message, VersionRefusedError
from edge.drivers.mqtt.connection import Connection, connect
from edge.drivers.mqtt.decoding import Decoding
from edge.drivers.mqtt.deliveries import Deliveries, digest_of
from edge.drivers.mqtt.discovery import MAXIMUM_DISCOVERY_BYTES, Listener, ReportFound, Sources
from edge.drivers.mqtt.orders import NETWORK_BATTERY, Orders
from edge.readings import Reading
from firmware_profiles import MessagePayload, Order, Refusal, load_catalogue

DISCOVERY_RETRY_S: Final = 30.0
REPORT_AGAIN_MS: Final = 600_000
"""An unregistered topic is reported once in ten minutes, however much it says."""
MOST_UNKNOWN: Final = 1_000
_CACHED: Final = frozenset({"zigbee2mqtt", "home_assistant"})
"""Transports that repeat what they know, and that say who can be reached."""
_VERSIONS: Final = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """`client_id` names the session at the broker: fixed for a gateway, different for each. `deliveries_file`
    keeps what was delivered last, so that a message repeated after a crash is known; None keeps it only while
    the program runs. `discover` are topic patterns whose unregistered topics are reported; `sources` say
    which devices there are."""

    broker: Broker = field(default_factory=Broker)
    client_id: str = "sunwell-edge"
    deliveries_file: Path | None = None
    discover: tuple[str, ...] = ()
    sources: Sources = field(default_factory=Sources)


class MqttDriver:
    """The driver `mqtt`; see `edge.driver.Driver`."""

    def __init__(
        self,
        devices: Sequence[EdgeDevice],
        *,
        emit: Emit,
        trouble: ReportTrouble,
        settings: MqttSettings | None = None,
        clock: Clock = system_clock,
        found: ReportFound | None = None,
        outcome: TellOutcome | None = None,
    ) -> None:
        self._emit = emit
        self._trouble = trouble
        self._settings = settings or MqttSettings()
        self._clock = clock
        self._decoding = Decoding(clock)
        self._deliveries = Deliveries(self._settings.deliveries_file)
        self._version = _VERSIONS[self._settings.broker.version]
        self._presence = Presence()
        self._reached = asyncio.Event()
        self._where: dict[str, str] = {}
        self._listener = Listener(
            self._settings.sources,
            self._presence,
            found=found or _nobody_asks,
            moved=self._on_moved,
            reached=self._reached.set,
            clock=clock,
        )
        self._orders = Orders(topic_of=self._topic_of, tell=outcome or _nobody_waits, report=self._report)
        self._devices: tuple[EdgeDevice, ...] = ()
        self._lost: set[str] = set()
        self._by_topic: dict[str, tuple[EdgeDevice, ...]] = {}
        self._strays: set[str] = set()
        self._changed = asyncio.Event()
        self._unknown: OrderedDict[str, int] = OrderedDict()
        self.ready = asyncio.Event()
        """Set while connected with all subscriptions in force."""
        self.apply(devices)

    def apply(self, devices: Sequence[EdgeDevice]) -> None:
        """Replace the devices; only the topics that differ are subscribed or left."""
        usable: list[EdgeDevice] = []
        for device in devices:
            topic = device.address.get("topic")
            problem = _topic_problem(topic)
            if problem is not None:
                self._report(device.id, TroubleReason.BAD_ADDRESS, f"topic {cut(topic, 80)}: {problem}")
                continue
            usable.append(device)
        self._devices = tuple(usable)
        self._presence.keep_only({device.id for device in usable})
        self._on_moved()

    def away(self) -> frozenset[str]:
        """All devices, while there is no connection to the broker."""
        return frozenset() if self.ready.is_set() else frozenset(one.id for one in self._devices)

    def _on_moved(self) -> None:
        """Names may have changed: find each device's topics anew."""
        by_topic: dict[str, tuple[EdgeDevice, ...]] = {}
        self._where = self._listener.topics
        taken = set(self._where.values())
        for device in self._devices:
            written, now = str(device.address["topic"]), self._topic_of(device)
            # Another device's name must not be read as ours; a name that nobody has may still be in use.
            topics = {now} if written in taken else {now, written}
            for topic in topics:
                by_topic[topic] = (*by_topic.get(topic, ()), device)
        self._by_topic = by_topic
        self._orders.replace(self._devices)
        self._changed.set()
        self._reached.set()

    def _topic_of(self, device: EdgeDevice) -> str:
        """Where the device speaks now: where its hardware's address does, if that is known."""
        address = str(device.address.get("ieee_address", "")).lower()
        return self._where.get(address) or str(device.address["topic"])

    async def command(self, key: str, device_id: str, order: Order) -> Outcome:
        """Send an order to a device; see `edge.commanding.Commanded`. Raises CommandError."""
        return await self._orders.send(key, device_id, order)

    async def run(self) -> None:
        """One connection's life. Raises BrokerError, alone or in a group, when it ends."""
        try:
            await self._converse(self._version)
        except VersionRefusedError:
            await self._converse(MQTTProtocolVersion.MQTTv311)

    async def _converse(self, version: MQTTProtocolVersion) -> None:
        settings = self._settings
        async with connect(
            settings.broker, client_id=settings.client_id, lasting=True, version=version
        ) as connection:
            self._version = version
            if not connection.resumed:
                self._deliveries.forget()
            self._orders.connection = connection
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._keep_subscribed(connection), name="mqtt subscriptions")
                    tasks.create_task(self._listen(connection), name="mqtt messages")
                    if settings.discover or settings.sources:
                        tasks.create_task(self._discover(), name="mqtt discovery")
            finally:
                self._orders.connection = None
                self.ready.clear()
                self._decoding.close()

    async def _keep_subscribed(self, connection: Connection) -> None:
        subscribed: set[str] = set()
        while True:
            self._changed.clear()
            wanted = set(self._by_topic) | self._orders.filters
            refused = await connection.subscribe(sorted(wanted - subscribed), qos=1)
            for topic, why in refused.items():
                if topic in self._orders.filters:
                    self._report(topic, TroubleReason.BAD_ADDRESS, f"no news of commands: {why}")
                for device in self._by_topic.get(topic, ()):
                    self._report(
                        device.id, TroubleReason.BAD_ADDRESS, f"the broker refuses the subscription: {why}"
                    )
            await connection.unsubscribe(sorted((subscribed | self._strays) - wanted))
            subscribed = wanted
            self._strays.clear()
            if not self._changed.is_set():
                self.ready.set()
            await self._changed.wait()
            self.ready.clear()

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.messages():
            devices = self._by_topic.get(message.topic or "", ())
            if not devices and self._orders.is_news(message.topic):
                told = self._orders.hear(message, self._clock())
                if told is not None:
                    await self._emit(told)
                connection.acknowledge(message)
                continue
            if not devices:
                # The lasting session still has a topic of a device that was taken away.
                self._report_unknown(message)
                if message.topic is not None:
                    self._strays.add(message.topic)
                    self._changed.set()
            digest = digest_of(message.topic or "", message.payload)
            key = None
            if message.qos:
                key = self._deliveries.key(mid=message.mid, dup=message.dup, digest=digest)
            for device in devices:
                for reading in await self._readings(device, message, key, digest):
                    await self._emit(reading)
            connection.acknowledge(message)

    async def _readings(
        self, device: EdgeDevice, message: Message, delivery_key: str | None, digest: bytes
    ) -> tuple[Reading, ...]:
        """What a message says of a device; () if that is nothing or was reported as trouble."""
        if message.size > MAXIMUM_BODY_BYTES:
            detail = f"message of {message.size} bytes, more than the {MAXIMUM_BODY_BYTES} allowed"
            self._report(device.id, TroubleReason.OVERSIZED, detail)
            return ()
        try:
            envelope = OPENERS[device.profile.transport](message.payload)
            if envelope is None:
                return ()
            received_ms = self._clock()
            payload = MessagePayload(envelope.body, envelope.port, received_ms)
            decoded = await self._decoding.decode(device, payload)
        except EnvelopeError as error:
            self._report(device.id, TroubleReason(error.fault.value), str(error))
            return ()
        except Refusal as refusal:
            self._report(device.id, TroubleReason.REFUSED, f"{refusal.reason}: {refusal}")
            return ()
        signal = {
            "rssi": envelope.rssi_dbm,
            "snr": envelope.snr_db,
            NETWORK_BATTERY: envelope.battery_percent,
        }
        composed = compose(
            Origin(
                device=device.id,
                position=device.position,
                profile=device.profile,
                received_ms=received_ms,
                time_ms=envelope.time_ms,
                retained=message.retained,
                own_key=envelope.key,
                delivery_key=delivery_key,
                digest=digest.hex(),
                signal={name: value for name, value in signal.items() if value is not None},
            ),
            decoded.samples,
        )
        for note in decoded.notes:
            self._report(device.id, TroubleReason.PARTLY_READ, note)
        for problem in (envelope.time_problem, *composed.time_problems):
            if problem is not None:
                self._report(device.id, TroubleReason.IMPLAUSIBLE_TIME, problem)
        if composed.retained_events:
            self._report(device.id, TroubleReason.RETAINED_EVENT, RETAINED_EVENT)
        if device.profile.transport not in _CACHED:
            return composed.readings
        topic = message.topic or ""
        return tuple(self._presence.judged(reading, topic, device.profile) for reading in composed.readings)

    async def _tell_lost(self) -> None:
        """Whoever cannot be reached any more says its last values once more, as stale."""
        while True:
            await self._reached.wait()
            self._reached.clear()
            cached = [device for device in self._devices if device.profile.transport in _CACHED]
            lost = {d.id for d in cached if not self._presence.reachable(self._topic_of(d))}
            news, self._lost = lost - self._lost, lost
            for device_id in sorted(news):
                detail = "its bridge says that it cannot be reached: its values are stale"
                self._report(device_id, TroubleReason.UNREACHABLE, detail)
                reading = self._presence.lost(device_id, self._clock())
                if reading is not None:
                    await self._emit(reading)

    async def _discover(self) -> None:
        """Report what nobody registered, and hear who can be reached. Its failures are its own: the alarms'
        connection stays."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_lost(), name="mqtt lost devices")
            tasks.create_task(self._keep_discovering(), name="mqtt discovery connection")

    async def _keep_discovering(self) -> None:
        client_id = f"{self._settings.client_id}-discover"
        while True:
            try:
                patterns = await self._listener.begin(load_catalogue)
                async with connect(
                    self._settings.broker,
                    client_id=client_id,
                    lasting=False,
                    version=self._version,
                    most_bytes=MAXIMUM_DISCOVERY_BYTES,
                ) as connection:
                    await self._hear(connection, (*self._settings.discover, *patterns))
            except* BrokerError as errors:
                self._report("discovery", TroubleReason.UNREACHABLE, str(errors.exceptions[0]))
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # The alarms' connection fell too: the error above took the cancellation's place.
                raise asyncio.CancelledError
            await asyncio.sleep(DISCOVERY_RETRY_S * (0.5 + random.random()))  # noqa: S311 - spreads retries

    async def _hear(self, connection: Connection, patterns: Sequence[str]) -> None:
        for topic, why in (await connection.subscribe(patterns, qos=0)).items():
            detail = f"the broker refuses the subscription: {why}"
            self._report(topic, TroubleReason.BAD_ADDRESS, detail)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listener.run(connection), name="mqtt found devices")
            async for message in connection.messages():
                if not await self._listener.take(message) and message.topic not in self._by_topic:
                    self._report_unknown(message)

    def _report_unknown(self, message: Message) -> None:
        topic = "(not UTF-8)" if message.topic is None else message.topic
        now_ms = self._clock()
        if now_ms - self._unknown.get(topic, now_ms - REPORT_AGAIN_MS) < REPORT_AGAIN_MS:
            return
        self._unknown[topic] = now_ms
        self._unknown.move_to_end(topic)
        if len(self._unknown) > MOST_UNKNOWN:
            self._unknown.popitem(last=False)
        detail = f"{message.size} bytes on a topic of no registered device"
        self._report(topic, TroubleReason.UNKNOWN_DEVICE, detail)

    def _report(self, source: str, reason: TroubleReason, detail: str) -> None:
        self._trouble(TroubleReport(source=cut(source), reason=reason, detail=cut(detail)))


def _nobody_asks(_findings: Findings) -> None:
    """For a driver whose findings nobody wants."""


def _nobody_waits(_outcome: Outcome) -> None:
    """For a driver that gets no orders."""


def _topic_problem(topic: object) -> str | None:
    if not isinstance(topic, str) or not topic:
        return "a text is needed"
    if "+" in topic or "#" in topic:
        return "wildcards are not allowed, since two devices' topics could then overlap"
    if len(topic.encode()) > 65_535 or "\0" in topic:
        return "not a topic that MQTT allows"
    return None
