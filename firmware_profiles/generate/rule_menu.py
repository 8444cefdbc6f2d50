"""The rules that are the same across models: their words, severity and task. The limit and its source belong
to the model and are given with each use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class MenuRule:
    """`kinds` are the conditions that make sense for it, the usual one first; `points` are usual names of
    the point that it looks at."""

    name: tuple[str, str]
    advise: tuple[str, str]
    severity: str
    task: str
    kinds: tuple[str, ...]
    points: tuple[str, ...] = ()

    def document(self, when: Mapping[str, Any], source: str) -> dict[str, Any]:
        """The rule as a profile writes it."""
        return {
            "name": dict(zip(("zh", "en"), self.name, strict=True)),
            "advise": dict(zip(("zh", "en"), self.advise, strict=True)),
            "severity": self.severity,
            "task": self.task,
            "when": dict(when),
            "source": source,
        }


_CALL_BACK = (
    "立即回拨住户电话；无人接听时派最近的人上门。",
    "Call the resident back at once; if nobody answers, send the nearest person.",
)
_EVACUATE = (
    "人员立即撤离并警戒，通风；未测氧、未戴防护不得下井，通知燃气或应急部门。",
    "Clear and guard the place, ventilate; nobody goes down unprotected. Tell the gas or emergency service.",
)
_BLOCKAGE = (
    "检查排水是否堵塞，必要时抽排并封闭路面。",
    "Look for a blockage; pump and close the road if needed.",
)

MENU: Final[Mapping[str, MenuRule]] = {
    "sos": MenuRule(
        ("紧急呼叫", "Emergency call"), _CALL_BACK, "critical", "care",
        ("event", "state"), ("sos", "action", "press"),
    ),
    "fall": MenuRule(
        ("跌倒", "Fall"),
        (
            "立即回拨住户；无人应答时派最近的人上门，不要独自搬动老人。",
            "Call back at once; if nobody answers, send the nearest person. Do not lift the resident alone.",
        ),
        "critical", "care", ("state", "event"), ("fall", "posture"),
    ),
    "fall_suspected": MenuRule(
        ("疑似跌倒", "Suspected fall"),
        ("先电话确认；无人接听按跌倒处理。", "Call first; if nobody answers, treat it as a fall."),
        "major", "care", ("state", "event"), ("fall", "posture"),
    ),
    "cover_open": MenuRule(
        ("井盖开启", "Cover open"),
        (
            "立即到场设置围挡和警示，盖好井盖后拍照上传。",
            "Go at once, fence it off, put the cover back and take a picture.",
        ),
        "major", "well", ("state", "event"), ("cover_open",),
    ),
    "cover_tilted": MenuRule(
        ("井盖倾斜", "Cover tilted"),
        (
            "到场检查井盖是否移位，必要时围挡并复位。",
            "Check whether the cover has moved; fence it off and put it back if needed.",
        ),
        "major", "well", ("threshold", "state", "event"), ("tilt", "angle"),
    ),
    "water_high": MenuRule(
        ("水位过高", "Water high"), _BLOCKAGE, "major", "well",
        ("threshold", "state"), ("water_level", "level"),
    ),
    "water_rising": MenuRule(
        ("水位快速上涨", "Water rising fast"),
        (
            "关注降雨和上游情况，准备抽排，提醒附近人员。",
            "Watch rain and upstream wells, make pumps ready, warn people nearby.",
        ),
        "major", "well", ("rate",), ("water_level", "level"),
    ),
    "leak": MenuRule(
        ("漏水", "Water leak"),
        ("到场查找漏点，关闭阀门。", "Find the leak and close the valve."),
        "major", "well", ("state", "event"), ("leak",),
    ),
    "gas": MenuRule(
        ("气体超标", "Gas"), _EVACUATE, "critical", "well", ("threshold", "state"), ("gas",),
    ),
    "gas_co": MenuRule(
        ("一氧化碳超标", "Carbon monoxide"), _EVACUATE, "critical", "well",
        ("threshold", "state"), ("carbon_monoxide", "co"),
    ),
    "fire": MenuRule(
        ("疑似火警", "Fire"), ("立即到场查看，必要时拨打 119。", "Look at once; call 119 if needed."),
        "critical", "well", ("state", "event"), ("smoke", "fire"),
    ),
    "fever": MenuRule(
        ("体温异常", "Fever"),
        (
            "请对方到一旁休息，用体温计复测后登记并联系社区卫生服务站。",
            "Ask the person to rest aside, measure again with a clinical thermometer, note it and call the "
            "health station.",
        ),
        "major", "public_health", ("threshold",), ("temperature",),
    ),
    "tamper": MenuRule(
        ("设备被拆", "Device opened"), ("检查外壳并重新固定。", "Check the case and fix it again."),
        "warning", "maintenance", ("state", "event"), ("tamper",),
    ),
    "sensor_fault": MenuRule(
        ("传感器故障", "Sensor fault"),
        (
            "检查探头、接线和安装位置，必要时更换；故障期间该点无保护。",
            "Check probe, wiring and mounting; replace it if needed. Until then this place is unprotected.",
        ),
        "minor", "maintenance", ("state",), ("fault",),
    ),
}  # fmt: skip
"""Rules by key. `silent` and `battery_low` follow from heartbeat and battery, so they stand not here."""
