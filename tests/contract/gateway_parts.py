"""What the gateway's contract tests share: the server's side of the wire, a street of buttons, settings."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt

from firmware_profiles.load import load_catalogue
from gateway import wire
from gateway.rules.model import Event, Rule, Severity, TaskKind
from gateway.settings import Broker, GatewaySettings
from tests.parts.mosquitto import Mosquitto

PROFILE = "tuya-ts0215a-sos"
WAIT_S = 15.0


class FakeServer:
    """Receives what one gateway sends and acknowledges when the test says so; presses buttons too."""

    def __init__(self, client: aiomqtt.Client, devices: aiomqtt.Client, gateway: str) -> None:
        self._client = client
        self._devices = devices
        self._gateway = gateway
        self._news = asyncio.Condition()
        self.received: list[tuple[str, Any]] = []

    async def listen(self) -> None:
        """Gather what comes. Runs until cancelled."""
        async for message in self._client.messages:
            _, channel = wire.parse_topic(str(message.topic))
            assert isinstance(message.payload, bytes)
            async with self._news:
                self.received.append((channel, wire.decode(channel, message.payload)))
                self._news.notify_all()

    async def take(self, channel: str, wanted: Callable[[Any], bool] = lambda _message: True) -> Any:
        """The first message of the channel, received or to come, that is as wanted."""
        async with asyncio.timeout(WAIT_S), self._news:
            while True:
                for place, (its_channel, message) in enumerate(self.received):
                    if its_channel == channel and wanted(message):
                        del self.received[place]
                        return message
                await self._news.wait()

    async def send(
        self, channel: wire.Channel, message: wire.Message | bytes, *, retain: bool = False
    ) -> None:
        """Publish on one of the gateway's channels."""
        payload = message if isinstance(message, bytes) else wire.encode(message)
        await self._client.publish(wire.topic(self._gateway, channel), payload, qos=1, retain=retain)

    async def acknowledge(self, message: wire.AlarmMessage | wire.DataFrame) -> None:
        """Say that it is stored."""
        if isinstance(message, wire.AlarmMessage):
            await self.send(
                "down/ack", wire.AckMessage(lane="alarm", epoch=message.epoch, seqs=[message.seq])
            )
        else:
            await self.send("down/ack", wire.AckMessage(lane="data", epoch=message.epoch, seqs=[message.seq]))

    async def press(self, device: str) -> None:
        """Press that device's button: what Zigbee2MQTT would publish."""
        await self.say(device, {"action": "emergency", "battery": 88})

    async def say(self, device: str, values: dict[str, Any]) -> None:
        """Let Zigbee2MQTT publish values of that device."""
        await self._devices.publish(f"zigbee2mqtt/{device}", json.dumps(values), qos=1)


def client(broker: Mosquitto, user: str) -> aiomqtt.Client:
    """A client of that user, MQTT 5."""
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=user,
        password=broker.passwords[user],
        protocol=aiomqtt.ProtocolVersion.V5,
    )


@asynccontextmanager
async def fake_server(broker: Mosquitto, gateway: str) -> AsyncIterator[FakeServer]:
    """The server's side of one gateway's topics; no desired state is left behind."""
    async with client(broker, "server") as mine, client(broker, "devices") as devices:
        server = FakeServer(mine, devices, gateway)
        await mine.subscribe(f"{wire.PREFIX}/{gateway}/up/#", qos=1)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(server.listen())
            try:
                yield server
            finally:
                listening.cancel()
                await server.send("down/desired", b"", retain=True)


def settings(
    broker: Mosquitto, gateway: str, data: Path, *, uplink_port: int | None = None
) -> GatewaySettings:
    """Settings of a gateway whose sensors and server meet at one broker."""
    return GatewaySettings(
        name=gateway,
        data=data,
        uplink=Broker(
            host=broker.host,
            port=uplink_port or broker.port,
            user=gateway,
            password_file=broker.password_file(gateway),
        ),
        devices=Broker(
            host=broker.host, port=broker.port, user="edge", password_file=broker.password_file("edge")
        ),
    )


def desired(version: int, *devices: str, **changes: Any) -> wire.DesiredMessage:
    """A desired state with emergency buttons, each with its rule."""
    profile = load_catalogue()[PROFILE]
    document = wire.DesiredMessage(
        version=version,
        devices=[
            wire.DesiredDevice(
                id=device,
                position=f"room of {device}",
                profile=PROFILE,
                driver="mqtt",
                address={"topic": f"zigbee2mqtt/{device}"},
            )
            for device in devices
        ],
        rules=[
            Rule(
                id="sos",
                position=f"room of {device}",
                severity=Severity.CRITICAL,
                task_kind=TaskKind.CARE,
                when=Event(point="action", values=("emergency",), debounce_ms=0),
            )
            for device in devices
        ],
        profiles={PROFILE: profile.document()},
        frame_ms=200,
        health_ms=1_000,
    )
    return wire.DesiredMessage(
        **{field: getattr(document, field) for field in document.__struct_fields__} | changes
    )
