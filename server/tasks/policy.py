"""Kinds of task, how they end, and what is looked at again: data that a manager edits.

What alarms call their kind (`gateway.rules.model.TaskKind`) is the wire's vocabulary and has to be among the
kinds; any other kind that is written here works everywhere without more.
"""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.rules.model import TaskKind
from server.policies.model import Policy, rule
from server.users.roles import LINKS_ONLY, TASK_KINDS, Role

FOLLOW_UP: Final = "follow_up"
Icon = Literal[
    "care", "well", "public_health", "maintenance", "follow_up", "phone", "home", "family", "person", "key",
    "bell", "plug", "flag", "walk", "hourglass", "tasks",
]  # fmt: skip
Colour = Literal["plain", "blue", "green", "orange", "purple", "teal"]
CountsAs = Literal["helped", "false_alarm", "test", "none"]
_ID: Final = r"^[a-z][a-z0-9_]{1,29}$"
_PILOT: Final = "field practice: two care calls a week (a district's platform, Shanghai)"
_TEC: Final = "TEC monitoring v4.0: at least 2 recorded calls audited per handler per month"
_TSA: Final = "TSA / TEC Quality: 99 % of calls answered in 180 s"


class Outcome(BaseModel):
    """One way in which a task ends. `follow_up`: somebody visits or calls again some days later."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    id: str = rule("", zh="代号", en="Id", pattern=_ID)
    zh: str = rule("", zh="中文", en="Chinese", min_length=1, max_length=30)
    en: str = rule("", zh="英文", en="English", min_length=1, max_length=40)
    counts_as: CountsAs = rule("none", zh="统计为", en="Counts as", of="counts_as")
    needs_cause: bool = rule(False, zh="要选原因", en="Needs a cause")
    needs_note: bool = rule(False, zh="要写说明", en="Needs a note")
    follow_up: bool = rule(False, zh="之后回访", en="Followed up")


class Cause(BaseModel):
    """Why an alarm was a false one."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    id: str = rule("", zh="代号", en="Id", pattern=_ID)
    zh: str = rule("", zh="中文", en="Chinese", min_length=1, max_length=30)
    en: str = rule("", zh="英文", en="English", min_length=1, max_length=40)
    needs_note: bool = rule(False, zh="要写说明", en="Needs a note")


