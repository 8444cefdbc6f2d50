"""What happens in the subdistrict in a day: presses, falls, covers, water, fevers, batteries, cuts.

Rates: about one call for help a hundred homes and day, beside them a rush hour and a power cut of a whole
neighbourhood. Sensors give their signs of life less often than in the field where that changes nothing.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from firmware_profiles.decode import Registers
from tests.soak.clock import FakeClock
from tests.soak.gateways import Gateway
from tests.soak.world import BUTTON, COVER, GAS, KIOSK, RADAR, Place, World

DAY_S = 86_400
RADAR_S, KIOSK_S, GAS_S, COVER_S = 600, 100, 50, 21_600
KIOSK_PLACES = tuple((3, address) for address in range(0x11, 0x16))
GAS_PLACES = ((3, 101),)
FRESH_AIR, FOUL_AIR = 0x0209, 0x0180


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A time in which the server could hear nothing of these residents, as the sensors and gateways had it;
    `slack_s` is how much longer the record may say, since the server has to hear first."""

    residents: frozenset[str]
    since: datetime
    until: datetime
    slack_s: float


@dataclass(kw_only=True)
class Rates:
    """How often what happens, for the size of the world."""

    presses: int
    rush: int
    falls: int
    openings: int
    waters: int
    fevers: int
    batteries: int
    deaths: int
    line_cuts: int
    storm: int


