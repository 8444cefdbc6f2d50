"""The TLS listener of deploy/mosquitto: who gets as far as a password, and who not."""

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.enrolment import keys
from server.enrolment import ca
from server.enrolment.ca import Authority
from tests.contract.test_broker_rights import connect_packet
from tests.parts.authority import authority_in, broker_files
from tests.parts.mosquitto import Mosquitto, running_mosquitto
from tests.parts.presence import part_or_skip

pytestmark = pytest.mark.real
ACCEPTED = b"\x20\x02\x00\x00"
"""CONNACK of MQTT 3.1.1 without an error."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the authority lies."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    """The server's."""
    return authority_in(folder).authority


@pytest.fixture(scope="module")
def broker(folder: Path, authority: Authority) -> Iterator[Mosquitto]:
    """Mosquitto with its TLS listener."""
    with part_or_skip(lambda: running_mosquitto(["gw-1"], tls=broker_files(folder, authority))) as part:
        yield part


def trust(authority: Authority, client: Path | None = None) -> ssl.SSLContext:
    """Trusts this authority alone, and shows the certificate and key in `client`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.pem)
    if client is not None:
        context.load_cert_chain(client)
    return context


def certificate(folder: Path, authority: Authority, *, begin: datetime, life: timedelta) -> Path:
    """A gateway's certificate with its key."""
    key = keys.make_key()
    csr = ca.read_request(keys.make_request(key, "whoever"))
    made = ca.gateway_certificate(authority, csr, gateway="gw-1", life=life, now=begin)
    file = folder / "client.pem"
    file.write_bytes(key + ca.pem_of(made).encode())
    return file


async def enters(broker: Mosquitto, context: ssl.SSLContext) -> bool:
    """Whether gw-1 is let in with this. A broker that is not there, is silent or minds the password has
    refused nobody: that is an error."""
    hello = connect_packet("gw-1", broker.passwords["gw-1"], "sunwell/v1/gw-1/up/state", "{}")
    try:
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection(broker.host, broker.tls_port, ssl=context)
            try:
                writer.write(hello)
                answer = await reader.read(4)
            finally:
                writer.close()
    except (ssl.SSLError, ConnectionResetError):
        return False
    assert answer in (b"", ACCEPTED)
    return answer == ACCEPTED


async def test_a_certificate_of_the_authority_gets_in(
    broker: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    good = certificate(tmp_path, authority, begin=now, life=timedelta(days=90))
    assert await enters(broker, trust(authority, good))


async def test_nobody_gets_in_without_a_certificate_though_the_password_is_right(
    broker: Mosquitto, authority: Authority
) -> None:
    assert not await enters(broker, trust(authority))


async def test_a_foreign_an_expired_and_a_future_certificate_are_refused(
    broker: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    foreign = ca.make_authority(now=now)
    for which, begin in (
        (foreign, now),
        (authority, now - timedelta(days=100)),
        (authority, now + timedelta(days=100)),
    ):
        bad = certificate(tmp_path, which, begin=begin, life=timedelta(days=90))
        assert not await enters(broker, trust(authority, bad))


async def test_a_gateway_does_not_speak_to_a_broker_of_another_authority(
    broker: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    good = certificate(tmp_path, authority, begin=now, life=timedelta(days=90))
    assert not await enters(broker, trust(ca.make_authority(now=now), good))
