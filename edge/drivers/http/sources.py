"""Who may push, how it proves itself, and which devices speak through it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from edge.core.http_auth import Auth
from edge.core.pushes import SHAPES, Encoding, Kind, Payload, Shape, find, identity_text
from edge.driver import EdgeDevice, cut

MOST_BODY_BYTES: Final = 8_388_608
"""A document and four pictures of a face terminal are about 2 MB."""
BODY_S: Final = 30.0
"""For the whole of a message: 8 MB at 300 kB/s, a poor mobile uplink."""
_KEYS: Final = frozenset({"source", "identity", "token_sha256", "field", "payload", "encoding"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A sender. The secret stands in a file of its own; `device` needs none, since each device has a token.

    `header` is where the secret or the signature stands, for the ways `header` and `hmac`.
    """

    kind: Kind = "webhook"
    auth: Auth = "device"
    user: str = ""
    secret_file: Path | None = None
    header: str = "Authorization"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where to listen, and for whom, by name. TLS with `certificate` and `key`. `seen_file` keeps what was
    taken last, so that a message repeated after a restart is known."""

    host: str = "0.0.0.0"  # noqa: S104 - terminals come from the local network; each has to prove itself
    port: int = 8480
    certificate: Path | None = None
    key: Path | None = None
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    seen_file: Path | None = None
    most_body_bytes: int = MOST_BODY_BYTES
    body_s: float = BODY_S


@dataclass(frozen=True, slots=True)
class Member:
    """A device of a source. `field` is where its identity stands, None for the usual places."""

    device: EdgeDevice
    source: str
    identity: str | None
    token_sha256: str | None
    field: str | None
    shape: Shape


def parse_member(device: EdgeDevice, sources: Mapping[str, Source]) -> Member:
    """The device as a member of its source. Raises ValueError saying what is wrong with its address."""
    address = device.address
    unknown = sorted(set(address) - _KEYS)
    if unknown:
        raise ValueError(f"address: {cut(unknown[0], 40)} is not known; there are {', '.join(sorted(_KEYS))}")
    name = address.get("source")
    source = sources.get(name) if isinstance(name, str) else None
    if source is None:
        known = ", ".join(sorted(sources)) or "none"
        raise ValueError(f"source {cut(name, 60)}: this gateway's settings have no such source, only {known}")
    identity = identity_text(address.get("identity"))
    token = address.get("token_sha256")
    if source.auth == "device" and not (isinstance(token, str) and len(token) == 64):
        raise ValueError(f"token_sha256: source {name} asks each device for a token; give its SHA-256 in hex")
    if source.auth != "device" and identity is None:
        raise ValueError("identity: what the sender calls the device is needed (a name, MAC or IMEI)")
    where = address.get("field")
    if where is not None and not isinstance(where, str):
        raise ValueError("field: the path of the identity is needed, a text")
    return Member(
        device=device,
        source=str(name),
        identity=identity,
        token_sha256=token.lower() if isinstance(token, str) else None,
        field=where,
        shape=_shape(SHAPES[source.kind], address),
    )


def _shape(shape: Shape, address: Mapping[str, Any]) -> Shape:
    path, encoding = address.get("payload"), address.get("encoding", "json")
    if path is None:
        return shape
    if not isinstance(path, str) or encoding not in get_args(Encoding):
        raise ValueError(f"payload: a path and one of {', '.join(get_args(Encoding))} are needed")
    return replace(shape, payloads=(Payload(path, encoding),))


class Directory:
    """The devices, found by what a message says of its sender."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._by_token: dict[tuple[str, str], tuple[Member, ...]] = {}
        self._by_name: dict[tuple[str, str], tuple[Member, ...]] = {}
        self._by_field: dict[tuple[str, str | None, str], tuple[Member, ...]] = {}
        self._fields: dict[str, set[str]] = {}
        for one in members:
            if one.token_sha256 is not None:
                _add(self._by_token, (one.source, one.token_sha256), one)
            if one.identity is None:
                continue
            _add(self._by_name, (one.source, one.identity), one)
            _add(self._by_field, (one.source, one.field, one.identity), one)
            if one.field is not None:
                self._fields.setdefault(one.source, set()).add(one.field)

    def with_token(self, source: str, token_sha256: str) -> tuple[Member, ...]:
        """The devices with that token."""
        return self._by_token.get((source, token_sha256), ())

    def named(self, source: str, name: str) -> tuple[Member, ...]:
        """The devices that a path names."""
        return self._by_name.get((source, identity_text(name) or ""), ())

    def sending(self, source: str, shape: Shape, item: Mapping[str, Any]) -> tuple[tuple[Member, ...], str]:
        """The devices that a message names, and the name that it gives, for people."""
        said = ""
        places: list[tuple[str | None, str]] = [(where, where) for where in self._fields.get(source, ())]
        places += [(None, where) for where in shape.identity]
        for known_as, where in places:
            identity = identity_text(find(dict(item), where))
            if identity is None:
                continue
            said = said or identity
            found = self._by_field.get((source, known_as, identity))
            if found:
                return found, identity
        return (), said


def _add(index: dict[Any, tuple[Member, ...]], key: tuple[str | None, ...], member: Member) -> None:
    index[key] = (*index.get(key, ()), member)
