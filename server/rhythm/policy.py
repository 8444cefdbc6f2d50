"""When quiet is too quiet, and water too much: the house's numbers, with their sources."""

from typing import ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import field_validator

from server.policies.model import Policy, rule

Level = Literal["critical", "major", "minor", "warning"]
_SHANGHAI = "field practice: Shanghai Changning and Shenzhen Longgang (taihainet.com 2020-12-11)"
_JINGAN = "field practice: Shanghai Jing'an, a county utility (investchn.com 247251)"
_NINGBO = "field practice: Ningbo (daily.cnnb.com.cn 2022-05-20)"
_XINHUA = "field practice: Xinhua (guilinhotline.com/sh/nannv/18757)"
_LONGGANG = "field practice: Shenzhen Longgang (m.dutenews.com/n/article/6387582)"
_TUNED = "tuned on simulated lives: false alarms against delay (docs/care.md)"


class RhythmPolicy(Policy):
    """When a resident's silence calls somebody. What is learned counts before the fixed rules."""

    NAME: ClassVar = "rhythm"
    TITLES: ClassVar = {"zh": "起居规律", "en": "Daily rhythm"}

    zone: str = rule("Asia/Shanghai", zh="时区", en="Time zone", source="all of China keeps one time")
    learn_days: int = rule(28, zh="学习天数", en="Days to learn from", unit="d", ge=7, le=60, source=_TUNED)
    minimum_days: int = rule(
        7, zh="至少有效天数", en="Valid days needed", unit="d", ge=3, le=28, source="one of each weekday"
    )
    missing_minutes: int = rule(
        60,
        zh="每天可缺数据",
        en="Missing data allowed in a valid day",
        unit="min",
        ge=0,
        le=720,
        source=_TUNED,
    )
    night_end: int = rule(
        4 * 60, zh="夜晚结束（零点起分钟）", en="Night ends, after midnight", unit="min", ge=0, le=720,
        source="before four, activity is taken for a way to the toilet",
    )  # fmt: skip
    up_margin: int = rule(
        60, zh="起床宽限", en="Grace after the latest usual time up", unit="min", ge=0, le=600, source=_TUNED
    )
    quiet_margin: int = rule(
        60, zh="安静宽限", en="Grace after the longest usual quiet", unit="min", ge=0, le=600, source=_TUNED
    )
    quiet_percent: int = rule(
        150, zh="安静倍数", en="Longest usual quiet counts", unit="%", ge=100, le=400, source=_TUNED
    )
    quiet_least: int = rule(
        120, zh="最短安静时长", en="Quiet below this is never told", unit="min", ge=30, le=1440, source=_TUNED
    )
    severity_soft: Level = rule("warning", zh="首次偏离的级别", en="Severity when it begins", of="severity")
    severity_hard: Level = rule("major", zh="持续偏离的级别", en="Severity when it lasts", of="severity")
    hard_after: int = rule(60, zh="升级时间", en="It lasts after", unit="min", ge=0, le=1440, source=_TUNED)
    fixed_water_hours: int = rule(
        12,
        zh="未学会前：用水时段",
        en="Not learned yet: water within",
        unit="h",
        ge=1,
        le=72,
        source=_SHANGHAI,
    )
    fixed_water_litres: float = rule(
        10.0, zh="未学会前：时段内少于", en="… less than", unit="L", ge=0, le=1000, source=_SHANGHAI
    )
    fixed_door_hours: int = rule(
        24, zh="未学会前：门未开", en="Not learned yet: no door opened for", unit="h", ge=1, le=168,
        source=_XINHUA,
    )  # fmt: skip
    fixed_motion_hours: int = rule(
        24, zh="未学会前：无人体活动", en="Not learned yet: no motion for", unit="h", ge=1, le=168,
        source=_XINHUA,
    )  # fmt: skip
    low_water_litres: float = rule(
        8.0, zh="24 小时用水少于", en="Too little water in 24 h", unit="L", ge=0, le=1000, source=_NINGBO
    )
    high_water_litres: float = rule(
        2000.0, zh="24 小时用水多于", en="Too much water in 24 h", unit="L", ge=1, le=100_000, source=_JINGAN
    )
    leak_half_hours: int = rule(
        48, zh="连续用水的半小时数", en="Half hours with water on end, which is a leak", ge=4, le=96,
        source=_LONGGANG,
    )  # fmt: skip
    start_grace: int = rule(
        10, zh="服务器启动后等待", en="Wait after a server's start", unit="min", ge=0, le=120,
        source="gateways bring what they kept meanwhile",
    )  # fmt: skip

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("not a time zone of the IANA list, like Asia/Shanghai")
        return zone

    @property
    def tz(self) -> ZoneInfo:
        """The zone in which days begin and people get up."""
        return ZoneInfo(self.zone)
