"""A part that is not installed: CI fails, since everything must run there; elsewhere the test skips."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NoReturn, TypeVar

import pytest

from tests.parts.processes import PartMissingError, find_program

T = TypeVar("T")


def missing(error: PartMissingError) -> NoReturn:
    """Fail (CI=true) or skip the test, saying what to install."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))


def program_or_skip(name: str, *, package: str) -> str:
    """The program's path, or the end of this test."""
    try:
        return find_program(name, package=package)
    except PartMissingError as error:
        missing(error)


@contextmanager
def part_or_skip(part: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    """The part while the block runs, or the end of this test."""
    with ExitStack() as stack:
        try:
            value = stack.enter_context(part())
        except PartMissingError as error:
            missing(error)
        yield value
