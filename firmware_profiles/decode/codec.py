"""Decode kind `codec`: a TS013 script is run elsewhere; what it answers is read like a JSON document.

This side of the border is pure: whoever decodes passes in a `Codecs`, which runs scripts in a sandbox.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from firmware_profiles.decode.json_document import pick
from firmware_profiles.decode.model import (
    MAXIMUM_LORAWAN_BYTES,
    MessagePayload,
    RawRead,
    RawSample,
    Refusal,
    RefusalReason,
)
from firmware_profiles.decode.steps import clean
from firmware_profiles.layouts import CodecLayout, CodecScript


class CodecFault(StrEnum):
    """Why a script gave no answer."""

    SCRIPT = "script"  # it can't be read, threw, or has no function that decodes
    TIME = "time"  # over its processor time
    KILLED = "killed"  # stuck where the engine can't stop it: its process was ended
    MEMORY = "memory"
    STACK = "stack"
    OUTPUT = "output"  # too much, or no JSON object
    PAYLOAD = "payload"  # longer than a LoRaWAN frame
    CRASHED = "crashed"  # its process ended by itself
    UNAVAILABLE = "unavailable"  # no engine here, or the sandbox is closed: not the script's fault


class CodecError(Exception):
    """A script gave no answer. `codec` is its file name; the text says codec, what, and why."""

    def __init__(self, codec: str, fault: CodecFault, detail: str) -> None:
        super().__init__(f"{codec}: {detail}")
        self.codec = codec
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True, slots=True)
class CodecAnswer:
    """What a script returned: JSON values. With `errors` it has refused the payload."""

    data: Any
    warnings: tuple[Any, ...] = ()
    errors: tuple[Any, ...] = ()


class Codecs(Protocol):
    """Runs scripts; `firmware_profiles.codecs.Sandbox` is the one that really does."""

    def run(self, codec: CodecScript, payload: MessagePayload) -> CodecAnswer:
        """The script's answer to a payload. Blocks for up to 300 ms. Raises CodecError, and nothing else."""


def read(layout: CodecLayout, payload: MessagePayload, codecs: Codecs | None) -> RawRead:
    """The fields that the script's answer holds. Raises Refusal when the script refuses the payload, fails,
    or answers nothing that the profile reads."""
    if codecs is None:
        raise Refusal(RefusalReason.CODEC_FAILED, f"{layout.script}: no sandbox to run it in")
    if len(payload.body) > MAXIMUM_LORAWAN_BYTES:
        raise Refusal(
            RefusalReason.TOO_LONG, f"{len(payload.body)} bytes, more than {MAXIMUM_LORAWAN_BYTES} of a frame"
        )
    try:
        answer = codecs.run(layout.codec, payload)
    except CodecError as error:
        raise Refusal(RefusalReason.CODEC_FAILED, clean(str(error), 200)) from error
    if answer.errors:
        said = "; ".join(str(error) for error in answer.errors[:5])
        raise Refusal(RefusalReason.CODEC_REFUSED, clean(f"{layout.script}: {said}", 200))
    if not isinstance(answer.data, dict):
        what = type(answer.data).__name__
        raise Refusal(RefusalReason.NOT_AN_OBJECT, f"{layout.script}: its data is a {what}, not an object")
    notes = [clean(f"{layout.script}: {warning}", 200) for warning in answer.warnings[:5]]
    return RawRead([RawSample(pick(layout.fields, answer.data))], notes, f"codec {layout.script}")
