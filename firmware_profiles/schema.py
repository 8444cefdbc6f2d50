"""What a profile is: the document that describes one device model and firmware range."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import Field, JsonValue

from firmware_profiles.commands import Command
from firmware_profiles.layouts import AnyLayout, CodecLayout, RegistersLayout
from firmware_profiles.rules import RuleSpec, RuleTemplate, SilenceWhen, StateWhen, ThresholdWhen, When
from firmware_profiles.units import Unit
from firmware_profiles.values import Duration, Model, Number, Scalar, Text, duration_text

Family = Literal["fall", "button", "home", "well", "temperature"]
PointName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Verified = Literal["device", "vendor-decoder", "manual", "computed"]
"""How the decoding was checked: on hardware, by the vendor's decoder, from a manual, by arithmetic."""
CARRIED: Final[Mapping[str, frozenset[str]]] = {"lorawan": frozenset({"rssi", "snr", "network_battery"})}
"""Points that the transport itself fills, where a profile declares them: signal at the best receiving radio
gateway, and the battery in percent as the device told the network server (DevStatus)."""


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """One request of a Modbus poller."""

    fc: int
    address: int
    count: int
    every_ms: int
    fast: bool


class Point(Model):
    """One quantity. `values` lists all that a state or event can be; the keys `true` and `false` alone make
    it boolean. A number outside `range` is delivered, but marked bad."""

    name: Text
    kind: Literal["measure", "state", "event"]
    unit: Unit | None = None
    range: Annotated[tuple[Number, Number], Field(strict=False)] | None = None
    values: dict[str, Text] = Field(default_factory=dict)

    @cached_property
    def is_boolean(self) -> bool:
        """Its values are true and false."""
        return bool(self.values) and set(self.values) <= {"true", "false"}


class Parameter(Model):
    """A value that belongs to the single unit: measured by the installer, or read off its type plate."""

    name: Text
    unit: Unit
    default: Number | None = None
    range: Annotated[tuple[Number, Number], Field(strict=False)] | None = None


class Firmware(Model):
    """The firmware range that this profile is for, both ends included; open where not given."""

    lowest: str | None = None
    highest: str | None = None
    note: str = ""


class HeartbeatMode(Model):
    """How often the device speaks in one sampling mode, and after what silence it counts as silent. The mode
    is this one while the heartbeat's point has one of the values in `when`."""

    every: Duration
    silent_after: Duration
    when: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    name: Text | None = None


class Heartbeat(Model):
    """Sampling modes: a dry well speaks twice a day, a wet one every minute. `by` names the state that tells
    the mode; without it, or before it is known, it is the default."""

    default: str
    by: str | None = None
    modes: Annotated[dict[str, HeartbeatMode], Field(min_length=1)]
    source: str


class Battery(Model):
    """How the device tells its battery. `low` and `clear` are limits for percent and volts; a flag has none.
    `mains` devices have no battery; `unknown` ones have one but do not tell."""

    kind: Literal["percent", "volts", "flag", "mains", "unknown"]
    point: str | None = None
    low: Number | None = None
    clear: Number | None = None
    source: str = ""


class Commissioning(Model):
    """The test that an installer does and the gateway has to see: a change of `point` to one of `values`
    (any news of it when there are none)."""

    name: Text
    point: str
    values: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    within: Duration = 120_000


class ExampleInput(Model):
    """What came in: bytes as hexadecimal text, a JSON value, plain text, or blocks of registers under
    "fc:address". `parameters` are those of the unit."""

    hex: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}\s?)*$")] | None = None
    json_: Annotated[JsonValue, Field(alias="json")] = None
    text: str | None = None
    registers: dict[
        Annotated[str, Field(pattern=r"^[1-4]:\d+$")], Annotated[tuple[int, ...], Field(strict=False)]
    ] = Field(default_factory=dict)
    port: int | None = None
    parameters: dict[str, Number] = Field(default_factory=dict)


class ExpectedSample(Model):
    """What one sample of the answer is. Points and statuses are compared whole."""

    points: dict[str, Scalar] = Field(default_factory=dict)
    status: dict[str, str] = Field(default_factory=dict)
    bad: Annotated[tuple[str, ...], Field(strict=False)] = ()
    time: str | None = None
    key: str | None = None


class Example(Model):
    """A worked example, run as a test: one sample (given in line), several `samples`, or a `refusal`."""

    name: str
    input: ExampleInput
    points: dict[str, Scalar] | None = None
    status: dict[str, str] = Field(default_factory=dict)
    bad: Annotated[tuple[str, ...], Field(strict=False)] = ()
    time: str | None = None
    key: str | None = None
    samples: Annotated[tuple[ExpectedSample, ...], Field(strict=False)] = ()
    refusal: str | None = None

    @property
    def expected(self) -> tuple[ExpectedSample, ...]:
        """The samples that decoding has to give; empty where a refusal is expected."""
        if self.refusal is not None or self.samples:
            return self.samples
        return (
            ExpectedSample(
                points=self.points or {}, status=self.status, bad=self.bad, time=self.time, key=self.key
            ),
        )


