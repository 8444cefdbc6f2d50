"""The book of commands: nothing begins twice, the last word stays, nothing open is forgotten."""

import msgspec

from gateway import wire
from gateway.core.command_book import INTERRUPTED, KEPT_MS, MOST, CommandBook, Entry


def command(name: str, expires_ms: int = 1_000) -> wire.CommandMessage:
    return wire.CommandMessage(id=name, name="identify", expires_ms=expires_ms)


def reply(name: str, stage: wire.ReplyStage | None = None, *, ok: bool = True) -> wire.ReplyMessage:
    return wire.ReplyMessage(id=name, ok=ok, stage=msgspec.UNSET if stage is None else stage)


def test_a_command_goes_forward_only() -> None:
    book = CommandBook()
    assert book.begin(command("a"), 0)
    assert book.answer(reply("a", "transmitted"))
    assert not book.answer(reply("a", "queued"))
    assert book.answer(reply("a", ok=False))
    assert not book.answer(reply("a", "done"))
    entry = book.get("a")
    assert entry is not None
    assert entry.reply == reply("a", ok=False)


def test_an_outcome_of_somebody_elses_command_is_nothing() -> None:
    assert not CommandBook().answer(reply("a"))


def test_what_was_begun_before_the_end_is_answered_as_unknown_once() -> None:
    book = CommandBook([Entry(id="a", expires_ms=1), Entry(id="b", expires_ms=1, reply=reply("b"))])
    assert [(one.id, one.ok, one.detail) for one in book.interrupted()] == [("a", False, INTERRUPTED)]
    assert book.interrupted() == []


def test_a_full_book_gives_up_what_is_over_and_expired_only() -> None:
    book = CommandBook()
    for number in range(MOST):
        assert book.begin(command(str(number)), 0)
    assert not book.begin(command("more"), 10)
    assert book.answer(reply("7"))
    assert not book.begin(command("more"), 10)
    assert book.begin(command("more"), 1_000)
    assert book.get("7") is None
    assert len(list(book)) == MOST


def test_what_expired_long_ago_is_forgotten() -> None:
    book = CommandBook()
    book.begin(command("a"), 0)
    book.begin(command("b", 1_000_000_000), 1_000 + KEPT_MS + 1)
    assert [entry.id for entry in book] == ["b"]
