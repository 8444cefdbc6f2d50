"""Posts what a simulated device says, as terminals and platforms do: again until it is answered 200."""

import asyncio
import json
import urllib.request
from http.client import HTTPException, InvalidURL
from typing import Any, Final
from urllib.error import HTTPError

import structlog

TIMEOUT_S: Final = 5
RETRY_S: Final = 1.0
BOUNDARY: Final = "MIME_boundary"
PICTURE: Final = b"\xff\xd8\xff\xe0 a simulated picture \xff\xd9"

log = structlog.get_logger(__name__)


class PushRefusedError(RuntimeError):
    """The gateway does not take it, and would not take it again; says what and why."""


class Pusher:
    """One sender. With a user it answers Basic and Digest challenges."""

    def __init__(self, url: str, user: str | None = None, password: str | None = None) -> None:
        self._url = url
        keyring = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        if user is not None:
            keyring.add_password(None, url, user, password or "")
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPDigestAuthHandler(keyring),
            urllib.request.HTTPBasicAuthHandler(keyring),
        )

    async def push(self, body: bytes, content_type: str = "application/json") -> None:
        """Post it until it is taken. Raises PushRefusedError for what never will be."""
        while True:
            try:
                await asyncio.to_thread(self._post, body, content_type)
            except HTTPError as error:
                with error:
                    detail = error.read(500).decode(errors="replace")
                if error.code < 500 and error.code != 408:
                    raise PushRefusedError(f"POST: {error.code}: {detail}") from error
                log.info("pushed_again", status=error.code)
            except InvalidURL as error:
                raise PushRefusedError(str(error)) from error
            except (OSError, HTTPException) as error:
                log.info("gateway_not_there", detail=str(error)[:200])
            else:
                return
            await asyncio.sleep(RETRY_S)

    def _post(self, body: bytes, content_type: str) -> None:
        request = urllib.request.Request(  # noqa: S310 - the address is the caller's own gateway
            self._url, method="POST", data=body, headers={"content-type": content_type}
        )
        self._opener.open(request, timeout=TIMEOUT_S).close()


def as_event(body: bytes, serial: int, moment: str) -> tuple[bytes, str]:
    """A terminal's event as it posts it, with a picture behind: the example with a serial number and time of
    its own. `moment` is ISO 8601 with a zone. Gives the body and its content type."""
    event: dict[str, Any] = {**json.loads(body), "dateTime": moment}
    inner = event.get("AccessControllerEvent")
    if isinstance(inner, dict):
        event["AccessControllerEvent"] = {**inner, "serialNo": serial}
    parts = (
        ('name="event_log"', "application/json", json.dumps(event, ensure_ascii=False).encode()),
        ('name="Picture"; filename="Picture.jpg"', "image/jpeg", PICTURE),
    )
    form = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, kind, content in parts
    )
    return form + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"
