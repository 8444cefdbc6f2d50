"""A condition's known past: when it held and when it did not, whatever order the readings come in.

Theory of operation. Samples (a time, and whether the condition held then) are kept as alternating runs,
ordered by device time. A sample that lies within or beside a run of its own verdict is no news. One that
contradicts a run splits it, because late samples are as true as punctual ones. Runs hold only times that
were really sampled; what lies between two runs is unknown and belongs to neither.

A run in which the condition holds is *told* once it has lasted `for_ms`: up to the next run, or, for the
newest one, up to its last sample or until `for_ms` have gone by since it was received. From this follows,
for samples in any order, doubled or late (and is tested):
- every sample that satisfies a condition without `for_ms` lies in a run that was told;
- a run is told once: told runs are parted by a real sample of the opposite, so there are never more of
  them than an orderly arrival would have given;
- a late sample never reopens or ends what a newer one decided: its breach is told as begun and over.

At one and the same instant each verdict is heard once, in the order of arrival (many devices' clocks
count whole seconds, and a doubled message must not look like a third change).
"""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.rules.model import Scalar

MAXIMUM_RUNS: Final = 16
"""Eight changes into the condition and back. A late sample from before them is too old to be judged."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One judged reading: `at_ms` is the time it is judged by, `device_ms` the time it carries."""

    at_ms: int
    received_ms: int
    device_ms: int
    clock_trusted: bool
    device: str
    value: Scalar


class Run(msgspec.Struct, kw_only=True):
    """Samples of one verdict in a row. `start` is the earliest, `breach` the id under which it was told."""

    holds: bool
    start: Sample
    last_ms: int
    breach: str | None = None

    @property
    def first_ms(self) -> int:
        return self.start.at_ms


class News(msgspec.Struct, frozen=True):
    """A run to be told: begun at `began`, and over at `ended` if that is already known."""

    breach: str
    began: Sample | None
    ended: Sample | None


class Timeline(msgspec.Struct, kw_only=True):
    """The runs of one condition, oldest first. Mutable; belongs to one rule."""

    runs: list[Run] = []
    horizon_ms: int | None = None

    def newest(self) -> Run | None:
        """The run that holds now."""
        return self.runs[-1] if self.runs else None

    def open(self) -> Run | None:
        """The newest run, if the condition holds now and that was told."""
        run = self.newest()
        return run if run is not None and run.holds and run.breach is not None else None

    def shape(self) -> tuple[int, str | None, int | None]:
        """Differs between two moments if something happened that a restart must not forget."""
        return len(self.runs), self.runs[-1].breach if self.runs else None, self.horizon_ms

    def due_ms(self, for_ms: int) -> int | None:
        """When the newest run will have to be told if nothing more is heard; None if there is nothing."""
        run = self.newest()
        if run is None or not run.holds or run.breach is not None:
            return None
        return run.start.received_ms + for_ms

    def add(self, sample: Sample, holds: bool, for_ms: int, new_breach: Callable[[], str]) -> list[News]:
        """Take a sample in; the news it makes."""
        was_open = self.open()
        if not self._insert(sample, holds):
            return []
        news = self._tell(for_ms, new_breach)
        if was_open is not None and was_open.breach is not None and not self.runs[-1].holds:
            news.append(News(was_open.breach, None, self.runs[-1].start))
        while len(self.runs) > MAXIMUM_RUNS:
            self.runs.pop(0)
            self.horizon_ms = self.runs[0].first_ms
        return news

    def elapse(self, now_ms: int, for_ms: int, new_breach: Callable[[], str]) -> list[News]:
        """Tell the newest run if `for_ms` have gone by since it was received."""
        due = self.due_ms(for_ms)
        if due is None or now_ms < due:
            return []
        run = self.runs[-1]
        run.breach = new_breach()
        return [News(run.breach, run.start, None)]

    def _tell(self, for_ms: int, new_breach: Callable[[], str]) -> list[News]:
        """Give every run that has lasted long enough and was not told its breach."""
        news = []
        for index, run in enumerate(self.runs):
            if not run.holds or run.breach is not None:
                continue
            following = self.runs[index + 1] if index + 1 < len(self.runs) else None
            until_ms = run.last_ms if following is None else following.first_ms
            if until_ms - run.first_ms >= for_ms:
                run.breach = new_breach()
                news.append(News(run.breach, run.start, None if following is None else following.start))
        return news

    def _insert(self, sample: Sample, holds: bool) -> bool:
        """Put the sample into its place. False if it says nothing that was not known."""
        at_ms = sample.at_ms
        if self.horizon_ms is not None and at_ms < self.horizon_ms:
            return False
        index = len(self.runs)  # becomes the place of the first run that begins after the sample
        while index and self.runs[index - 1].first_ms > at_ms:
            index -= 1
        if any(run.holds == holds and run.first_ms <= at_ms <= run.last_ms for run in self.runs[:index][-2:]):
            return False
        before = self.runs[index - 1] if index else None
        if before is not None and before.first_ms == at_ms < before.last_ms:
            index -= 1  # it contradicts the run's very first moment: it belongs before it
            before = self.runs[index - 1] if index else None
        if before is not None and at_ms < before.last_ms:
            self._split(index - 1, sample, holds)
            return True
        after = self.runs[index] if index < len(self.runs) else None
        if before is not None and before.holds == holds:
            before.last_ms = at_ms
            return holds and before.breach is None
        if after is not None and after.holds == holds:
            known = after.start if after.breach is not None else sample
            received_ms = min(after.start.received_ms, sample.received_ms)
            after.start = msgspec.structs.replace(known, at_ms=at_ms, received_ms=received_ms)
            return holds and after.breach is None
        self.runs.insert(index, Run(holds=holds, start=sample, last_ms=at_ms))
        return True

    def _split(self, index: int, sample: Sample, holds: bool) -> None:
        """Part a run in two around a sample that contradicts it. Both parts stay told if it was."""
        run = self.runs[index]
        later = Run(
            holds=run.holds,
            start=msgspec.structs.replace(run.start, at_ms=run.last_ms, device_ms=run.last_ms),
            last_ms=run.last_ms,
            breach=run.breach,
        )
        run.last_ms = run.first_ms
        self.runs[index + 1 : index + 1] = [Run(holds=holds, start=sample, last_ms=sample.at_ms), later]
