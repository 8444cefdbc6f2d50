"""What the broker must be told so that it lets in whom it should: what its dynamic-security plugin has, and
what is wanted, go in; requests to the plugin come out.

Two things are asked of a gateway: a certificate of our authority (TLS), and its own password for the user
that has its name. The certificate alone would not do: where Mosquitto takes the user's name from the
certificate (`use_identity_as_username`) it no longer asks the plugin whether that user is disabled, and a
revoked gateway comes straight back in and publishes (seen on 2.0.11). With a password it is thrown out and
refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.enrolment.wire import client_id

TOPIC: Final = "$CONTROL/dynamic-security/v1"
ANSWERS: Final = f"{TOPIC}/response"
PAGE: Final = 200

Request = dict[str, Any]

RIGHTS: Final = (
    ("publishClientSend", "sunwell/v1/{user}/up/#"),
    ("publishClientReceive", "sunwell/v1/{user}/down/#"),
    ("subscribePattern", "sunwell/v1/{user}/down/#"),
)
"""All that a gateway may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A gateway's user as it should be. `generation` tells one password from the next."""

    user: str
    generation: int
    password: str
    revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A user as the broker has it. `generation` is empty for one that was not made here."""

    generation: str
    disabled: bool


def listing(offset: int) -> Request:
    """Asks for a page of all users."""
    return {"command": "listClients", "verbose": True, "count": PAGE, "offset": offset}


def asking(user: str) -> Request:
    """Asks for one user."""
    return {"command": "getClient", "username": user}


def read_client(document: Mapping[str, Any]) -> Found:
    """A user as the plugin describes it."""
    return Found(
        generation=str(document.get("textdescription", "")), disabled=bool(document.get("disabled", False))
    )


def requests_for(wanted: Wanted, found: Found | None) -> Sequence[Request]:
    """What makes the broker agree; nothing where it does already."""
    user, generation = wanted.user, f"generation {wanted.generation}"
    if wanted.revoked:
        return () if found is None or found.disabled else ({"command": "disableClient", "username": user},)
    if found is not None and found.generation == generation:
        return ({"command": "enableClient", "username": user},) if found.disabled else ()
    role = {"rolename": user, "acls": acls(user)}
    client = {
        "username": user,
        "password": wanted.password,
        "clientid": client_id(user),
        "textname": "Sunwell gateway",
        "textdescription": generation,
        "roles": [{"rolename": user}],
    }
    if found is None:
        # A role may be left from a user that somebody deleted: it is made where there is none, and put right.
        return (
            {"command": "createRole", "rolename": user},
            {"command": "modifyRole", **role},
            {"command": "createClient", **client},
        )
    return (
        {"command": "createRole", "rolename": user},
        {"command": "modifyRole", **role},
        {"command": "modifyClient", **client},
        {"command": "enableClient", "username": user},
    )


def acls(user: str) -> list[Request]:
    """The rights of one gateway, as the plugin writes them."""
    return [
        {"acltype": kind, "topic": topic.replace("{user}", user), "priority": 0, "allow": True}
        for kind, topic in RIGHTS
    ]


def harmless(request: Mapping[str, Any], error: str) -> bool:
    """Whether a refusal only says that there was nothing to do."""
    return request["command"] == "createRole" and error == "Role already exists"
