"""What one sample says about a condition: it holds, it does not, or nothing can be told from it."""

import math
from bisect import insort

import msgspec

from gateway.rules.memory import MAXIMUM_SAMPLES
from gateway.rules.model import Rate, Scalar, State, Threshold
from gateway.rules.timeline import Sample, Timeline


def state_verdict(when: State, value: Scalar) -> bool:
    """Whether the point holds one of the values."""
    return value in when.values


def threshold_verdict(when: Threshold, sample: Sample, timeline: Timeline) -> bool | None:
    """Whether the number stands beyond the limit, with hysteresis; None for what is no number."""
    number = _number(sample.value)
    if number is None:
        return None
    if isinstance(when.around, float | int):
        number = angle_between(number, when.around)
    sign = 1 if when.side == "above" else -1
    if sign * number > sign * when.limit:
        return True
    clear = when.limit if when.clear is None else when.clear
    if sign * number <= sign * clear:
        return False
    run = timeline.newest()  # between clear and limit: what has been told stays, what has not begins again
    if run is None or sample.at_ms < run.last_ms:
        return None
    told = run.breach is not None or sample.at_ms - run.first_ms >= when.for_ms
    return run.holds and told


def angle_between(one: float, other: float) -> float:
    """How far two angles stand apart, in degrees from 0 to 180: 179 and -179 are 2 apart."""
    apart = abs(one - other) % 360
    return min(apart, 360 - apart)


def rate_verdicts(when: Rate, sample: Sample, samples: list[tuple[int, float]]) -> list[tuple[Sample, bool]]:
    """Whether the number has changed enough; a late sample may show so of a later one. Adds to `samples`."""
    number = _number(sample.value)
    if number is None:
        return []
    sign = 1 if when.change >= 0 else -1
    enough = sign * when.change

    def changed(at_ms: int, value: float) -> bool:
        window = [old for old_ms, old in samples if at_ms - when.within_ms <= old_ms <= at_ms]
        return any(sign * (value - old) >= enough for old in window)

    verdicts = [(sample, changed(sample.at_ms, number))]
    for at_ms, value in samples:
        if sample.at_ms < at_ms <= sample.at_ms + when.within_ms and sign * (value - number) >= enough:
            later = msgspec.structs.replace(sample, at_ms=at_ms, device_ms=at_ms, value=value)
            verdicts.append((later, True))
            break
    insort(samples, (sample.at_ms, number))
    oldest_ms = samples[-1][0] - 2 * when.within_ms  # one window more, for late samples
    while len(samples) > MAXIMUM_SAMPLES or samples[0][0] < oldest_ms:
        samples.pop(0)
    return verdicts


def _number(value: Scalar) -> float | None:
    if isinstance(value, str) or not math.isfinite(value):
        return None
    return float(value)
