"""A subdistrict on paper: areas, homes, covers, kiosks, gateways and people, laid into an empty database."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import insert
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.db.base import Base
from server.db.database import Database
from server.db.models import (
    Area,
    CommissioningTest,
    Contact,
    Gateway,
    Position,
    Resident,
    Responder,
    Shift,
    Station,
    User,
    Well,
)
from server.devices.schemas import DeviceIn
from server.devices.service import register_new
from server.gateways import desired

BUTTON, RADAR, COVER, KIOSK, GAS = (
    "tuya-ts0215a-sos",
    "milesight-vs373",
    "dingtek-dc410",
    "calex-pyrousb",
    "oldham-itrans-2",
)
METRE = 1 / 111_320
HOMES_A_GATEWAY, HOMES_A_GRID, HOMES_A_COMMUNITY = 50, 250, 1_000
SHIFT = timedelta(hours=8)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much there is of everything."""

    homes: int
    covers: int
    kiosks: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """One installed sensor and what it is for."""

    position: str
    device: str
    profile: str
    gateway: str
    area: str
    resident: str | None = None
    well: str | None = None


@dataclass(kw_only=True)
class World:
    """What was laid. `untested` are residents whose sensors nobody has signed for, or who have none; `roles`
    each user's."""

    places: dict[str, Place] = field(default_factory=dict)
    gateways: list[str] = field(default_factory=list)
    residents: list[str] = field(default_factory=list)
    high_risk: set[str] = field(default_factory=set)
    untested: set[str] = field(default_factory=set)
    grids: list[str] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)
    logins: dict[int, str] = field(default_factory=dict)

    def of(self, profile: str) -> list[Place]:
        """All sensors of a model."""
        return [place for place in self.places.values() if place.profile == profile]

    def behind(self, gateway: str) -> list[Place]:
        """All sensors that are read through this gateway."""
        return [place for place in self.places.values() if place.gateway == gateway]


def lay(
    database: Database, catalogue: Catalogue, size: Size, *, rng: random.Random, at: datetime, day: datetime
) -> World:
    """Lays the whole subdistrict as it was at `at`, with rosters for the day and a half from `day` on."""
    builder = _Builder(size, rng, at)
    builder.lay_places()
    builder.people(day)
    world = builder.world
    with database.write() as session:
        for model, rows in builder.rows.items():
            for portion in _portions(rows, 1_000):
                session.execute(insert(model), portion)
    for some in _portions(list(builder.devices.items()), 500):
        with database.write() as session:
            register_new(session, dict(some), catalogue=catalogue, now=at)
    with database.write() as session:
        _sign(session, world, at)
    for gateway in world.gateways:
        with database.write() as session:
            desired.refresh(session, gateway, catalogue)
    return world


def _sign(session: Session, world: World, at: datetime) -> None:
    """Somebody has pressed every button and signed for it, but for those of the untested."""
    tests = [
        {
            "position_id": place.position,
            "device_id": place.device,
            "trial": {},
            "armed": True,
            "started_at": at,
            "expires_at": at + timedelta(minutes=5),
            "seen_at": at,
            "pressed_at": at,
            "seen": {},
            "measured": {},
            "ended_at": at,
            "ended": "signed_off",
            "consent": "given",
            "note": "",
            "due_at": at + timedelta(days=60),
            "settled": True,
        }
        for place in world.places.values()
        if place.resident not in world.untested
    ]
    for portion in _portions(tests, 1_000):
        session.execute(insert(CommissioningTest), portion)


def _portions(rows: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(rows), size):
        yield list(rows[start : start + size])


