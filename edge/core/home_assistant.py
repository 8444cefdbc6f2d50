"""Home Assistant's MQTT discovery: from configuration topics to devices that can be adopted.

Rules: topics and payloads in, values out; nothing raises, whatever stands on a topic. Anybody who may write
to the broker may write a configuration: count and size are capped, and what is found only waits for a person.

Theory of operation. A configuration is for one entity (`<prefix>/<component>/[<node>/]<object>/config`) or
for a device with its components (`<prefix>/device/[<node>/]<object>/config`); an empty one takes it back.
Entities that read the same state topic of the same device are one found device here: what Sunwell registers
is a topic with a profile. `edge.core.home_assistant_profile` makes the profile.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

import msgspec

from edge.core.found import MOST_DEVICES, FoundDevice, plain, topic_problem
from edge.core.home_assistant_profile import READ_COMPONENTS, Entity, profiled
from edge.core.home_assistant_words import ABBREVIATIONS, DEVICE_ABBREVIATIONS
from edge.core.templates import Template, TemplateError, parse_template

MAXIMUM_CONFIG_BYTES: Final = 65_536
MOST_CONFIGS: Final = 2_000
MOST_COMPONENTS: Final = 200
"""In one device configuration."""
_TOPIC: Final = re.compile(
    r"(?P<component>[a-zA-Z0-9_-]+)/(?:(?P<node>[a-zA-Z0-9_-]+)/)?(?P<object>[a-zA-Z0-9_-]+)/config"
)
_MODES: Final[dict[str, Literal["all", "any", "latest"]]] = {"all": "all", "any": "any"}
_SHARED: Final = frozenset({"state_topic", "qos", "encoding", "expire_after"})


@dataclass(frozen=True, slots=True)
class AvailabilityTopic:
    """One topic that says whether a device can be reached, and its two words."""

    topic: str
    online: str
    offline: str
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """All of them, and how they are taken together."""

    topics: tuple[AvailabilityTopic, ...]
    mode: Literal["all", "any", "latest"] = "latest"


@dataclass(frozen=True, slots=True)
class _Config:
    """One configuration topic: its device's words, its entities, what of it cannot be read."""

    device: Mapping[str, Any]
    entities: tuple[Entity, ...]
    availability: Mapping[str, Availability]


class Discovery:
    """All configurations below one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._configs: dict[str, _Config] = {}
        self._made: dict[tuple[str, str], tuple[FoundDevice, tuple[Entity, ...], FoundDevice]] = {}
        self.left_out = 0

    @property
    def subscription(self) -> str:
        """The topic pattern of all configurations."""
        return f"{self.prefix}/#"

    def heard(self, topic: str, payload: bytes) -> bool:
        """Take a message; says whether it was a configuration that changed something."""
        match = _TOPIC.fullmatch(topic.removeprefix(f"{self.prefix}/"))
        if match is None or not topic.startswith(f"{self.prefix}/"):
            return False
        config = _read(match["component"], match["node"] or "", match["object"], payload)
        before = self._configs.get(topic)
        if config == before:
            return False
        if config is None:
            del self._configs[topic]
        elif before is None and len(self._configs) >= MOST_CONFIGS:
            self.left_out += 1
            return False
        else:
            self._configs[topic] = config
        return True

    @property
    def devices(self) -> tuple[FoundDevice, ...]:
        """A found device for each device and state topic, in the order in which they came. Making profiles
        takes milliseconds each: to be asked on a thread, by one at a time."""
        made: dict[tuple[str, str], tuple[FoundDevice, tuple[Entity, ...], FoundDevice]] = {}
        for key, bare, entities in islice(self._bare(), MOST_DEVICES):
            before = self._made.get(key)
            same = before is not None and before[:2] == (bare, entities)
            made[key] = before if before and same else (bare, entities, _profiled(bare, entities))
        self._made = made
        return tuple(device for _, _, device in made.values())

    @property
    def availability(self) -> dict[str, Availability]:
        """What says whether the device that speaks on a state topic can be reached."""
        return {
            state_topic: availability
            for config in self._configs.values()
            for state_topic, availability in config.availability.items()
        }

    def _bare(self) -> Iterator[tuple[tuple[str, str], FoundDevice, tuple[Entity, ...]]]:
        grouped: dict[tuple[str, str], list[Entity]] = {}
        devices: dict[str, Mapping[str, Any]] = {}
        for config in tuple(self._configs.values()):
            identity = identity_of(config.device)
            devices[identity] = {**devices.get(identity, {}), **config.device}
            for entity in config.entities:
                grouped.setdefault((identity, entity.topic), []).append(entity)
        for (identity, topic), entities in grouped.items():
            device = devices[identity]
            bare = FoundDevice(
                source="home_assistant",
                base=self.prefix,
                id=plain(f"{identity}@{topic}", 200),
                name=plain(device.get("name")) or identity,
                topic=plain(topic, 256),
                vendor=plain(device.get("manufacturer")),
                model=plain(device.get("model")) or plain(device.get("model_id")),
                firmware=plain(device.get("sw_version"), 40),
            )
            yield (identity, topic), bare, tuple(entities)


def _profiled(bare: FoundDevice, entities: tuple[Entity, ...]) -> FoundDevice:
    return profiled(bare, entities, topic_problem(bare.topic))


def identity_of(device: Mapping[str, Any]) -> str:
    """The device's own identifier: the first of `identifiers`, else of `connections`."""
    identifiers = device.get("identifiers")
    first = identifiers[0] if isinstance(identifiers, list) and identifiers else identifiers
    if text := plain(first):
        return text
    connections = device.get("connections")
    pair = connections[0] if isinstance(connections, list) and connections else None
    return plain(pair[1]) if isinstance(pair, list) and len(pair) == 2 else ""


