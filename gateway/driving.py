"""The edge's drivers as this gateway runs them."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.commanding import TellOutcome
from edge.driver import Clock, Driver, Emit, ReportTrouble
from edge.drivers.http import HttpDriver, HttpSettings, Source
from edge.drivers.modbus import ModbusDriver
from edge.drivers.mqtt import MqttDriver, MqttSettings
from edge.drivers.mqtt.broker import Broker as DeviceBroker
from edge.drivers.mqtt.discovery import ReportFound, Sources
from edge.supervisor import DriverCounters
from gateway import wire
from gateway.settings import Broker, GatewaySettings, HttpListener

BuildDriver = Callable[[Emit, ReportTrouble], Driver]


def driver_builders(
    settings: GatewaySettings, clock: Clock, found: ReportFound, outcome: TellOutcome
) -> dict[str, BuildDriver]:
    """How to make each driver, by name; made without devices, which come with the desired state.
    `found` takes what the sources say of devices, `outcome` what becomes known of commands later."""
    mqtt = MqttSettings(
        broker=_device_broker(settings.devices),
        client_id=f"sunwell-edge-{settings.name}",
        deliveries_file=settings.data / "deliveries",
        discover=settings.discover,
        sources=Sources(
            zigbee2mqtt=settings.zigbee2mqtt,
            home_assistant=settings.home_assistant,
            patterns=settings.patterns,
        ),
    )
    http = None if settings.http is None else _http(settings.http, settings.data / "pushed")
    return {
        "mqtt": lambda emit, trouble: MqttDriver(
            (), emit=emit, trouble=trouble, settings=mqtt, clock=clock, found=found, outcome=outcome
        ),
        "modbus": lambda emit, trouble: ModbusDriver((), emit=emit, trouble=trouble, clock=clock),
        "http": lambda emit, trouble: HttpDriver((), emit=emit, trouble=trouble, settings=http, clock=clock),
    }


def driver_health(counters: DriverCounters, away: wire.DriverAway | None = None) -> wire.DriverHealth:
    """A driver's counters as they are told to the server, and whether its way to devices is down."""
    return wire.DriverHealth(
        name=counters.name,
        running=counters.running,
        restarts=counters.restarts,
        readings=counters.readings,
        errors=counters.errors,
        last_error=counters.last_error,
        away=msgspec.UNSET if away is None else away,
    )


def _device_broker(broker: Broker) -> DeviceBroker:
    tls = broker.tls
    return DeviceBroker(
        host=broker.host,
        port=broker.port,
        username=broker.user,
        password_file=broker.password_file,
        ca_file=None if tls is None else str(tls.ca),
        certificate_file=None if tls is None else tls.certificate,
        key_file=None if tls is None else tls.key,
        version=broker.version,
    )


def _http(listener: HttpListener, seen_file: Path) -> HttpSettings:
    tls = listener.tls
    return HttpSettings(
        host=listener.host,
        port=listener.port,
        certificate=None if tls is None else tls.certificate,
        key=None if tls is None else tls.key,
        sources={name: Source(**dict(source)) for name, source in listener.sources.items()},
        seen_file=seen_file,
        most_body_bytes=listener.most_body_mb * 1_048_576,
        body_s=listener.body_s,
    )
