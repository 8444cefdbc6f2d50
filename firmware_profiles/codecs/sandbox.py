"""Runs codecs in a process of their own: one at work, a spare one warm, both without anything of ours."""

import threading
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from firmware_profiles.codecs.process import (
    Answer,
    EngineMissingError,
    Worker,
    WorkerGoneError,
    WorkerStuckError,
)
from firmware_profiles.decode.codec import CodecAnswer, CodecError, CodecFault
from firmware_profiles.decode.model import MAXIMUM_LORAWAN_BYTES, MessagePayload
from firmware_profiles.layouts import MAXIMUM_SCRIPT_BYTES, CodecScript

_JSON: Final = msgspec.json.Decoder()


class Sandbox:
    """A context manager; processes are started at the first use. May be used by several threads: one codec
    runs at a time, so none waits longer than for the limits of those before it.

    A script that breaks a limit costs its own answer only: its engine starts afresh, or, where it can't be
    stopped, the spare process takes over at once and a new spare is started.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._spare: Worker | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, also under a codec that is running; it gets an error."""
        self._closed = True
        for worker in (self._worker, self._spare):
            if worker is not None:
                worker.kill()
        with self._lock:
            for worker in (self._worker, self._spare):
                if worker is not None:
                    worker.dispose()
            self._worker = self._spare = None

    def run(self, codec: CodecScript, payload: MessagePayload) -> CodecAnswer:
        """The script's answer, within 300 ms (longer at the first use, and on a machine too busy to run it at
        all). Raises CodecError."""
        if len(payload.body) > MAXIMUM_LORAWAN_BYTES:
            size = len(payload.body)
            detail = f"{size} bytes of payload, at most {MAXIMUM_LORAWAN_BYTES} are given to a codec"
            raise CodecError(codec.name, CodecFault.PAYLOAD, detail)
        if len(codec.text.encode("utf-8", "replace")) > MAXIMUM_SCRIPT_BYTES:
            detail = f"the script has more than {MAXIMUM_SCRIPT_BYTES} bytes"
            raise CodecError(codec.name, CodecFault.SCRIPT, detail)
        question = {
            "key": codec.key,
            "script": codec.text if codec.fresh else None,
            "fresh": codec.fresh,
            "bytes": list(payload.body),
            "port": payload.port,
            "time": payload.received_ms or 0,
        }
        with self._lock:
            answer = self._ask(codec, question)
            if answer.unknown:
                answer = self._ask(codec, {**question, "script": codec.text})
        if answer.fault is not None:
            raise CodecError(codec.name, answer.fault, answer.detail)
        return _read(codec, answer.output)

    def _ask(self, codec: CodecScript, question: dict[str, Any]) -> Answer:
        try:
            return self._ready_worker().ask(question)
        except WorkerStuckError as error:
            self._replace()
            raise CodecError(codec.name, CodecFault.KILLED, f"{error}: its process was ended") from error
        except WorkerGoneError as error:
            self._replace()
            detail = f"its process ended while it ran: {error}"
            fault = CodecFault.UNAVAILABLE if self._closed else CodecFault.CRASHED
            raise CodecError(codec.name, fault, detail) from error
        except EngineMissingError as error:
            self._replace(refill=False)
            raise CodecError(codec.name, CodecFault.UNAVAILABLE, str(error)) from error

    def _ready_worker(self) -> Worker:
        if self._closed:
            raise EngineMissingError("the sandbox is closed")
        while self._worker is not None and not self._worker.alive:
            self._replace(refill=False)
        if self._worker is None:
            self._worker = Worker()
        if self._spare is None:
            self._spare = Worker()
        if self._closed:  # meanwhile, in another thread
            raise EngineMissingError("the sandbox is closed")
        return self._worker

    def _replace(self, *, refill: bool = True) -> None:
        """The spare takes over, and another one is started behind it."""
        spent, self._worker, self._spare = self._worker, self._spare, None
        if spent is not None:
            spent.dispose()
        if refill and self._worker is not None and not self._closed:
            self._spare = _started()


def _started() -> Worker | None:
    try:
        return Worker()
    except EngineMissingError:
        return None  # said at the next use


def _read(codec: CodecScript, output: str | None) -> CodecAnswer:
    try:
        answer = _JSON.decode(output) if output is not None else None
    except (msgspec.DecodeError, RecursionError) as error:
        detail = f"returned no JSON that can be read: {error}"
        raise CodecError(codec.name, CodecFault.OUTPUT, detail) from error
    if not isinstance(answer, dict):
        raise CodecError(codec.name, CodecFault.OUTPUT, f"returned a {type(answer).__name__}, not an object")
    if answer.get("data") is None and not answer.get("errors"):
        raise CodecError(codec.name, CodecFault.OUTPUT, "returned neither data nor errors")
    return CodecAnswer(answer.get("data"), _list(answer.get("warnings")), _list(answer.get("errors")))


def _list(value: object) -> tuple[Any, ...]:
    if value is None or value == "":
        return ()
    return tuple(value) if isinstance(value, list) else (value,)
