"""Why a task of quiet or water was opened, for its page and for messages."""

from sqlalchemy.orm import Session

from server.alarms import repository as records
from server.policies import service as policies
from server.rhythm import words
from server.rhythm.policy import RhythmPolicy


def why_of(session: Session, task_id: int, language: str) -> str:
    """The newest reason that a task of quiet or water was opened for, in words; nothing for other tasks."""
    alarm_ids = [alarm.id for alarm in records.of_task(session, task_id) if alarm.source_kind == "resident"]
    if not alarm_ids:
        return ""
    said = (each.value.get("why") for each in records.occurrences_of(session, alarm_ids))
    newest = next((why for why in said if why), None)
    if newest is None:
        return ""
    return words.reason(newest, language, zone=policies.current(session, RhythmPolicy).tz)
