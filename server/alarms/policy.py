"""The rules by which alarms become one task."""

from typing import ClassVar, Final

from server.policies.model import Policy, rule

_ONE_TASK: Final = (
    "field practice: one task per resident; fall, button and no water at one address within 10 min"
)


class JoiningPolicy(Policy):
    """How alarms are joined. One open task of a kind for a subject holds whatever is written here: the
    database's unique index sees to it."""

    NAME: ClassVar = "joining"
    TITLES: ClassVar = {"zh": "报警合并", "en": "Joining alarms"}

    home_minutes: int = rule(
        0,
        zh="住址写到门牌室号时：同一住址的其他老人多少分钟内报警，并入同一任务（0 为不并）",
        en="Where addresses name the flat: alarms of others at the same one join a task within (0: never)",
        unit="min",
        source="0: an address that ends at the building would lead to the wrong door; the field has 10 min",
        ge=0,
        le=120,
    )
    refer_minutes: int = rule(
        10,
        zh="任务关闭后多少分钟内再报警，新任务注明承接原任务",
        en="An alarm within this time after a task was closed opens one that refers to it",
        unit="min",
        source=_ONE_TASK,
        ge=0,
        le=1_440,
    )
    fold_minutes: int = rule(
        15,
        zh="网关或线路故障前多少分钟内失联的传感器并入该故障",
        en="Sensors that fell silent within this time before a gateway's fault belong to it",
        unit="min",
        source="a mains sensor of the packaged profiles is missed after 10 min at the earliest",
        ge=0,
        le=1_440,
    )
    unfold_minutes: int = rule(
        30,
        zh="故障恢复后多少分钟仍失联的传感器单独建任务",
        en="Sensors still silent this long after the fault's end get tasks of their own",
        unit="min",
        source="long enough for sensors that report each quarter of an hour to be heard twice",
        ge=1,
        le=2_880,
    )
