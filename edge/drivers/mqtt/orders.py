"""Orders to devices over the broker, and what is heard of them: downlinks, `/set` and news."""

from collections.abc import Callable, Sequence

from paho.mqtt.client import topic_matches_sub

from edge.commanding import CommandError, Outcome, Stage, TellOutcome
from edge.core.envelopes import EnvelopeError
from edge.core.lorawan_talk import BatteryTold, Joined, downlink, news_topics, read_news, shared, talk_of
from edge.driver import EdgeDevice, TroubleReason
from edge.drivers.mqtt.broker import BrokerError, Message, PublishError
from edge.drivers.mqtt.connection import Connection
from edge.readings import Reading
from firmware_profiles import Downlink, Order, Publication
from firmware_profiles.commands import TOPIC

NETWORK_BATTERY = "network_battery"
"""The point under which a LoRaWAN profile takes what the network server knows of the battery."""
Report = Callable[[str, TroubleReason, str], None]


class Orders:
    """What the MQTT driver tells devices. `connection` is set while there is one."""

    def __init__(self, *, topic_of: Callable[[EdgeDevice], str], tell: TellOutcome, report: Report) -> None:
        self.connection: Connection | None = None
        self.filters: frozenset[str] = frozenset()
        """The subscriptions that bring news, none of which brings an uplink."""
        self._topic_of = topic_of
        self._tell = tell
        self._report = report
        self._devices: dict[str, EdgeDevice] = {}
        self._news: dict[str, tuple[EdgeDevice, str]] = {}

    def replace(self, devices: Sequence[EdgeDevice]) -> None:
        """These are the devices from now on."""
        self._devices = {device.id: device for device in devices}
        self._news = {}
        for device in devices:
            talk = talk_of(self._topic_of(device)) if device.profile.transport == "lorawan" else None
            for topic, what in news_topics(talk).items() if talk is not None else ():
                self._news[topic] = device, what
        self.filters = frozenset(shared(topic) for topic in self._news)

    async def send(self, key: str, device_id: str, order: Order) -> Outcome:
        """Send an order. Raises CommandError."""
        device = self._devices.get(device_id)
        if device is None:
            raise CommandError(f"{device_id}: this gateway does not read such a device over MQTT")
        topic = self._topic_of(device)
        if isinstance(order, Publication):
            await self._publish(order.topic.replace(TOPIC, topic), order.payload)
            return Outcome(key=key, detail="delivered; the device's next report shows whether it acted")
        if not isinstance(order, Downlink):
            raise CommandError(f"{device_id}: registers cannot be written over MQTT")
        talk = talk_of(topic)
        if talk is None:
            raise CommandError(f"{topic}: neither ChirpStack's nor The Things Stack's topic of uplinks")
        try:
            await self._publish(*downlink(talk, key, order))
        except ValueError as error:
            raise CommandError(str(error)) from error
        return Outcome(
            key=key, stage=Stage.QUEUED, detail="the network keeps it until the device speaks the next time"
        )

    def is_news(self, topic: str | None) -> bool:
        """Whether a message there is news: of a device of ours, or of another of its application."""
        return topic is not None and (
            topic in self._news or any(topic_matches_sub(one, topic) for one in self.filters)
        )

    def hear(self, message: Message, now_ms: int) -> Reading | None:
        """Take a message for which `is_news` holds; what it says of the battery is a reading."""
        known = self._news.get(message.topic or "")
        if known is None or message.retained:
            return None
        device, what = known
        try:
            news = read_news(what, message.payload)
        except EnvelopeError as error:
            self._report(device.id, TroubleReason(error.fault.value), f"{what}: {error}")
            return None
        if isinstance(news, Outcome):
            self._tell(news)
        elif isinstance(news, Joined):
            self._report(device.id, TroubleReason.JOINED_ANEW, "it had lost its network or its power")
        elif isinstance(news, BatteryTold) and news.percent is not None:
            return _battery(device, news.percent, now_ms)
        return None

    async def _publish(self, topic: str, payload: bytes) -> None:
        if self.connection is None:
            raise CommandError("the broker of the devices cannot be reached just now; try again")
        try:
            await self.connection.publish(topic, payload)
        except (PublishError, BrokerError) as error:
            raise CommandError(str(error)) from error


def _battery(device: EdgeDevice, percent: float, now_ms: int) -> Reading | None:
    if NETWORK_BATTERY not in device.profile.points:
        return None
    return Reading(
        position=device.position,
        device=device.id,
        family=device.profile.family,
        time_ms=now_ms,
        received_ms=now_ms,
        points={NETWORK_BATTERY: percent},
    )
