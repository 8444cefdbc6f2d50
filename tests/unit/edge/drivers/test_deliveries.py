"""Which deliveries of a broker are one."""

from pathlib import Path

import pytest

from edge.drivers.mqtt.deliveries import Deliveries, digest_of

PRESS, OTHER = digest_of("t", b"press"), digest_of("t", b"other")


def test_digests_tell_topic_and_payload_apart() -> None:
    pairs = [("a", b"bc"), ("ab", b"c"), ("a", b""), ("", b"a"), ("a", b"\0bc")]
    assert len({digest_of(topic, payload) for topic, payload in pairs}) == len(pairs)


def test_a_repeated_delivery_has_the_key_of_the_first() -> None:
    deliveries = Deliveries()
    first = deliveries.key(mid=5, dup=False, digest=PRESS)
    assert deliveries.key(mid=5, dup=True, digest=PRESS) == first
    assert deliveries.key(mid=5, dup=True, digest=PRESS) == first


def test_without_dup_every_message_is_new_however_often_its_number_is_used() -> None:
    """A broker that always takes the lowest free number gives every press the same one."""
    deliveries = Deliveries()
    keys = {deliveries.key(mid=1, dup=False, digest=PRESS) for _ in range(1_000)}
    assert len(keys) == 1_000


def test_dup_under_a_number_that_meant_something_else_is_new() -> None:
    deliveries = Deliveries()
    first = deliveries.key(mid=5, dup=False, digest=OTHER)
    unseen = deliveries.key(mid=5, dup=True, digest=PRESS)
    assert unseen != first
    assert deliveries.key(mid=5, dup=True, digest=PRESS) == unseen
    assert deliveries.key(mid=65_535, dup=True, digest=PRESS) not in {first, unseen}


def test_a_new_session_forgets() -> None:
    deliveries = Deliveries()
    first = deliveries.key(mid=5, dup=False, digest=PRESS)
    deliveries.forget()
    assert deliveries.key(mid=5, dup=True, digest=PRESS) != first


def test_another_process_knows_what_the_killed_one_delivered(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deliveries"
    first = Deliveries(path).key(mid=5, dup=False, digest=PRESS)  # never closed: killed
    again = Deliveries(path)
    assert again.key(mid=5, dup=True, digest=PRESS) == first
    again.close()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 2_000_000])
def test_a_file_of_another_size_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "deliveries"
    path.write_bytes(content)
    deliveries = Deliveries(path)
    first = deliveries.key(mid=65_535, dup=False, digest=PRESS)
    assert deliveries.key(mid=65_535, dup=True, digest=PRESS) == first
    deliveries.close()
