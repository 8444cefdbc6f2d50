"""Knows messages that have made news before, so that a message delivered again makes none."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from edge.readings import Reading, TimeSource
from gateway.rules.memory import REMEMBERED_MESSAGES, REMEMBERED_MS, Seen

RuleKey = tuple[str, str]  # position, rule id


def identity_of(reading: Reading) -> str | None:
    """The name of the reading's message: its device and key, and its own time if it came with the message."""
    if reading.key is None:
        return None
    at = f"@{reading.time_ms}" if reading.time_source is TimeSource.DEVICE else ""
    return f"{reading.device}\n{reading.key}{at}"


class SeenMessages:
    """By rule and device: the last messages that made news, with the time of their receipt."""

    def __init__(self) -> None:
        self._known: dict[tuple[RuleKey, str], dict[str, int]] = defaultdict(dict)

    def restore(self, seen: Iterable[Seen]) -> None:
        """Take up what was stored."""
        for mark in sorted(seen, key=lambda mark: mark.received_ms):
            device = mark.identity.partition("\n")[0]
            self.remember((mark.position, mark.rule), device, mark.identity, mark.received_ms)

    def knows(self, rule: RuleKey, device: str, identity: str) -> bool:
        """Whether the message has made news for the rule."""
        return identity in self._known.get((rule, device), ())

    def remember(self, rule: RuleKey, device: str, identity: str, now_ms: int) -> None:
        """It has made news; what is too old or too much is forgotten."""
        known = self._known[(rule, device)]
        known[identity] = now_ms
        while known:
            oldest = next(iter(known))
            if len(known) <= REMEMBERED_MESSAGES and known[oldest] > now_ms - REMEMBERED_MS:
                break
            del known[oldest]

    def shift(self, delta_ms: int, *, since_ms: int) -> None:
        """The clock of the receipts was set; those from `since_ms` on are of this run."""
        for known in self._known.values():
            for identity, received_ms in known.items():
                if received_ms >= since_ms:
                    known[identity] = received_ms + delta_ms

    def keep_only(self, rules: Collection[RuleKey]) -> None:
        """Forget the messages of all other rules."""
        self._known = defaultdict(
            dict, {name: known for name, known in self._known.items() if name[0] in rules}
        )
