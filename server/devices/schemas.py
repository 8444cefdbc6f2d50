"""What people write about devices, checked."""

import hashlib
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from server.places.schemas import Id

_V = TypeVar("_V")
LONGEST_FIRMWARE: Final = 40


class DeviceIn(BaseModel):
    """A device and the position where it is now. `address` is its driver's: {"topic": …} for MQTT (with the
    "ieee_address" of a Zigbee device its gateway follows a change of name by itself),
    {"host": …, "port": 502, "unit": 1} for Modbus TCP, {"serial": "/dev/ttyUSB0", "baud": 9600, "unit": 1}
    for RTU, {"source": …, "identity": …} or {"source": …, "token": …} for HTTP. `parameters` are what its
    profile asks for."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    gateway_id: Id
    position_id: Id
    profile: Id
    address: dict[str, Any]
    parameters: dict[str, float] = {}
    serial: Annotated[str, Field(max_length=100)] = ""
    firmware: Annotated[str, Field(max_length=LONGEST_FIRMWARE)] = ""


class _MqttAddress(BaseModel):
    model_config = ConfigDict(extra="forbid")

    topic: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^#+\x00$][^#+\x00]*$")]
    ieee_address: Annotated[str, Field(pattern=r"^0x[0-9a-f]{16}$")] | None = None


class _Wake(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fc: Annotated[int, Field(ge=1, le=6)] = 3
    address: Annotated[int, Field(ge=0, le=65535)] = 0
    value: Annotated[int, Field(ge=0, le=65535)] = 0
    pause_ms: Annotated[int, Field(ge=0, le=5_000)] = 50


class _ModbusAddress(BaseModel):
    """Behind a host (Modbus TCP, or RTU through a serial server) or on a serial port of the gateway."""

    model_config = ConfigDict(extra="forbid")

    serial: Annotated[str, Field(max_length=253, pattern="^/dev/[^/].*$")] | None = None
    host: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(None, validate_default=True)
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(None, validate_default=True)
    framer: Literal["tcp", "rtu"] | None = None
    baud: Annotated[int, Field(ge=300, le=4_000_000)] | None = None
    parity: Literal["N", "E", "O"] | None = None
    stop_bits: Annotated[int, Field(ge=1, le=2)] | None = None
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    timeout_ms: Annotated[int, Field(ge=1, le=10_000)] | None = None
    guard_ms: Annotated[int, Field(ge=0, le=1_000)] | None = None
    spacing_ms: Annotated[int, Field(ge=0, le=60_000)] | None = None
    wake: _Wake | None = None

    @field_validator("host")
    @classmethod
    def _somewhere(cls, host: str | None, info: ValidationInfo) -> str | None:
        serial = info.data.get("serial")
        if host is None and serial is None and "serial" in info.data:
            raise ValueError("a name or IP address is needed, or serial: a port of the gateway")
        return _of_a_host(host, info)

    @field_validator("port")
    @classmethod
    def _usual_port(cls, port: int | None, info: ValidationInfo) -> int | None:
        return _of_a_host(port, info) or (502 if info.data.get("host") else None)

    @field_validator("framer")
    @classmethod
    def _framed(cls, framer: str | None, info: ValidationInfo) -> str | None:
        return _of_a_host(framer, info)

    @field_validator("parity", "stop_bits")
    @classmethod
    def _of_a_port(cls, value: _V | None, info: ValidationInfo) -> _V | None:
        if value is not None and info.data.get("serial") is None:
            raise ValueError("only a serial port has it")
        return value

    @field_validator("unit")
    @classmethod
    def _on_a_line(cls, unit: int, info: ValidationInfo) -> int:
        if (info.data.get("serial") or info.data.get("framer") == "rtu") and not 1 <= unit <= 247:
            raise ValueError("a unit on a serial line is 1 to 247")
        return unit

    @model_serializer(mode="wrap")
    def _given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value is not None}


def _of_a_host(value: _V | None, info: ValidationInfo) -> _V | None:
    if value is not None and info.data.get("serial") is not None:
        raise ValueError("a serial port has none; leave it or serial out")
    return value


class _HttpAddress(BaseModel):
    """A device that pushes through one of its gateway's sources: by the name that its sender gives it, or by
    a token of its own, of which only the digest is kept. `field`, `payload` and `encoding` are for platforms
    whose customer decides where these stand."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    token: Annotated[
        str | None,
        Field(min_length=16, max_length=128, pattern=r"^[A-Za-z0-9_.~-]+$", exclude=True),
    ] = None
    token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(None, validate_default=True)
    identity: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(None, validate_default=True)
    field: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    payload: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    encoding: Literal["json", "text", "base64", "hex"] | None = None

    @field_validator("token_sha256")
    @classmethod
    def _digest(cls, digest: str | None, info: ValidationInfo) -> str | None:
        token = info.data.get("token")
        return digest if token is None else hashlib.sha256(token.encode()).hexdigest()

    @field_validator("identity")
    @classmethod
    def _known_by_something(cls, identity: str | None, info: ValidationInfo) -> str | None:
        digest = info.data.get("token_sha256")
        if identity is None and digest is None and {"token", "token_sha256"} <= info.data.keys():
            raise ValueError("what the sender calls the device is needed (a name, MAC or IMEI), or a token")
        return identity


ADDRESSES: dict[str, type[BaseModel]] = {
    "mqtt": _MqttAddress,
    "modbus": _ModbusAddress,
    "http": _HttpAddress,
}
"""The form of a device's address, by driver."""
