"""How worn a flash memory is, from what the kernel shows of it (JEDEC eMMC 5.0; SD cards show nothing)."""

from typing import Final

_PRE_EOL: Final = {2: 80.0, 3: 90.0}
"""PRE_EOL_INFO: 80 or 90 percent of the reserved blocks are used up."""


def worn_percent(life_time: str, pre_eol: str = "") -> float | None:
    """The worse of both estimates of the used life (each in tenths, told by their upper end) and of the used
    reserve, in percent; over 100 where the memory says that it has exceeded its life. None where it tells
    nothing."""
    tenths = [number for number in map(_number, life_time.split()) if number]
    told = [10.0 * number for number in tenths]
    if (reserve := _PRE_EOL.get(_number(pre_eol.strip()))) is not None:
        told.append(reserve)
    return max(told, default=None)


def _number(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
