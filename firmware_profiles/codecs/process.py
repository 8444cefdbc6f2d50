"""The parent's side of one worker process: start, ask with a deadline, end."""

import importlib.util
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from firmware_profiles.codecs import worker
from firmware_profiles.decode.codec import CodecFault

WALL_S: Final = 0.25
"""How long an answer may take. The engine stops a script much sooner; this is for where it can't."""
STARVED_S: Final = 2.0
"""The same while the worker had hardly any processor time: the machine is busy, not the script to blame."""
_LOOK_AGAIN_S: Final = 0.05
"""How often a starved worker is looked at, so that one which had its time ends soon after."""
START_S: Final = 10.0
"""How long a worker may take to start: 50 ms on a PC, most of a second on a busy Raspberry Pi."""
_MOST_ANSWER_BYTES: Final = 8 * worker.OUTPUT_BYTES
"""Escaped text takes up to six times its length; more is not from our worker any more."""
_ENVIRONMENT: Final = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}
"""All of it: nothing of the gateway's own. One arena, since each takes 64 MB of the address space."""


class EngineMissingError(RuntimeError):
    """There is no JavaScript engine, or no process can be started. The text says what to do."""


class WorkerGoneError(ConnectionError):
    """The worker ended by itself."""


class WorkerStuckError(TimeoutError):
    """The worker did not answer in time; it is of no use any more."""


class Answer(msgspec.Struct, frozen=True):
    """What a worker says: `output`, a `fault` with its `detail`, or `unknown`; `cpu` in seconds so far."""

    output: str | None = None
    fault: CodecFault | None = None
    detail: str = ""
    unknown: bool = False
    cpu: float = 0.0


_ANSWER: Final = msgspec.json.Decoder(Answer)


class Worker:
    """One process, started but perhaps not ready yet. Raises EngineMissingError."""

    def __init__(self) -> None:
        engine = importlib.util.find_spec("quickjs")
        if engine is None or engine.origin is None:
            raise EngineMissingError("no JavaScript engine here: pip install 'sunwell[codecs]'")
        ours, theirs = socket.socketpair()
        program = [sys.executable, "-I", "-S", "-B", "-X", "utf8", worker.__file__]
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
                    [*program, str(Path(engine.origin).parent.parent)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,  # Ctrl-C is for the gateway, which ends its workers itself
                )
            except OSError as error:
                ours.close()
                raise EngineMissingError(f"no process can be started for the engine: {error}") from error
        self._socket = ours
        self._ready = False
        self._cpu_s = 0.0

    @property
    def alive(self) -> bool:
        """The process has not ended."""
        return self._process.poll() is None

    def ask(self, question: dict[str, Any]) -> Answer:
        """The answer. Raises WorkerStuckError, WorkerGoneError; EngineMissingError if it never was ready."""
        if not self._ready:
            self._await_greeting()
        body = json.dumps(question).encode()
        started = time.monotonic()
        try:
            self._socket.settimeout(WALL_S)
            self._socket.sendall(worker.HEADER.pack(len(body)) + body)
            answer = self._answer(started)
        except TimeoutError as error:
            raise WorkerStuckError(f"no answer within {round(WALL_S * 1000)} ms") from error
        except (OSError, msgspec.MsgspecError) as error:
            raise WorkerGoneError(str(error)) from error
        self._cpu_s = answer.cpu
        return answer

    def kill(self) -> None:
        """End the process at once. May be called from any thread; another one's `ask` ends then."""
        self._process.kill()

    def dispose(self) -> None:
        """End the process and leave nothing of it."""
        self._process.kill()
        self._socket.close()
        self._process.wait()

    def _await_greeting(self) -> None:
        try:
            self._cpu_s = self._answer(None).cpu
        except (OSError, msgspec.MsgspecError) as error:
            raise EngineMissingError(f"the JavaScript engine does not start: {error}") from error
        self._ready = True

    def _answer(self, started: float | None) -> Answer:
        (size,) = worker.HEADER.unpack(self._receive(worker.HEADER.size, started))
        if size > _MOST_ANSWER_BYTES:
            raise WorkerGoneError(f"it said {size} bytes")
        return _ANSWER.decode(self._receive(size, started))

    def _receive(self, size: int, started: float | None) -> bytes:
        """So many bytes, by the deadline of an answer to what was asked at `started`, or of a start."""
        parts = b""
        while len(parts) < size:
            left = START_S if started is None else WALL_S - (time.monotonic() - started)
            if left <= 0 and started is not None:
                if not self._starved(started):
                    raise TimeoutError
                left = _LOOK_AGAIN_S
            self._socket.settimeout(left)
            try:
                part = self._socket.recv(size - len(parts))
            except TimeoutError:
                if started is None:
                    raise
                continue
            if not part:
                raise WorkerGoneError("the process ended")
            parts += part
        return parts

    def _starved(self, started: float) -> bool:
        """It has not even had the time in which the engine would have stopped the script."""
        if time.monotonic() - started > STARVED_S:
            return False
        try:
            used = psutil.Process(self._process.pid).cpu_times()
        except psutil.Error:
            return False
        return used.user + used.system - self._cpu_s < worker.CPU_S
