"""Links: for one person and task, for a day, and no other."""

from datetime import UTC, datetime, timedelta

import pytest

from server.notify.links import BadLinkError, Link, made, read

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
LIFE = timedelta(hours=24)
LINK = Link(delivery_id=7, task_id=3, user_id=5)


def test_a_link_says_what_it_stands_for() -> None:
    assert read("key", made("key", LINK, life=LIFE, now=NOW), now=NOW + LIFE) == LINK


def test_a_link_expires() -> None:
    with pytest.raises(BadLinkError, match="expired"):
        read("key", made("key", LINK, life=LIFE, now=NOW), now=NOW + LIFE + timedelta(seconds=1))


@pytest.mark.parametrize("change", [(".3.", ".4."), (".5.", ".6."), ("v1", "v2"), (".7.", ".")])
def test_nothing_in_it_can_be_changed(change: tuple[str, str]) -> None:
    token = made("key", LINK, life=LIFE, now=NOW)
    with pytest.raises(BadLinkError, match="not made here"):
        read("key", token.replace(*change, 1), now=NOW)


@pytest.mark.parametrize("token", ["", "x", "v1.1.1.1.1", "é" * 50, "v1.7.3.5.99999999999."])
def test_what_was_not_made_here_is_refused(token: str) -> None:
    with pytest.raises(BadLinkError):
        read("key", token, now=NOW)


def test_another_key_made_another_link() -> None:
    with pytest.raises(BadLinkError):
        read("other", made("key", LINK, life=LIFE, now=NOW), now=NOW)
