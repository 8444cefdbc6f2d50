"""Listens to what Zigbee2MQTT and Home Assistant's discovery say of devices, over a connection of its own.

Nothing of it is in the alarms' way: what fails here is tried again, and profiles are made on a thread.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.core.found import Findings
from edge.core.home_assistant import Availability, Discovery
from edge.core.patterns import Patterns
from edge.core.presence import Presence, availability_word
from edge.core.templates import Template
from edge.core.zigbee2mqtt import MAXIMUM_LIST_BYTES, Bridge, subscriptions
from edge.driver import Clock
from edge.drivers.mqtt.broker import Message
from edge.drivers.mqtt.connection import Connection
from firmware_profiles import Catalogue

MAXIMUM_DISCOVERY_BYTES: Final = MAXIMUM_LIST_BYTES
GATHER_S: Final = 1.0
"""Changes within this time are told together."""
SETTLE_S: Final = 5.0
"""Retained configurations come one by one and nobody says which is the last: after this time all are here."""
MOST_AVAILABILITIES: Final = 1_000

ReportFound = Callable[[Findings], None]
"""Takes everything that was found, whenever it changed."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Base topics of Zigbee2MQTT, prefixes of Home Assistant's discovery, and profiles by topic pattern."""

    zigbee2mqtt: tuple[str, ...] = ()
    home_assistant: tuple[str, ...] = ()
    patterns: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.zigbee2mqtt or self.home_assistant or self.patterns)


class Listener:
    """Takes the messages of all sources. `moved` is called when a device has another name, `reached`
    when somebody said who can be reached."""

    def __init__(
        self,
        sources: Sources,
        presence: Presence,
        *,
        found: ReportFound,
        moved: Callable[[], None],
        reached: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._sources = sources
        self._presence = presence
        self._found = found
        self._moved = moved
        self._reached = reached
        self._clock = clock
        self._patterns = Patterns(sources.patterns)
        self._bridges: tuple[Bridge, ...] = ()
        self._discoveries: tuple[Discovery, ...] = ()
        self._changed = asyncio.Event()
        self._availability_changed = asyncio.Event()
        self._settled = False

    @property
    def topics(self) -> dict[str, str]:
        """Where each Zigbee device speaks now, by IEEE address."""
        return {address: topic for bridge in self._bridges for address, topic in bridge.topics.items()}

    async def begin(self, load: Callable[[], Catalogue]) -> list[str]:
        """Make ready for a new connection; gives the patterns to subscribe. What Zigbee2MQTT said stays, as
        its list comes whole again; Home Assistant's configurations are gathered anew."""
        if self._sources.zigbee2mqtt and not self._bridges:
            catalogue = await asyncio.to_thread(load)
            self._bridges = tuple(Bridge(base, catalogue.find) for base in self._sources.zigbee2mqtt)
        self._discoveries = tuple(Discovery(prefix) for prefix in self._sources.home_assistant)
        self._settled = False
        patterns = [pattern for base in self._sources.zigbee2mqtt for pattern in subscriptions(base)]
        patterns += [discovery.subscription for discovery in self._discoveries]
        return [*patterns, *self._sources.patterns]

    async def run(self, connection: Connection) -> None:
        """Tell what is found, and follow availability topics, while the connection lives."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell(), name="mqtt found devices")
            tasks.create_task(self._follow(connection), name="mqtt availability")

    async def take(self, message: Message) -> bool:
        """Take a message; says whether it was for us."""
        topic = message.topic or ""
        if message.size > len(message.payload):
            return False
        for bridge in self._bridges:
            if not topic.startswith(f"{bridge.base}/bridge/") and not topic.endswith("/availability"):
                continue
            if topic == f"{bridge.base}/bridge/devices":
                before = bridge.topics
                await asyncio.to_thread(bridge.heard, topic, message.payload)
                self._changed.set()
                if bridge.topics != before:
                    self._moved()
                return True
            if topic.startswith(f"{bridge.base}/"):
                self._take_reachable(bridge, message, topic)
                return True
        for discovery in self._discoveries:
            if topic.startswith(f"{discovery.prefix}/") and topic.endswith("/config"):
                if discovery.heard(topic, message.payload):
                    self._changed.set()
                    self._availability_changed.set()
                return True
        if self._take_word(message, topic):
            return True
        new = self._patterns.heard(topic)
        if new:
            self._changed.set()
        return new is not None

    def _take_reachable(self, bridge: Bridge, message: Message, topic: str) -> None:
        said = bridge.heard(topic, message.payload)
        if topic == f"{bridge.base}/bridge/event":
            self._changed.set()
        if said is None:
            return
        if said.topic is None:
            self._presence.bridge(
                bridge.base, online=said.online, retained=message.retained, now_ms=self._clock()
            )
        else:
            self._presence.device(said.topic, online=said.online)
        self._reached()

    def _take_word(self, message: Message, topic: str) -> bool:
        templates = self._availability_topics().get(topic)
        if templates is None:
            return False
        self._presence.word(topic, availability_word(templates, message.payload))
        self._reached()
        return True

    def _availabilities(self) -> dict[str, Availability]:
        return {
            topic: availability
            for discovery in self._discoveries
            for topic, availability in discovery.availability.items()
        }

    def _availability_topics(self) -> dict[str, Template | None]:
        return {
            one.topic: one.template
            for availability in self._presence.availability.values()
            for one in availability.topics
        }

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        settles_at = loop.time() + SETTLE_S
        while True:
            try:
                async with asyncio.timeout_at(None if self._settled else settles_at):
                    await self._changed.wait()
            except TimeoutError:
                self._settled = True
            await asyncio.sleep(GATHER_S)
            self._changed.clear()
            self._found(await asyncio.to_thread(self._findings))

    def _findings(self) -> Findings:
        heard = [f"zigbee2mqtt/{bridge.base}" for bridge in self._bridges if bridge.known]
        if self._settled:
            heard += [f"home_assistant/{discovery.prefix}" for discovery in self._discoveries]
        parts: Sequence[Bridge | Discovery | Patterns] = (*self._bridges, *self._discoveries, self._patterns)
        return Findings(
            sources=tuple(heard),
            devices=tuple(device for part in parts for device in part.devices),
            left_out=sum(part.left_out for part in parts),
        )

    async def _follow(self, connection: Connection) -> None:
        subscribed: set[str] = set()
        while True:
            await self._availability_changed.wait()
            await asyncio.sleep(GATHER_S / 10)
            self._availability_changed.clear()
            self._presence.availability = self._availabilities()
            wanted = set(list(self._availability_topics())[:MOST_AVAILABILITIES])
            await connection.subscribe(sorted(wanted - subscribed), qos=0)
            await connection.unsubscribe(sorted(subscribed - wanted))
            subscribed = wanted
