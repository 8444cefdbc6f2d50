"""Against what the work is measured: the targets a manager may change."""

from typing import ClassVar

from pydantic import field_validator

from server.figures.months import zone_of
from server.policies.model import Policy, rule


class FiguresPolicy(Policy):
    """Targets of answer times, and which tasks count for them."""

    NAME: ClassVar = "figures"
    TITLES: ClassVar = {"zh": "指标与目标", "en": "Figures and targets"}

    zone: str = rule(
        "Asia/Shanghai",
        zh="统计所用时区",
        en="Time zone in which months, days and hours are counted",
        source="IANA time zone database",
    )
    first_s: int = rule(
        60,
        zh="第一档应答时限",
        en="First answer time",
        unit="s",
        source="TSA/TEC Quality: 97.5 % of calls answered within 60 s",
        ge=1,
        le=3600,
    )
    first_percent: float = rule(
        97.5,
        zh="第一档应达到的比例",
        en="Share to be answered within it",
        unit="%",
        source="TSA/TEC Quality: 97.5 % of calls answered within 60 s",
        ge=0,
        le=100,
    )
    second_s: int = rule(
        180,
        zh="第二档应答时限",
        en="Second answer time",
        unit="s",
        source="TSA/TEC Quality: 99 % of calls answered within 180 s",
        ge=1,
        le=3600,
    )
    second_percent: float = rule(
        99.0,
        zh="第二档应达到的比例",
        en="Share to be answered within it",
        unit="%",
        source="TSA/TEC Quality: 99 % of calls answered within 180 s",
        ge=0,
        le=100,
    )
    near_percent: float = rule(
        2.0,
        zh="低于目标多少以内显示为“接近”",
        en="Points below a target that still show as near",
        unit="%",
        source="own choice",
        ge=0,
        le=20,
    )
    kinds: list[str] = rule(
        ["care", "well", "public_health"],
        of="kind",
        zh="计入应答达标率的任务种类",
        en="Kinds of task that count for the targets",
        source="own choice: maintenance waits for the next round and is no call",
    )
    severities: list[str] = rule(
        ["critical", "major"],
        of="severity",
        zh="计入应答达标率的级别",
        en="Severities that count for the targets",
        source="own choice: what calls people at once",
    )
    protected_percent: float = rule(
        99.0,
        zh="守护时长比例目标",
        en="Share of resident-hours to be protected",
        unit="%",
        source="own choice: no public figure found",
        ge=0,
        le=100,
    )

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        zone_of(zone)
        return zone
