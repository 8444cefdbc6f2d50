"""Residents' contacts, absences and consents, on both engines."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from server.db.database import Database
from server.db.models import AuditEntry, Contact, Resident
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.places import circles, service, upstream
from server.places.schemas import ResidentIn, StationIn, WellIn
from server.residents import absences, care, consents, contacts, lists, looking
from server.residents.schemas import AbsenceIn, ContactIn
from tests.contract.server.conftest import NOW, viewer_of

DAY = timedelta(days=1)
HOME = ResidentIn(area_id="area", name="王秀英", address="幸福路1号")


def stay(since: timedelta, until: timedelta) -> AbsenceIn:
    return AbsenceIn(kind="hospital", since=NOW + since, until=NOW + until)


def test_an_absence_begins_and_ends_by_itself(staffed: Database) -> None:
    carer = viewer_of(staffed, "li")
    with staffed.write() as session:
        absences.put(session, carer, "r1", stay(DAY, 3 * DAY), now=NOW)
    with staffed.read() as session:
        for at, there in ((0, False), (1, True), (2, True), (3, False)):
            assert ("r1" in absences.away(session, ["r1", "r9"], NOW + at * DAY)) is there, at
        (span,) = absences.spans(session, ["r1"], since=NOW, until=NOW + 9 * DAY)
        assert (span.kind, span.until) == ("hospital", NOW + 3 * DAY)


def test_an_absence_is_extended_and_ended_early(staffed: Database) -> None:
    carer = viewer_of(staffed, "li")
    with staffed.write() as session:
        key = absences.put(session, carer, "r1", stay(-DAY, DAY), now=NOW).id
    with staffed.write() as session:
        absences.extend(session, carer, key, until=NOW + 5 * DAY, now=NOW)
    with staffed.read() as session:
        assert absences.away(session, ["r1"], NOW + 4 * DAY)["r1"].until == NOW + 5 * DAY
    with staffed.write() as session:
        absences.end(session, carer, key, now=NOW + 2 * DAY)
    with staffed.read() as session:
        assert "r1" in absences.away(session, ["r1"], NOW + DAY)
        assert "r1" not in absences.away(session, ["r1"], NOW + 2 * DAY)
    with staffed.write() as session, pytest.raises(ConflictError, match="over"):
        absences.end(session, carer, key, now=NOW + 3 * DAY)


def test_absences_that_make_no_sense_are_refused(staffed: Database) -> None:
    carer, maintenance = viewer_of(staffed, "li"), viewer_of(staffed, "zhao")
    with staffed.write() as session:
        absences.put(session, carer, "r1", stay(-DAY, DAY), now=NOW)
    for wanted, error in (
        (stay(-3 * DAY, -2 * DAY), InvalidError),
        (stay(DAY, 400 * DAY), InvalidError),
        (stay(timedelta(0), 2 * DAY), ConflictError),
    ):
        with staffed.write() as session, pytest.raises(error):
            absences.put(session, carer, "r1", wanted, now=NOW)
    with staffed.write() as session, pytest.raises(NotFoundError):
        absences.put(session, carer, "nobody", stay(-DAY, DAY), now=NOW)
    with staffed.write() as session, pytest.raises(ForbiddenError):
        absences.put(session, maintenance, "r1", stay(2 * DAY, 3 * DAY), now=NOW)


def test_a_consent_is_given_and_taken_back_and_both_are_kept(staffed: Database) -> None:
    carer = viewer_of(staffed, "li")
    with staffed.write() as session:
        first = consents.give(session, carer, "r1", "care", note="drawer 3", now=NOW)
        assert consents.give(session, carer, "r1", "care", now=NOW).id == first.id
        assert consents.given(session, ["r1"]) == {"r1"}
    with staffed.write() as session:
        consents.withdraw(session, carer, first.id, now=NOW + DAY)
        assert consents.given(session, ["r1"]) == set()
        consents.give(session, carer, "r1", "care", now=NOW + 2 * DAY)
    with staffed.read() as session:
        rows = consents.of(session, "r1")
        assert [(row.withdrawn_at, row.given_by) for row in rows] == [
            (None, carer.user_id),
            (NOW + DAY, carer.user_id),
        ]
        wanted = lists.Wanted(no_consent=True)
        assert lists.listed(session, carer, wanted, now=NOW) == []


def test_contacts_stay_who_they_are_while_lines_are_corrected(staffed: Database) -> None:
    carer = viewer_of(staffed, "li")
    daughter = ContactIn(name="女儿 王芳", phone="13800138000", holds_key=True, user_id=carer.user_id)
    with staffed.write() as session:
        service.put_resident(session, "r1", HOME.model_copy(update={"contacts": [daughter]}), now=NOW)
        service.put_resident(
            session,
            "r1",
            ResidentIn(**{**HOME.model_dump(exclude={"contacts"}), "contacts": [daughter]}),
            now=NOW,
        )
        before = session.scalars(select(Contact.id)).one()
        lines = ResidentIn(
            area_id="area", name="王秀英", address="a", contact="邻居 老张 13900139000\n女儿 王芳 13800138000"
        )
        service.put_resident(session, "r1", lines, now=NOW)
    with staffed.read() as session:
        neighbour, same = contacts.of(session, "r1")
        assert (neighbour.relation, neighbour.rank) == ("neighbour", 0)
        assert (same.id, same.holds_key, same.user_id) == (before, True, carer.user_id)
    with staffed.write() as session:
        service.put_resident(session, "r1", HOME, now=NOW)
        assert len(contacts.of(session, "r1")) == 2, "not sent: left as they are"
        nobody = ContactIn(name="x", user_id=999)
        with pytest.raises(InvalidError, match="no user 999"):
            contacts.put(session, "r1", [nobody])


def test_a_reason_opens_the_details_for_a_while_and_each_look_is_written(staffed: Database) -> None:
    carer, other = viewer_of(staffed, "li"), viewer_of(staffed, "wang")
    with staffed.write() as session:
        with pytest.raises(InvalidError):
            looking.begin(session, carer, "r1", code="curious", now=NOW)
        with pytest.raises(InvalidError):
            looking.begin(session, carer, "r1", code="other", words=" ", now=NOW)
        looking.begin(session, carer, "r1", code="other", words="moving house", now=NOW)
    with staffed.write() as session:
        assert looking.is_open(session, other, "r1", now=NOW) is None
        reason = looking.is_open(session, carer, "r1", now=NOW + timedelta(minutes=14))
        assert reason == "other"
        looking.read_again(session, carer, "r1", reason=reason, now=NOW + timedelta(minutes=14))
    with staffed.read() as session:
        assert looking.is_open(session, carer, "r1", now=NOW + timedelta(minutes=16)) is None
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action == "read")).all()
        assert [row.detail for row in rows] == [{"words": "moving house"}, {"again": True}]


def test_the_list_finds_by_name_address_and_id(staffed: Database) -> None:
    carer, installer = viewer_of(staffed, "li"), viewer_of(staffed, "zhao")
    with staffed.write() as session:
        service.put_resident(
            session, "r2", ResidentIn(area_id="area", name="李%", address="长安路 2", risk="high"), now=NOW
        )
    with staffed.read() as session:

        def found(**wanted: object) -> list[str]:
            return [line.id for line in lists.listed(session, carer, lists.Wanted(**wanted), now=NOW)]  # type: ignore[arg-type]  # by name

        assert found() == ["r1", "r2"]
        assert found(search="秀英") == ["r1"]
        assert found(search="长安") == ["r2"]
        assert found(search="R2") == ["r2"]
        assert found(search="%") == ["r2"]
        assert found(risk="high") == ["r2"]
        assert found(area_id="area") == ["r1", "r2"]
        assert found(area_id="elsewhere") == []
        assert found(care="ended") == []
        masked = lists.listed(session, installer, lists.Wanted(search="秀英"), now=NOW)
        assert masked == []
        assert next(line.name for line in lists.listed(session, installer, lists.Wanted(), now=NOW)) == "王**"


def test_care_that_has_ended(staffed: Database) -> None:
    dispatcher = viewer_of(staffed, "zhou")
    with staffed.write() as session:
        care.set_left(session, dispatcher, "r1", left=True, now=NOW)
        assert session.get_one(Resident, "r1").left_at == NOW
        assert lists.listed(session, dispatcher, lists.Wanted(), now=NOW) == []
        care.set_left(session, dispatcher, "r1", left=False, now=NOW)
        assert session.get_one(Resident, "r1").left_at is None


def test_a_stations_circle_and_a_wells_upstream(staffed: Database) -> None:
    with staffed.write() as session:
        for key, latitude in (("near", 31.2300), ("edge", 31.2389), ("far", 31.2391)):
            service.put_resident(
                session,
                key,
                ResidentIn(area_id="area", name=key, address=key, latitude=latitude, longitude=121.4),
                now=NOW,
            )
        station = service.put_station(
            session,
            "s1",
            StationIn(area_id="area", name="阳光老人家", address="a", latitude=31.23, longitude=121.4),
        )
        assert station.radius_m == 1_000
        assert [(home.resident_id, home.metres) for home in circles.homes_of(session, station)] == [
            ("near", 0),
            ("edge", 990),
        ]
        assert circles.outside_all(session) == 1
        service.put_well(session, "w2", WellIn(area_id="area", name="w2", address="a", upstream=["w1"]))
        assert upstream.of(session) == {"w2": ["w1"]}
        service.put_well(session, "w2", WellIn(area_id="area", name="w2", address="a"))
        assert upstream.of(session, ["w2"]) == {"w2": ["w1"]}, "not sent: left as it is"
        for wrong in (["w2"], ["w9"]):
            with pytest.raises(InvalidError):
                service.put_well(
                    session, "w2", WellIn(area_id="area", name="w2", address="a", upstream=wrong)
                )
        service.remove_station(session, "s1")
