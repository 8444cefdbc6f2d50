"""A voice at the gateway: a program that says or plays a sentence (espeak-ng, aplay), run without a shell."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from edge.driver import cut
from gateway.outputs.output import OutputError

TOLD: Final = 200
"""Bytes of what the program complains of that are told on."""


class Voice:
    """Says what `argv` says; killed after `longest_s`, or at once when the call is cancelled."""

    def __init__(self, argv: Sequence[str], *, longest_s: float) -> None:
        self.name = "voice"
        self._argv = tuple(argv)
        self._longest_s = longest_s

    async def say(self) -> None:
        """See `Speaker`."""
        program = self._argv[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise OutputError(f"voice: {cut(program, 80)}: {cut(error)}") from error
        try:
            async with asyncio.timeout(self._longest_s):
                _, complaint = await process.communicate()
        except TimeoutError as error:
            raise OutputError(f"voice: {cut(program, 80)} still spoke after {self._longest_s:g} s") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            text = complaint[-TOLD:].decode(errors="replace")
            raise OutputError(f"voice: {cut(program, 80)} ended with {process.returncode}: {cut(text)}")
