"""What counts as protected: the rules a manager may change."""

from typing import ClassVar

from server.policies.model import Policy, rule


class CoveragePolicy(Policy):
    """Which sensors protect a person, and when one of them does so no more."""

    NAME: ClassVar = "coverage"
    TITLES: ClassVar = {"zh": "守护状态", "en": "Coverage"}

    helps: list[str] = rule(
        ["button", "fall", "other"],
        of="help",
        zh="家中有什么算守护",
        en="What at home protects",
        source="own choice: what calls for help by itself or at a press; sensors of daily life do not",
    )
    battery_low_counts: bool = rule(
        True,
        zh="电量低即算失去守护（否则仅电量严重不足时算）",
        en="A low battery already counts as a gap (otherwise only a nearly empty one)",
        source="coverage = gateway alive × sensor fresh × battery good × last test passed",
    )
    retest_grace_days: int = rule(
        14,
        zh="复测逾期多少天后算失去守护",
        en="Days that a re-test may be late before the sensor does not count any more",
        unit="d",
        source="own choice: a fortnight, so that one missed round of visits is not yet a gap",
        ge=0,
        le=365,
    )
    restart_grace_s: int = rule(
        300,
        zh="服务器启动后多少秒内不判断设备失联",
        en="Seconds after the server's start in which no sensor is judged silent",
        unit="s",
        source="own choice: gateways are back within a minute and hand over what they kept",
        ge=0,
        le=3600,
    )
    calls_for: list[str] = rule(
        ["gateway", "driver", "silent", "removed", "work", "rhythm"],
        of="gap",
        zh="哪些原因需要打关怀电话",
        en="Causes that call for a welfare call",
        source="own choice: those by which a press would not arrive now, or nobody would be missed",
    )
    retest_ahead_days: int = rule(
        30,
        zh="提前多少天列出到期复测",
        en="Days ahead that re-tests are listed",
        unit="d",
        source="own choice: a month's round",
        ge=0,
        le=365,
    )
