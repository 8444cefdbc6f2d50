"""An occurrence in words: which point had which value. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from firmware_profiles import Profile
from server.days import LOCAL
from server.db.models import Alarm, Occurrence
from server.rhythm.words import reason
from server.web.formats import number, unit


def words(profile: Profile | None, value: Mapping[str, Any], language: str) -> str:
    """What the point said, in the profile's words; nothing where no point was asked (silence)."""
    if "why" in value:
        return reason(value["why"], language, zone=LOCAL)
    name, said = value.get("point"), value.get("value")
    if name is None or said is None:
        return ""
    point = profile.points.get(name) if profile else None
    if point is None:
        return f"{name}: {said}"
    label = getattr(point.name, language)
    key = str(said).lower() if isinstance(said, bool) else str(said)
    if key in point.values:
        return f"{label}: {getattr(point.values[key], language)}"
    if isinstance(said, int | float) and not isinstance(said, bool):
        return f"{label}: {number(said)} {unit(point.unit)}".rstrip()
    return str(label) if said is True else f"{label}: {said}"


def lasts(occurrences: Iterable[Occurrence], alarm: Alarm) -> bool:
    """Whether the alarm is of a condition that ends by itself: a press does not last."""
    return any(
        occurrence.alarm_id == alarm.id and occurrence.value.get("ends", True) for occurrence in occurrences
    )
