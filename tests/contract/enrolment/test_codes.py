"""Codes: what they become, once, and how they are refused."""

import asyncio
import ssl
from urllib.request import Request, urlopen

import pytest

from gateway.enrolment import enrolling, keys
from gateway.enrolment.enrolling import EnrolError, RefusedError
from gateway.enrolment.wire import Code
from server.clock import now
from server.db.models import GatewayCode, GatewayCredential
from tests.contract.enrolment.world import Enrolling, connecting, granted

pytestmark = pytest.mark.real


async def test_a_code_becomes_a_certificate_that_the_broker_takes(world: Enrolling) -> None:
    assert world.state(1) == "never"
    identity = await world.enrol(1)
    assert identity.known.gateway == world.name(1)
    assert world.state(1) == "enrolled"
    async with connecting(identity) as gateway:
        assert await granted(gateway, f"sunwell/v1/{world.name(1)}/down/#")
        await gateway.publish(f"sunwell/v1/{world.name(1)}/up/state", b"{}", qos=1)
    for file in identity.folder.iterdir():
        assert file.stat().st_mode & 0o077 == 0
    assert identity.folder.stat().st_mode & 0o077 == 0


async def test_the_key_never_leaves_the_gateway_and_the_code_is_not_kept(world: Enrolling) -> None:
    code = world.code(1)
    identity = await asyncio.to_thread(enrolling.enrol, code, world.store("pi"))
    with world.server.context.database.read() as session:
        rows = [*session.query(GatewayCode), *session.query(GatewayCredential)]
        kept = repr([{**vars(row)} for row in rows])
    assert (identity.folder / "password").read_text() not in kept
    assert identity.key.decode() not in kept
    assert code.secret.hex() not in kept


async def test_a_code_counts_once_but_the_same_gateway_may_ask_again(world: Enrolling) -> None:
    code = world.code(1)
    store = world.store("pi")
    key = store.pending_key(keys.make_key())
    first = await asyncio.to_thread(enrolling.enrol, code, store)
    with pytest.raises(RefusedError, match="another gateway has used this code"):
        await asyncio.to_thread(enrolling.enrol, code, world.store("thief"))
    again = world.store("again")
    again.pending_key(key)
    second = await asyncio.to_thread(enrolling.enrol, code, again)
    assert second.broker.password() == (first.folder / "password").read_text()


async def test_wrong_old_and_replaced_codes_are_refused_with_their_reason(world: Enrolling) -> None:
    code = world.code(1)
    wrong = Code(address=code.address, fingerprint=code.fingerprint, secret=bytes(15))
    with pytest.raises(RefusedError, match="does not know this code"):
        await asyncio.to_thread(enrolling.enrol, wrong, world.store("pi"))
    newer = world.code(1)
    with pytest.raises(RefusedError, match="does not know this code"):
        await asyncio.to_thread(enrolling.enrol, code, world.store("pi"))
    with world.server.context.database.write() as session:
        session.query(GatewayCode).update({"expires_at": now()})
    with pytest.raises(RefusedError, match="time is over"):
        await asyncio.to_thread(enrolling.enrol, newer, world.store("pi"))
    assert world.store("pi").read() is None


async def test_an_impostor_is_told_nothing(world: Enrolling) -> None:
    code = world.code(1)
    other = Code(address=code.address, fingerprint=bytes(20), secret=code.secret)
    with pytest.raises(RefusedError, match="not the server that made this code"):
        await asyncio.to_thread(enrolling.enrol, other, world.store("pi"))
    with world.server.context.database.read() as session:
        assert session.query(GatewayCode).filter(GatewayCode.used_at.is_not(None)).count() == 0


async def test_guessing_is_slowed_down(world: Enrolling) -> None:
    code = world.code(1)
    reasons = []
    for number in range(7):
        guess = Code(address=code.address, fingerprint=code.fingerprint, secret=bytes(14) + bytes([number]))
        with pytest.raises(EnrolError) as refused:
            await asyncio.to_thread(enrolling.enrol, guess, world.store("pi"))
        reasons.append(str(refused.value))
    assert "too many wrong codes" in reasons[-1]


async def test_the_port_for_gateways_serves_nothing_else(world: Enrolling) -> None:
    nobody = ssl.create_default_context()
    nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE
    address = world.server.context.settings.enrol_address

    def status(path: str) -> int:
        try:
            with urlopen(Request(f"https://{address}{path}"), context=nobody, timeout=5) as answer:
                return int(answer.status)
        except OSError as error:
            return int(getattr(error, "code", 0))

    found = {path: await asyncio.to_thread(status, path) for path in PATHS}
    assert found == PATHS


PATHS = {"/api/v1/enrol/authority": 200, "/": 404, "/login": 404, "/api/v1/tasks": 404, "/metrics": 404}
