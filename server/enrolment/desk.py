"""Enrolment as routes and commands use it: rights checked, rows written, the audit kept, the broker told."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from gateway.enrolment.wire import Code, Credential, EnrolRequest, RenewRequest, fingerprint
from server.audit import service as audit
from server.clock import now
from server.context import Context
from server.db.database import Database
from server.enrolment import service
from server.enrolment.broker import BrokerRights
from server.enrolment.keys import Keys, open_keys
from server.enrolment.service import CodeUnknownError, Issued
from server.errors import ConflictError, StoreUnavailableError, TooManyError
from server.settings import ServerSettings
from server.users.roles import Right
from server.users.viewer import Viewer


class NotOfferedError(ConflictError):
    """This server enrols nobody."""

    code = "not_offered"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCode:
    """A code as it is shown this once. `page` opens a new gateway's own page with the code filled in."""

    gateway: str
    text: str
    page: str
    expires_at: datetime


def make_code(
    database: Database, settings: ServerSettings, keys: Keys, gateway_id: str, viewer: Viewer | None
) -> MadeCode:
    """A new code. `viewer` is None on the server's command line. Raises what `service.make_code` raises."""
    moment = now()
    with database.write() as session:
        secret, row = service.make_code(
            session,
            gateway_id,
            user_id=viewer.user_id if viewer is not None else None,
            life=timedelta(minutes=settings.code_minutes),
            now=moment,
        )
        if viewer is not None:
            audit.write(session, viewer, action="code", subject=("gateway", gateway_id), now=moment)
    address = settings.enrol_address or f"{settings.http_host}:{settings.http_port}"
    code = Code(address=address, fingerprint=fingerprint(keys.authority.der), secret=secret)
    return MadeCode(
        gateway=gateway_id,
        text=code.text(),
        page=f"{settings.gateway_page}#{code.text()}",
        expires_at=row.expires_at,
    )


class Desk:
    """One server's enrolment. `rights` is its connection to the broker, where gateways can enrol."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.rights: BrokerRights | None = None

    @cached_property
    def keys(self) -> Keys:
        """The authority and its secret; made at the first use."""
        return open_keys(self._context.settings.effective_ca, now=now())

    @property
    def offered(self) -> bool:
        """Whether a code from here can be used."""
        return self.rights is not None

    def make_code(self, viewer: Viewer, gateway_id: str) -> MadeCode:
        """A new code for a gateway. Raises ForbiddenError, NotFoundError or InvalidError."""
        viewer.require(Right.ENROL)
        return make_code(self._context.database, self._context.settings, self.keys, gateway_id, viewer)

    async def enrol(self, request: EnrolRequest, client: str) -> Credential:
        """Takes a code, and tells the broker of the gateway before the gateway can ask it. Raises what
        `service.enrol` raises, NotOfferedError, TooManyError or StoreUnavailableError."""
        rights = self._offered()
        key, moment = f"enrol:{client}", now()
        throttle = self._context.throttle
        if throttle.wait(key, now=moment):
            raise TooManyError("too many wrong codes from this address: wait a minute")
        try:
            issued = await asyncio.to_thread(self._enrol, request, moment)
        except CodeUnknownError:
            throttle.failed(key, now=moment)
            raise
        throttle.succeeded(key)
        if not await rights.settle(issued.gateway):
            raise StoreUnavailableError(
                "the broker does not answer the server just now: try again, the code stays"
            )
        return self._credential(issued)

    async def renew(self, request: RenewRequest) -> Credential:
        """A new certificate for a known gateway. Raises what `service.renew` raises, or NotOfferedError."""
        self._offered()
        return self._credential(await asyncio.to_thread(self._renew, request, now()))

    async def revoke(self, viewer: Viewer, gateway_id: str, reason: str = "") -> bool:
        """Ends what a gateway was given; says whether the broker has thrown it out already. If not, it does
        so as soon as it is back. Raises ForbiddenError or NotFoundError."""
        viewer.require(Right.ENROL)
        await asyncio.to_thread(self._revoke, viewer, gateway_id, reason)
        return self.rights is not None and await self.rights.settle(gateway_id)

    def _offered(self) -> BrokerRights:
        if self.rights is None:
            raise NotOfferedError(
                "this server enrols nobody: its embedded broker knows no certificates, or enrol_port,"
                " enrol_address and gateway_broker are not all set"
            )
        return self.rights

    def _enrol(self, request: EnrolRequest, moment: datetime) -> Issued:
        with self._context.database.write() as session:
            return service.enrol(session, self.keys, request, life=self.certificate_life, now=moment)

    def _renew(self, request: RenewRequest, moment: datetime) -> Issued:
        with self._context.database.write() as session:
            return service.renew(session, self.keys, request, life=self.certificate_life, now=moment)

    def _revoke(self, viewer: Viewer, gateway_id: str, reason: str) -> None:
        moment = now()
        with self._context.database.write() as session:
            service.revoke(session, gateway_id, now=moment)
            subject = ("gateway", gateway_id)
            audit.write(session, viewer, action="revoke", subject=subject, reason=reason, now=moment)

    @property
    def certificate_life(self) -> timedelta:
        """How long a gateway's certificate is good."""
        return timedelta(days=self._context.settings.certificate_days)

    def _credential(self, issued: Issued) -> Credential:
        host, _, port = self._context.settings.gateway_broker.rpartition(":")
        return Credential(
            gateway=issued.gateway,
            certificate=issued.certificate,
            authority=self.keys.authority.pem,
            broker_host=host.strip("[]"),
            broker_port=int(port),
            password=issued.password,
        )
