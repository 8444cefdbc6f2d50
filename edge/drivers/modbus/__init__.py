"""The driver for devices that are polled over Modbus TCP and RTU."""

from edge.drivers.modbus.commands import CommandError, Write
from edge.drivers.modbus.driver import ModbusDriver, ModbusSettings

__all__ = ["CommandError", "ModbusDriver", "ModbusSettings", "Write"]
