"""The words of a gateway's condition over time, in both languages."""

from typing import Final

ZH: Final[dict[str, str]] = {
    "gateways.course": "近 24 小时",
    "gateways.outputs": "现场声光",
    "health.alarm_oldest": "最早未送达报警的等待时间",
    "health.data_oldest": "最早未送达数据的等待时间",
    "health.wear": "存储卡已用寿命",
    "health.driver_errors": "{driver} 驱动错误数",
    "task.unprotected": "此刻失去守护的老人",
    "task.unprotected_help": "他们的设备经由这台网关。请电话问候，直到恢复；高风险者优先。",
    "task.unprotected_none": "没有老人的设备经由这里。",
    "task.callers": "可能求助的老人",
    "task.callers_help": "他们的设备经由这台网关。请立即逐一电话询问，高风险者优先。",
    "battery.critical": "即将耗尽或已耗尽",
    "battery.unknown_since": "{when}后未知",
    "output.siren": "警笛",
    "output.buzzer": "蜂鸣器",
    "output.voice": "语音",
}
EN: Final[dict[str, str]] = {
    "gateways.course": "Last 24 hours",
    "gateways.outputs": "Alarm in the room",
    "health.alarm_oldest": "Oldest alarm waiting",
    "health.data_oldest": "Oldest data waiting",
    "health.wear": "Memory life used",
    "health.driver_errors": "Errors of driver {driver}",
    "task.unprotected": "Unprotected now",
    "task.unprotected_help": "Their devices speak through it. Telephone till it is back, high risk first.",
    "task.unprotected_none": "No resident's device speaks through here.",
    "task.callers": "Who may have called",
    "task.callers_help": "Their devices speak through this gateway. Telephone each now, high risk first.",
    "battery.critical": "almost or quite empty",
    "battery.unknown_since": "unknown since {when}",
    "output.siren": "siren",
    "output.buzzer": "buzzer",
    "output.voice": "voice",
}
