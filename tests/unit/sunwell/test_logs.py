"""The log's level can be changed while the program runs, also for loggers that were used before."""

import subprocess
import sys

PROGRAM = """
import structlog
from sunwell import logs
logs.set_up()
log = structlog.get_logger("a part")
log.debug("one")
log.info("two")
logs.set_level("debug")
log.debug("three")
logs.set_level("error")
log.warning("four")
log.error("five")
"""
"""Run apart: a program has one log, and its loggers are made once."""


def test_a_level_holds_for_loggers_that_were_used_before() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    said = [word for word in ("one", "two", "three", "four", "five") if f'"{word}"' in ran.stderr]
    assert said == ["two", "three", "five"]
