"""The channels that carry messages: whose addresses there are, and handing a message to one.

Addresses are Apprise URLs. They hold tokens, so they are kept in one secret file that is read again when it
changes. What people enter in the pages is only the part that is theirs, a number or a name; it takes the
place of `{to}` in a gateway of the file:

    gateways:
      sms: "…://account:token@from/{to}" # a name of your own for the channel, and its Apprise URL
    people:
      li:                                # a person's login; whole addresses, tried after those of the pages
        dingtalk: "dingtalk://…"         # in the order in which they are to be tried
    probes:
      sms: "…"                           # where this channel is tried when there is nothing to tell
"""

import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Protocol
from urllib.parse import quote

import apprise
import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy.orm import Session

from server.notify import addresses
from server.settings import ServerSettings
from server.supervision import failure
from server.users.roles import LINKS_ONLY

log = structlog.get_logger(__name__)

PUSH: Final = "push"
"""The person's own browsers, woken by web push; see `server.notify.push`."""
PAGE: Final = "page"
"""The open pages: they show tasks by themselves, and stand in where a person has no other channel."""


_PAGES: Final = frozenset({PAGE, PUSH})
"""What only somebody with a log-in has."""
TIMEOUT_S: Final = 2.0
"""For a connection, and for its answer: a server that stops has 5 s in all."""


class ChannelsError(ValueError):
    """The file of addresses cannot be used: says where, what, and what to do."""


class SendError(Exception):
    """The channel did not take the message: try again, then the next channel."""


Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,20}$")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    people: dict[str, dict[Name, SecretStr]] = {}
    gateways: dict[Name, SecretStr] = {}
    probes: dict[Name, SecretStr] = {}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Everybody's addresses by login and channel, in order; and the gateways that take a number or a name.
    `links`: messages carry links, since people reach the pages at a public address."""

    people: dict[str, dict[str, SecretStr]] = field(default_factory=dict)
    gateways: dict[str, SecretStr] = field(default_factory=dict)
    probes: dict[str, SecretStr] = field(default_factory=dict)
    links: bool = True

    def ordered(self, login: str, wanted: Sequence[str]) -> tuple[str, ...]:
        """The channels to try for this person, the page last: those of `wanted` that there are, or all."""
        has = self.people.get(login, {})
        return (*(name for name in (wanted or has) if name in has), PAGE)

    def ways(self, login: str, role: str, wanted: Sequence[str] = ()) -> tuple[str, ...]:
        """The channels by which this person can really be told, in order: the one place that knows who has no
        pages. Who has no log-in has nothing but the links in messages: where there are none, or no address,
        there is no way, and they must not count as told."""
        if role not in LINKS_ONLY:
            return self.ordered(login, wanted)
        if not self.links:
            return ()
        own = [way for way in self.ordered(login, wanted) if way not in _PAGES]
        return tuple(own or (way for way in self.ordered(login, ()) if way not in _PAGES))

    def url(self, login: str, channel: str) -> str | None:
        """The address, if it is still there."""
        secret = self.people.get(login, {}).get(channel)
        return None if secret is None else secret.get_secret_value()

    def through(self, channel: str, to: str) -> SecretStr | None:
        """The address that a gateway makes of a number or a name, if there is this gateway."""
        gateway = self.gateways.get(channel)
        if gateway is None:
            return None
        return SecretStr(gateway.get_secret_value().replace("{to}", quote(to, safe="")))

    def with_entered(self, entered: Iterable[tuple[str, str, str]]) -> "Addresses":
        """With what people entered in the pages, (login, channel, their part) in order, before the rest."""
        people: dict[str, dict[str, SecretStr]] = {}
        for login, channel, to in entered:
            address = SecretStr(to) if channel == PUSH else self.through(channel, to)
            if address is not None:
                people.setdefault(login, {})[channel] = address
        for login, channels in self.people.items():
            people[login] = {**people.get(login, {}), **channels}
        return replace(self, people=people)


@dataclass(slots=True)
class AddressBook:
    """The file of addresses, read again when it changes. One that cannot be read leaves the last good one in
    force and says so in the log. Without a file nobody has an address. `links` as in `Addresses`."""

    file: Path | None
    links: bool = True
    _read: Addresses = field(default_factory=Addresses)
    _stamp: tuple[int, int] | None = None
    _known: Addresses | None = None
    _known_at: tuple[object, ...] = ()

    @classmethod
    def of(cls, settings: ServerSettings) -> "AddressBook":
        """The one that the settings name."""
        return cls(settings.channels_file, links=bool(settings.public_url))

    def known(self, session: Session) -> Addresses:
        """The file's addresses and those that people entered in the pages."""
        of_file = self.current()
        stamp = (id(of_file), addresses.stamp(session))
        if self._known is None or stamp != self._known_at:
            entered = of_file.with_entered(addresses.entered(session))
            self._known = replace(entered, links=self.links)
            self._known_at = stamp
        return self._known

    def current(self) -> Addresses:
        """The addresses as the file has them now."""
        if self.file is None:
            return self._read
        try:
            found = self.file.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._stamp = stamp
                self._read = read(self.file)
        except (OSError, ChannelsError) as error:
            log.warning("channels_not_read", error=str(error)[:300])
        return self._read


def read(file: Path) -> Addresses:
    """The addresses in a file. Raises ChannelsError; its message holds no address."""
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise ChannelsError(f"{file}: others may read it; chmod 600 it, it holds addresses and tokens")
    try:
        document = _File.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else "?"
        raise ChannelsError(f"{file}:{line}: not YAML") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ChannelsError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for login, channels in document.people.items():
        for name, url in channels.items():
            _check(file, f"people.{login}.{name}", name, url.get_secret_value())
    for name, url in document.gateways.items():
        if "{to}" not in url.get_secret_value():
            raise ChannelsError(f"{file}: gateways.{name}: write {{to}} where the number or name belongs")
        _check(file, f"gateways.{name}", name, url.get_secret_value().replace("{to}", "10000000000"))
    for name, url in document.probes.items():
        _check(file, f"probes.{name}", name, url.get_secret_value())
    return Addresses(document.people, document.gateways, document.probes)


def _check(file: Path, where: str, name: str, url: str) -> None:
    if name in (PAGE, PUSH) or apprise.Apprise.instantiate(url) is None:
        raise ChannelsError(f"{file}: {where}: not an Apprise URL")


def outcome(send: Callable[[], None]) -> str | None:
    """Hands a message over; gives what was wrong, None where the channel took it."""
    try:
        send()
    except SendError as refused:
        return str(refused)
    except Exception as error:  # noqa: BLE001 - others' programs, a hundred of them: whatever one of them meets
        log.error("channel_broke", unexpected=failure(error))  # noqa: TRY400 - … may show an address
        return f"the channel's program failed: {type(error).__name__}"
    return None


class Carrier(Protocol):
    """What hands a message to a channel."""

    def __call__(self, url: str, title: str, body: str) -> None:
        """Blocks until the channel has taken it. Raises SendError."""


def carry(url: str, title: str, body: str) -> None:
    """Hands a message to Apprise. Raises SendError: it does not say why, and neither do we know."""
    channel = apprise.Apprise.instantiate(url)
    if channel is None:
        raise SendError("the address is not one that Apprise knows")
    channel.socket_connect_timeout = channel.socket_read_timeout = TIMEOUT_S
    if not channel.notify(title=title, body=body):
        raise SendError("the channel did not take the message")
