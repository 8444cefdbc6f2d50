"""The drivers, by the name that a device's profile and the desired state use."""

from typing import Final

from edge.drivers.http import HttpDriver
from edge.drivers.modbus import ModbusDriver
from edge.drivers.mqtt import MqttDriver

DRIVERS: Final[dict[str, type[MqttDriver] | type[ModbusDriver] | type[HttpDriver]]] = {
    "mqtt": MqttDriver,
    "modbus": ModbusDriver,
    "http": HttpDriver,
}
