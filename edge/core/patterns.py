"""Devices of plain MQTT and LoRaWAN by their topics: a pattern names the profile of a fleet.

Rules: topics go in, found devices come out; nothing raises, whatever a topic is. Anybody who may write to the
broker can invent topics: their number is capped, and what is found only waits for a person.
"""

from collections.abc import Mapping

from edge.core.found import MOST_DEVICES, FoundDevice, plain, topic_problem


def wild_parts(pattern: str, topic: str) -> tuple[str, ...] | None:
    """What stands for the wildcards of an MQTT pattern; None where the topic does not match it."""
    parts: list[str] = []
    wanted, levels = pattern.split("/"), topic.split("/")
    for index, part in enumerate(wanted):
        if part == "#":
            return (*parts, "/".join(levels[index:]))
        if index >= len(levels) or part not in ("+", levels[index]):
            return None
        if part == "+":
            parts.append(levels[index])
    return tuple(parts) if len(levels) == len(wanted) else None


class Patterns:
    """The topics heard that match a pattern. `profiles` is the profile's id by pattern; the first match
    counts."""

    def __init__(self, profiles: Mapping[str, str]) -> None:
        self.profiles = dict(profiles)
        self._found: dict[str, FoundDevice] = {}
        self.left_out = 0

    @property
    def devices(self) -> tuple[FoundDevice, ...]:
        """All that spoke, in the order in which they did first."""
        return tuple(self._found.values())

    def heard(self, topic: str) -> bool | None:
        """Take the topic of a message: None where no pattern is for it, else whether it is a new one."""
        if topic in self._found:
            return False
        for pattern, profile in self.profiles.items():
            parts = wild_parts(pattern, topic)
            if parts is None:
                continue
            if len(self._found) >= MOST_DEVICES or topic_problem(topic) is not None:
                self.left_out += 1
                return False
            self._found[topic] = FoundDevice(
                source="mqtt",
                base=plain(pattern, 256),
                id=plain(topic, 256),
                name=plain(" ".join(parts)) or plain(topic),
                topic=plain(topic, 256),
                profile=profile,
            )
            return True
        return None
