"""The driver for devices that are polled over Modbus TCP."""

from edge.drivers.modbus.driver import ModbusDriver, ModbusSettings

__all__ = ["ModbusDriver", "ModbusSettings"]
