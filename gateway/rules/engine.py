"""Judges readings by rules: which conditions became true, which are over.

Rules of this file:
- It is pure: readings and `now_ms` go in, outcomes come out; breach ids come from the `new_breach` given.
- A doubtful reading may raise an alarm but never end one; a late one may add to the past but never undo
  what a newer one decided; a doubled one changes nothing.

Theory of operation. Every rule has a `Memory`. What a reading says about a condition depends on its kind:

| kind | raises | ends | a bad reading |
|---|---|---|---|
| threshold, rate | a number beyond the limit, for `for_ms` | a number back past `clear` | says nothing |
| state | one of the values, for `for_ms` | another value | may raise, not end |
| event | each time it is spoken | nothing: people end it | raises all the same |
| silence | `after_ms` without a message | any message | was heard |

Stale readings (the source did not answer) say nothing to anybody, and neither do points with a status.

*Time.* A reading is judged by its own time, unless its clock is not trusted, runs more than a minute ahead
or stands still (see `clocks.py`): then by its time of receipt, so that a wrong clock neither stops an alarm
nor makes everything after it look old. `for_ms` runs on the readings' own times, and, when nothing more is
heard, on the gateway's clock from the receipt of the reading that began it (`tick`). Silence is judged by
receipt only, never before a device had `after_ms` since the rule was first given or this engine began.

*Threshold.* "Above" is strictly above. Until the breach is told, a number that is not beyond the limit
starts `for_ms` again; once told, it is over only at `clear` or past it (the limit itself where there is no
`clear`). Threshold, state and rate share `timeline.py`.

*Event.* Each press is an occurrence with a breach of its own, and is never cleared. An echo is a press
of the same value at most `debounce_ms` after one that was told, by device time; with 0 nothing is (two people
with fever pass one terminal within a second, the finest that it tells). Without a device time only
a message without a key can be an echo: presses that a broker kept during an outage come all at once, each
with its key, and each counts. A press that comes late is told even if a later one was told before: any
order tells at least as many presses as the right order. False and the empty string are the absence of an
event (Zigbee2MQTT ends each action with one).

*Doubled messages.* The news of a message is remembered by (rule, device, key, and the device's own time
where it has one), because a device without a clock gives a doubled message a new time.

*Rules that change.* A rule whose condition is the same keeps its memory, whatever else changed; any other
is ended (an open breach is cleared) and begins afresh. So are all rules of a position whose hardware was
swapped.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import msgspec

from edge.readings import Quality, Reading, TimeSource
from gateway.rules.clocks import DeviceClocks, sample_of
from gateway.rules.memory import MAXIMUM_MARKS, Memory, RuleState, Saved, Seen
from gateway.rules.model import Event, Rate, Rule, Silence, State, Threshold
from gateway.rules.outcomes import OpenBreach, Outcome, plain, told
from gateway.rules.seen import RuleKey, SeenMessages, identity_of
from gateway.rules.shifting import shift_memory
from gateway.rules.silence import hear_mode, silent_after_ms
from gateway.rules.timeline import News, Sample
from gateway.rules.verdicts import rate_verdicts, state_verdict, threshold_verdict


class Engine:
    """The rules of one gateway and all that is known about them."""

    def __init__(self, *, new_breach: Callable[[], str], started_ms: int) -> None:
        self._new_breach = new_breach
        self._started_ms = started_ms
        self._rules: dict[RuleKey, Rule] = {}
        self._memories: dict[RuleKey, Memory] = {}
        self._by_position: dict[str, list[Rule]] = {}
        self._messages = SeenMessages()
        self._heard_ms: dict[RuleKey, int] = {}
        self._due: list[tuple[int, RuleKey]] = []
        self._silence_due: dict[RuleKey, int] = {}
        self._changed: set[RuleKey] = set()
        self._devices: dict[str, str] = {}
        self._clocks = DeviceClocks()
        self._unheard: frozenset[str] = frozenset()

    def restore(self, saved: Iterable[Saved], seen: Iterable[Seen]) -> list[RuleKey]:
        """Take up what was stored; gives the rules whose stored state can't be read and begins afresh.

        Call before `replace_rules`, which ends what is no rule any more.
        """
        unreadable: list[RuleKey] = []
        for record in saved:
            key = (record.position, record.id)
            try:
                state = msgspec.json.decode(record.document or b"", type=RuleState)
            except msgspec.DecodeError:
                unreadable.append(key)
                continue
            self._rules[key] = state.rule
            self._memories[key] = state.memory
        self._messages.restore(seen)
        for key in self._rules:
            self._heard_ms[key] = self._started_ms
            self._plan(key)
        self._index()
        return unreadable

    def replace_rules(
        self, rules: Iterable[Rule], now_ms: int, devices: Mapping[str, str] | None = None
    ) -> list[Outcome]:
        """Judge by `rules` from now on. Gives the ends of open breaches whose rule is gone or another.

        `devices` names the device at each position, to be told in a silence before it ever spoke. Where it is
        another than the last one heard, the position's rules begin afresh: what the old hardware said is no
        reason to keep the new one's first word back.
        """
        self._devices = dict(devices or {})
        wanted = {(rule.position, rule.id): rule for rule in rules}
        outcomes: list[Outcome] = []
        for key, old in list(self._rules.items()):
            new = wanted.get(key)
            if new is None or new.when != old.when or self._is_swapped(key):
                outcomes += self._end(key, now_ms)
                del self._rules[key], self._memories[key]
                self._changed.add(key)
            elif new != old:
                self._changed.add(key)
        for key in wanted.keys() - self._rules.keys():
            self._memories[key] = Memory()
            self._heard_ms[key] = now_ms
        self._rules = wanted
        self._heard_ms = {key: heard_ms for key, heard_ms in self._heard_ms.items() if key in wanted}
        self._messages.keep_only(wanted.keys())
        self._index()
        self._due = []
        self._silence_due = {}
        for key in wanted:
            self._plan(key)
        return outcomes

    def observe(self, reading: Reading, now_ms: int) -> list[Outcome]:
        """Judge one reading by the rules of its position."""
        outcomes: list[Outcome] = []
        identity = identity_of(reading)
        believed = self._clocks.believes(reading)
        for rule in self._by_position.get(reading.position, ()):
            key = (rule.position, rule.id)
            if identity is not None and self._messages.knows(key, reading.device, identity):
                if isinstance(rule.when, Silence):
                    self._heard_ms[key] = now_ms
                continue
            news = self._judge(rule, reading, now_ms, believed=believed)
            if news and identity is not None:
                news = [replace(outcome, identity=identity) for outcome in news]
                self._messages.remember(key, reading.device, identity, now_ms)
            outcomes += news
        return outcomes

    def tick(self, now_ms: int) -> list[Outcome]:
        """What has become true by the passing of time alone."""
        outcomes: list[Outcome] = []
        while self._due and self._due[0][0] <= now_ms:
            due_ms, key = heapq.heappop(self._due)
            rule = self._rules.get(key)
            if rule is None or self._silence_due.get(key, due_ms) != due_ms:
                continue  # gone, or planned anew since
            outcomes += self._elapse(key, rule, now_ms)
            self._plan(key)
        return outcomes

    def next_due_ms(self) -> int | None:
        """When `tick` has to be called at the latest; it may be earlier than anything happens."""
        return self._due[0][0] if self._due else None

    def shift_clock(self, delta_ms: int, now_ms: int) -> None:
        """The gateway's clock was set by `delta_ms` when it said `now_ms`: what is measured on it goes on as
        if it had always been right."""
        for key, memory in self._memories.items():
            shift_memory(memory, delta_ms, since_ms=self._started_ms, now_ms=now_ms)
            self._changed.add(key)
        self._messages.shift(delta_ms, since_ms=self._started_ms)
        self._started_ms += delta_ms
        self._heard_ms = {key: heard_ms + delta_ms for key, heard_ms in self._heard_ms.items()}
        self._due = []
        self._silence_due = {}
        for key in self._rules:
            self._plan(key)

    def hold_silence(self, positions: frozenset[str], now_ms: int) -> None:
        """Nothing can be heard from these positions, whatever is said there: their silence is not judged.
        Those that can be heard again have their whole time anew."""
        released, self._unheard = self._unheard - positions, positions
        for key, rule in self._rules.items() if released else ():
            if isinstance(rule.when, Silence) and rule.position in released:
                self._heard_ms[key] = max(now_ms, self._heard_ms[key])
                self._plan(key)

    def open_breaches(self) -> list[OpenBreach]:
        """Every condition that holds now and was told."""
        return [found for key in self._rules if (found := self._open(key)) is not None]

    def take_changes(self) -> list[Saved]:
        """What must be stored before the outcomes since the last call are made known."""
        changed, self._changed = self._changed, set()
        return [self._saved(key) for key in sorted(changed)]

    def export(self) -> list[Saved]:
        """All that is remembered, for a clean stop."""
        return [self._saved(key) for key in sorted(self._rules)]

    def _judge(self, rule: Rule, reading: Reading, now_ms: int, *, believed: bool) -> list[Outcome]:
        if reading.quality is Quality.STALE:
            return []
        when = rule.when
        memory = self._memories[rule.position, rule.id]
        if memory.device != reading.device:
            memory.device = reading.device
            self._changed.add((rule.position, rule.id))
        if isinstance(when, Silence):
            at_ms = reading.time_ms if believed else reading.received_ms
            return self._hear(rule, when, reading, at_ms, now_ms)
        value = reading.points.get(when.point)
        if value is None or when.point in reading.status:
            return []
        sample = sample_of(reading, value, believed=believed)
        if isinstance(when, Event):
            own_time = believed and reading.time_source is TimeSource.DEVICE
            return self._press(rule, when, sample, echoes=own_time or reading.key is None)
        return self._level(rule, when, sample, bad=reading.quality is Quality.BAD)

    def _level(
        self, rule: Rule, when: Threshold | State | Rate, sample: Sample, *, bad: bool
    ) -> list[Outcome]:
        """Threshold, state and rate: turn the sample into verdicts and let the timeline decide."""
        key = (rule.position, rule.id)
        memory = self._memories[key]
        for_ms = _for_ms(when)
        timeline = memory.timeline
        verdicts: list[tuple[Sample, bool]]
        match when:
            case State():
                verdicts = [(sample, held)] if (held := state_verdict(when, sample.value)) or not bad else []
            case Threshold():
                held_or_not = None if bad else threshold_verdict(when, sample, timeline)
                verdicts = [] if held_or_not is None else [(sample, held_or_not)]
            case Rate():
                verdicts = [] if bad else rate_verdicts(when, sample, memory.samples)
        before = timeline.shape()
        news = [one for at, held in verdicts for one in timeline.add(at, held, for_ms, self._new_breach)]
        if timeline.shape() != before:
            self._changed.add(key)
            self._plan(key)
        return [outcome for one in news for outcome in told(rule, one)]

    def _press(self, rule: Rule, when: Event, sample: Sample, *, echoes: bool) -> list[Outcome]:
        """One event; `echoes` tells whether it may be the echo of another."""
        key = (rule.position, rule.id)
        memory = self._memories[key]
        value = sample.value
        if (value not in when.values) if when.values else value is False or value == "":
            return []
        name = msgspec.json.encode(value).decode()
        since_ms = [sample.at_ms - at_ms for known, at_ms in memory.marks if known == name]
        if echoes and when.debounce_ms and any(0 <= gap_ms <= when.debounce_ms for gap_ms in since_ms):
            return []
        memory.marks.append((name, sample.at_ms))
        memory.marks.sort(key=lambda mark: mark[1])
        del memory.marks[:-MAXIMUM_MARKS]
        self._changed.add(key)
        return told(rule, News(self._new_breach(), sample, None))

    def _hear(self, rule: Rule, when: Silence, reading: Reading, at_ms: int, now_ms: int) -> list[Outcome]:
        key = (rule.position, rule.id)
        memory = self._memories[key]
        self._heard_ms[key] = now_ms
        if hear_mode(when, memory, reading, at_ms):
            self._changed.add(key)
            # What is planned for earlier plans the rest, so that nothing piles up.
            if now_ms + silent_after_ms(when, memory) < self._silence_due.get(key, now_ms):
                self._plan(key)
        if memory.silent is None:
            return []
        breach, memory.silent = memory.silent, None
        self._changed.add(key)
        self._plan(key)
        return [plain("cleared", breach, rule, reading.device, now_ms)]

    def _elapse(self, key: RuleKey, rule: Rule, now_ms: int) -> list[Outcome]:
        when = rule.when
        memory = self._memories[key]
        if isinstance(when, Event):
            return []
        if not isinstance(when, Silence):
            news = memory.timeline.elapse(now_ms, _for_ms(when), self._new_breach)
            if news:
                self._changed.add(key)
            return [outcome for one in news for outcome in told(rule, one)]
        due_ms = self._heard_ms[key] + silent_after_ms(when, memory)
        if memory.silent is not None or now_ms < due_ms or rule.position in self._unheard:
            return []
        memory.silent = self._new_breach()
        memory.device = memory.device or self._devices.get(rule.position, "")
        self._changed.add(key)
        return [plain("occurred", memory.silent, rule, memory.device, due_ms)]

    def _plan(self, key: RuleKey) -> None:
        """Note when the rule has to be looked at without a reading."""
        when = self._rules[key].when
        memory = self._memories[key]
        due_ms: int | None = None
        if isinstance(when, Silence):
            if memory.silent is None and key[0] not in self._unheard:
                due_ms = self._heard_ms[key] + silent_after_ms(when, memory)
                self._silence_due[key] = due_ms
        elif not isinstance(when, Event):
            due_ms = memory.timeline.due_ms(_for_ms(when))
        if due_ms is not None:
            heapq.heappush(self._due, (due_ms, key))

    def _is_swapped(self, key: RuleKey) -> bool:
        heard = self._memories[key].device
        return heard != "" and self._devices.get(key[0], heard) != heard

    def _open(self, key: RuleKey) -> OpenBreach | None:
        rule, memory = self._rules[key], self._memories[key]
        if memory.silent is not None:
            since_ms = self._heard_ms.get(key, self._started_ms)
            return OpenBreach(breach=memory.silent, rule=rule, device=memory.device, since_ms=since_ms)
        run = memory.timeline.open()
        if run is None or run.breach is None:
            return None
        return OpenBreach(breach=run.breach, rule=rule, device=run.start.device, since_ms=run.first_ms)

    def _end(self, key: RuleKey, now_ms: int) -> list[Outcome]:
        found = self._open(key)
        return [] if found is None else [plain("cleared", found.breach, found.rule, found.device, now_ms)]

    def _saved(self, key: RuleKey) -> Saved:
        if key not in self._rules:
            return Saved(position=key[0], id=key[1], document=None)
        state = RuleState(rule=self._rules[key], memory=self._memories[key])
        return Saved(position=key[0], id=key[1], document=msgspec.json.encode(state))

    def _index(self) -> None:
        by_position: dict[str, list[Rule]] = defaultdict(list)
        for rule in self._rules.values():
            by_position[rule.position].append(rule)
        self._by_position = dict(by_position)


def _for_ms(when: Threshold | State | Rate) -> int:
    return 0 if isinstance(when, Rate) else when.for_ms
