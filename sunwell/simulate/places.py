"""What is installed in a home, a well and a kiosk: simulated devices, and their rows for the registry."""

from dataclasses import dataclass
from typing import Final

from sunwell.simulate.devices.lorawan import DingtekCover, LorawanDevice, MilesightButton, MilesightRadar
from sunwell.simulate.devices.registers import (
    CalexThermometer,
    GasDetector,
    LevelProbe,
    OmegaThermometer,
    RegisterDevice,
    RoomSensor,
)
from sunwell.simulate.devices.zigbee import (
    HeimanRadar,
    OwonRadar,
    OwonSos,
    TuyaRadar,
    TuyaSos,
    ZigbeeDevice,
)
from sunwell.simulate.people import STREET, WEST_END, home_place, resident, well
from sunwell.simulate.registry import DeviceRow, PositionRow

DEPTH_MM: Final = 2_500
"""Depth of every simulated well: the cover's sensor hangs that far above the bottom."""
GAS_UNIT: Final = 100
"""Gas detectors have unit 100 + well, level probes the well's own number."""

FallSensor = OwonRadar | HeimanRadar | TuyaRadar | MilesightRadar
Button = TuyaSos | OwonSos | MilesightButton


@dataclass(frozen=True, slots=True)
class Home:
    """A home: `number` from 1, and its two sensors."""

    number: int
    radar: FallSensor
    button: Button


@dataclass(frozen=True, slots=True)
class Well:
    """A well: its cover, the water probe and the gas detector."""

    number: int
    cover: DingtekCover
    probe: LevelProbe
    gas: GasDetector


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A temperature kiosk and the room sensor beside it."""

    number: int
    thermometer: CalexThermometer
    room: RoomSensor


def make_home(number: int) -> Home:
    """Home `number`; models go round, so that every pair of models occurs."""
    radar_name, button_name = f"home-{number:02}-radar", f"home-{number:02}-button"
    radar: FallSensor
    match number % 4:
        case 1:
            radar = OwonRadar(radar_name)
        case 2:
            radar = HeimanRadar(radar_name)
        case 3:
            radar = TuyaRadar(radar_name)
        case _:
            radar = MilesightRadar(radar_name, f"24e124a1{number:08x}")
    button: Button
    match number % 3:
        case 1:
            button = TuyaSos(button_name)
        case 2:
            button = OwonSos(button_name)
        case _:
            button = MilesightButton(button_name, f"24e124b1{number:08x}")
    return Home(number, radar, button)


def make_well(number: int) -> Well:
    """Well `number`."""
    cover = DingtekCover(f"well-{number:02}-cover", f"24e124c1{number:08x}", mount_height_mm=DEPTH_MM)
    return Well(number, cover, LevelProbe(), GasDetector())


def make_kiosk(number: int) -> Kiosk:
    """Kiosk `number`: the first has a Calex, the second an Omega."""
    thermometer = CalexThermometer() if number % 2 else OmegaThermometer()
    return Kiosk(number, thermometer, RoomSensor())


def home_rows(home: Home, homes: int) -> tuple[list[PositionRow], list[DeviceRow]]:
    """The positions and devices of a home."""
    gateway, area, latitude, longitude = home_place(home.number, homes)
    positions, devices = [], []
    for key, name, device in (
        ("fall", "卫生间跌倒雷达", home.radar),
        ("button", "床头紧急按钮", home.button),
    ):
        position = PositionRow(
            id=f"h{home.number:02}-{key}",
            area_id=area,
            name=f"{home.number} 号{name}",
            resident_id=resident(home.number, homes).id,
            latitude=latitude,
            longitude=longitude,
        )
        positions.append(position)
        devices.append(_mqtt_row(f"d-{position.id}", gateway, position.id, device))
    return positions, devices


def well_rows(one: Well, host: str, port: int) -> tuple[list[PositionRow], list[DeviceRow]]:
    """The positions and devices of a well; the probe and the detector answer at (host, port)."""
    row = well(one.number)
    positions = [
        PositionRow(
            id=f"{row.id}-{key}",
            area_id=row.area_id,
            name=f"{row.name} {name}",
            well_id=row.id,
            latitude=row.latitude,
            longitude=row.longitude,
        )
        for key, name in (("cover", "井盖"), ("level", "水位"), ("gas", "气体"))
    ]
    return positions, [
        _mqtt_row(
            f"d-{row.id}-cover", "gw-street", positions[0].id, one.cover, {"mount_height": float(DEPTH_MM)}
        ),
        _modbus_row(f"d-{row.id}-level", positions[1].id, one.probe, (host, port, one.number)),
        _modbus_row(f"d-{row.id}-gas", positions[2].id, one.gas, (host, port, GAS_UNIT + one.number)),
    ]


def kiosk_rows(kiosk: Kiosk, host: str, port: int) -> tuple[list[PositionRow], list[DeviceRow]]:
    """The positions and devices of a kiosk; both answer at (host, port), as units 2n - 1 and 2n."""
    latitude, longitude = WEST_END
    positions = [
        PositionRow(
            id=f"k{kiosk.number}-{key}",
            area_id="hemu-1" if kiosk.number % 2 else "xiangyang-1",
            name=f"{STREET}{'西' if kiosk.number % 2 else '东'}口测温岗亭 {name}",
            latitude=latitude,
            longitude=round(longitude + (0.0 if kiosk.number % 2 else 0.0038), 6),
        )
        for key, name in (("temperature", "体温"), ("room", "环境"))
    ]
    first = 2 * kiosk.number - 1
    return positions, [
        _modbus_row(f"d-{positions[0].id}", positions[0].id, kiosk.thermometer, (host, port, first)),
        _modbus_row(f"d-{positions[1].id}", positions[1].id, kiosk.room, (host, port, first + 1)),
    ]


def _mqtt_row(
    name: str,
    gateway: str,
    position: str,
    device: ZigbeeDevice | LorawanDevice,
    parameters: dict[str, float] | None = None,
) -> DeviceRow:
    return DeviceRow(
        id=name,
        gateway_id=gateway,
        position_id=position,
        profile=device.profile,
        driver="mqtt",
        address={"topic": device.topic},
        parameters=parameters or {},
        serial=device.topic.split("/")[1 if isinstance(device, ZigbeeDevice) else 3],
    )


def _modbus_row(name: str, position: str, device: RegisterDevice, place: tuple[str, int, int]) -> DeviceRow:
    host, port, unit = place
    return DeviceRow(
        id=name,
        gateway_id="gw-street",
        position_id=position,
        profile=device.profile,
        driver="modbus",
        address={"host": host, "port": port, "unit": unit},
        serial=f"{device.profile}-{unit}",
    )
