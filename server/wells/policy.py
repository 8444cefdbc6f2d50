"""The numbers of covers, water and well work that a manager may change, each with where it comes from."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from server.policies.model import Policy, rule


class AirLimit(BaseModel):
    """What a quantity of the air may be, both ends included. An end that is missing is open."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    point: str = rule(..., zh="代号", en="Id", pattern=r"^[a-z][a-z0-9_]{0,30}$")
    zh: str = rule(..., zh="中文", en="Chinese", max_length=30)
    en: str = rule(..., zh="英文", en="English", max_length=40)
    unit: str = rule(..., zh="单位", en="Unit", max_length=12)
    least: float | None = rule(None, zh="最低", en="At least")
    most: float | None = rule(None, zh="最高", en="At most")
    needed: bool = rule(True, zh="下井前必测", en="Needed before anybody goes down")


class SiteCheck(BaseModel):
    """One line of the list that is ticked before a well's task is resolved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = rule(..., zh="代号", en="Id", pattern=r"^[a-z][a-z0-9_]{0,30}$")
    zh: str = rule(..., zh="中文", en="Chinese", min_length=1, max_length=80)
    en: str = rule(..., zh="英文", en="English", min_length=1, max_length=120)


_AIR = [
    AirLimit(point="oxygen", zh="氧气", en="Oxygen", unit="%", least=19.5, most=23.5),
    AirLimit(point="h2s", zh="硫化氢", en="Hydrogen sulphide", unit="ppm", most=7),
    AirLimit(point="co", zh="一氧化碳", en="Carbon monoxide", unit="ppm", most=25),
    AirLimit(point="lel", zh="可燃气体（甲烷等）", en="Flammable gas (methane)", unit="%LEL", most=10),
]
_AIR_SOURCE = (
    "oxygen 19.5 % to 23.5 %, flammable gas 10 % of its lower limit: 29 CFR 1910.146 (OSHA), read in "
    "copies; hydrogen sulphide 10 mg/m3 (at any time) and carbon monoxide 30 mg/m3 (15 minutes): GBZ 2.1 as "
    "makers' tables and GB/T 50493 cite it, the standard itself was not seen. In ppm at 20 degrees Celsius "
    "and 1013 hPa (24.04 L/mol; Draeger tubes handbook, for work places), rounded down: 7.05 and 25.7; "
    "tables converted at 0 degrees say 6 and 24. Values to start from: the safety officer of the site "
    "confirms them, or writes others"
)
_CHECKS = [
    SiteCheck(
        key="guarded", zh="现场有人看守，已设围挡和警示", en="Somebody guards the place; it is fenced off"
    ),
    SiteCheck(
        key="nobody_below",
        zh="已清点人员和工具，井下无人",
        en="People and tools are counted; nobody is below",
    ),
    SiteCheck(
        key="seated", zh="井盖已盖好、放平、不晃动", en="The cover is seated, level, and does not rock"
    ),
    SiteCheck(key="locked", zh="井盖已锁好", en="The cover is locked"),
    SiteCheck(key="cleared", zh="围挡已撤除，路面已清理", en="Fences are away, the road is clear"),
]


class WellPolicy(Policy):
    """When covers and water call people, and what a crew has to do before and after going down."""

    NAME: ClassVar[str] = "wells"
    TITLES: ClassVar[dict[str, str]] = {"zh": "井盖、水位与下井", "en": "Covers, water and well work"}

    cover_rules: list[str] = rule(
        ["cover_open", "cover_tilted", "cover_tilted_y", "cover_over"],
        of="rule",
        zh="表示井盖打开的规则",
        en="Rules that say that a cover is open",
        source="the packaged profiles' rules",
    )
    near_m: int = rule(
        200,
        zh="附近有高风险老人或站点时通知的距离",
        en="Tell stations of an open cover within",
        unit="m",
        source="the operator's own rule: a cover within 200 m of a vulnerable resident or a station",
        ge=10,
        le=5_000,
    )
    roadworks_covers: int = rule(
        3,
        zh="疑似施工：同时打开的井盖数",
        en="Roadworks: covers opened together",
        source="a start value: one theft takes one cover; no public figure was found",
        ge=2,
        le=50,
    )
    roadworks_m: int = rule(
        150, zh="疑似施工：范围", en="Roadworks: within", unit="m", source="a start value", ge=10, le=2_000
    )
    roadworks_min: int = rule(
        10,
        zh="疑似施工：时间",
        en="Roadworks: within the time",
        unit="min",
        source="a start value",
        ge=1,
        le=120,
    )
    roadworks_hold_min: int = rule(
        10,
        zh="疑似施工：其他井盖单独通知前等待",
        en="Roadworks: wait before the others are told on their own",
        unit="min",
        source="a start value: the first crew is on site or has said what it is by then",
        ge=1,
        le=60,
    )
    prealarm_percent: float = rule(
        80.0,
        zh="水位预警（井深的百分比）",
        en="Water pre-alarm, of the well's depth",
        unit="%",
        source="operators warn at 80 % of the overflow's height, log at 100 % (operationsengineer.org.uk)",
        ge=10,
        le=100,
    )
    rise_cm_per_min: float = rule(
        3.0,
        zh="水位上涨速度报警",
        en="Water rises by",
        unit="cm/min",
        source="a start value, 30 cm in ten minutes; no public figure was found",
        gt=0,
        le=100,
    )
    rise_window_min: int = rule(
        10, zh="计算上涨速度的时间", en="… measured over", unit="min", source="a start value", ge=2, le=120
    )
    forecast_min: int = rule(
        60,
        zh="预计多久内到达预警水位时报警",
        en="Alarm where the pre-alarm level is expected within",
        unit="min",
        source="a start value: the time to come and pump",
        ge=5,
        le=600,
    )
    air: list[AirLimit] = rule(
        _AIR, zh="下井空气要求", en="Air in which people may go down", source=_AIR_SOURCE
    )
    air_fresh_min: int = rule(
        10,
        zh="空气读数有效时间",
        en="A reading of the air counts for",
        unit="min",
        source="a start value: before going down, after stirring the sludge; the rule seen gives no time",
        ge=1,
        le=60,
    )
    air_check_min: int = rule(
        30,
        zh="井下作业期间复测间隔",
        en="While somebody is below the air is read again each",
        unit="min",
        source="a start value; well-work rules ask for readings during the work without one common figure",
        ge=1,
        le=240,
    )
    air_repeat_min: int = rule(
        2,
        zh="复测超时后重复提醒",
        en="… and overdue, told again each",
        unit="min",
        source="a start value",
        ge=1,
        le=60,
    )
    checks: list[SiteCheck] = rule(
        _CHECKS,
        zh="完成前的现场检查",
        en="Site check before the task is resolved",
        source="the operator's own list",
    )
