"""Proofs: right ones, wrong ones, and what is no proof at all."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.http_auth import (
    NONCE_S,
    Digest,
    Verdict,
    check_basic,
    check_header,
    check_hmac,
    check_onenet,
    check_onenet_body,
    onenet_signature,
    same,
    token_digest,
)

NOW_S = 1_772_410_500
DIGEST = Digest("sunwell kiosks", "hik", "secret", b"key")


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def answered(uri: str = "/in/kiosks", *, secret: str = "secret", qop: bool = True, now_s: int = NOW_S) -> str:
    """What a terminal answers to the challenge, by RFC 7616."""
    nonce = DIGEST.challenge(now_s).partition('nonce="')[2].rstrip('"')
    who, what = md5(f"hik:sunwell kiosks:{secret}"), md5(f"POST:{uri}")
    middle = f"{nonce}:00000001:c,1:auth" if qop else nonce
    extra = ', qop=auth, nc=00000001, cnonce="c,1"' if qop else ""
    return (
        f'Digest username="hik", realm="sunwell kiosks", nonce="{nonce}", uri="{uri}", '
        f'response="{md5(f"{who}:{middle}:{what}")}"{extra}, opaque=""'
    )


@pytest.mark.parametrize("qop", [True, False])
@pytest.mark.parametrize("uri", ["/in/kiosks", "http://192.0.2.1:8480/in/kiosks"])
def test_digest_as_terminals_answer_it(qop: bool, uri: str) -> None:
    assert DIGEST.check(answered(uri, qop=qop), "POST", "/in/kiosks", NOW_S) is Verdict.GOOD


def test_digest_refuses_what_does_not_fit() -> None:
    assert DIGEST.check(None, "POST", "/in/kiosks", NOW_S) is Verdict.MISSING
    assert DIGEST.check("Basic YTpi", "POST", "/in/kiosks", NOW_S) is Verdict.MISSING
    assert DIGEST.check(answered(secret="guess"), "POST", "/in/kiosks", NOW_S) is Verdict.WRONG
    assert DIGEST.check(answered(), "GET", "/in/kiosks", NOW_S) is Verdict.WRONG
    assert DIGEST.check(answered(), "POST", "/in/other", NOW_S) is Verdict.WRONG
    other = Digest("sunwell kiosks", "hik", "secret", b"another key")
    assert other.check(answered(), "POST", "/in/kiosks", NOW_S) is Verdict.WRONG


def test_an_old_nonce_is_stale_and_a_future_one_too() -> None:
    assert DIGEST.check(answered(), "POST", "/in/kiosks", NOW_S + NONCE_S) is Verdict.GOOD
    assert DIGEST.check(answered(), "POST", "/in/kiosks", NOW_S + NONCE_S + 1) is Verdict.STALE
    assert DIGEST.check(answered(), "POST", "/in/kiosks", NOW_S - 1) is Verdict.STALE
    assert "stale=true" in DIGEST.challenge(NOW_S, stale=True)


def test_basic_header_and_token() -> None:
    coded = base64.b64encode("nb:päss:word".encode()).decode()
    assert check_basic(f"Basic {coded}", "nb", "päss:word") is Verdict.GOOD
    assert check_basic(f"basic  {coded}", "nb", "other") is Verdict.WRONG
    assert check_basic("Basic ***", "nb", "x") is Verdict.WRONG
    assert check_basic(None, "nb", "x") is Verdict.MISSING
    assert check_header("Bearer abc", "abc") is Verdict.GOOD
    assert check_header("abc", "abc") is Verdict.GOOD
    assert check_header("abcd", "abc") is Verdict.WRONG
    assert same("", "") is Verdict.MISSING, "an empty secret opens nothing"
    assert token_digest("a") == hashlib.sha256(b"a").hexdigest()


def test_hmac_in_both_writings() -> None:
    digest = hmac.new(b"secret", b"body", "sha256").digest()
    for text in (
        digest.hex(),
        digest.hex().upper(),
        f"sha256={digest.hex()}",
        base64.b64encode(digest).decode(),
    ):
        assert check_hmac(text, digest) is Verdict.GOOD
    assert check_hmac(digest.hex()[:-1], digest) is Verdict.WRONG
    assert check_hmac(None, digest) is Verdict.MISSING


def test_onenet_signs_its_message_byte_for_byte() -> None:
    signature = onenet_signature("token", "n", '{"a": 1}')
    assert signature == base64.b64encode(hashlib.md5(b'tokenn{"a": 1}').digest()).decode()
    assert check_onenet(signature.replace("+", " "), "token", "n", '{"a": 1}') is Verdict.GOOD
    as_object = b'{"msg": {"a": 1}, "nonce": "n", "msg_signature": "%s"}' % signature.encode()
    as_text = b'{"msg": "{\\"a\\": 1}", "nonce": "n", "signature": "%s"}' % signature.encode()
    assert check_onenet_body(as_object, "token") is Verdict.GOOD
    assert check_onenet_body(as_text, "token") is Verdict.GOOD
    assert check_onenet_body(as_object.replace(b" 1}", b"1}"), "token") is Verdict.WRONG
    assert check_onenet_body(as_object, "other") is Verdict.WRONG
    assert check_onenet_body(b'{"msg": 1}', "token") is Verdict.MISSING
    assert check_onenet_body(b"[]", "token") is Verdict.WRONG


@given(header=st.text(max_size=80) | st.text(max_size=80).map(lambda text: f"Digest {text}"))
def test_no_text_gets_in_or_breaks_anything(header: str) -> None:
    digest = hashlib.sha256(b"x").digest()
    verdicts = {
        DIGEST.check(header, "POST", "/in/kiosks", NOW_S),
        check_basic(header, "user", "a long secret"),
        check_header(header, "a long secret"),
        check_hmac(header, digest),
        check_onenet(header, "token", header, header),
    }
    assert verdicts <= {Verdict.MISSING, Verdict.WRONG}


@given(body=st.binary(max_size=80))
def test_no_body_gets_in_or_breaks_anything(body: bytes) -> None:
    assert check_onenet_body(body, "token") is not Verdict.GOOD
