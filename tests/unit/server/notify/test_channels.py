"""The file of addresses."""

from pathlib import Path

import pytest

from server.notify.channels import AddressBook, ChannelsError, read

GOOD = 'people:\n  li:\n    ntfy: "ntfy://topic"\n    hook: "json://localhost/x"\n'


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    """The file with this text."""
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_channels_come_in_the_persons_order_or_the_steps_and_the_page_last(tmp_path: Path) -> None:
    addresses = read(written(tmp_path / "channels", GOOD))
    assert addresses.ordered("li", ()) == ("ntfy", "hook", "page")
    assert addresses.ordered("li", ("sms", "hook")) == ("hook", "page")
    assert addresses.ordered("wang", ()) == ("page",)
    assert addresses.url("li", "hook") == "json://localhost/x"
    assert "localhost" not in repr(addresses)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (GOOD, 0o644, "chmod 600"),
        ("people: [", 0o600, "not YAML"),
        ("persons: {}", 0o600, "persons"),
        ('people: {li: {sms: "secret-nonsense"}}', 0o600, r"people\.li\.sms: not an Apprise URL"),
        ('people: {li: {page: "json://x"}}', 0o600, "page"),
        ('people: {li: {"A B": "json://x"}}', 0o600, "pattern"),
        ('gateways: {sms: "json://x/secret-nonsense"}', 0o600, r"gateways\.sms: write \{to\}"),
        ('gateways: {sms: "nonsense{to}"}', 0o600, r"gateways\.sms: not an Apprise URL"),
        ('probes: {push: "json://x"}', 0o600, r"probes\.push"),
    ],
)
def test_a_wrong_file_says_where_and_no_secret(tmp_path: Path, text: str, mode: int, words: str) -> None:
    with pytest.raises(ChannelsError, match=words) as raised:
        read(written(tmp_path / "channels", text, mode))
    assert "nonsense" not in str(raised.value)


def test_a_change_is_seen_and_a_broken_file_keeps_the_last_good_one(tmp_path: Path) -> None:
    file = written(tmp_path / "channels", GOOD)
    book = AddressBook(file)
    assert book.current().ordered("li", ()) == ("ntfy", "hook", "page")
    written(file, "people: [")
    assert book.current().ordered("li", ()) == ("ntfy", "hook", "page")
    written(file, 'people: {wang: {hook: "json://localhost"}}')
    assert book.current().ordered("wang", ()) == ("hook", "page")
    assert AddressBook(None).current().people == {}


def test_what_people_enter_goes_through_a_gateway_and_comes_first(tmp_path: Path) -> None:
    text = 'gateways: {sms: "json://gate/{to}"}\npeople: {li: {hook: "json://x", sms: "json://own"}}\n'
    known = read(written(tmp_path / "channels", text)).with_entered(
        [("li", "push", "on"), ("li", "sms", "138/../x"), ("wang", "fax", "1")]
    )
    assert known.ordered("li", ()) == ("push", "sms", "hook", "page")
    assert known.url("li", "sms") == "json://own"  # the whole address in the file is the administrator's word
    assert known.ordered("wang", ()) == ("page",)
    entered = read(written(tmp_path / "channels", 'gateways: {sms: "json://gate/{to}"}')).with_entered(
        [("li", "sms", "138/../x")]
    )
    assert entered.url("li", "sms") == "json://gate/138%2F..%2Fx"
