"""Family, neighbours and holders of keys whom only a telephone reaches: the desk is asked to call them."""

import asyncio

import httpx
import pytest
from sqlalchemy import select

from server.clock import now
from server.db.database import Database
from server.db.models import Consent, Contact, User
from server.dispatch import asks
from server.dispatch.core import Ask
from server.users import sessions
from tests.contract.server import test_api
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import press, record
from tests.contract.server.test_dispatch import at, planned, sends, told, work

app = test_api.app
client = test_api.client


def _contacts(database: Database) -> None:
    """A daughter with a key and a neighbour, neither of them a person here."""
    with database.write() as session:
        for rank, (name, relation) in enumerate((("女儿 王芳", "family"), ("邻居 李", "neighbour"))):
            contact = {"name": name, "phone": f"1380000000{rank}", "relation": relation, "rank": rank}
            session.add(Contact(resident_id="r1", holds_key=not rank, **contact))


def test_family_with_a_telephone_only_is_called_by_the_desk(staffed: Database) -> None:
    """The step tells the desk; the number is on the task's page for whoever may see it, nowhere else."""
    _contacts(staffed)
    record(staffed, press(1))
    work(staffed, NOW)
    work(staffed, at(60))
    assert told(staffed)[3:6] == [("escalated", "family"), ("told", "key_holder"), ("told", "neighbour")]
    assert [login for login, _, _ in sends(staffed)][3:6] == ["zhou"] * 3
    assert planned(staffed) == [("call", at(90))]  # as for a neighbour who is told: time to answer
    with staffed.write() as session:
        standing = asks.standing(session, 1)
        assert standing[:3] == (Ask.CALL_NEIGHBOUR, Ask.CALL_KEY_HOLDER, Ask.CALL_FAMILY)
        callees = asks.callees(session, 1, standing, now=at(61))
        assert callees[Ask.CALL_FAMILY] == callees[Ask.CALL_KEY_HOLDER] == [("女儿 王芳", "13800000000")]
        assert callees[Ask.CALL_NEIGHBOUR] == [("邻居 李", "13800000001")]
        zhou = viewer_of(staffed, "zhou")
        asks.note(session, zhou, 1, Ask.CALL_FAMILY, now=at(62))
        asks.note(session, zhou, 1, Ask.CALL_NEIGHBOUR, reached=False, now=at(63))
        assert asks.standing(session, 1) == (Ask.CALL_KEY_HOLDER, Ask.CALL_RESIDENT)
        session.add(Consent(resident_id="r1", kind="contacts_told", given_at=NOW, withdrawn_at=NOW))
        session.flush()
        assert asks.callees(session, 1, standing, now=at(64))[Ask.CALL_FAMILY] == []
    assert planned(staffed) == [("call", at(63))]  # the neighbour does not answer


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_number_stands_on_the_card_of_the_task(
    client: httpx.AsyncClient, staffed: Database
) -> None:
    _contacts(staffed)
    record(staffed, press(1))
    moment = now()
    await asyncio.to_thread(work, staffed, moment)
    with staffed.write() as session:
        asked = asks.standing(session, 1)
        assert asked == (Ask.CALL_RESIDENT,)
        asks.note(session, viewer_of(staffed, "zhou"), 1, Ask.CALL_RESIDENT, reached=False, now=moment)
    await asyncio.to_thread(work, staffed, moment)
    with staffed.write() as session:
        zhou = session.scalars(select(User).where(User.login == "zhou")).one()
        cookie = sessions.begin(session, zhou, now=now())
    page = await client.get("/tasks/1", headers={"cookie": f"{sessions.COOKIE}={cookie}"})
    card = page.text.partition("打电话给钥匙保管人")[2].partition("</form>")[0]
    assert "女儿 王芳" in card
    assert 'href="tel:13800000000"' in card
    assert "家属只有电话，请值班台拨打（zhou）" in page.text
