"""Refuses requests that another site makes a browser send.

A request that changes something must come from our own pages: the browser says so in Sec-Fetch-Site, an older
one in Origin. Programs with an API token are let through: nobody's browser adds an Authorization header.
"""

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers

from server.errors import ForbiddenError

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class ForeignRequestError(ForbiddenError):
    """The request was not sent from one of our pages."""

    code = "foreign_request"


def is_ours(method: str, headers: Headers) -> bool:
    """Whether the request is harmless or comes from our own pages."""
    if method in SAFE_METHODS or headers.get("authorization", "").lower().startswith("bearer "):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host", "")


def same_origin(request: Request) -> None:
    """The dependency of every page's router. Raises ForeignRequestError."""
    if not is_ours(request.method, request.headers):
        raise ForeignRequestError("this request was not sent from one of our pages: go back and try again")
