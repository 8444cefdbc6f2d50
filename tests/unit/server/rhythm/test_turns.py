"""One resident's trouble is theirs; three in a row are the store's."""

from server.errors import StoreUnavailableError
from server.rhythm.turns import MOST, Turns


def _round(fails: str) -> list[str]:
    turns, seen = Turns(), []
    for resident in "abcdefg":
        if turns.is_over:
            break
        with turns.one("not_looked_at", resident):
            if resident in fails:
                raise StoreUnavailableError("this one is too heavy")
            seen.append(resident)
    return seen


def test_the_others_are_looked_at() -> None:
    assert _round("ac") == ["b", "d", "e", "f", "g"]


def test_a_store_that_answers_nobody_is_not_asked_for_everybody() -> None:
    assert MOST == 3
    assert _round("bcdefg") == ["a"]
