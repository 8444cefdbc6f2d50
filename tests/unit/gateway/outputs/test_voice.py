"""A voice is a real program, run without a shell."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from gateway.outputs.output import OutputError
from gateway.outputs.voice import Voice


async def test_its_arguments_reach_the_program_as_they_are(tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    sentence = "已经呼叫; $(touch /tmp/x) `id` && true"
    await Voice((sys.executable, "-c", script, str(said), sentence), longest_s=30).say()
    assert said.read_text() == sentence


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("no-such-program-here",), "no-such-program-here"),
        ((sys.executable, "-c", "import sys; sys.exit('no sound card')"), "no sound card"),
    ],
)
async def test_a_program_that_fails_is_told(argv: tuple[str, ...], said: str) -> None:
    with pytest.raises(OutputError, match=said):
        await Voice(argv, longest_s=30).say()


async def test_one_that_never_ends_is_ended() -> None:
    endless = (sys.executable, "-c", "import time; time.sleep(600)")
    with pytest.raises(OutputError, match="still spoke"):
        await Voice(endless, longest_s=0.05).say()


async def test_a_cancelled_sentence_leaves_no_program_behind(tmp_path: Path) -> None:
    fifo = tmp_path / "spoken"
    os.mkfifo(fifo)
    script = (
        "import sys, time; out = open(sys.argv[1], 'w'); print('x', file=out, flush=True); time.sleep(600)"
    )
    voice = Voice((sys.executable, "-c", script, str(fifo)), longest_s=600)
    async with asyncio.TaskGroup() as group:
        saying = group.create_task(voice.say())
        with await asyncio.to_thread(fifo.open) as heard:
            assert await asyncio.to_thread(heard.readline) == "x\n"
            saying.cancel()
            assert await asyncio.to_thread(heard.readline) == ""  # the program, which held it open, is gone
