"""What Zigbee2MQTT says of its network: which devices there are, what they are called, who can be reached.

Rules: topics and payloads in, values out; nothing raises, whatever stands on a topic. A device is its IEEE
address. Its friendly name is only where it speaks now: it may be changed, and may come back after the device
has left and joined again.

- `<base>/bridge/devices` (retained) is the whole list, published again with each join, leave and rename.
- `<base>/bridge/state` gates all devices: it is also the last will.
- `<base>/<name>/availability` speaks for one device; as an object, or in older versions as bare text.
- `<base>/bridge/event` tells what happens: a device that leaves is gone before the list says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from edge.core.found import (
    MOST_DEVICES,
    FoundDevice,
    finished,
    plain,
    topic_problem,
)
from firmware_profiles import Profile
from firmware_profiles.generate.draft import NotUsableError
from firmware_profiles.generate.zigbee import profile_of_definition

Find = Callable[[str, str], tuple[Profile, ...]]
"""`Catalogue.find`."""

MAXIMUM_LIST_BYTES: Final = 4 * 1_048_576
"""A network of 200 devices sends about 1 MB, its exposes being spelled out."""
DEEPEST_NAME: Final = 4
"""Levels of a friendly name (`floor 1/room 2/button`) whose availability is heard."""
_IEEE_LENGTH: Final = 18


@dataclass(frozen=True, slots=True)
class Reachable:
    """`topic` (a device's; None: every device of the bridge) can be reached or not."""

    topic: str | None
    online: bool


def subscriptions(base: str) -> tuple[str, ...]:
    """The topic patterns that are needed; no device's own values are among them."""
    levels = ("+/" * depth for depth in range(1, DEEPEST_NAME + 1))
    return (
        f"{base}/bridge/state",
        f"{base}/bridge/devices",
        f"{base}/bridge/event",
        *(f"{base}/{level}availability" for level in levels),
    )


class Bridge:
    """One Zigbee2MQTT, by its base topic."""

    def __init__(self, base: str, find: Find) -> None:
        self.base = base
        self._find = find
        self._devices: dict[str, FoundDevice] = {}
        self._made: dict[bytes, FoundDevice] = {}
        self.known = False
        """Whether the list has been heard at all."""
        self.left_out = 0

    @property
    def devices(self) -> tuple[FoundDevice, ...]:
        """All devices of the list, in its order."""
        return tuple(self._devices.values())

    @property
    def topics(self) -> dict[str, str]:
        """Where each IEEE address speaks now."""
        return {device.id: device.topic for device in self._devices.values()}

    def heard(self, topic: str, payload: bytes) -> Reachable | None:
        """Take a message of this bridge. Gives what it says about who can be reached."""
        if not topic.startswith(f"{self.base}/"):
            return None
        rest = topic.removeprefix(f"{self.base}/")
        if rest == "bridge/devices":
            self._take_list(payload)
            return None
        if rest == "bridge/event":
            self._take_event(payload)
            return None
        if rest == "bridge/state":
            online = read_online(payload)
            return None if online is None else Reachable(None, online)
        name, _, last = rest.rpartition("/")
        if last != "availability" or not name:
            return None
        online = read_online(payload)
        return None if online is None else Reachable(f"{self.base}/{name}", online)

    def _take_list(self, payload: bytes) -> None:
        entries = _json(payload)
        if not isinstance(entries, list):
            return
        found: dict[str, FoundDevice] = {}
        made: dict[bytes, FoundDevice] = {}
        self.left_out = 0
        for entry in entries:
            if not isinstance(entry, dict) or not _is_device(entry):
                continue
            if len(found) >= MOST_DEVICES:
                self.left_out += 1
                continue
            # The list comes whole with each change: what is the same is not made again.
            mark = msgspec.json.encode(entry)
            device = self._made.get(mark) or self._device(entry)
            if device is not None:
                found[device.id] = made[mark] = device
        self._devices, self._made, self.known = found, made, True

    def _take_event(self, payload: bytes) -> None:
        event = _json(payload)
        if not isinstance(event, dict) or event.get("type") != "device_leave":
            return
        data = event.get("data")
        address = data.get("ieee_address") if isinstance(data, dict) else None
        if isinstance(address, str):
            self._devices.pop(address.lower(), None)
            self._made = {mark: one for mark, one in self._made.items() if one.id != address.lower()}

    def _device(self, entry: Mapping[str, Any]) -> FoundDevice | None:
        address = entry.get("ieee_address")
        name = entry.get("friendly_name")
        if not is_ieee(address) or not isinstance(name, str):
            return None
        defined = entry.get("definition")
        definition: Mapping[str, Any] = defined if isinstance(defined, dict) else {}
        topic = f"{self.base}/{name}"
        device = FoundDevice(
            source="zigbee2mqtt",
            base=self.base,
            id=str(address).lower(),
            name=plain(name),
            topic=plain(topic, 256),
            vendor=plain(definition.get("vendor")) or plain(entry.get("manufacturer")),
            model=plain(definition.get("model")) or plain(entry.get("model_id")),
            firmware=plain(entry.get("software_build_id"), 40),
        )
        problem = topic_problem(topic)
        if problem is not None or name.startswith("bridge/"):
            return replace(device, reason=problem or "a reserved name")
        return profiled(device, definition, entry.get("power_source"), self._find)


def profiled(device: FoundDevice, definition: Mapping[str, Any], power: object, find: Find) -> FoundDevice:
    """The device with the profile that is known for its model, or one made from what it exposes."""
    known = [one for one in find(device.vendor, device.model) if one.transport == "zigbee2mqtt"]
    if known:  # which variant its firmware needs, is for whoever registers it
        return replace(device, profile=known[0].id)
    if not definition:
        return replace(device, reason="Zigbee2MQTT does not support this model")
    try:
        draft = profile_of_definition(definition, mains=_mains(power))
    except NotUsableError as error:
        return replace(device, reason=plain(str(error), 300))
    fields = draft.document["decode"]["fields"]
    document = finished(draft.document, {name: _property(field["path"]) for name, field in fields.items()})
    return replace(device, profile=document["id"], document=document, note=plain("; ".join(draft.notes), 300))


def read_online(payload: bytes) -> bool | None:
    """Both forms of availability and bridge state: {"state": "online"}, and the bare text."""
    value = _json(payload) if payload[:1] in (b"{", b'"') else payload[:16].decode("utf-8", "replace")
    if isinstance(value, dict):
        value = value.get("state")
    return {"online": True, "offline": False}.get(value.strip().lower()) if isinstance(value, str) else None


def is_ieee(text: object) -> bool:
    """Whether it is a Zigbee address as Zigbee2MQTT writes it: 0x and sixteen hexadecimal digits."""
    return (
        isinstance(text, str)
        and len(text) == _IEEE_LENGTH
        and text[:2] == "0x"
        and all(digit in "0123456789abcdefABCDEF" for digit in text[2:])
    )


def _is_device(entry: Mapping[str, Any]) -> bool:
    """Whether it is a device in use: no coordinator, not switched off, and asked to its end."""
    state = entry.get("interview_state")
    interviewed = state == "SUCCESSFUL" if state is not None else entry.get("interview_completed") is True
    return entry.get("type") != "Coordinator" and entry.get("disabled") is not True and interviewed


def _mains(power: object) -> bool | None:
    if not isinstance(power, str) or power in ("", "Unknown"):
        return None
    return power != "Battery"


def _property(path: str | list[str]) -> str:
    return path if isinstance(path, str) else path[-1]


def _json(payload: bytes) -> Any:
    if len(payload) > MAXIMUM_LIST_BYTES:
        return None
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
