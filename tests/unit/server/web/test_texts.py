"""Telephone numbers, refused bytes and occurrences, in words."""

from firmware_profiles import load_catalogue
from server.web.quarantine.payload import SHOWN_BYTES, shown
from server.web.tasks.occurrences import words
from server.web.tasks.telephone import callable_lines, dial


def test_numbers_in_a_text_can_be_called() -> None:
    lines = callable_lines("女儿 王芳 138 0013 8000；邻居刘阿姨 +86-21-65430001\n门牌 12")
    assert [[(piece.text, piece.tel) for piece in line] for line in lines] == [
        [("女儿 王芳 ", ""), ("138 0013 8000", "13800138000")],
        [("邻居刘阿姨 ", ""), ("+86-21-65430001", "+862165430001")],
        [("门牌 12", "")],
    ]


def test_a_number_is_dialled_without_ornaments() -> None:
    assert dial("021-6543 0001") == "02165430001"


def test_bytes_are_harmless_to_look_at() -> None:
    seen = shown(b'{"a":"\x1b[31m\xff\xe2\x80\xae"}\n')
    assert seen.text == '{"a":"�[31m��"}\n'
    assert seen.hexadecimal.startswith("0000  7b 22 61")


def test_only_the_beginning_is_shown() -> None:
    seen = shown(b"x" * 70_000)
    assert (seen.bytes, len(seen.text)) == (SHOWN_BYTES, SHOWN_BYTES)
    assert shown(b"").hexadecimal == ""


def test_an_occurrence_speaks_the_profiles_words() -> None:
    profile = load_catalogue()["dingtek-dc410"]
    assert words(profile, {"point": "tilt", "value": 34.5}, "zh") == "倾角: 34.5 °"
    assert words(profile, {"point": "cover_open", "value": True}, "zh").startswith("井盖开启: ")
    assert words(profile, {"point": None, "value": None}, "zh") == ""
    assert words(None, {"point": "sos", "value": "emergency"}, "en") == "sos: emergency"
