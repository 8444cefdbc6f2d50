"""Certificates renewed, places taken again, and gateways that run through both."""

import asyncio
from pathlib import Path

import pytest

from gateway.enrolment import enrolling, keys
from gateway.enrolment.enrolling import EnrolError, RefusedError
from gateway.enrolment.identity import Identity
from tests.contract.enrolment.world import (
    WAIT_S,
    Enrolling,
    enters,
    gateway_is_online,
    running_gateway,
    until,
)

pytestmark = pytest.mark.real


async def test_a_renewed_certificate_works_and_the_connection_moves_to_it(world: Enrolling) -> None:
    identity = await world.enrol(1)
    store, key = world.store("pi-1"), identity.key
    renewed = await asyncio.to_thread(enrolling.renew, store, identity)
    assert renewed.key != key
    assert await enters(renewed)
    assert not identity.folder.exists()
    assert store.read() == renewed


async def test_a_renewal_whose_answer_was_lost_can_be_asked_for_again(
    world: Enrolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = await world.enrol(1)
    store = world.store("pi-1")

    def lost(*_: object, **__: object) -> Identity:
        raise EnrolError("the line was cut")

    with monkeypatch.context() as patched:
        patched.setattr(enrolling, "_keep", lost)
        with pytest.raises(EnrolError, match="cut"):
            await asyncio.to_thread(enrolling.renew, store, identity)
    renewed = await asyncio.to_thread(enrolling.renew, store, identity)
    assert await enters(renewed)


async def test_a_foreign_key_renews_nothing(world: Enrolling) -> None:
    mine, theirs = await world.enrol(1), await world.enrol(2)
    (theirs.folder / "gateway.key").write_bytes(keys.make_key())
    with pytest.raises(RefusedError, match="not signed"):
        await asyncio.to_thread(enrolling.renew, world.store("pi-2"), theirs)
    assert await enters(mine)


async def test_after_a_factory_reset_a_new_code_gives_the_old_place_and_ends_the_old_one(
    world: Enrolling,
) -> None:
    old = await world.enrol(1, "old-pi")
    new = await world.enrol(1, "new-pi")
    assert new.known.gateway == old.known.gateway == world.name(1)
    assert await enters(new)
    assert not await enters(old)


async def test_a_running_gateway_renews_by_itself_and_stays_connected(
    world: Enrolling, tmp_path: Path
) -> None:
    identity = await world.enrol(1)
    due_ms = keys.renewal_due_ms(identity.certificate)
    async with running_gateway(world, identity, tmp_path, clock=lambda: due_ms + 1) as gateway:
        store = world.store("pi-1")
        await until(lambda: (found := store.read()) is not None and found.folder != identity.folder)
        await asyncio.wait_for(gateway.online.wait(), WAIT_S)
        await until(lambda: gateway_is_online(world, 1))
        assert world.state(1) == "enrolled"


async def test_a_running_gateway_is_on_the_page_and_gone_from_it_when_revoked(
    world: Enrolling, tmp_path: Path
) -> None:
    identity = await world.enrol(1)
    async with running_gateway(world, identity, tmp_path) as gateway:
        await until(lambda: gateway_is_online(world, 1))
        await world.desk.revoke(world.installer, world.name(1))
        await until(lambda: not gateway.online.is_set() and not gateway_is_online(world, 1))
        await world.enrol(1)  # the same machine, with a new code: it takes that over while it runs
        await until(lambda: gateway_is_online(world, 1))
