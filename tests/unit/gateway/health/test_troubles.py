"""Troubles are counted, not repeated, and bounded."""

from gateway.health.troubles import KEPT_MS, MAXIMUM_TROUBLES, Troubles


def add(troubles: Troubles, source: str, now_ms: int, reason: str = "invalid_json") -> bool:
    return troubles.add(source=source, reason=reason, detail=f"at {now_ms}", now_ms=now_ms)


def test_the_same_again_is_a_number() -> None:
    troubles = Troubles()
    assert add(troubles, "d1", 1)
    assert not add(troubles, "d1", 2)
    assert add(troubles, "d1", 3, "refused")
    found = troubles.list(10)
    assert [(one.reason, one.count, one.last_ms, one.detail) for one in found] == [
        ("invalid_json", 2, 2, "at 2"),
        ("refused", 1, 3, "at 3"),
    ]


def test_a_peer_that_invents_sources_pushes_out_the_oldest_only() -> None:
    troubles = Troubles()
    for number in range(MAXIMUM_TROUBLES + 5):
        add(troubles, f"d{number}", number)
    assert len(troubles.list(100)) == MAXIMUM_TROUBLES
    assert troubles.list(100)[0].source == "d5"


def test_old_ones_are_no_longer_told() -> None:
    troubles = Troubles()
    add(troubles, "d1", 0)
    assert troubles.list(KEPT_MS) == []
