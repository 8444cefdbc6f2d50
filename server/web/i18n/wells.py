"""The words of covers, water and well work, in both languages."""

from typing import Final

ZH: Final[dict[str, str]] = {
    "event.station_told": "已通知附近站点：{people}",
    "event.desk_told": "已通知调度：{people}",
}
EN: Final[dict[str, str]] = {
    "event.station_told": "The station nearby was told: {people}",
    "event.desk_told": "The dispatchers were told: {people}",
}
