"""What a declared time may quieten, and for how long."""

from typing import ClassVar

from server.policies.model import Policy, rule

_KILLS = (
    "gas",
    "gas_co",
    "gas_low",
    "fire",
    "water_rising",
    "leave_the_well",
    "air_check_overdue",
    "water_upstream",
    "welfare_call",
)


class WindowPolicy(Policy):
    """Limits of work and drill windows."""

    NAME: ClassVar = "windows"
    TITLES: ClassVar = {"zh": "作业与演练", "en": "Work and drills"}

    work_hours: int = rule(
        72,
        zh="一次作业最长",
        en="Longest work window",
        unit="h",
        source="a weekend: what is forgotten must end by itself",
        ge=1,
        le=720,
    )
    home_hours: int = rule(
        8,
        zh="老人或其装位的作业最长",
        en="Longest work window at a resident's",
        unit="h",
        source="a working day: nobody is left unwatched over night",
        ge=1,
        le=72,
    )
    drill_hours: int = rule(
        8,
        zh="一次演练最长",
        en="Longest drill",
        unit="h",
        source="a working day",
        ge=1,
        le=72,
    )
    ask_s: int = rule(
        60,
        zh="老人家中作业时求助：先问登记作业的人，多久后通知其他人",
        en="A call for help during work at the home: the others are told so long after whoever declared it",
        unit="s",
        source="own choice: long enough to answer a message; then the chain begins",
        ge=0,
        le=300,
    )
    never_muted: list[str] = rule(
        list(_KILLS),
        of="rule",
        zh="作业期间也照常派单的规则",
        en="Rules that call people during work too",
        source="gas, fire and rising water kill the crew whose work it is; welfare calls follow from it",
    )