class Kind(BaseModel):
    """One kind of task. `roles` see it beside those who see all; those of them who work on tasks work on
    it. `arrive`: somebody has to go there. `follow_up_days`: 0 for none."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    id: str = rule("", zh="代号", en="Id", pattern=_ID)
    zh: str = rule("", zh="中文", en="Chinese", min_length=1, max_length=20)
    en: str = rule("", zh="英文", en="English", min_length=1, max_length=30)
    icon: Icon = rule("tasks", zh="图标", en="Icon", of="icon")
    colour: Colour = rule("plain", zh="颜色", en="Colour", of="colour")
    roles: Annotated[list[str], Field(max_length=10)] = rule([], zh="由谁处理", en="Roles", of="role")
    outcomes: Annotated[list[str], Field(min_length=1, max_length=30)] = rule(
        [], zh="可选结果", en="Outcomes", of="outcome"
    )
    needs_review: bool = rule(False, zh="要督查", en="Reviewed")
    follow_up_days: int = rule(0, zh="几天后回访", en="Follow up after", unit="d", ge=0, le=60, source=_PILOT)
    arrive: bool = rule(True, zh="要到现场", en="Somebody goes there")

    @field_validator("roles")
    @classmethod
    def _known(cls, roles: list[str]) -> list[str]:
        if unknown := [role for role in roles if role not in set(Role)]:
            raise ValueError(f"{unknown[0]!r} is not a role: {', '.join(Role)}")
        return roles


def _outcome(name: str, zh: str, en: str, counts_as: CountsAs, **more: bool) -> Outcome:
    return Outcome(id=name, zh=zh, en=en, counts_as=counts_as, **more)


def _of(kind: str) -> list[str]:
    return [role for role in Role if role not in ALL_SEEING | LINKS_ONLY and kind in TASK_KINDS[role]]


ALL_SEEING: Final = frozenset({Role.DISPATCHER, Role.MANAGER, Role.ADMINISTRATOR, Role.WALL})
"""They see every kind there is: nothing that a manager writes can make a task that nobody sees."""
OUTCOMES: Final = [
    _outcome("helped_on_site", "已上门帮助", "Helped on site", "helped", follow_up=True),
    _outcome("helped_by_phone", "已电话解决", "Helped by telephone", "helped"),
    _outcome("hospital", "已送医", "Taken to hospital", "helped", follow_up=True),
    _outcome("repaired", "已修复", "Repaired", "helped"),
    _outcome("well_again", "情况良好", "All is well", "helped"),
    _outcome("false_alarm", "误报", "False alarm", "false_alarm", needs_cause=True),
    _outcome("no_access", "未能进门", "Could not get in", "none", needs_note=True),
    _outcome("test", "测试", "Test", "test"),
]
CAUSES: Final = [
    Cause(id="pet", zh="宠物", en="A pet"),
    Cause(id="by_mistake", zh="误按或自行测试", en="Pressed or tested by mistake"),
    Cause(id="sat_down_hard", zh="坐下或弯腰动作", en="Sat down hard, or bent"),
    Cause(id="vibration", zh="震动或过车", en="Vibration or traffic"),
    Cause(id="sensor_fault", zh="设备故障", en="Sensor fault"),
    Cause(id="other", zh="其他（请说明）", en="Other (say what)", needs_note=True),
]
_PEOPLE_OUTCOMES: Final = [
    "helped_on_site",
    "helped_by_phone",
    "hospital",
    "false_alarm",
    "no_access",
    "test",
]
_THINGS_OUTCOMES: Final = ["repaired", "false_alarm", "no_access", "test"]
KINDS: Final = [
    Kind(id="care", zh="照护", en="Care", icon="care", colour="blue", roles=_of("care"),
         outcomes=_PEOPLE_OUTCOMES, needs_review=True, follow_up_days=3),
    Kind(id="well", zh="井盖", en="Wells", icon="well", colour="teal", roles=_of("well"),
         outcomes=_THINGS_OUTCOMES, needs_review=True),
    Kind(id="public_health", zh="公共卫生", en="Public health", icon="public_health", colour="purple",
         roles=_of("public_health"), outcomes=[each for each in _PEOPLE_OUTCOMES if each != "no_access"]),
    Kind(id="maintenance", zh="运维", en="Maintenance", icon="maintenance", colour="orange",
         roles=_of("maintenance"), outcomes=_THINGS_OUTCOMES),
    Kind(id=FOLLOW_UP, zh="回访", en="Follow-up", icon="follow_up", colour="green", roles=[Role.CARER],
         outcomes=["well_again", "helped_on_site", "helped_by_phone", "hospital", "no_access"], arrive=False),
]  # fmt: skip


class TaskPolicy(Policy):
    """What tasks there are, how they end, and which of them a manager looks at again."""

    NAME: ClassVar[str] = "tasks"
    TITLES: ClassVar[dict[str, str]] = {
        "zh": "任务类型与结果",
        "en": "Kinds of task and how they end",
        "zh_about": "任务类型、办结结果、误报原因、回访、督查与暂缓。",
        "en_about": "Kinds, outcomes, causes of false alarms, follow-ups, reviews and putting off.",
    }

    kinds: Annotated[list[Kind], Field(min_length=1, max_length=30)] = rule(
        KINDS, zh="任务类型", en="Kinds of task"
    )
    outcomes: Annotated[list[Outcome], Field(min_length=1, max_length=40)] = rule(
        OUTCOMES, zh="办结结果", en="Outcomes"
    )
    causes: Annotated[list[Cause], Field(min_length=1, max_length=40)] = rule(
        CAUSES, zh="误报原因", en="Causes of false alarms"
    )
    snooze_max_minutes: int = rule(
        240, zh="最长暂缓", en="Longest putting off", unit="min", ge=5, le=1_440,
        source="half a shift: whoever put it off is still there",
    )  # fmt: skip
    renew_critical_h: int = rule(
        1, zh="办结后情况仍在，重新派单（危急）", en="Ask again for what outlasts its task (critical)",
        unit="h", ge=1, le=168, source="our choice: gas or an open cover is not left for longer",
    )  # fmt: skip
    renew_major_h: int = rule(
        4, zh="… 严重", en="… (major)", unit="h", ge=1, le=168, source="our choice: half a shift"
    )
    renew_other_h: int = rule(
        24, zh="… 其他", en="… (others)", unit="h", ge=1, le=720, source="our choice: the next day"
    )
    review_critical: bool = rule(True, zh="督查全部危急任务", en="Review every critical task")
    review_late_answer_s: int = rule(
        180, zh="接单晚于此时督查（危急与严重）", en="Review critical and major tasks answered after",
        unit="s", ge=10, le=86_400, source=_TSA,
    )  # fmt: skip
    review_false_alarms: int = rule(
        3, zh="同一处误报达此次数督查", en="Review where one subject has had so many false alarms",
        ge=1, le=100, source="our choice: a third one in the time below is no accident",
    )  # fmt: skip
    review_false_alarm_days: int = rule(
        30, zh="误报统计天数", en="… within", unit="d", ge=1, le=366, source="our choice: a month"
    )
    review_sample: int = rule(
        2, zh="每人每月抽查件数", en="Reviewed at random, per person and month", ge=0, le=50, source=_TEC
    )

    @model_validator(mode="after")
    def _fits(self) -> "TaskPolicy":
        for what, rows in (("kind", self.kinds), ("outcome", self.outcomes), ("cause", self.causes)):
            ids = [row.id for row in rows]
            if twice := {each for each in ids if ids.count(each) > 1}:
                raise ValueError(f"the {what} {sorted(twice)[0]!r} is there twice")
        here = {kind.id for kind in self.kinds}
        if missing := [each for each in (*TaskKind, FOLLOW_UP) if each not in here]:
            raise ValueError(
                f"the kind {str(missing[0])!r} is needed: alarms and follow-ups become such tasks"
            )
        known = {outcome.id for outcome in self.outcomes}
        for kind in self.kinds:
            if unknown := [each for each in kind.outcomes if each not in known]:
                raise ValueError(f"the kind {kind.id!r} has the outcome {unknown[0]!r}, which is not there")
        return self

    def kind(self, name: str) -> Kind:
        """That kind; one that is not there any more is shown by its id, with every outcome."""
        known = next((kind for kind in self.kinds if kind.id == name), None)
        return known or Kind(id=name, zh=name, en=name, outcomes=[each.id for each in self.outcomes])

    def outcome(self, name: str) -> Outcome:
        """That outcome; one that is not there any more is shown by its id."""
        known = next((each for each in self.outcomes if each.id == name), None)
        return known or Outcome(id=name, zh=name, en=name)

    def cause(self, name: str) -> Cause:
        """That cause; one that is not there any more is shown by its id."""
        known = next((each for each in self.causes if each.id == name), None)
        return known or Cause(id=name, zh=name, en=name)

    def outcomes_of(self, kind: str) -> list[Outcome]:
        """How a task of this kind may end, the usual way first."""
        return [self.outcome(name) for name in self.kind(kind).outcomes]

    def counting_as(self, what: CountsAs) -> frozenset[str]:
        """The outcomes that the figures count as `what`."""
        return frozenset(each.id for each in self.outcomes if each.counts_as == what)
