"""The gateways of a simulated day: real decoding, real rules and a real alarm lane behind a fake uplink.

What a sensor says is decoded by its profile, judged by the rules that the server compiled for the gateway,
and kept in the gateway's lane until the server's acknowledgement. The uplink delays, cuts, doubles, shuffles.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from edge.core.compose import Origin, compose
from edge.readings import Reading, Value
from firmware_profiles import Catalogue
from firmware_profiles.decode import Decoded, MessagePayload, RegisterPayload, Registers, decode
from gateway import wire
from gateway.lanes.alarm import AlarmLane
from gateway.rules.engine import Engine
from gateway.rules.model import Rule
from gateway.rules.outcomes import Outcome
from server.timeseries.store import Point, split
from tests.soak.clock import FakeClock
from tests.soak.world import Place

LANE = "-lane"
"""How the epoch of a gateway's lane ends."""


@dataclass(kw_only=True)
class Said:
    """What was handed to a gateway and what it told, in numbers, to be compared with the server's record."""

    events: list[tuple[str, int]] = field(default_factory=list)  # position, device time of each press or fall
    kept: set[tuple[str, str, int]] = field(default_factory=set)  # gateway, epoch, number of each message
    delivered: int = 0
    doubled: int = 0
    shuffled: int = 0
    late: int = 0


