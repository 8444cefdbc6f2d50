"""The rules that the server itself raises about wells."""

from typing import Final

WATER_RISING: Final = "water_rising"
"""Also the gateways' own rule of a fast rise: one alarm stands for both."""
WATER_UPSTREAM: Final = "water_upstream"
AIR_CHECK_OVERDUE: Final = "air_check_overdue"
LEAVE_THE_WELL: Final = "leave_the_well"
CREW_IN_DANGER: Final = frozenset({AIR_CHECK_OVERDUE, LEAVE_THE_WELL})
