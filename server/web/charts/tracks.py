"""A track is one point's course in a chart: a line, bands of states, or marks of events. Which tracks a
device has, and which of them are worth a place in a small picture. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from firmware_profiles import Point, Profile
from firmware_profiles.rules import EventWhen, RuleTemplate, StateWhen, ThresholdWhen
from server.web.formats import unit
from server.web.i18n import say

AT_ONCE: Final = 3
"""More tracks than this in one small picture say less."""
CALM_TONES: Final = 5
"""Colours for values that no rule looks for; more values than these share them."""
MOVES_BY: Final = 0.02
"""Of its size: a line that changes less shows its sensor's noise, not what happened."""
_HOUSEKEEPING: Final = ("battery", "voltage", "supply_voltage", "linkquality", "rssi", "snr", "signal")
_PICTURE: Final[Mapping[str, Literal["line", "bands", "marks"]]] = {
    "measure": "line",
    "state": "bands",
    "event": "marks",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a rule begins to hold: the number, and what the rule is called."""

    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Track:
    """One point at one position, in the words of one language.

    `words` and `tones` go by value ("true", "fall", "3"); a tone is a severity or "calm-N". `watched`: a rule
    that the profile writes looks at it. `place` is said where a chart shows several positions.
    """

    family: str
    position: str
    point: str
    picture: Literal["line", "bands", "marks"]
    name: str
    unit: str = ""
    place: str = ""
    truth: bool = False
    watched: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    tones: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()

    @property
    def is_housekeeping(self) -> bool:
        """Of the device's own keep: nobody asks for it around an event."""
        return self.point.startswith(_HOUSEKEEPING)


def tracks_of(
    profile: Profile,
    position: str,
    language: str,
    *,
    parameters: Mapping[str, float] | None = None,
    rules: Collection[str] | None = None,
) -> list[Track]:
    """All tracks of a device, those that a rule watches first, its own keep last. Limits are those of the
    `rules` with these keys, or of all; `parameters` are the unit's."""
    templates = profile.rule_templates()
    given = profile.parameter_values(parameters)
    tracks = [
        _track(profile, position, language, name, [rule for rule in templates if rule.point == name])
        for name in profile.points
    ]
    tracks = [
        replace(
            track,
            limits=tuple(
                limit
                for rule in templates
                if rule.point == track.point and (rules is None or rule.key in rules)
                for limit in _limits(rule, given, language)
            ),
        )
        for track in tracks
    ]
    return sorted(tracks, key=lambda track: (track.is_housekeeping, not track.watched))


def telling(drawn: Sequence[tuple[Track, Mapping[str, Any]]], own: Collection[tuple[str, str]]) -> list[int]:
    """Which tracks to show, by their place in `drawn` (track and content): the alarms' `own` (position,
    point) that have anything, in their order; then others that move, at the position of the first. A value
    that stands still, like a setting, tells nothing about an event."""
    order = list(own)
    mine = [n for n, (track, content) in enumerate(drawn) if _key(track) in own and has_data(content)]
    mine.sort(key=lambda n: order.index(_key(drawn[n][0])))
    first = drawn[mine[0]][0].position if mine else None
    others = [n for n, (track, content) in enumerate(drawn) if _key(track) not in own and moves(content)]
    if first is not None:
        others = [n for n in others if drawn[n][0].position == first]
    return (mine + others)[:AT_ONCE]


def has_data(content: Mapping[str, Any]) -> bool:
    """Whether there is anything to draw."""
    return bool(content["points"])


def moves(content: Mapping[str, Any]) -> bool:
    """Whether it changed: a line's value or a state; an event is a change by itself."""
    points = content["points"]
    if content["picture"] == "marks":
        return bool(points)
    if content["picture"] == "bands":
        return len({value for _, _, value in points}) > 1
    if not points:
        return False
    least, most = min(p[2] for p in points), max(p[3] for p in points)
    return bool(most - least > MOVES_BY * max(abs(least), abs(most)))


def stands_still(content: Mapping[str, Any]) -> bool:
    """Whether it is a line of several readings that are all the same: a setting, most often."""
    points = content["points"]
    return (
        content["picture"] == "line"
        and len(points) > 1
        and min(p[2] for p in points) == max(p[3] for p in points)
    )


def _key(track: Track) -> tuple[str, str]:
    return track.position, track.point


def _track(profile: Profile, position: str, language: str, name: str, rules: Iterable[RuleTemplate]) -> Track:
    point, rules = profile.points[name], list(rules)
    return Track(
        family=profile.family,
        position=position,
        point=name,
        picture=_PICTURE[point.kind],
        name=getattr(point.name, language),
        unit=unit(point.unit),
        truth=point.is_boolean,
        watched=any(not rule.derived for rule in rules),
        words=_words(point, language),
        tones=_tones(point, rules),
    )


def _words(point: Point, language: str) -> dict[str, str]:
    words = {value: getattr(text, language) for value, text in point.values.items()}
    if point.is_boolean:
        words = {key: say(language, f"value.{key}") for key in ("false", "true")} | words
    return words


def _tones(point: Point, rules: Iterable[RuleTemplate]) -> dict[str, str]:
    alarming = {
        _text(value): rule.severity
        for rule in reversed(list(rules))  # what the profile writes first is what it is about
        if isinstance(rule.when, StateWhen | EventWhen)
        for value in rule.when.values
    }
    values = sorted(point.values) if point.is_boolean else list(point.values)
    calm = (value for value in values if value not in alarming)
    return alarming | {value: f"calm-{n % CALM_TONES}" for n, value in enumerate(calm)}


def _text(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}"


def _limits(rule: RuleTemplate, parameters: Mapping[str, float], language: str) -> Iterable[Limit]:
    if isinstance(rule.when, ThresholdWhen):
        try:
            judged = rule.condition(parameters)
        except KeyError:  # a parameter of the unit that nobody has given: the rule does not hold either
            return
        name = getattr(rule.name, language)
        if "around" not in judged:
            yield Limit(judged["limit"], name)
            return
        for side in (-1, 1):  # as far from the installed angle on either side
            if (at := judged["around"] + side * judged["limit"]) > 0 or judged["around"]:
                yield Limit(at, name)
