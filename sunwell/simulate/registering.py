"""Registers a simulated street through the server's API, as any other installation would be."""

import asyncio
import json
import urllib.request
from typing import Any, Final
from urllib.error import HTTPError

from sunwell.simulate.registry import Registry

TIMEOUT_S: Final = 30
TABLES: Final = ("areas", "gateways", "stations", "residents", "wells", "positions", "devices")


class RegistrationError(RuntimeError):
    """The server refused something; says what and why."""


async def register(url: str, token: str, registry: Registry) -> None:
    """Puts everything of `registry`. Doing it again corrects what differs and changes nothing else.

    Raises RegistrationError, or OSError where the server does not answer.
    """
    await asyncio.to_thread(_register, f"{url.rstrip('/')}/api/v1", token, registry)


def _register(api: str, token: str, registry: Registry) -> None:
    for table in TABLES:
        for row in getattr(registry, table):
            _put(f"{api}/{table}/{row.id}", token, row.body())


def _put(address: str, token: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 - the address is the caller's own server
        address,
        method="PUT",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()  # noqa: S310 - as above
    except HTTPError as error:
        detail = error.read().decode(errors="replace")[:500]
        raise RegistrationError(f"PUT {address}: {error.code}: {detail}") from error
