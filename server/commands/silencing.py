"""Somebody has answered: the rooms where the answered alarms sound fall silent, and only these alarms."""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.wire import Health
from server.commands import service
from server.db.models import Alarm, Gateway, Occurrence, Task
from server.errors import TooManyError

SOUNDS_AT_MOST: Final = timedelta(hours=1)
"""A gateway's longest setting; what is older is silent by itself."""
MOST: Final = 200


def silence(session: Session, task: Task, *, user_id: int, now: datetime) -> None:
    """Asks the gateways of a task's alarms that have a siren, buzzer or voice to silence these alarms. An
    answer counts even where the gateway cannot be asked."""
    rows = session.execute(
        select(Occurrence.gateway_id, Occurrence.breach)
        .join(Alarm, Alarm.id == Occurrence.alarm_id)
        .where(
            Alarm.task_id == task.id,
            Occurrence.event == "occurred",
            Occurrence.server_at > now - SOUNDS_AT_MOST,
        )
        .order_by(Occurrence.id.desc())
        .limit(MOST)
    )
    breaches: dict[str, set[str]] = {}
    for gateway_id, breach in rows:
        breaches.setdefault(gateway_id, set()).add(breach)
    for gateway_id, some in breaches.items():
        if _sounds(session.get(Gateway, gateway_id)):
            try:
                service.ask_silence(session, gateway_id, sorted(some), user_id=user_id, now=now)
            except TooManyError:  # it ends by itself, and by the button in the room
                continue


def _sounds(gateway: Gateway | None) -> bool:
    if gateway is None or not gateway.health:
        return False
    return bool(msgspec.convert(gateway.health, Health).outputs)
