"""Settings of what people see and hear at the gateway (SUNWELL_GATEWAY_OUTPUTS__…)."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.rules.model import Severity, TaskKind

Pin = Annotated[int, Field(ge=0, le=27)]
"""A pin of the 40-pin header by its BCM number."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SwitchSettings(_Part):
    """A lamp or a relay at a pin; `active_high` false if it is on at 0 V."""

    pin: Pin
    active_high: bool = True


class ButtonSettings(_Part):
    """A push button between a pin and ground, which silences what sounds."""

    pin: Pin


class VoiceSettings(_Part):
    """A program and its arguments that say or play a sentence; said again every `every_s` while it sounds."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    every_s: float = Field(default=15, ge=1, le=600)
    longest_s: float = Field(default=30, ge=1, le=300)


class Outputs(_Part):
    """What there is; and what it sounds for (severities and kinds of task), for how many `seconds`."""

    led: SwitchSettings | None = None
    buzzer: SwitchSettings | None = None
    siren: SwitchSettings | None = None
    button: ButtonSettings | None = None
    voice: VoiceSettings | None = None
    severities: tuple[Severity, ...] = (Severity.CRITICAL,)
    task_kinds: tuple[TaskKind, ...] = (TaskKind.CARE,)
    seconds: int = Field(default=180, ge=1, le=3_600)
