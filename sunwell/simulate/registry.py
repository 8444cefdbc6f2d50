"""What has to be registered for a street to be known: plain rows, shaped like the API's bodies."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal


class _Row:
    """A row. `body` is what the API takes, without the id, which is in the address."""

    id: str

    def body(self) -> dict[str, Any]:
        """All fields but the id."""
        fields: dict[str, Any] = asdict(self)  # type: ignore[call-overload] # every row is a dataclass
        del fields["id"]
        return fields


@dataclass(frozen=True, kw_only=True)
class AreaRow(_Row):
    """An area; parents come before their children."""

    id: str
    kind: Literal["subdistrict", "community", "grid"]
    name: str
    parent_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class GatewayRow(_Row):
    """A gateway."""

    id: str
    area_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class StationRow(_Row):
    """A station 阳光老人家; its circle is as wide as the server's rule says."""

    id: str
    area_id: str
    name: str
    address: str
    phone: str
    latitude: float
    longitude: float


@dataclass(frozen=True, kw_only=True)
class ContactRow:
    """Somebody to call about a resident."""

    relation: Literal["family", "neighbour", "friend", "doctor", "other"]
    name: str
    phone: str
    holds_key: bool = False


@dataclass(frozen=True, kw_only=True)
class ResidentRow(_Row):
    """A resident and the home."""

    id: str
    area_id: str
    name: str
    address: str
    born: int
    access: str
    phone: str
    contacts: tuple[ContactRow, ...]
    notes: str
    risk: Literal["normal", "high"]
    latitude: float
    longitude: float


@dataclass(frozen=True, kw_only=True)
class WellRow(_Row):
    """A well."""

    id: str
    area_id: str
    name: str
    address: str
    owner: str
    depth_m: float
    mount_height_m: float
    upstream: tuple[str, ...]
    latitude: float
    longitude: float


@dataclass(frozen=True, kw_only=True)
class PositionRow(_Row):
    """The installed place of one device."""

    id: str
    area_id: str
    name: str
    resident_id: str | None = None
    well_id: str | None = None
    latitude: float
    longitude: float


@dataclass(frozen=True, kw_only=True)
class DeviceRow(_Row):
    """A device at its position. `driver` follows from the profile and is no part of the body."""

    id: str
    gateway_id: str
    position_id: str
    profile: str
    driver: Literal["mqtt", "modbus"]
    address: Mapping[str, Any]
    parameters: Mapping[str, float] = field(default_factory=dict)
    serial: str = ""

    def body(self) -> dict[str, Any]:
        fields = super().body()
        del fields["driver"]
        return fields


@dataclass(frozen=True, kw_only=True)
class Registry:
    """All rows of a street, in an order in which they can be registered one table after the other."""

    areas: tuple[AreaRow, ...]
    gateways: tuple[GatewayRow, ...]
    stations: tuple[StationRow, ...] = ()
    residents: tuple[ResidentRow, ...]
    wells: tuple[WellRow, ...]
    positions: tuple[PositionRow, ...]
    devices: tuple[DeviceRow, ...]

    def through(self, *, gateway: str | None, modbus_name: str | None) -> "Registry":
        """The same with one gateway for everything, and with the name by which it reaches the Modbus devices
        of this program; None leaves either as it is."""
        return replace(
            self,
            gateways=(replace(self.gateways[-1], id=gateway),) if gateway else self.gateways,
            devices=tuple(
                replace(
                    device,
                    gateway_id=gateway or device.gateway_id,
                    address={**device.address, "host": modbus_name}
                    if modbus_name and device.driver == "modbus"
                    else device.address,
                )
                for device in self.devices
            ),
        )
