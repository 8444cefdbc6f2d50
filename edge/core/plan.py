"""Which Modbus requests to send: declared reads merged into blocks, and blocks taken apart when refused.

Theory of operation. A profile declares reads that belong together (a 32-bit value, an atomic group): a
`Want`. Wants of one unit, function and period whose gap is small travel in one request: a `Block`. A device
that has holes in its map answers such a block with exception 2 or 3. Then the block is bisected between
wants, the place is remembered as a `Cut`, and no later plan merges across it, until the cuts are forgotten
(daily, since a firmware update may fill the hole). A want itself is never split.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3
HOLES: Final = frozenset({ILLEGAL_ADDRESS, ILLEGAL_VALUE})
"""Exception codes that say "this block is not all there": bisect."""
UNSUPPORTED: Final = frozenset({1, ILLEGAL_ADDRESS, ILLEGAL_VALUE})
"""Exception codes that say, of a single want, that the device does not have it: stop asking."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`gap` addresses may be read for nothing; a merged block spans at most `span`, any block `cap`."""

    gap: int
    span: int
    cap: int


_REGISTERS: Final = Limits(gap=18, span=60, cap=125)
# Reading 18 needless registers costs as much as a second request at 9600 baud and 20 ms turnaround; 60 is
# what 22 of 226 known device templates cap at; 125 is the protocol's.
_BITS: Final = Limits(gap=80, span=960, cap=2_000)
# 80 bits is the usual hole limit of other pollers; 960 bits are as many bytes as 60 registers.
LIMITS: Final = {1: _BITS, 2: _BITS, 3: _REGISTERS, 4: _REGISTERS}
"""By function code: 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers."""


@dataclass(frozen=True, slots=True, order=True)
class Want:
    """A declared read of one unit: `count` registers or bits from `address`, every `every_ms`."""

    unit: int
    fc: int
    every_ms: int
    fast: bool
    address: int
    count: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.count

    @property
    def group(self) -> "Group":
        """Wants may be merged only within one group."""
        return (self.unit, self.fc, self.every_ms, self.fast)


Group = tuple[int, int, int, bool]
Cut = tuple[Group, int]
"""The want of the group at this address begins a block of its own."""


@dataclass(frozen=True, slots=True)
class Block:
    """One request: addresses `address` to `end`, and the wants that it answers, by address.

    What a poll needs of it is computed once: it is asked for every second.
    """

    wants: tuple[Want, ...]
    unit: int = field(init=False)
    fc: int = field(init=False)
    address: int = field(init=False)
    end: int = field(init=False)
    count: int = field(init=False)
    places: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)
    """Function code and address of each value in its answer."""

    def __post_init__(self) -> None:
        first = self.wants[0]
        end = max(want.end for want in self.wants)
        for name, value in (
            ("unit", first.unit),
            ("fc", first.fc),
            ("address", first.address),
            ("end", end),
            ("count", end - first.address),
            ("places", tuple((first.fc, address) for address in range(first.address, end))),
        ):
            object.__setattr__(self, name, value)

    @property
    def group(self) -> Group:
        """The group of all its wants."""
        return self.wants[0].group


class PlanError(ValueError):
    """A declared read that no request can carry."""


def plan(wants: Iterable[Want], cuts: frozenset[Cut] = frozenset()) -> tuple[Block, ...]:
    """The fewest blocks that answer all wants within the limits and cuts, by group and address.

    Raises PlanError for a function code that cannot be read, an address outside 0 to 65535, or a want
    larger than one request may be.
    """
    blocks: list[list[Want]] = []
    end = 0
    for want in sorted(set(wants)):
        _check(want)
        current = blocks[-1] if blocks else None
        if current is not None and _joins(current[0], end, want, cuts):
            current.append(want)
            end = max(end, want.end)
        else:
            blocks.append([want])
            end = want.end
    return tuple(Block(tuple(block)) for block in blocks)


def bisect(block: Block) -> tuple[Block, Block, Cut] | None:
    """The block's two halves and the cut between them; None if it is down to one declared read."""
    if len(block.wants) == 1:
        return None
    middle = len(block.wants) // 2
    low, high = Block(block.wants[:middle]), Block(block.wants[middle:])
    return low, high, (block.group, high.address)


def _joins(first: Want, end: int, want: Want, cuts: frozenset[Cut]) -> bool:
    if first.group != want.group or (want.group, want.address) in cuts:
        return False
    limits = LIMITS[want.fc]
    return want.address - end <= limits.gap and max(end, want.end) - first.address <= limits.span


def _check(want: Want) -> None:
    if want.fc not in LIMITS:
        raise PlanError(f"unit {want.unit}: function {want.fc} does not read; use 1, 2, 3 or 4")
    if want.count < 1 or want.address < 0 or want.end > 65_536:
        raise PlanError(f"unit {want.unit}: {want.count} from {want.address} is outside 0 to 65535")
    if want.count > LIMITS[want.fc].cap:
        raise PlanError(
            f"unit {want.unit}: {want.count} from {want.address} are more than one request carries "
            f"({LIMITS[want.fc].cap}); declare smaller reads"
        )
