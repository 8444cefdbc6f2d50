"""What can be asked of a gateway and of a device, as fields of a form; the same for pages and API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from firmware_profiles import Command, Profile

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One argument: a number of `span` in steps, or one of `choices` (by value, in words by language)."""

    name: str
    names: Texts
    unit: str | None = None
    span: tuple[float, float] | None = None
    step: float = 1
    choices: Mapping[str, Texts] = field(default_factory=dict)
    default: float | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A command that can be asked for."""

    name: str
    names: Texts
    note: Texts | None = None
    fields: tuple[Field, ...] = ()


_LEVELS: Final = {
    "debug": {"zh": "调试", "en": "debug"},
    "info": {"zh": "一般", "en": "info"},
    "warning": {"zh": "警告", "en": "warning"},
    "error": {"zh": "错误", "en": "error"},
}
GATEWAY: Final = (
    Offer(name="identify", names={"zh": "询问身份", "en": "Identify"}),
    Offer(name="test", names={"zh": "自检", "en": "Self-test"}),
    Offer(
        name="locate",
        names={"zh": "声光定位", "en": "Locate by light and sound"},
        fields=(
            Field(
                name="seconds", names={"zh": "时长", "en": "Duration"}, unit="s", span=(1, 300), default=10
            ),
        ),
    ),
    Offer(
        name="silence",
        names={"zh": "停止现场声音", "en": "Silence the room"},
        note={
            "zh": "停止此刻响着的警笛和语音；新的报警会再次响起。接单后，该任务的声音会自动停止。",
            "en": "Ends the siren and voice that sound now; a new alarm sounds again. Acknowledging a task "
            "silences its alarms by itself.",
        },
    ),
    Offer(
        name="log_level",
        names={"zh": "日志详细程度", "en": "Log level"},
        fields=(
            Field(name="level", names={"zh": "级别", "en": "Level"}, choices=_LEVELS, default="debug"),
            Field(
                name="minutes", names={"zh": "时长", "en": "Duration"}, unit="min", span=(1, 1440), default=10
            ),
        ),
    ),
    Offer(
        name="restart",
        names={"zh": "重启网关程序", "en": "Restart the program"},
        note={
            "zh": "几秒内完成；期间的按键由设备所在的消息服务器保留。",
            "en": "Takes some seconds; presses made meanwhile wait at the devices' broker.",
        },
    ),
    Offer(name="update", names={"zh": "更新程序", "en": "Update the program"}),
)
LATER: Final = frozenset({"update"})
"""Answered "not available" by this version's gateways, so no page offers it."""


def of_profile(profile: Profile) -> tuple[Offer, ...]:
    """What devices of this profile can be told."""
    return tuple(_offer(name, command) for name, command in profile.commands.items())


def _offer(name: str, command: Command) -> Offer:
    return Offer(
        name=name,
        names=command.name.model_dump(),
        note=None if command.note is None else command.note.model_dump(),
        fields=tuple(
            Field(
                name=key,
                names=parameter.name.model_dump(),
                unit=parameter.unit,
                span=parameter.range,
                step=parameter.scale,
                choices={value: choice.name.model_dump() for value, choice in parameter.choices.items()},
                default=parameter.default,
            )
            for key, parameter in command.parameters.items()
        ),
    )


def wrong_arguments(offer: Offer, arguments: Mapping[str, object]) -> list[dict[str, str]]:
    """What is wrong with a gateway command's arguments, each with its place."""
    known = {one.name: one for one in offer.fields}
    wrong = [{"where": name, "message": "is no argument of it"} for name in arguments if name not in known]
    for name, one in known.items():
        value = arguments.get(name, one.default)
        if one.choices:
            if value not in one.choices:
                wrong.append({"where": name, "message": f"must be one of {', '.join(one.choices)}"})
        elif one.span is not None:
            least, most = one.span
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                wrong.append({"where": name, "message": f"must be a whole number from {least} to {most}"})
    return wrong
