"""Whether a script does what its own examples say."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from firmware_profiles.codecs.repository import RepositoryCodec, UplinkExample
from firmware_profiles.decode.codec import CodecAnswer, CodecError, CodecFault, Codecs
from firmware_profiles.decode.model import MessagePayload
from firmware_profiles.layouts import CodecScript
from firmware_profiles.problems import shown

TOLERANCE: Final = 1e-9
"""Relative: engines differ in the last digits of powers and logarithms."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One example: what the script answered when it was fresh (None where it failed), and the differences.
    `stateful`: after the examples before it, it answered something else."""

    example: UplinkExample
    answer: CodecAnswer | None
    differences: tuple[str, ...]
    stateful: bool = False


def checked(codec: RepositoryCodec, codecs: Codecs) -> Iterator[Checked]:
    """Each example of a codec, run alone, and run after those before it."""
    fresh = replace(codec.script, fresh=True)
    for example in codec.examples:
        expected = documented(example)
        answer = _run(codecs, fresh, example)
        if isinstance(answer, CodecError):
            # A script that throws refuses the payload, as the examples that expect errors say.
            agreed = bool(expected.errors) and answer.fault == CodecFault.SCRIPT
            yield Checked(example, None, () if agreed else (str(answer),))
            continue
        again = _run(codecs, codec.script, example)
        stateful = isinstance(again, CodecError) or any(_differences(answer, again))
        yield Checked(example, answer, tuple(_differences(expected, answer)), stateful)


def _run(codecs: Codecs, script: CodecScript, example: UplinkExample) -> CodecAnswer | CodecError:
    payload = MessagePayload(example.body, example.port, example.received_ms)
    try:
        return codecs.run(script, payload)
    except CodecError as error:
        return error


def documented(example: UplinkExample) -> CodecAnswer:
    """What the example says that the script answers."""
    output = example.output
    return CodecAnswer(
        output.get("data"), tuple(output.get("warnings") or ()), tuple(output.get("errors") or ())
    )


def _differences(expected: CodecAnswer, answer: CodecAnswer) -> Iterator[str]:
    if expected.errors or answer.errors:
        # A refusal: its data is of no use to anybody.
        yield from _compare("errors", list(expected.errors), list(answer.errors))
        return
    yield from _compare("data", expected.data, answer.data)
    yield from _compare("warnings", list(expected.warnings), list(answer.warnings))


def _compare(path: str, expected: Any, got: Any) -> Iterator[str]:
    """The places where two JSON values differ."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in sorted(expected.keys() | got.keys()):
            inner = f"{path}.{key}"
            if key not in got:
                yield f"{inner}: expected {shown(expected[key])}, got nothing"
            elif key not in expected:
                yield f"{inner}: expected nothing, got {shown(got[key])}"
            else:
                yield from _compare(inner, expected[key], got[key])
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from _compare(f"{path}[{index}]", one, other)
    elif not _same(expected, got):
        yield f"{path}: expected {shown(expected)}, got {shown(got)}"


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return math.isclose(expected, got, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(type(expected) is type(got) and expected == got)
