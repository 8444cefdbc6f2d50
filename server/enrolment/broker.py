"""The connection on which the server tells the broker which gateways there are.

Everything is put right with each new connection, so that it does not matter what either side has missed; what
changes in between goes out at once.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import aiomqtt
import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.context import Context
from server.db.models import GatewayCredential
from server.enrolment import repository, rights
from server.enrolment.keys import Keys
from server.enrolment.rights import Found, Request, Wanted
from server.errors import StoreUnavailableError
from server.ingest.connection import broker_client, kept_connected
from server.supervision import survived

log = structlog.get_logger(__name__)
ANSWER_S: Final = 5.0
AGAIN_S: Final = 30.0
NO_ANSWER: Final = "no answer: has the broker the dynamic-security plugin, and the server's user its rights?"


class BrokerRefusedError(Exception):
    """The broker does not do what it was asked: its configuration is to be looked at."""


FAILURES: Final = (TimeoutError, BrokerRefusedError, StoreUnavailableError, SQLAlchemyError)


class BrokerRights:
    """Keeps the broker's users as the database says. `run` it beside the server's links."""

    def __init__(self, context: Context, keys: Keys) -> None:
        self._context = context
        self._keys = keys
        self._client: aiomqtt.Client | None = None
        self._turn = asyncio.Lock()
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(maxsize=16)
        self.settled = asyncio.Event()
        """Set while the broker is connected and knows all gateways."""

    async def run(self) -> None:
        """Connects, settles and follows changes until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(kept_connected("rights", self._session), name="broker-rights")
            group.create_task(self._follow(), name="broker-rights-changes")

    async def settle(self, gateway_id: str) -> bool:
        """Makes the broker agree about one gateway; False where it can't be asked now."""
        try:
            wanted = await asyncio.to_thread(self._wanted, gateway_id)
            async with self._turn:
                for one in wanted:
                    (answer,) = await self._ask([rights.asking(one.user)])
                    await self._apply(one, _client_in(answer))
        except (aiomqtt.MqttError, *FAILURES) as error:
            log.warning("rights_not_set", gateway=gateway_id, detail=str(error)[:300] or NO_ANSWER)
            return False
        return True

    async def _session(self) -> None:
        async with broker_client(self._context.settings, "rights") as client:
            await client.subscribe(rights.ANSWERS, qos=1)
            self._client = client
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._receive(client), name="broker-rights-answers")
                    group.create_task(self._settle_until_done(), name="broker-rights-all")
            except BaseExceptionGroup as group_error:
                lost, others = group_error.split(aiomqtt.MqttError)
                if others is not None or lost is None:
                    raise
                raise aiomqtt.MqttError("the connection ended") from group_error
            finally:
                self._client = None
                self.settled.clear()

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if self._answers.full():
                self._answers.get_nowait()  # nobody has waited for it
            self._answers.put_nowait(bytes(message.payload or b""))
        raise aiomqtt.MqttError("the connection ended")

    async def _settle_until_done(self) -> None:
        while not await self._settle_all():  # noqa: ASYNC110 - what stood in the way is elsewhere
            await asyncio.sleep(AGAIN_S)

    async def _settle_all(self) -> bool:
        try:
            wanted = await asyncio.to_thread(self._wanted)
            async with self._turn:
                found = await self._list()
                for one in wanted:
                    await self._apply(one, found.get(one.user))
        except FAILURES as error:
            log.warning("rights_not_settled", detail=str(error)[:300] or NO_ANSWER)
            return False
        self.settled.set()
        return True

    async def _follow(self) -> None:
        with self._context.bus.subscribe() as changes:
            async for change in changes:
                with survived("rights_not_followed"):
                    if change.kind == "enrolment":
                        await self.settle(change.id)
                    elif change.kind == "resync" and self._client is not None:
                        with suppress(aiomqtt.MqttError):  # with the next connection, then
                            await self._settle_all()

    async def _list(self) -> dict[str, Found]:
        found: dict[str, Found] = {}
        while True:
            (answer,) = await self._ask([rights.listing(len(found))])
            page = answer.get("data", {}).get("clients", [])
            found |= {one["username"]: rights.read_client(one) for one in page}
            if len(page) < rights.PAGE:
                return found

    async def _apply(self, wanted: Wanted, found: Found | None) -> None:
        requests = rights.requests_for(wanted, found)
        if not requests:
            return
        for request, answer in zip(requests, await self._ask(requests), strict=True):
            error = str(answer.get("error", ""))
            if error and not rights.harmless(request, error):
                raise BrokerRefusedError(f"{request['command']} {wanted.user}: {error}")
        log.info("gateway_rights_set", gateway=wanted.user, revoked=wanted.revoked)

    async def _ask(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        """The plugin's answers, one a request. Raises TimeoutError or MqttError."""
        client = self._client
        if client is None:
            raise aiomqtt.MqttError("the broker is away")
        while not self._answers.empty():
            self._answers.get_nowait()  # came too late for whoever asked
        mark = f"{id(requests):x}-{asyncio.get_running_loop().time():.6f}"
        marked = [{**request, "correlationData": mark} for request in requests]
        async with asyncio.timeout(ANSWER_S):
            await client.publish(rights.TOPIC, msgspec.json.encode({"commands": marked}), qos=1)
            while True:
                answers = _responses(await self._answers.get(), mark)
                if len(answers) == len(marked):
                    return answers

    def _wanted(self, gateway_id: str | None = None) -> list[Wanted]:
        with self._context.database.read() as session:
            if gateway_id is None:
                rows = list(repository.credentials(session))
            else:
                row = repository.credential(session, gateway_id)
                rows = [row] if row is not None else []
        return [self._user(row) for row in rows]

    def _user(self, row: GatewayCredential) -> Wanted:
        return Wanted(
            user=row.gateway_id,
            generation=row.generation,
            password=self._keys.password(row.gateway_id, row.generation),
            revoked=row.revoked_at is not None,
        )


def _responses(payload: bytes, mark: str) -> list[dict[str, Any]]:
    try:
        document = msgspec.json.decode(payload, type=dict[str, list[dict[str, Any]]])
    except msgspec.DecodeError:
        return []
    return [one for one in document.get("responses", []) if one.get("correlationData") == mark]


def _client_in(answer: dict[str, Any]) -> Found | None:
    error = answer.get("error")
    if error == "Client not found":
        return None
    if error:
        raise BrokerRefusedError(f"getClient: {error}")
    return rights.read_client(answer.get("data", {}).get("client", {}))
