"""What people write about devices, checked."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from server.places.schemas import Id


class DeviceIn(BaseModel):
    """A device and the position where it is now. `address` is its driver's: {"topic": …} for MQTT (with the
    "ieee_address" of a Zigbee device its gateway follows a change of name by itself),
    {"host": …, "port": 502, "unit": 1} for Modbus TCP. `parameters` are what its profile asks for."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    gateway_id: Id
    position_id: Id
    profile: Id
    address: dict[str, Any]
    parameters: dict[str, float] = {}
    serial: Annotated[str, Field(max_length=100)] = ""
    firmware: Annotated[str, Field(max_length=40)] = ""


class _MqttAddress(BaseModel):
    model_config = ConfigDict(extra="forbid")

    topic: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^#+\x00$][^#+\x00]*$")]
    ieee_address: Annotated[str, Field(pattern=r"^0x[0-9a-f]{16}$")] | None = None


class _ModbusAddress(BaseModel):
    model_config = ConfigDict(extra="forbid")

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    unit: Annotated[int, Field(ge=0, le=255)] = 1


ADDRESSES: dict[str, type[BaseModel]] = {"mqtt": _MqttAddress, "modbus": _ModbusAddress}
"""The form of a device's address, by driver."""