@dataclass(kw_only=True)
class Happenings:
    """Plans the day. `seen_s` is how long the server may take to notice that a gateway is back, `round_s`
    that a sensor is."""

    clock: FakeClock
    world: World
    gateways: dict[str, Gateway]
    rng: random.Random
    rates: Rates
    day: datetime
    grace_s: float
    seen_s: float
    round_s: float
    last_will: Callable[[Gateway], None]
    around: Callable[[], None]
    """Called when a gateway is back: the coverage rounds that there would be each 20 s."""
    outages: list[Outage] = field(default_factory=list)
    fated: set[str] = field(default_factory=set)  # gateways that are cut
    battery: dict[str, int] = field(default_factory=dict)
    silent: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)

    def plan(self) -> None:
        """Everything, at random times of the day."""
        self._cuts()
        self._broken()
        self._signs_of_life()
        self._calls()
        self._wells()
        self._fevers()

    def press(self, place: Place, *, twice: bool = False) -> None:
        """Somebody presses; the press counts if the gateway has power."""
        gateway = self.gateways[place.gateway]
        if gateway.message(place.position, self._zigbee(place, "emergency"), twice=twice):
            gateway.said.events.append((place.position, self.clock.now_ms))

    def cover(self, place: Place, *, opened: bool = False, tilt: int = 0, distance: int = 1_700) -> None:
        """A cover's report: state, angle, and millimetres down to the water."""
        head = bytes.fromhex("8000010211") + distance.to_bytes(2, "big") + bytes([0, 22, 1, tilt, 0])
        body = head + bytes([0x10 if opened else 0]) + (1).to_bytes(2, "big") + bytes([0, 0x81])
        self.gateways[place.gateway].message(place.position, body, port=3)

    def _moment(self, first_s: float = 3_600, last_s: float = DAY_S - 7_200) -> datetime:
        return self.day + timedelta(seconds=self.rng.uniform(first_s, last_s))

    def _some(self, places: Sequence[Place], number: int) -> list[Place]:
        return self.rng.sample(places, min(number, len(places)))

    def _signs_of_life(self) -> None:
        for place in self.world.places.values():
            every, what = {
                BUTTON: (DAY_S, self._button),
                RADAR: (RADAR_S, self._radar),
                COVER: (COVER_S, self.cover),
                KIOSK: (KIOSK_S, self._kiosk),
                GAS: (GAS_S, self._gas),
            }[place.profile]
            first = self.rng.uniform(1, every if every < COVER_S else DAY_S / 2 if every == DAY_S else every)
            self.clock.every(every, partial(what, place), first=first)

    def _calls(self) -> None:
        buttons, radars = self.world.of(BUTTON), self.world.of(RADAR)
        for place in self._some(buttons, self.rates.presses):
            self._presses(place, self._moment())
        rush = self.day + timedelta(hours=10)
        for place in self._some(buttons, self.rates.rush):
            self._presses(place, rush + timedelta(seconds=self.rng.uniform(0, 300)))
        for place in self._some(radars, self.rates.falls):
            self.clock.at(self._moment(), partial(self._fall, place))

    def _presses(self, place: Place, at: datetime) -> None:
        """One press, sometimes some more within a minute; some arrive twice from their network."""
        for number in range(self.rng.choice((1, 1, 1, 2, 3))):
            later = at + timedelta(seconds=number * self.rng.uniform(0.3, 25))
            twice = self.rng.random() < 0.1
            self.clock.at(later, partial(self.press, place, twice=twice))

    def _fall(self, place: Place) -> None:
        gateway = self.gateways[place.gateway]
        if gateway.message(place.position, bytes.fromhex("06FB0100000100")):
            gateway.said.events.append((place.position, self.clock.now_ms))
        if self.rng.random() < 0.4:  # still down: the periodic frames say so, until somebody has come
            for after, state in ((60, 4), (420, 4), (1_300, 0)):
                body = bytes.fromhex("03F8") + bytes([state, 0, 0, 0, 0, 0])
                self.clock.after(after, partial(gateway.message, place.position, body))

    def _wells(self) -> None:
        covers = self.world.of(COVER)
        for place in self._some(covers, self.rates.openings):
            at = self._moment()
            self.clock.at(at, partial(self.cover, place, opened=True, tilt=40))
            shut = at + timedelta(seconds=self.rng.uniform(600, 3_600))
            self.clock.at(shut, partial(self.cover, place))
        for place in self._some(covers, self.rates.openings):  # a lorry passes: no alarm
            at = self._moment()
            self.clock.at(at, partial(self.cover, place, tilt=20))
            self.clock.at(at + timedelta(seconds=12), partial(self.cover, place))
        for place in self._some(covers, self.rates.waters):
            at = self._moment()
            for number, distance in enumerate((1_600, 1_450, 1_300, 1_200, 1_300, 1_700)):
                later = at + timedelta(minutes=10 * number)
                self.clock.at(later, partial(self.cover, place, distance=distance))
        for place in self._some(self.world.of(GAS), max(1, len(self.world.of(GAS)) // 3)):
            self.clock.at(self._moment(), partial(self._gas, place, FOUL_AIR))

    def _fevers(self) -> None:
        for place in self.rng.choices(self.world.of(KIOSK), k=self.rates.fevers):
            at = self._moment()
            self.clock.at(at, partial(self._kiosk, place, 38.2))
            self.clock.at(at + timedelta(seconds=20), partial(self._kiosk, place))

    def _cuts(self) -> None:
        """The storm takes the power of neighbouring gateways; line cuts come one by one, long and short."""
        names = self.world.gateways
        first = self.rng.randrange(len(names) - self.rates.storm + 1)
        storm = names[first : first + self.rates.storm]
        self.fated.update(storm)
        begins = self.day + timedelta(hours=15)
        for name in storm:
            off = begins + timedelta(seconds=self.rng.uniform(0, 20))
            self._cut(name, off, self.rng.uniform(45 * 60, 70 * 60), power=True)
        free = [name for name in names if name not in self.fated]
        for number, name in enumerate(self.rng.sample(free, min(self.rates.line_cuts, len(free)))):
            # Either well over the grace or well under it: what is between may or may not be a fault.
            lasts = self.rng.uniform(0.15, 0.7) if number % 2 else self.rng.uniform(1.6, 4.0)
            self.fated.add(name)
            at = self._moment()
            self._cut(name, at, lasts * self.grace_s, power=False)
            for place in self._some([one for one in self.world.behind(name) if one.profile == BUTTON], 2):
                self._presses(place, at + timedelta(seconds=self.rng.uniform(20, lasts * self.grace_s - 70)))

    def _cut(self, name: str, at: datetime, lasts_s: float, *, power: bool) -> None:
        gateway = self.gateways[name]
        noticed = at + timedelta(seconds=12)  # the broker misses its keep-alives
        back = at + timedelta(seconds=lasts_s)
        self.clock.at(at, gateway.cut_power if power else gateway.cut_line)
        self.clock.at(noticed, partial(self.last_will, gateway))
        self.clock.at(back, partial(self._back, gateway, power=power))
        if lasts_s <= self.grace_s:
            return
        homes = {place.resident for place in self.world.behind(name) if place.resident is not None}
        radars = {place.resident for place in self.world.behind(name) if place.profile == RADAR}
        # A radar's own silence begins before the cut and ends with its next word.
        longer = {home for home in homes if home in radars}
        for residents, slack in (
            (homes - longer, self.seen_s),
            (longer, self.seen_s + 2 * RADAR_S + self.round_s),
        ):
            self.outages.append(
                Outage(residents=frozenset(residents), since=noticed, until=back, slack_s=slack)
            )

    def _back(self, gateway: Gateway, *, power: bool) -> None:
        if power:
            gateway.start()
        else:
            gateway.restore_line()
        self.around()

    def _broken(self) -> None:
        """Batteries run low and are changed; radars die and are replaced by their like."""
        whole = [place for place in self.world.places.values() if place.gateway not in self.fated]
        for place in self._some([one for one in whole if one.profile == BUTTON], self.rates.batteries):
            at, lasts = self._moment(3_600, DAY_S / 2), self.rng.uniform(2, 8) * 3_600
            until = at + timedelta(seconds=lasts)
            self.clock.at(at, partial(self._change, place, 9))
            self.clock.at(until, partial(self._change, place, 100))
            self._own(place, at, until)
        for place in self._some([one for one in whole if one.profile == RADAR], self.rates.deaths):
            at = self._moment(7_200, DAY_S / 2)
            until = at + timedelta(seconds=self.rng.uniform(2, 5) * 3_600)
            self._mute(place, at, until)
            self.clock.at(until, partial(self._radar, place))
            self.outages.append(
                Outage(residents=frozenset({place.resident or ""}), since=at, until=until,
                       slack_s=self.round_s + RADAR_S)
            )  # fmt: skip

    def _own(self, place: Place, since: datetime, until: datetime) -> None:
        residents = frozenset({place.resident or ""})
        self.outages.append(Outage(residents=residents, since=since, until=until, slack_s=self.round_s))

    def _mute(self, place: Place, since: datetime, until: datetime) -> None:
        """No sign of life of this sensor in between."""
        self.silent.setdefault(place.position, []).append((since, until))

    def _is_silent(self, place: Place) -> bool:
        now = self.clock.now()
        return any(since < now < until for since, until in self.silent.get(place.position, ()))

    def _change(self, place: Place, battery: int) -> None:
        self.battery[place.position] = battery
        self._button(place)

    def _button(self, place: Place) -> None:
        self.gateways[place.gateway].message(place.position, self._zigbee(place, ""))

    def _zigbee(self, place: Place, action: str) -> bytes:
        percent = self.battery.get(place.position, 88)
        said = {"action": action, "battery": percent, "voltage": 2900, "linkquality": 60}
        return json.dumps(said).encode()

    def _radar(self, place: Place) -> None:
        if not self._is_silent(place):
            self.gateways[place.gateway].message(place.position, bytes.fromhex("03F8000000000000"))

    def _kiosk(self, place: Place, celsius: float = 24.0) -> None:
        value = round(celsius * 10)
        self.gateways[place.gateway].poll(
            place.position, Registers(KIOSK_PLACES, (value, value, value, 284, 0))
        )

    def _gas(self, place: Place, word: int = FRESH_AIR) -> None:
        self.gateways[place.gateway].poll(place.position, Registers(GAS_PLACES, (word,)))
