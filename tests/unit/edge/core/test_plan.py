"""Merging reads into requests and taking refused ones apart."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.plan import LIMITS, Block, PlanError, Want, bisect, plan


def want(
    address: int, count: int = 1, *, unit: int = 1, fc: int = 3, ms: int = 1000, fast: bool = False
) -> Want:
    return Want(unit, fc, ms, fast, address, count)


def spans(blocks: tuple[Block, ...]) -> list[tuple[int, int]]:
    return [(block.address, block.count) for block in blocks]


WANTS = st.lists(
    st.builds(
        Want,
        unit=st.integers(1, 2),
        fc=st.sampled_from([1, 3, 4]),
        every_ms=st.sampled_from([1000, 60_000]),
        fast=st.booleans(),
        address=st.integers(0, 300),
        count=st.integers(1, 125),
    ),
    max_size=30,
)


@pytest.mark.parametrize(
    ("wants", "expected"),
    [
        ([want(0, 2), want(2, 2)], [(0, 4)]),
        ([want(0), want(19)], [(0, 20)]),  # a gap of 18
        ([want(0), want(20)], [(0, 1), (20, 1)]),  # a gap of 19
        ([want(0, 30), want(30, 30)], [(0, 60)]),
        ([want(0, 30), want(30, 31)], [(0, 30), (30, 31)]),
        ([want(0, 125)], [(0, 125)]),  # a declared read is never split
        ([want(5, 4), want(5, 4), want(6, 1)], [(5, 4)]),
        ([want(0, unit=1), want(1, unit=2)], [(0, 1), (1, 1)]),
        ([want(0, fc=3), want(1, fc=4)], [(0, 1), (1, 1)]),
        ([want(0, ms=1000), want(1, ms=2000)], [(0, 1), (1, 1)]),
        ([want(0, fast=True), want(1)], [(1, 1), (0, 1)]),
        ([want(0, fc=1), want(80, fc=1)], [(0, 81)]),  # bits: wider limits
        ([], []),
    ],
)
def test_neighbours_travel_together_within_the_limits(
    wants: list[Want], expected: list[tuple[int, int]]
) -> None:
    assert spans(plan(wants)) == expected


def test_a_cut_keeps_blocks_apart() -> None:
    wants = [want(0), want(1), want(2)]
    assert spans(plan(wants, frozenset({(wants[1].group, 1)}))) == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    "bad", [want(0, 126), want(0, 2001, fc=1), want(65_535, 2), want(-1), want(0, 0), want(0, fc=6)]
)
def test_what_no_request_can_carry_is_refused(bad: Want) -> None:
    with pytest.raises(PlanError, match="unit 1: "):
        plan([want(10), bad])


@given(WANTS)
def test_every_want_is_whole_in_exactly_one_block_of_its_group(wants: list[Want]) -> None:
    blocks = plan(wants)
    assert sorted(each for block in blocks for each in block.wants) == sorted(set(wants))
    for block in blocks:
        limits = LIMITS[block.fc]
        for each in block.wants:
            assert each.group == block.group
            assert block.address <= each.address
            assert each.end <= block.end
        assert block.count <= (limits.cap if len(block.wants) == 1 else limits.span)


@given(WANTS)
def test_no_two_neighbouring_blocks_could_have_been_one(wants: list[Want]) -> None:
    for low, high in pairwise(plan(wants)):
        if low.group == high.group:
            limits = LIMITS[low.fc]
            end = max(low.end, high.wants[0].end)
            assert high.address - low.end > limits.gap or end - low.address > limits.span


@given(WANTS, st.sets(st.integers(0, 430), max_size=40))
def test_bisection_finds_what_a_device_has(wants: list[Want], holes: set[int]) -> None:
    """A device with holes refuses every request that touches one. In the end each want that has no hole is
    read, and the plan with the cuts needs no more bisection than for wants that have one themselves."""

    def refuses(block: Block) -> bool:
        return any(address in holes for address in range(block.address, block.end))

    cuts = frozenset[tuple[tuple[int, int, int, bool], int]]()
    pending, read, missing = list(plan(wants)), set[Want](), set[Want]()
    while pending:
        block = pending.pop()
        if not refuses(block):
            read |= set(block.wants)
            continue
        halves = bisect(block)
        if halves is None:
            missing |= set(block.wants)
            continue
        low, high, cut = halves
        assert (*low.wants, *high.wants) == block.wants
        cuts |= {cut}
        pending += [low, high]
    assert read | missing == set(wants)
    assert all(any(address in holes for address in range(one.address, one.end)) for one in missing)
    again = plan(read, cuts)
    assert {one for block in again for one in block.wants} == read
    assert not any(refuses(block) for block in again)


def test_a_single_want_cannot_be_bisected() -> None:
    assert bisect(Block((want(0, 10),))) is None
