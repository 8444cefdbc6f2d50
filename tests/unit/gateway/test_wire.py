"""Whatever a peer says is either a message that can be kept, or a WireError: nothing else comes out."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import wire

GOLDEN = Path(__file__).parents[2] / "contract" / "wire" / "v1"
DOCUMENTS: list[tuple[str, dict[str, Any]]] = [
    (file.name.split(".")[0].replace("-", "/"), json.loads(file.read_bytes()))
    for file in sorted(GOLDEN.glob("*.json"))
]
EXTREMES: list[Any] = [
    *(2**31, 2**63, -(2**63), 2**64, 10**18, -(10**18), 10**400, 1.7e308, -0.0, True, None),
    *("", "\0", "a\0b", "1.2\0\0", "x" * 5_000, "\ud7ff\U0010ffff"),
    *([], [[[[]]]], [10**400], {}, {"\0": {"\0": "\0"}}, {"a": 10**400}),
]
ANYTHING = st.recursive(
    st.sampled_from(EXTREMES)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value can be put into a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inside for place in places(item, (*path, key)))]


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with `value` at `path`."""
    if not path:
        return value
    changed = document.copy()
    changed[path[0]] = with_value(document[path[0]], path[1:], value)
    return changed


PLACES = [(channel, document, path) for channel, document in DOCUMENTS for path in places(document)]


def can_be_kept(channel: str, payload: bytes) -> None:
    """It is refused, or it is within all that the server's and the gateway's stores take."""
    try:
        message = wire.decode(channel, payload)
    except wire.WireError:
        return
    again = wire.encode(message) if channel != "up/data" else msgspec.json.encode(message.epoch)
    assert rb"\u0000" not in again
    for number in numbers(msgspec.to_builtins(message), times=channel in ("up/alarm", "up/data")):
        assert abs(number) < 2**63


def numbers(value: Any, *, times: bool) -> list[int]:
    """The integers in it, without the times that are judged later."""
    if isinstance(value, dict):
        free = {"device_ms", "gateway_ms", "t", "r"} if times else {"arguments", "address", "profiles"}
        return [each for key, one in value.items() if key not in free for each in numbers(one, times=times)]
    if isinstance(value, list):
        return [each for one in value for each in numbers(one, times=times)]
    return [value] if isinstance(value, int) else []


def test_a_message_with_each_extreme_at_each_place() -> None:
    for channel, document, path in PLACES:
        for value in EXTREMES:
            can_be_kept(channel, json.dumps(with_value(document, path, value)).encode())


@settings(max_examples=40)
@given(st.sampled_from(PLACES), ANYTHING)
def test_a_message_with_anything_anywhere(place: tuple[str, Any, tuple[Any, ...]], value: Any) -> None:
    channel, document, path = place
    can_be_kept(channel, json.dumps(with_value(document, path, value)).encode())


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(wire.CHANNELS)), st.binary(max_size=200) | ANYTHING.map(json.dumps).map(str.encode)
)
def test_any_bytes(channel: str, payload: bytes) -> None:
    can_be_kept(channel, payload)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"arguments":{"a":' + b"[" * 500])
@pytest.mark.parametrize("channel", sorted(wire.CHANNELS))
def test_what_is_nested_without_end_is_refused(channel: str, opening: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(channel, opening * 5_000)


def test_what_fills_a_text_up_costs_no_alarm() -> None:
    document = {**next(one for channel, one in DOCUMENTS if channel == "up/alarm"), "value": "1.2\0\0"}
    assert wire.decode("up/alarm", json.dumps(document).encode()).value == "1.2"
    assert wire.decode("up/alarm", json.dumps({**document, "value": "a\0b"}).encode()).value == "a\ufffdb"
    assert wire.decode("up/alarm", json.dumps({**document, "value": r"\u0000"}).encode()).value == r"\u0000"


def test_the_time_of_a_broken_clock_costs_no_alarm() -> None:
    document = {**next(one for channel, one in DOCUMENTS if channel == "up/alarm"), "gateway_ms": 10**18}
    assert wire.decode("up/alarm", json.dumps(document).encode()).gateway_ms == 10**18
