"""A code survives being shown, typed and scanned; what is no code says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.enrolment.wire import (
    FINGERPRINT_BYTES,
    LETTERS,
    SECRET_BYTES,
    Code,
    CodeError,
    from_letters,
    read_code,
    to_letters,
)

CODE = Code(address="enrol.example.org:8443", fingerprint=bytes(range(20)), secret=bytes(range(15)))


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_letters_are_turned_back(value: bytes) -> None:
    assert from_letters(to_letters(value), SECRET_BYTES) == value


@pytest.mark.parametrize("address", ["10.0.0.1:8443", "enrol.example.org:1", "[fd00::1]:65535"])
def test_a_code_is_read_as_it_was_shown(address: str) -> None:
    code = Code(address=address, fingerprint=CODE.fingerprint, secret=CODE.secret)
    assert read_code(code.text()) == code


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.lower(),
        lambda text: f"  {text[:20]} \n {text[20:]}\n",
        lambda text: f"http://sunwell.local:8481/#{text}",
        lambda text: text.replace("0", "O").replace("1", "l") if "SW1" not in text else text,
        lambda text: text[:-4] + "-" + text[-4:],
    ],
)
def test_what_people_do_to_codes_does_no_harm(change) -> None:  # type: ignore[no-untyped-def] # a table of lambdas
    assert read_code(change(CODE.text())) == CODE


def test_letters_that_look_alike_are_the_same() -> None:
    letters = to_letters(CODE.secret)
    assert from_letters(letters.replace("0", "O").replace("1", "I"), SECRET_BYTES) == CODE.secret


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "form"),
        ("hello", "form"),
        (CODE.text().replace("SW1", "SW2"), "form"),
        (CODE.text()[:-1], "24 letters and digits, not 23"),
        (CODE.text()[:-1] + "U", "24 letters"),
        (CODE.text().replace(":8443", ":99999"), "no HOST:PORT"),
        (CODE.text().replace("ENROL.EXAMPLE.ORG:8443", "a@b:1"), "no HOST:PORT"),
        ("SW1/" + "A" * 500, "form"),
    ],
)
def test_what_is_no_code_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(CodeError, match=reason):
        read_code(text)


def test_there_are_no_letters_to_confuse() -> None:
    assert len(set(LETTERS)) == 32
    assert not set("ILOU") & set(LETTERS)
    assert SECRET_BYTES % 5 == FINGERPRINT_BYTES % 5 == 0