class FakeUplink:
    """How a message gets to the server, and its acknowledgement back: slowly, twice, or in another order."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def delay_s(self) -> float:
        """Mostly a moment; some are overtaken by those that come after."""
        return self.rng.uniform(0.5, 4.0) if self.rng.random() < 0.05 else self.rng.uniform(0.02, 0.3)

    def loses_answer(self) -> bool:
        """Whether the acknowledgement gets lost: the gateway then sends again."""
        return self.rng.random() < 0.03

    def doubles(self) -> bool:
        """Whether the message comes twice at once."""
        return self.rng.random() < 0.02


@dataclass(kw_only=True)
class Gateway:
    """One gateway. `receive` is the server's way in: topic and bytes, an acknowledgement or None back."""

    id: str
    clock: FakeClock
    catalogue: Catalogue
    uplink: FakeUplink
    said: Said
    places: Sequence[Place]
    desired: wire.DesiredMessage
    receive: Callable[[str, str, bytes], wire.AckMessage | None]
    report: Callable[[str, str, bytes], None]
    online: bool = True
    powered: bool = True
    session: str = ""
    frames: list[Point] = field(default_factory=list)
    heard_at: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._sessions = count(1)
        self._messages = count(1)
        self._by_position = {place.position: place for place in self.places}
        self._parameters = {device.position: device.parameters for device in self.desired.devices}
        self._tick_at: int | None = None
        self._lane = AlarmLane.in_memory(trouble="", new_epoch=lambda: f"{self.id}{LANE}")
        self._engine = self._started()

    def start(self) -> None:
        """Takes up what it remembers, as after a power cut, and says that it is there."""
        self.powered = self.online = True
        self._engine = self._started()
        self._reconnect()

    def cut_power(self) -> None:
        """Everything in memory is gone; the lane is on its disk."""
        self.powered = self.online = False

    def cut_line(self) -> None:
        """It works on, and nobody hears it."""
        self.online = False

    def restore_line(self) -> None:
        """The line is back: what waits is sent."""
        self.online = True
        self._reconnect()

    def say_state(self) -> None:
        """The periodic report of itself."""
        if self.online:
            self.report(self.id, "up/state", self._state(online=True))

    def last_will(self) -> bytes:
        """What the broker says for it when its connection is gone."""
        return self._state(online=False)

    def message(self, position: str, body: bytes, *, port: int | None = None, twice: bool = False) -> bool:
        """A sensor's message; `twice`: its network delivers it twice. Whether anybody could hear it."""
        place = self._by_position[position]
        profile = self.catalogue[place.profile]
        payload = MessagePayload(body, port, self.clock.now_ms)
        return self._hear(place, decode(profile, payload, parameters=self._of(position)), twice=twice)

    def poll(self, position: str, registers: Registers) -> bool:
        """A polled device's registers."""
        place = self._by_position[position]
        payload = RegisterPayload(registers)
        decoded = decode(self.catalogue[place.profile], payload, parameters=self._of(position))
        return self._hear(place, decoded, keyed=False)

    def waiting(self) -> int:
        """Messages that the server has not acknowledged."""
        return self._lane.depth()[0]

    def close(self) -> None:
        """Lets go of the lane."""
        self._lane.close()

    def _of(self, position: str) -> dict[str, float]:
        return self._parameters[position]

    def _hear(self, place: Place, decoded: Decoded, *, twice: bool = False, keyed: bool = True) -> bool:
        if not self.powered:
            return False
        key = f"{place.device}-{next(self._messages)}" if keyed else None
        origin = Origin(
            device=place.device,
            position=place.position,
            profile=self.catalogue[place.profile],
            received_ms=self.clock.now_ms,
            own_key=key,
        )
        readings = compose(origin, decoded.samples).readings
        for reading in readings * (2 if twice else 1):
            self._judge(self._engine.observe(reading, self.clock.now_ms))
        for reading in readings:
            self._keep_reading(place, reading)
        return True

    def _keep_reading(self, place: Place, reading: Reading) -> None:
        values: dict[str, Value] = dict(reading.points)
        self.heard_at[place.position] = reading.time_ms
        fields = split(values, dict(reading.status))
        if fields:
            self.frames.append(
                Point(family=reading.family, area=place.area, position=place.position, device=place.device,
                      gateway=self.id, time_ms=reading.time_ms, fields=fields)
            )  # fmt: skip

    def _judge(self, outcomes: Sequence[Outcome]) -> None:
        saved = self._engine.take_changes()
        if outcomes or saved:
            for message in self._lane.write(outcomes, saved, self.clock.now_ms):
                self.said.kept.add((self.id, message.epoch, message.seq))
                self._send(message)
        self._plan_tick()

    def _plan_tick(self) -> None:
        due_ms = self._engine.next_due_ms()
        if due_ms is None or (self._tick_at is not None and self._tick_at <= due_ms):
            return
        self._tick_at = due_ms
        engine = self._engine
        self.clock.after(max(due_ms - self.clock.now_ms, 1) / 1_000, lambda: self._tick(engine, due_ms))

    def _tick(self, engine: Engine, due_ms: int) -> None:
        if engine is not self._engine or not self.powered:
            return  # of a run before a power cut
        if self._tick_at == due_ms:
            self._tick_at = None
        self._judge(engine.tick(self.clock.now_ms))

    def _send(self, message: wire.AlarmMessage) -> None:
        payload = wire.encode(message)
        for _ in range(2 if self.uplink.doubles() else 1):
            self.clock.after(self.uplink.delay_s(), lambda: self._deliver(message, payload))

    def _deliver(self, message: wire.AlarmMessage, payload: bytes) -> None:
        if not self.online:
            return
        self.said.delivered += 1
        self.said.late += self.clock.now_ms - message.device_ms > 60_000
        ack = self.receive(self.id, wire.topic(self.id, "up/alarm"), payload)
        assert ack is not None, "an alarm was not acknowledged"
        if self.uplink.loses_answer():
            self.said.doubled += 1
            self.clock.after(10, lambda: self._deliver(message, payload))
            return
        self._lane.acknowledge(ack.epoch, ack.seqs)

    def _reconnect(self) -> None:
        self.session = f"{self.id}-{next(self._sessions)}"
        self.say_state()
        waiting = self._lane.pending()
        self.uplink.rng.shuffle(waiting)
        self.said.shuffled += len(waiting) > 1
        for message in waiting:
            self._send(message)

    def _started(self) -> Engine:
        engine = Engine(new_breach=lambda: f"{self.id}-b{next(self._numbers)}", started_ms=self.clock.now_ms)
        engine.restore(self._lane.states(), self._lane.seen())
        rules: list[Rule] = self.desired.rules
        ends = engine.replace_rules(
            rules, self.clock.now_ms, {device.position: device.id for device in self.desired.devices}
        )
        assert not ends
        self._engine, self._tick_at = engine, None
        self._plan_tick()
        return engine

    def _state(self, *, online: bool) -> bytes:
        return wire.encode(wire.StateMessage(online=online, session=self.session, applied=1))
