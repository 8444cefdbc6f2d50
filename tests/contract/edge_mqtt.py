"""A broker with a driver beside it, as the tests of the MQTT driver use them."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiomqtt

from edge.driver import EdgeDevice
from edge.drivers.mqtt import Broker, MqttDriver, MqttSettings
from tests.contract.edge_inbox import PATIENCE_S, Inbox, device, running
from tests.parts.mosquitto import Mosquitto

NOW_MS = 1_780_000_000_000
PRESS = {"action": "emergency", "battery": 88, "linkquality": 120}


class Street:
    """A broker, a name of its own for each test, and a way to publish."""

    def __init__(self, broker: Mosquitto, folder: Path) -> None:
        self.broker = broker
        self.name = uuid4().hex[:8]
        self.settings = MqttSettings(
            broker=Broker(
                host=broker.host,
                port=broker.port,
                username="edge",
                password_file=broker.password_file("edge"),
            ),
            client_id=f"edge-{self.name}",
            deliveries_file=folder / "deliveries",
        )

    def topic(self, name: str) -> str:
        return f"zigbee2mqtt/{self.name}-{name}"

    def button(self, name: str = "button") -> EdgeDevice:
        return device("tuya-ts0215a-sos", name, topic=self.topic(name))

    def driver(
        self, inbox: Inbox, devices: Sequence[EdgeDevice] | None = None, emit: Any = None, **settings: Any
    ) -> MqttDriver:
        return MqttDriver(
            [self.button()] if devices is None else devices,
            emit=emit or inbox.emit,
            trouble=inbox.trouble,
            settings=MqttSettings(
                **{name: getattr(self.settings, name) for name in ("broker", "client_id", "deliveries_file")}
                | settings
            ),
            clock=lambda: NOW_MS,
        )

    async def publish(self, *payloads: Any, name: str = "button", retain: bool = False, qos: int = 1) -> None:
        async with aiomqtt.Client(
            self.broker.host,
            self.broker.port,
            username="devices",
            password=self.broker.passwords["devices"],
        ) as client:
            for payload in payloads:
                data = json.dumps(payload).encode() if isinstance(payload, dict) else payload
                await client.publish(self.topic(name), data, qos=qos, retain=retain)


@asynccontextmanager
async def subscribed(driver: MqttDriver) -> AsyncIterator[asyncio.Task[None]]:
    async with running(driver.run) as task:
        waiting = asyncio.ensure_future(driver.ready.wait())
        await asyncio.wait((waiting, task), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()
        assert driver.ready.is_set(), "never subscribed"
        yield task
