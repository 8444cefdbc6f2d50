"""Pseudonyms, what of a refused message is kept, and the counts of a day."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.wire import AlarmMessage
from server.kiosks.counts import by_hour, day_of
from server.kiosks.stripping import strip
from server.kiosks.visitors import is_personal, pseudonym, veiled, veiled_alarm
from server.timeseries.store import Bucket

KEY = b"k" * 32
MORNING = datetime(2026, 3, 2, 0, 15, tzinfo=UTC)  # a quarter past eight in China


def test_a_visitor_is_the_same_all_day_and_another_the_next() -> None:
    def of(at: datetime) -> str:
        return pseudonym(KEY, "E1024", at=at, hours=24)

    assert of(MORNING) == of(MORNING + timedelta(hours=15))
    assert of(MORNING) != of(MORNING + timedelta(hours=16))  # midnight in China
    assert of(MORNING) != pseudonym(b"x" * 32, "E1024", at=MORNING, hours=24)
    assert of(MORNING) != pseudonym(KEY, "E1025", at=MORNING, hours=24)
    assert of(MORNING) != pseudonym(KEY, "E1024", at=MORNING, hours=48)
    assert len(of(MORNING)) == 16


def test_ids_become_one_pseudonym_and_names_and_pictures_go() -> None:
    values: dict[str, float | int | bool | str] = {
        "fever": True,
        "card_no": "E1024",
        "name": "王秀英",
        "picture": "aGk=",
    }
    kept = veiled(values, KEY, at=MORNING, hours=24)
    assert kept == {"fever": True, "visitor": pseudonym(KEY, "E1024", at=MORNING, hours=24)}
    assert veiled({"fever": True, "visitor": ""}, KEY, at=MORNING, hours=24) == {"fever": True}
    assert not is_personal({"temperature", "fever", "mask"})


@pytest.mark.parametrize(("point", "kept"), [("card_no", True), ("person_name", False)])
def test_an_alarm_about_a_person_says_only_the_pseudonym(point: str, kept: bool) -> None:
    message = AlarmMessage(
        epoch="e",
        seq=1,
        event="occurred",
        breach="b",
        position="kiosk",
        device="d",
        rule="fever",
        severity="major",  # type: ignore[arg-type] # as it comes off the wire
        task_kind="public_health",  # type: ignore[arg-type]
        point=point,
        value="E1024",
        device_ms=0,
        gateway_ms=round(MORNING.timestamp() * 1_000),
    )
    veil = veiled_alarm(message, KEY, hours=24)
    assert veil.value == (pseudonym(KEY, "E1024", at=MORNING, hours=24) if kept else None)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"v":1,"readings":[{"v":{"visitor":"E1024","fever":true}}]}',
        b'{"AccessControllerEvent":{"employeeNoString":"E1024","name":"Wang","currTemperature":38.2}}',
        b'{"info":{"personId":"E1024","pic":"abc"',  # cut off
        b"cardNo=E1024&temperature=38",
        b'{"rule":"guest","point":"card_no","value":"E1024"}',
        b'{"rule":"guest","point":"card_no","value":"E1024"',
        b"<e><cardNo>E1024</cardNo></e>",
        b"\xff\xd8\xff\xe0 a picture of E1024",
        b'{"photo":"/9j/4AAQSkZJRgABAQ E1024"}',
    ],
)
def test_a_refused_message_is_kept_without_who_it_was(payload: bytes) -> None:
    kept = strip(payload)
    assert b"E1024" not in kept
    assert b"Wang" not in kept


@pytest.mark.parametrize("payload", [b'{"name":"mqtt","errors":3}', b"\x00\x01garbage", b"{broken", b""])
def test_other_messages_are_kept_to_the_byte(payload: bytes) -> None:
    assert strip(payload) == payload


def test_a_day_has_twenty_four_hours_of_people_and_fevers() -> None:
    start, end = day_of(MORNING.date())
    assert end - start == timedelta(days=1)
    eight = start + timedelta(hours=8)
    people = [Bucket(eight, 0.1, 0, 1, 31), Bucket(end, 0, 0, 0, 9)]
    hours = by_hour(start, people, [eight + timedelta(minutes=20), end])
    assert [(hour.screened, hour.fevers) for hour in hours][8] == (31, 1)
    assert (len(hours), sum(hour.screened or 0 for hour in hours)) == (24, 31)
    assert {hour.screened for hour in by_hour(start, None, [])} == {None}
