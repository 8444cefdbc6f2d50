"""Which requests are taken for our own pages'."""

import pytest
from starlette.datastructures import Headers

from server.web.csrf import is_ours


@pytest.mark.parametrize(
    ("method", "headers", "ours"),
    [
        ("GET", {"sec-fetch-site": "cross-site"}, True),
        ("POST", {"sec-fetch-site": "same-origin"}, True),
        ("POST", {"sec-fetch-site": "none"}, True),
        ("POST", {"sec-fetch-site": "same-site"}, False),
        ("POST", {"sec-fetch-site": "cross-site", "origin": "http://here:8000"}, False),
        ("POST", {"origin": "http://here:8000"}, True),
        ("POST", {"origin": "http://here:8001"}, False),
        ("POST", {"origin": "http://here:8000.evil.example"}, False),
        ("POST", {"origin": "null"}, False),
        ("POST", {}, False),
        ("DELETE", {}, False),
        ("POST", {"authorization": "Bearer sw_x"}, True),
        ("POST", {"authorization": "Basic eDp5"}, False),
    ],
)
def test_only_our_own_pages_change_things(method: str, headers: dict[str, str], ours: bool) -> None:
    assert is_ours(method, Headers({"host": "here:8000"} | headers)) is ours
