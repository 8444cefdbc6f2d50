"""Two communities of one subdistrict with the same things in each; `alfa` and `zulu` stand in every name and
id of theirs, so that an answer can be searched for the other's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from sqlalchemy import select

from firmware_profiles import Catalogue
from gateway.rules.model import Severity, TaskKind
from gateway.wire import AlarmMessage
from server.alarms import service as alarms
from server.clock import now, to_ms
from server.context import Context
from server.db.database import Database
from server.db.models import (
    Absence,
    Address,
    AuditEntry,
    Command,
    CommissioningTest,
    Consent,
    FoundDevice,
    KeyHolder,
    QuarantinedMessage,
    Responder,
    Rhythm,
    Shift,
    ShiftSwap,
    StoredPlaybook,
    TaskPhoto,
    UnprotectedSpan,
    User,
    Window,
)
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.places import schemas, service
from server.residents.schemas import ContactIn
from server.users import service as users
from server.users import sessions
from server.users.roles import Role
from server.web.pages import ROUTERS
from tests.contract.server.conftest import NOW
from tests.parts.context import context_around

HERE, THERE = "alfa", "zulu"
_PROFILES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "home": ("tuya-ts0215a-sos", {"topic": "zigbee2mqtt/{}-sos"}),
    "cover": ("dingtek-dc410", {"topic": "application/1/device/{}/event/up"}),
    "kiosk": ("calex-pyrousb", {"host": "{}.example", "port": 1502, "unit": 3}),
    "lone": ("tuya-ts0215a-sos", {"topic": "zigbee2mqtt/{}-lone"}),
}
_ALARMS = {
    "home": ("sos", Severity.CRITICAL, TaskKind.CARE),
    "cover": ("cover_open", Severity.MAJOR, TaskKind.WELL),
    "kiosk": ("fever", Severity.MAJOR, TaskKind.PUBLIC_HEALTH),
}


def lay(database: Database, catalogue: Catalogue) -> None:
    """Lays both out below the subdistrict `street`."""
    with database.write() as session:
        service.put_area(session, "street", schemas.AreaIn(kind="subdistrict", name="街道"))
    for number, name in enumerate((HERE, THERE)):
        _community(database, catalogue, name, 31.2 + number / 10)


def staff(database: Database, role: Role, name: str, area_id: str | None) -> int:
    """Somebody with this role and area; their number."""
    with database.write() as session:
        user = users.add(session, login=name, name=name, role=role, password="correct horse", now=NOW)
        user.area_id = area_id
        return user.id


@asynccontextmanager
async def served(database: Database, catalogue: Catalogue, folder: Path) -> AsyncIterator[Context]:
    """Both laid out, and what a server's pages need."""
    lay(database, catalogue)
    async with context_around(database, catalogue, folder) as made:
        yield made


def token(database: Database, role: Role, area_id: str | None, name: str = "") -> dict[str, str]:
    """The header of somebody new with this role and area."""
    login = name or f"walker-{role}"
    staff(database, role, login, area_id)
    with database.write() as session:
        user = session.scalars(select(User).where(User.login == login)).one()
        made = sessions.new_token(session, user, name="walk", expires_at=None, now=now())
    return {"authorization": f"Bearer {made}"}


def _community(database: Database, catalogue: Catalogue, name: str, latitude: float) -> None:
    moment, place = now(), {"latitude": latitude, "longitude": 121.4}
    with database.write() as session:
        service.put_area(
            session, name, schemas.AreaIn(kind="community", name=f"{name}-community", parent_id="street")
        )
        area = f"{name}-grid"
        service.put_area(session, area, schemas.AreaIn(kind="grid", name=area, parent_id=name))
        service.put_gateway(
            session, f"{name}-gw", schemas.GatewayIn(area_id=name, name=f"{name}-gw"), now=moment
        )
        resident = schemas.ResidentIn(
            area_id=area, name=f"{name}-resident", address=f"{name}-road 1", phone=f"{name}-phone",
            access=f"{name}-access", notes=f"{name}-notes", risk="high", **place,
            contacts=[ContactIn(name=f"{name}-daughter", phone=f"{name}-number", holds_key=True)],
        )  # fmt: skip
        service.put_resident(session, f"{name}-r", resident, now=moment)
        service.put_well(
            session, f"{name}-w",
            schemas.WellIn(area_id=area, name=f"{name}-well", address=f"{name}-corner", **place),
        )  # fmt: skip
        service.put_station(
            session, f"{name}-st",
            schemas.StationIn(area_id=area, name=f"{name}-station", address=f"{name}-lane", **place),
        )  # fmt: skip
        of: dict[str, dict[str, Any]] = {
            "home": {"resident_id": f"{name}-r"},
            "cover": {"well_id": f"{name}-w"},
        }
        for kind, (profile, address) in _PROFILES.items():
            position = f"{name}-{kind}"
            service.put_position(
                session, position,
                schemas.PositionIn(area_id=area, name=position, **place, **of.get(kind, {})), now=moment,
            )  # fmt: skip
            filled = {k: v.format(name) if isinstance(v, str) else v for k, v in address.items()}
            parameters = {
                key: parameter.default if parameter.default is not None else 3000.0
                for key, parameter in catalogue[profile].parameters.items()
            }
            register(
                session, f"{position}-d",
                DeviceIn(
                    gateway_id=f"{name}-gw", position_id=position, profile=profile, address=filled,
                    parameters=parameters, serial=f"{position}-serial",
                ),
                catalogue=catalogue, now=moment,
            )  # fmt: skip
    person = staff(database, Role.CARER, f"{name}-carer", area)
    other = staff(database, Role.CARER, f"{name}-second", area)
    _records(database, name, person, other)
    for seq, (kind, (rule, severity, task_kind)) in enumerate(_ALARMS.items(), 1):
        _alarm(database, name, seq, f"{name}-{kind}", rule, severity, task_kind)
    with database.write() as session:
        session.add(TaskPhoto(task_id=task_of(name), at=moment, file=f"{name}.jpg"))


