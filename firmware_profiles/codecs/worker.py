"""One worker of the codec sandbox: a process of its own, without anything of ours in it but this file.

It is started as a plain script without environment and site, and speaks over the socket that is its standard
input. A frame is four bytes of length (big endian) and that much JSON. It greets with `{cpu}`; then each
question `{key, script, fresh, bytes, port, time}` gets one answer: `{output}` (what the script returned, JSON
as text), `{fault, detail}`, or `{unknown: true}` when `script` is null and needed. `cpu` is the time of the
processor used so far, in seconds.
"""

import json
import os
import resource
import struct
import sys
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

CPU_S = 0.05
"""Of one load and of one decode. The slowest known codec needs 4 ms on a PC, some ten times that on a Pi."""
MEMORY_BYTES = 4 * 1_048_576
"""Of one codec. All known ones run in an eighth of it."""
STACK_BYTES = 256 * 1_024
OUTPUT_BYTES = 16 * 1_024
ADDRESS_SPACE_BYTES = 256 * 1_048_576
"""Of the worker: above what all kept codecs together can take, below what would hurt a Raspberry Pi."""
KEPT_CODECS = 32
DECODES_A_CONTEXT = 1_000
"""Then a codec starts afresh, so that what it piles up in its globals ends."""
HEADER = struct.Struct(">I")
PRELUDE = Path(__file__).with_name("prelude.js")


class FaultError(Exception):
    """No answer: `kind` is one of `CodecFault`'s values."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Loaded:
    """A codec in its own engine."""

    def __init__(self, engine: Any, prelude: str, script: str) -> None:
        self._context = engine.Context()
        self._context.set_memory_limit(MEMORY_BYTES)
        self._context.set_max_stack_size(STACK_BYTES)
        self.left = DECODES_A_CONTEXT
        self._enter = self._context.eval(prelude)
        self._context.set_time_limit(CPU_S)
        self._context.eval(script)
        if not self._enter(""):
            raise FaultError("script", "defines none of decodeUplink, Decoder, Decode")

    def decode(self, call: str) -> str:
        """The script's answer as JSON text."""
        self.left -= 1
        output = self._enter(call)
        if not isinstance(output, str):
            raise FaultError("output", "returned nothing that JSON can hold")
        if len(output.encode()) > OUTPUT_BYTES:
            raise FaultError(
                "output", f"returned {len(output.encode())} bytes, at most {OUTPUT_BYTES} are taken"
            )
        return output


class Codecs:
    """The codecs that are kept, by key, the longest unused one first."""

    def __init__(self, engine: Any, prelude: str) -> None:
        self._engine = engine
        self._prelude = prelude
        self._kept: OrderedDict[str, Loaded] = OrderedDict()

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to one question. After any error the codec starts afresh."""
        key, script = question["key"], question["script"]
        if script is None and (question["fresh"] or key not in self._kept):
            return {"unknown": True}
        call = json.dumps({name: question[name] for name in ("bytes", "port", "time")})
        try:
            kept = None if question["fresh"] else self._kept.pop(key, None)
            loaded = kept or Loaded(self._engine, self._prelude, script)
            output = loaded.decode(call)
        except FaultError as fault:
            return {"fault": fault.kind, "detail": fault.detail}
        except Exception as error:  # noqa: BLE001 - whatever the binding raises, this script is the cause of it
            kind, detail = _named(error)
            return {"fault": kind, "detail": detail}
        if loaded.left > 0 and not question["fresh"]:
            self._kept[key] = loaded
            if len(self._kept) > KEPT_CODECS:
                self._kept.popitem(last=False)
        return {"output": output}


def _named(error: Exception) -> tuple[str, str]:
    text = str(error).strip()
    first = text.splitlines()[0][:200] if text else type(error).__name__
    if "interrupted" in first:
        return "time", f"took more than {round(CPU_S * 1000)} ms of processor time"
    if isinstance(error, MemoryError) or "out of memory" in first or first == "null":
        # Where not even the error fits into memory, it is null.
        return "memory", f"took more than {MEMORY_BYTES // 1_048_576} MiB of memory"
    if type(error).__name__ == "StackOverflow" or "Maximum call stack size" in first:
        return "stack", f"called itself too deep (more than {STACK_BYTES // 1_024} KiB of stack)"
    if isinstance(error, UnicodeDecodeError):
        return "output", "text that is not Unicode"
    return "script", first


def _confine() -> None:
    _limit(resource.RLIMIT_AS, ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES)
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_FSIZE, 0, 0)
    _limit(resource.RLIMIT_NPROC, 0, 0)
    _limit(resource.RLIMIT_NOFILE, 3, 3)  # the standard ones, already open


def _allow_cpu() -> None:
    """One more second: a worker that its parent does not end (it may be gone) is ended by the kernel."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    _limit(resource.RLIMIT_CPU, int(time.process_time()) + 2, most)


def _limit(kind: int, soft: int, hard: int) -> None:
    """These limits are a second wall. Where a service manager forbids them, those of the engine and parent
    still stand; no reading is given up for it."""
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (soft, hard))


def _read(size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = os.read(0, size - len(parts))
        if not part:
            sys.exit(0)
        parts += part
    return parts


def _send(message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    rest = memoryview(HEADER.pack(len(body)) + body)
    while rest:
        rest = rest[os.write(0, rest) :]


def main() -> None:
    """Answer until the other side closes."""
    sys.path.append(sys.argv[1])  # where the engine is; there are no other packages here
    import quickjs

    codecs = Codecs(quickjs, PRELUDE.read_text(encoding="utf-8"))
    _confine()
    _send({"cpu": time.process_time()})
    while True:
        (size,) = HEADER.unpack(_read(HEADER.size))
        question = json.loads(_read(size))
        _allow_cpu()
        answer = codecs.answer(question)
        _send({**answer, "cpu": time.process_time()})


if __name__ == "__main__":
    main()