def expand(value: Any, table: Mapping[str, str] = ABBREVIATIONS, depth: int = 0) -> Any:
    """The configuration with all abbreviations written out."""
    if isinstance(value, list):
        return [expand(item, table, depth + 1) for item in value] if depth < 6 else []
    if not isinstance(value, dict) or depth >= 6:
        return value
    long = {table.get(key, key): item for key, item in value.items()}
    return {
        key: expand(item, DEVICE_ABBREVIATIONS if key == "device" else table, depth + 1)
        if key != "components"
        else {name: expand(one, table, depth + 2) for name, one in _dict(item).items()}
        for key, item in long.items()
    }


def with_base(config: Mapping[str, Any], base: str | None = None) -> dict[str, Any]:
    """The configuration with `~` replaced at the start or end of its topics."""
    base = config.get("~", base)
    if not isinstance(base, str):
        return dict(config)
    made: dict[str, Any] = {}
    for key, value in config.items():
        if key == "availability" and isinstance(value, list):
            made[key] = [{**_dict(item), **_based(_dict(item), base)} for item in value]
        elif key == "availability" and isinstance(value, dict):
            made[key] = {**value, **_based(value, base)}
        else:
            made[key] = value
    return {**made, **_based(config, base)}


def _based(config: Mapping[str, Any], base: str) -> dict[str, str]:
    made = {}
    for key, value in config.items():
        if key.endswith("topic") and isinstance(value, str):
            begun = base + value[1:] if value.startswith("~") else value
            made[key] = begun[:-1] + base if begun.endswith("~") else begun
    return made


def _read(component: str, node: str, name: str, payload: bytes) -> _Config | None:
    if len(payload) > MAXIMUM_CONFIG_BYTES:
        return None
    try:
        raw = msgspec.json.decode(payload) if payload else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    config = with_base(expand(raw))
    device = _dict(config.get("device"))
    if not identity_of(device):
        device = {**device, "identifiers": [node or name]}
    if component != "device":
        return _config(device, [(name, component, config)])
    shared = {key: value for key, value in config.items() if key in _SHARED or key.startswith("avail")}
    parts = []
    for key, part in list(_dict(config.get("components")).items())[:MOST_COMPONENTS]:
        own = with_base(_dict(part), config.get("~"))
        platform = own.pop("platform", None)
        if isinstance(platform, str) and own:  # a platform alone takes the component back
            parts.append((str(key), platform, {**shared, **own}))
    return _config(device, parts)


def _config(device: Mapping[str, Any], parts: Sequence[tuple[str, str, Mapping[str, Any]]]) -> _Config | None:
    entities: list[Entity] = []
    availability: dict[str, Availability] = {}
    for name, component, config in parts:
        key = "topic" if component == "device_automation" else "state_topic"
        topic = config.get(key)
        if component not in READ_COMPONENTS or not isinstance(topic, str) or not topic:
            continue
        entities.append(Entity(name=plain(name), component=component, topic=topic, config=dict(config)))
        found = _availability(config)
        if found.topics:
            availability[topic] = found
    return _Config(device, tuple(entities), availability) if entities else None


def _availability(config: Mapping[str, Any]) -> Availability:
    given = config.get("availability")
    listed = given if isinstance(given, list) else [given] if isinstance(given, dict) else []
    if not listed and isinstance(config.get("availability_topic"), str):
        listed = [
            {
                "topic": config["availability_topic"],
                "payload_available": config.get("payload_available"),
                "payload_not_available": config.get("payload_not_available"),
                "value_template": config.get("availability_template"),
            }
        ]
    topics: list[AvailabilityTopic] = []
    for item in listed[:8]:
        one = _availability_topic(item) if isinstance(item, dict) else None
        if one is None:
            return Availability(())  # what is half understood must not call a device lost
        topics.append(one)
    return Availability(tuple(topics), _MODES.get(str(config.get("availability_mode")), "latest"))


def _availability_topic(item: Mapping[str, Any]) -> AvailabilityTopic | None:
    topic, template = item.get("topic"), item.get("value_template")
    if not isinstance(topic, str) or topic_problem(topic) is not None:
        return None
    try:
        parsed = parse_template(template) if isinstance(template, str) else None
    except TemplateError:
        return None
    return AvailabilityTopic(
        topic,
        plain(item.get("payload_available")) or "online",
        plain(item.get("payload_not_available")) or "offline",
        parsed,
    )


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