class Profile(Model):
    """A device model and firmware range: its points, how they are decoded, its default rules, its rhythm."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    schema_: Annotated[Literal[1], Field(alias="schema")]
    family: Family
    vendor: str
    model: str
    name: Text
    firmware: Firmware = Firmware()
    transport: Literal["zigbee2mqtt", "home_assistant", "lorawan", "mqtt", "modbus", "http"]
    verified: Verified
    sources: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    parameters: dict[PointName, Parameter] = Field(default_factory=dict)
    points: Annotated[dict[PointName, Point], Field(min_length=1)]
    decode: AnyLayout
    rules: dict[PointName, RuleSpec] = Field(default_factory=dict)
    heartbeat: Heartbeat | None = None
    battery: Battery | None = None
    commissioning: Commissioning | None = None
    update: Text | None = None
    commands: dict[PointName, Command] = Field(default_factory=dict)
    examples: Annotated[tuple[Example, ...], Field(strict=False, min_length=1)]

    @property
    def driver(self) -> Literal["mqtt", "modbus", "http"]:
        """The driver that fetches this device's payloads."""
        return self.transport if self.transport in ("modbus", "http") else "mqtt"

    @property
    def runs_codec(self) -> bool:
        """Decoding runs a script: it needs a sandbox, and blocks up to 300 ms."""
        return isinstance(self.decode, CodecLayout)

    def document(self) -> dict[str, Any]:
        """The profile as a document of JSON values; `parse_profile` makes the same profile of it."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def register_reads(self) -> tuple[RegisterRead, ...]:
        """The requests of a Modbus poller, fast ones first; empty for other transports."""
        if not isinstance(self.decode, RegistersLayout):
            return ()
        reads = [
            RegisterRead(read.fc or self.decode.fc, read.address, read.count, read.every, read.fast)
            for read in self.decode.reads
        ]
        return tuple(sorted(reads, key=lambda read: not read.fast))

    @property
    def required_parameters(self) -> tuple[str, ...]:
        """Parameters without a default: until they are given, what depends on them has no value, and its
        rules can't fire. Ask for them when the device is registered."""
        return tuple(key for key, item in self.parameters.items() if item.default is None)

    def parameter_values(self, given: Mapping[str, float] | None = None) -> dict[str, float]:
        """The unit's parameters: the given ones over the profile's defaults; without either, left out."""
        values = {key: item.default for key, item in self.parameters.items() if item.default is not None}
        return values | dict(given or {})

    def rule_templates(self) -> tuple[RuleTemplate, ...]:
        """All default rules: the written ones, and silence and low battery where the profile has a rhythm
        and a battery and does not write these rules itself."""
        rules = {key: RuleTemplate(key=key, **dict(rule)) for key, rule in self.rules.items()}
        if self.heartbeat is not None and "silent" not in rules:
            rules["silent"] = _silence_rule(self.heartbeat)
        battery = _battery_rule(self.battery) if self.battery is not None else None
        if battery is not None and "battery_low" not in rules:
            rules["battery_low"] = battery
        return tuple(rules.values())


def _silence_rule(heartbeat: Heartbeat) -> RuleTemplate:
    mode = heartbeat.modes[heartbeat.default]
    other = tuple(
        {"values": one.when, "after": duration_text(one.silent_after)}
        for name, one in heartbeat.modes.items()
        if one.when and name != heartbeat.default
    )
    return RuleTemplate(
        key="silent",
        name=Text(zh="设备失联", en="Device silent"),
        advise=Text(
            zh="检查设备供电和信号；住户设备请先电话确认住户平安。",
            en="Check power and signal; for a home device call the resident first.",
        ),
        severity="major",
        task="maintenance",
        when=SilenceWhen.model_validate(
            {
                "kind": "silence",
                "after": duration_text(mode.silent_after),
                "by": heartbeat.by,
                "modes": other if heartbeat.by else (),
            }
        ),
        source=heartbeat.source,
        derived=True,
    )


def _battery_rule(battery: Battery) -> RuleTemplate | None:
    if battery.point is None:
        return None
    when: When
    if battery.kind == "flag":
        when = StateWhen(kind="state", point=battery.point, values=(True,))
    elif battery.low is not None:
        when = ThresholdWhen(kind="threshold", point=battery.point, below=battery.low, clear=battery.clear)
    else:
        return None
    return RuleTemplate(
        key="battery_low",
        name=Text(zh="电池电量低", en="Battery low"),
        advise=Text(zh="更换电池，并按一次测试。", en="Replace the battery and do the test once."),
        severity="minor",
        task="maintenance",
        when=when,
        source=battery.source,
        derived=True,
    )