class _Builder:
    def __init__(self, size: Size, rng: random.Random, at: datetime) -> None:
        self.size, self.rng, self.at = size, rng, at
        self.world = World()
        self.devices: dict[str, DeviceIn] = {}
        order: Sequence[type[Base]] = (
            Area, Station, Resident, Well, Gateway, Position, User, Responder, Shift, Contact,
        )  # fmt: skip
        self.rows: dict[type[Base], list[dict[str, Any]]] = {model: [] for model in order}
        self.where: dict[str, tuple[float, float]] = {}

    def lay_places(self) -> None:
        """Areas, stations, gateways, homes with their sensors, wells, kiosks."""
        world, rng = self.world, self.rng
        self._area("street", "subdistrict", None)
        for community in range(-(-self.size.homes // HOMES_A_COMMUNITY)):
            self._area(f"c{community}", "community", "street")
            self._station(f"c{community}", self._middle(community))
        for grid in range(-(-self.size.homes // HOMES_A_GRID)):
            world.grids.append(self._area(f"g{grid}", "grid", f"c{grid * HOMES_A_GRID // HOMES_A_COMMUNITY}"))
        for number in range(-(-self.size.homes // HOMES_A_GATEWAY)):
            self._gateway(f"gw-{number}", world.grids[number * HOMES_A_GATEWAY // HOMES_A_GRID])
        for number in range(self.size.homes):
            self._home(number)
        spread = list(range(self.size.homes))
        rng.shuffle(spread)
        for number in range(self.size.covers):
            self._cover(number, spread[number % len(spread)])
        for number in range(self.size.kiosks):
            gateway = number * len(world.gateways) // self.size.kiosks
            area = world.grids[gateway * HOMES_A_GATEWAY // HOMES_A_GRID]
            address = {"host": "10.0.0.1", "port": 502, "unit": number + 1}
            self._sensor(f"k{number}", KIOSK, world.gateways[gateway], area, address)

    def people(self, day: datetime) -> None:
        """Carers of each community and grid, crews, the desk, managers, volunteers, families."""
        communities = -(-self.size.homes // HOMES_A_COMMUNITY)
        for community in range(communities):
            area = f"c{community}"
            for number in range(6):
                user = self._user(f"carer-{area}-{number}", "carer", area)
                self._shifts(user, "carer", area, day, number % 3)
            self._user(f"station-{area}", "carer", area, station=f"st-{area}")
        for grid in self.world.grids:
            self._user(f"grid-{grid}", "carer", grid)
        for number in range(9):
            self._shifts(self._user(f"crew-{number}", "maintenance"), "maintenance", None, day, number % 3)
        for number in range(6):
            self._shifts(self._user(f"desk-{number}", "dispatcher"), "dispatcher", None, day, number % 3)
        for number in range(2):
            self._user(f"manager-{number}", "manager")
        for resident in self.rng.sample(self.world.residents, len(self.world.residents) // 50):
            user = self._user(f"volunteer-{resident}", "volunteer")
            latitude, longitude = self.where[resident]
            self.rows[Responder].append(
                {"user_id": user, "on_duty": True, "volunteer": True,
                 "latitude": latitude, "longitude": longitude}
            )  # fmt: skip
        for resident in self.rng.sample(self.world.residents, len(self.world.residents) // 8):
            user = self._user(f"family-{resident}", "relative")
            holds = self.rng.random() < 0.5
            self.rows[Contact].append(
                {"resident_id": resident, "rank": 0, "relation": self.rng.choice(("family", "neighbour")),
                 "name": "女儿", "phone": "", "holds_key": holds, "user_id": user}
            )  # fmt: skip

    def _middle(self, community: int) -> tuple[float, float]:
        return 31.2 + 1_500 * METRE * (community // 4), 121.4 + 1_800 * METRE * (community % 4)

    def _area(self, area: str, kind: str, parent: str | None) -> str:
        self.rows[Area].append({"id": area, "kind": kind, "name": area, "parent_id": parent})
        if parent is not None:
            self.world.parents[area] = parent
        return area

    def _station(self, area: str, at: tuple[float, float]) -> None:
        self.rows[Station].append(
            {"id": f"st-{area}", "area_id": area, "name": f"阳光老人家 {area}", "address": area, "phone": "",
             "latitude": at[0], "longitude": at[1], "radius_m": 1_000}
        )  # fmt: skip

    def _gateway(self, gateway: str, area: str) -> None:
        self.world.gateways.append(gateway)
        self.rows[Gateway].append(
            {"id": gateway, "area_id": area, "name": gateway, "created_at": self.at, "desired": {},
             "desired_version": 0, "applied_version": 0, "online": False, "software": "", "health": {}}
        )  # fmt: skip

    def _home(self, number: int) -> None:
        world, rng = self.world, self.rng
        resident = f"r{number}"
        gateway = world.gateways[number // HOMES_A_GATEWAY]
        area = world.grids[number // HOMES_A_GRID]
        latitude, longitude = self._middle(number // HOMES_A_COMMUNITY)
        at = (latitude + rng.uniform(-800, 800) * METRE, longitude + rng.uniform(-800, 800) * METRE)
        self.where[resident] = at
        world.residents.append(resident)
        risk = "high" if rng.random() < 0.1 else "normal"
        if risk == "high":
            world.high_risk.add(resident)
        if rng.random() < 0.01:
            world.untested.add(resident)
        self.rows[Resident].append(
            {"id": resident, "area_id": area, "name": f"王{number}", "address": f"幸福路{number}号",
             "access": "", "phone": "", "notes": "", "risk": risk, "latitude": at[0], "longitude": at[1],
             "created_at": self.at}
        )  # fmt: skip
        topic = {"topic": f"zigbee2mqtt/{resident}"}
        if number % 100 == 50:  # waits for a sensor
            world.untested.add(resident)
            return
        self._sensor(f"{resident}-sos", BUTTON, gateway, area, topic, resident=resident)
        if number % 10 == 0:
            topic = {"topic": f"application/1/device/{resident}/event/up"}
            self._sensor(f"{resident}-fall", RADAR, gateway, area, topic, resident=resident)

    def _cover(self, number: int, beside: int) -> None:
        world, rng = self.world, self.rng
        well = f"w{number}"
        gateway = world.gateways[beside // HOMES_A_GATEWAY]
        area = world.grids[beside // HOMES_A_GRID]
        latitude, longitude = self._middle(beside // HOMES_A_COMMUNITY)
        at = (latitude + rng.uniform(-800, 800) * METRE, longitude + rng.uniform(-800, 800) * METRE)
        self.rows[Well].append(
            {"id": well, "area_id": area, "name": well, "address": "幸福路", "owner": "", "depth_m": 2.5,
             "mount_height_m": 2.5, "latitude": at[0], "longitude": at[1]}
        )  # fmt: skip
        topic = {"topic": f"application/2/device/{well}/event/up"}
        self._sensor(f"{well}-cover", COVER, gateway, area, topic, well=well, mount_height=2_500.0)
        if number % 100 == 0:
            address = {"host": "10.0.1.1", "port": 502, "unit": number % 247 + 1}
            self._sensor(f"{well}-gas", GAS, gateway, area, address, well=well)

    def _sensor(
        self,
        position: str,
        profile: str,
        gateway: str,
        area: str,
        address: dict[str, Any],
        *,
        resident: str | None = None,
        well: str | None = None,
        **parameters: float,
    ) -> None:
        self.rows[Position].append(
            {"id": position, "area_id": area, "name": position, "resident_id": resident, "well_id": well,
             "created_at": self.at}
        )  # fmt: skip
        device = f"d-{position}"
        self.devices[device] = DeviceIn(
            gateway_id=gateway, position_id=position, profile=profile, address=address, parameters=parameters
        )
        self.world.places[position] = Place(
            position=position, device=device, profile=profile, gateway=gateway, area=area,
            resident=resident, well=well,
        )  # fmt: skip

    def _user(self, login: str, role: str, area: str | None = None, *, station: str | None = None) -> int:
        number = len(self.rows[User]) + 1
        self.rows[User].append(
            {"id": number, "login": login, "name": login, "role": role, "password_hash": "", "language": "zh",
             "created_at": self.at, "area_id": area, "station_id": station, "phone": ""}
        )  # fmt: skip
        self.world.roles[number] = role
        self.world.logins[number] = login
        return number

    def _shifts(self, user: int, role: str, area: str | None, day: datetime, which: int) -> None:
        for number in range(which, 6, 3):
            self.rows[Shift].append(
                {"user_id": user, "role": role, "area_id": area, "station_id": None,
                 "starts_at": day + number * SHIFT, "ends_at": day + (number + 1) * SHIFT,
                 "created_at": self.at}
            )  # fmt: skip
