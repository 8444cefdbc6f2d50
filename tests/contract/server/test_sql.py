"""What is written in another way for each SQL engine gives the same on both."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import literal, select

from server.db.among import among
from server.db.database import Database
from server.db.models import Resident
from server.db.moments import micros, micros_between

SPANS = (
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(seconds=59, microseconds=999_999),
    timedelta(days=31, microseconds=-1),
    timedelta(days=36_525, hours=5, microseconds=123_457),
)


def test_a_span_is_exact_to_the_microsecond(database: Database) -> None:
    begin = datetime(2026, 3, 1, 8, 0, 0, 999_999, tzinfo=UTC)
    kind = Resident.left_at.type
    with database.read() as session:
        for span in SPANS:
            earlier, later = literal(begin, kind), literal(begin + span, kind)
            row = session.execute(
                select(micros_between(earlier, later), micros(later) - micros(earlier))
            ).one()
            assert tuple(row) == (span // timedelta(microseconds=1),) * 2


def test_among_many_and_none(street: Database) -> None:
    with street.read() as session:
        names = list(session.scalars(select(Resident.id)))
        query = select(Resident.id).order_by(Resident.id)
        odd = ["it's", '"quoted"', "{brace,}", "阳光", "\\", *map(str, range(2_000))]
        assert list(session.scalars(query.where(among(Resident.id, [*odd, *names])))) == sorted(names)
        assert list(session.scalars(query.where(among(Resident.id, odd)))) == []
        assert list(session.scalars(query.where(among(Resident.id, ())))) == []
        assert list(session.scalars(query.where(~among(Resident.id, odd)))) == sorted(names)
        assert list(session.scalars(select(among(literal("阳光"), odd)))) == [True]
