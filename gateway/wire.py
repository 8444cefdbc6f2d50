"""The wire contract between gateway and server: topics and messages of version 1.

Messages are JSON. Times are UTC milliseconds since 1970. Unknown fields are ignored, so that a newer
sender may add some; a message of another `v` is refused. Golden files in `tests/contract/wire/` pin the
bytes of every version ever shipped.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.rules.model import LARGEST, Rule, Scalar, Severity, TaskKind

VERSION: Final = 1
PREFIX: Final = "sunwell/v1"
MAXIMUM_MESSAGE_BYTES: Final = 1_048_576
"""Larger messages are refused unread. A frame of 500 readings of 10 points is about 100 kB."""

LONGEST_GATEWAY: Final = 100
"""Characters of a gateway's name in a topic; those that are registered have 64 at most."""

Channel = Literal[
    "up/alarm",
    "up/data",
    "up/state",
    "up/reply",
    "up/found",
    "down/ack",
    "down/desired",
    "down/command",
]


Name = Annotated[str, Meta(max_length=200)]
"""An id. Those that people give are shorter; a longer one would not fit into an index."""
Count = Annotated[int, Meta(ge=0, le=LARGEST)]
Version = Annotated[int, Meta(ge=0, le=2**31 - 1)]
EARLIEST_MS: Final = -2_208_988_800_000
LATEST_MS: Final = 7_258_118_400_000
Moment = Annotated[int, Meta(ge=EARLIEST_MS, le=LATEST_MS)]
"""UTC milliseconds, 1900 to 2200. The times of breaches and readings are not bounded: a broken clock must not
cost an alarm, another time stands in for it."""
Figure = Annotated[float, Meta(ge=-1e13, le=1e13)]


class WireError(ValueError):
    """The peer's message cannot be used: bad JSON, a wrong type, a missing field, a number out of all bounds,
    or another version."""


class AlarmMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence of a breach, or its end. Kept by the gateway until acknowledged by (`epoch`, `seq`).

    `epoch` names the lane's file: a gateway that starts with an empty lane starts a new epoch.
    `device_ms` is the reading's own time, `gateway_ms` the moment the gateway kept the breach.
    `ends` is false for an event (a press, a fall report): no `cleared` will follow, people end it.
    """

    v: int = VERSION
    epoch: Name
    seq: Count
    event: Literal["occurred", "cleared"]
    breach: Name
    position: Name
    device: Name
    rule: Name
    severity: Severity
    task_kind: TaskKind
    point: str | None = None
    value: Scalar | None = None
    device_ms: int
    gateway_ms: int
    clock_trusted: bool = True
    ends: bool = True


class DataReading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reading in a frame. `p` position, `d` device, `f` family, `t` its time, `r` receive time,
    `v` values by point, `s` status by point, `q` quality, `c` clock trusted."""

    p: str
    d: str
    f: str
    t: int
    r: int
    v: dict[str, Scalar]
    s: dict[str, str] = {}
    q: str = "good"
    c: bool = True


class DataFrame(msgspec.Struct, frozen=True, kw_only=True):
    """Many readings under one sequence number of the telemetry lane. `lost` counts readings that this
    lane has had to drop since it began (its quota was full), so that a hole is never silent."""

    v: int = VERSION
    epoch: Name
    seq: Count
    lost: Count = 0
    readings: list[DataReading]


class DriverAway(msgspec.Struct, frozen=True, kw_only=True):
    """A driver whose way to its devices is down: since when, and how many devices that concerns. Their
    silence is then not judged."""

    since_ms: Moment
    devices: Count


class DriverHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one driver since the gateway's start. `away` only while its way to devices is down."""

    name: str
    running: bool
    restarts: Count
    readings: Count
    errors: Count
    last_error: str | None = None
    away: DriverAway | msgspec.UnsetType = msgspec.UNSET


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A source whose messages can't be used: what, since when, how often. Never holds the payload."""

    source: str
    reason: str
    detail: str
    count: Count
    last_ms: Moment


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's own condition. None where the machine does not tell. Percentages are 0 to 100.

    `clock_offset_ms` is positive if its clock is ahead of the time servers'; `wear_percent` is the used life
    of its worst flash memory; `outputs` names what can sound in the room ("siren", "buzzer", "voice").
    """

    at_ms: Moment
    uptime_s: Figure
    cpu_celsius: Figure | None = None
    cpu_percent: Figure | None = None
    memory_mb: Figure | None = None
    disk_free_percent: Figure | None = None
    uplink_rtt_ms: Figure | None = None
    clock_offset_ms: Figure | None = None
    clock_trusted: bool = True
    alarm_depth: Count = 0
    alarm_oldest_ms: Moment | None = None
    data_depth: Count = 0
    data_oldest_ms: Moment | None = None
    data_lost: Count = 0
    drivers: list[DriverHealth] = []
    troubles: list[Trouble] = []
    wear_percent: Figure | msgspec.UnsetType | None = msgspec.UNSET
    outputs: list[str] | msgspec.UnsetType = msgspec.UNSET


class StateMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Retained; the last will is the same with `online` false. `applied` is the version of the desired
    state in force, `refused` and `reason` those of the newest one that could not be applied."""

    v: int = VERSION
    online: bool
    session: Name
    software: str = ""
    applied: Version = 0
    refused: Version | None = None
    reason: str | None = None
    health: Health | None = None


class AckMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the server has stored: sequence numbers of one lane."""

    v: int = VERSION
    lane: Literal["alarm", "data"]
    epoch: Name
    seqs: list[Count]


class DesiredDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device to be read. `address` is the driver's: {"topic": …} for mqtt; {"host", "port", "unit"} for
    modbus; {"source", "identity"} or {"source", "token_sha256"} for http. `parameters` are per-unit values
    that the profile asks for (mount height, sensor range)."""

    id: str
    position: str
    profile: str
    driver: str
    address: dict[str, Any]
    parameters: dict[str, float] = {}


class DesiredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one gateway has to do, whole and versioned. `profiles` holds each profile in use as
    its document, so that a gateway needs no newer software for a newer device."""

    v: int = VERSION
    version: Version
    devices: list[DesiredDevice] = []
    rules: list[Rule] = []
    profiles: dict[str, dict[str, Any]] = {}
    frame_ms: Count = 1_000
    health_ms: Count = 30_000


CommandName = Literal["identify", "test", "locate", "silence", "restart", "update", "log_level", "device"]


class CommandMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a gateway to do something before `expires_ms`; answered on `up/reply` by `id`, a UUID. The same id
    again gets the same reply and nothing is done twice. Arguments: `locate` {"seconds"}; `silence`
    {"breaches"} (without: all that sounds); `log_level` {"level", "minutes"}; `device` {"device", "command",
    "arguments"} with a command of its profile."""

    v: int = VERSION
    id: Name
    name: CommandName
    expires_ms: Moment
    arguments: dict[str, Any] = {}


ReplyStage = Literal["queued", "transmitted", "done"]


class ReplyMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a command. Without a `stage`, or with "done", it is the last one; a command that waits
    for its device is first "queued", then "transmitted". With `ok` false it is always the last."""

    v: int = VERSION
    id: Name
    ok: bool
    detail: str = ""
    stage: ReplyStage | msgspec.UnsetType = msgspec.UNSET


class FoundDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that speaks at a gateway's broker. `id` names the hardware in its `source` ("zigbee2mqtt",
    "home_assistant", "mqtt") and stays when `name` and `topic` change; `base` is the source's base topic.
    `profile` is a known profile's id or one of the message's `profiles`; `reason` says why it cannot be used,
    `note` what of it was left out."""

    source: str
    base: str
    id: str
    name: str
    topic: str
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    profile: str = ""
    reason: str | None = None
    note: str = ""


class FoundMessage(msgspec.Struct, frozen=True, kw_only=True):
    """All devices that a gateway has found, whole. `sources` ("zigbee2mqtt/<base>") have been heard to their
    end: what is not listed of these is gone. `profiles` are those that were made for a device, as documents.
    `left_out` counts the devices and profiles for which there was no room."""

    v: int = VERSION
    at_ms: Moment
    sources: list[str] = []
    devices: list[FoundDevice] = []
    profiles: dict[str, dict[str, Any]] = {}
    left_out: Count = 0


Message = (
    AlarmMessage
    | DataFrame
    | StateMessage
    | AckMessage
    | DesiredMessage
    | CommandMessage
    | ReplyMessage
    | FoundMessage
)

CHANNELS: Final[dict[Channel, Any]] = {
    "up/alarm": AlarmMessage,
    "up/data": DataFrame,
    "up/state": StateMessage,
    "up/reply": ReplyMessage,
    "up/found": FoundMessage,
    "down/ack": AckMessage,
    "down/desired": DesiredMessage,
    "down/command": CommandMessage,
}
"""The type of each channel's messages."""

_DECODERS: Final[dict[str, Any]] = {channel: msgspec.json.Decoder(kind) for channel, kind in CHANNELS.items()}
_ENCODER: Final = msgspec.json.Encoder()
_NUL: Final = rb"\u0000"
"""How JSON writes it, and the only way to write it."""


def topic(gateway: str, channel: Channel) -> str:
    """The topic of one channel of one gateway."""
    return f"{PREFIX}/{gateway}/{channel}"


def parse_topic(text: str) -> tuple[str, str]:
    """(gateway, channel) of a topic. Raises WireError if it is none of ours."""
    parts = text.split("/")
    ours = len(parts) == 5 and "/".join(parts[:2]) == PREFIX and "/".join(parts[3:]) in CHANNELS
    if ours and 0 < len(parts[2]) <= LONGEST_GATEWAY and parts[2].isprintable():
        return parts[2], "/".join(parts[3:])
    raise WireError(f"topic {text!r}: not of the form {PREFIX}/GATEWAY/(up|down)/CHANNEL")


def encode(message: Message) -> bytes:
    """The message as JSON bytes."""
    return _ENCODER.encode(message)


def decode(channel: str, payload: bytes) -> Any:
    """The message of `channel`. Raises WireError saying what is wrong and where in the document.

    NUL in a text is what some devices fill their fixed lengths with, and PostgreSQL takes none: it is cut off
    at the end and replaced elsewhere, so that no alarm is refused for it. An `epoch` may have none, since its
    sender has to know its own again.
    """
    if len(payload) > MAXIMUM_MESSAGE_BYTES:
        raise WireError(f"{channel}: {len(payload)} bytes, more than the {MAXIMUM_MESSAGE_BYTES} allowed")
    try:
        message = _cleaned(channel, payload) if _NUL in payload else _DECODERS[channel].decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"{channel}: {error}") from error
    if message.v != VERSION:
        raise WireError(f"{channel}: version {message.v}, this program speaks version {VERSION}")
    return message


def without_nul(text: str) -> str:
    """The text without the NULs that fill it up; those inside are replaced."""
    return text.rstrip("\0").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _cleaned(channel: str, payload: bytes) -> Any:
    document = msgspec.json.decode(payload)
    if isinstance(document, dict) and "\0" in str(document.get("epoch", "")):
        raise WireError(f"{channel}: NUL in `$.epoch`")
    return msgspec.convert(_without_nul(document), _DECODERS[channel].type)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return without_nul(value)
    if isinstance(value, dict):
        return {without_nul(key): _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else value