def task_of(name: str) -> int:
    """The number of the care task there; the next two are the well's and the kiosk's."""
    return 1 if name == HERE else 4


def _alarm(
    database: Database, name: str, seq: int, position: str, rule: str, severity: Severity, kind: TaskKind
) -> None:
    message = AlarmMessage(
        epoch="e1", seq=seq, event="occurred", breach=f"{name}-breach-{seq}", position=position,
        device=f"{position}-d", rule=rule, severity=severity, task_kind=kind, point="action",
        value="emergency",
        device_ms=to_ms(now()), gateway_ms=to_ms(now()), ends=False,
    )  # fmt: skip
    with database.write() as session:
        alarms.record(session, gateway_id=f"{name}-gw", message=message, now=now())


def _records(database: Database, name: str, person: int, other: int) -> None:
    moment, hour = now(), timedelta(hours=1)
    home = f"{name}-r"
    with database.write() as session:
        shift = Shift(
            user_id=person, role="carer", area_id=f"{name}-grid", starts_at=moment - hour,
            ends_at=moment + hour, created_at=moment,
        )  # fmt: skip
        session.add(shift)
        session.flush()
        session.add_all(
            [
                ShiftSwap(shift_id=shift.id, from_id=person, to_id=other, state="asked", asked_at=moment),
                Responder(user_id=person, on_duty=True, volunteer=False),
                KeyHolder(resident_id=home, user_id=person),
                Address(
                    user_id=person, channel="mail", rank=1, address=f"mailto://{name}.example",
                    updated_at=moment,
                ),
                Absence(
                    resident_id=home, kind="family", since=moment - hour, until=moment + hour,
                    note=f"{name}-away", created_at=moment,
                ),
                Consent(resident_id=home, kind="care", given_at=moment, note=f"{name}-paper"),
                Rhythm(resident_id=home, updated_at=moment),
                UnprotectedSpan(
                    resident_id=home, cause="silent", thing_kind="position", thing_id=f"{name}-home",
                    since=moment - hour,
                ),
                *(
                    Window(
                        kind="work", scope_kind=kind, scope_id=f"{name}{end}", since=moment + hour,
                        until=moment + 2 * hour, reason=f"{name}-digging", created_at=moment,
                    )
                    for kind, end in (("well", "-w"), ("area", ""), ("gateway", "-gw"))
                ),
                StoredPlaybook(
                    kind="care", severity="critical", resident_id=home, version=1, created_at=moment,
                    plan={"steps": [{"who": {"kind": "role", "value": "carer"}, "within_s": 60}],
                          "arrive_within_s": 600},
                ),
                CommissioningTest(
                    position_id=f"{name}-home", device_id=f"{name}-home-d", started_at=moment - 2 * hour,
                    expires_at=moment - hour, ended_at=moment - hour,
                    trial={}, measured={"gone": 1}, ended="signed_off",
                    note=f"{name}-test",
                    due_at=moment + timedelta(days=2), settled=True,
                ),
                FoundDevice(
                    gateway_id=f"{name}-gw", source="zigbee2mqtt", base="zigbee2mqtt", key=f"0x{name}",
                    name=f"{name}-found", topic=f"zigbee2mqtt/{name}", first_at=moment, last_at=moment,
                ),
                Command(
                    id=f"{name}-command", gateway_id=f"{name}-gw", name="restart", state="queued",
                    created_at=moment, expires_at=moment + hour, changed_at=moment,
                ),
                QuarantinedMessage(
                    at=moment, gateway_id=f"{name}-gw", topic=f"sunwell/v1/{name}-gw/up/data",
                    reason="unreadable", detail=f"{name}-detail", size=1, payload=b"x",
                ),
                AuditEntry(
                    at=moment, user_id=person, action="read", subject_kind="resident", subject_id=home,
                    reason="visit", detail={},
                ),
            ]
        )  # fmt: skip


def page_routes(router: APIRouter | None = None) -> list[APIRoute]:
    """All routes of the pages, those of routers within routers too."""
    if router is None:
        return [route for each in ROUTERS for route in page_routes(each)]
    found: list[APIRoute] = []
    for route in router.routes:
        if isinstance(route, APIRoute):
            found.append(route)
        elif (inner := getattr(route, "original_router", None)) is not None:
            found += page_routes(inner)
    return found


def numbers(database: Database, name: str) -> dict[str, str]:
    """What stands in addresses, for this community."""
    step = 1 if name == HERE else 2
    return {
        "key": f"{name}-r", "resident_id": f"{name}-r", "well_id": f"{name}-w", "station_id": f"{name}-st",
        "position_id": f"{name}-home", "device_id": f"{name}-home-d", "gateway_id": f"{name}-gw",
        "gateway": f"{name}-gw", "task_id": str(task_of(name)), "command_id": f"{name}-command",
        "absence_id": str(step), "consent_id": str(step), "shift_id": str(step), "swap_id": str(step),
        "test_id": str(step), "found_id": str(step), "photo_id": str(step), "alarm_id": str(task_of(name)),
        "window_id": str(3 * step - 2), "user_id": str(_user(database, f"{name}-carer")),
        "login": f"{name}-carer",
        "month": f"{now():%Y-%m}",
        "kind": "care",
        "severity": "critical",
    }  # fmt: skip


def _user(database: Database, login: str) -> int:
    with database.read() as session:
        user = users.by_login(session, login)
        assert isinstance(user, User)
        return user.id
