"""The words of a gateway's condition over time, in both languages."""

from typing import Final

ZH: Final[dict[str, str]] = {
    "gateways.course": "近 24 小时",
    "gateways.outputs": "现场声光",
    "health.alarm_oldest": "最早未送达报警的等待时间",
    "health.data_oldest": "最早未送达数据的等待时间",
    "health.wear": "存储卡已用寿命",
    "health.driver_errors": "{driver} 驱动错误数",
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
    "output.siren": "siren",
    "output.buzzer": "buzzer",
    "output.voice": "voice",
}
