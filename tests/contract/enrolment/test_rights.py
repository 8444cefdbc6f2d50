"""What the broker lets an enrolled gateway do, tried by a hostile one; and revocation."""

import asyncio
import ssl

import aiomqtt
import msgspec
import pytest

from gateway.enrolment import enrolling
from gateway.enrolment.enrolling import RefusedError
from gateway.enrolment.wire import client_id
from tests.contract.enrolment.world import WAIT_S, Enrolling, connecting, enters, granted, published, settled

pytestmark = pytest.mark.real


async def test_a_gateway_reaches_nothing_of_another(world: Enrolling) -> None:
    mine, other = await world.enrol(1), world.name(2)
    await world.enrol(2)
    hostile = (
        "#",
        "+/+/+/#",
        "sunwell/#",
        "sunwell/v1/#",
        "sunwell/v1/+/down/#",
        "sunwell/v1/+/up/#",
        f"sunwell/v1/{other}/down/#",
        f"sunwell/v1/{other}/up/#",
        f"sunwell/v1/{world.name(1)}/#",
        "$share/ingest/sunwell/v1/+/up/#",
        f"$share/x/sunwell/v1/{other}/down/#",
        "$CONTROL/dynamic-security/v1/response",
        "$CONTROL/#",
        "zigbee2mqtt/#",
    )
    server = aiomqtt.Client(
        "127.0.0.1", world.broker.port, username="server", password=world.broker.passwords["server"]
    )
    async with connecting(mine) as gateway, server as listening:
        assert [topic for topic in hostile if await granted(gateway, topic)] == []
        await listening.subscribe("sunwell/v1/+/up/#", qos=1)
        for topic in (f"sunwell/v1/{other}/up/alarm", f"sunwell/v1/{other}/down/ack", "zigbee2mqtt/x"):
            await published(gateway, topic)
        control = {"commands": [{"command": "createClient", "username": "gw-thief", "password": "x"}]}
        await published(gateway, "$CONTROL/dynamic-security/v1", msgspec.json.encode(control))
        await published(gateway, f"sunwell/v1/{world.name(1)}/up/data", b"honest")
        async with asyncio.timeout(WAIT_S):
            async for message in listening.messages:
                if message.retain or message.topic.matches(f"sunwell/v1/{other}/up/state"):
                    continue
                assert message.payload == b"honest"
                break
    assert not await enters(mine, username="gw-thief", password="x")


async def test_a_certificate_opens_no_other_place(world: Enrolling) -> None:
    mine, theirs = await world.enrol(1), await world.enrol(2)
    assert not await enters(mine, username=world.name(2))
    assert not await enters(mine, username="server")
    assert not await enters(mine, username=None, password=None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=mine.authority)
    assert not await enters(theirs, tls_params=None, tls_context=context)


async def test_nobody_is_thrown_out_by_one_that_connects_under_his_client_id(world: Enrolling) -> None:
    mine, theirs = await world.enrol(1), await world.enrol(2)
    async with connecting(theirs) as victim:
        assert not await enters(mine, identifier=client_id(world.name(2)))
        assert not await enters(mine, identifier="server-talk-1")
        await victim.publish(f"sunwell/v1/{world.name(2)}/up/state", b"{}", qos=1)


async def test_a_revoked_gateway_is_thrown_out_and_refused_at_once(world: Enrolling) -> None:
    identity = await world.enrol(1)
    async with connecting(identity) as gateway:
        assert await world.desk.revoke(world.installer, world.name(1), "stolen")
        with pytest.raises(aiomqtt.MqttError):
            await asyncio.wait_for(anext(aiter(gateway.messages)), WAIT_S)
    assert not await enters(identity)
    assert world.state(1) == "revoked"
    with pytest.raises(RefusedError, match="revoked"):
        await asyncio.to_thread(enrolling.renew, world.store("pi-1"), identity)
    assert await world.enrol(1)
    assert world.state(1) == "enrolled"


async def test_a_gateway_revoked_while_the_broker_was_away_is_refused_when_it_is_back(
    world: Enrolling,
) -> None:
    identity = await world.enrol(1)
    kept = await world.enrol(2)
    world.broker.stop()
    try:
        assert not await world.desk.revoke(world.installer, world.name(1))
    finally:
        world.broker.start()
    await settled(world)
    assert not await enters(identity)
    assert await enters(kept)


async def test_a_broker_that_lost_its_users_is_given_them_again(world: Enrolling) -> None:
    identity = await world.enrol(1)
    users_file = world.broker.folder / "dynamic-security.json"
    world.broker.stop()
    document = msgspec.json.decode(users_file.read_bytes())
    document["clients"] = [one for one in document["clients"] if not one["username"].startswith("gw-")]
    document["roles"] = [one for one in document["roles"] if not one["rolename"].startswith("gw-")]
    users_file.write_bytes(msgspec.json.encode(document))
    world.broker.start()
    await settled(world)
    while not await enters(identity):  # noqa: ASYNC110 - the broker tells nobody of a new user
        await asyncio.sleep(0.1)
