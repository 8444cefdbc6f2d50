"""The words of covers, water and well work, in both languages."""

from typing import Final

ZH: Final[dict[str, str]] = {
    "event.station_told": "已通知附近站点：{people}",
    "event.desk_told": "已通知调度：{people}",
    "event.site_checked": "{actor} 完成现场检查",
    "event.well_entered": "{actor} 报告人员下井",
    "event.air_checked": "{actor} 复测井下空气",
    "event.well_left": "{actor} 报告人员全部出井",
    "event.roadworks": "附近多个井盖同时打开，疑似施工，由同一班组处理",
    "event.roadworks_confirmed": "{actor} 确认是施工",
    "event.roadworks_denied": "{actor} 确认不是施工，各自处理",
    "wells.roadworks.alone": "附近没有其他同时打开的井盖。",
    "wells.gate.below": "井下还有 {count} 人：请先确认人员全部出井，再结束任务。",
    "wells.gate.site": "现场检查还没有完成：{what}。请在任务的“现场与下井”中勾选。",
    "wells.enter.arrive": "请先到达现场（点“已到现场”），再登记下井。",
    "wells.enter.twice": "这口井里已经有人。",
    "wells.enter.alarm": "这口井还有未解除的危急报警，不得下井。",
    "wells.enter.no_well": "这个任务没有对应的井。",
    "wells.enter.nobody": "井下现在没有人。",
    "wells.enter.air": "不得下井：{what}",
}
EN: Final[dict[str, str]] = {
    "event.station_told": "The station nearby was told: {people}",
    "event.desk_told": "The dispatchers were told: {people}",
    "event.site_checked": "{actor} did the site check",
    "event.well_entered": "{actor}: people went down",
    "event.air_checked": "{actor} read the air again",
    "event.well_left": "{actor}: all are out",
    "event.roadworks": "Several covers nearby were opened together: roadworks? One crew for all",
    "event.roadworks_confirmed": "{actor}: these are roadworks",
    "event.roadworks_denied": "{actor}: no roadworks, each on its own",
    "wells.roadworks.alone": "No other cover nearby was opened with this one.",
    "wells.gate.below": "{count} people are still below: say when all are out, then end the task.",
    "wells.gate.site": "The site check is missing: {what}. Tick it under “Site and well work”.",
    "wells.enter.arrive": "Arrive first (“On site”), then go down.",
    "wells.enter.twice": "Somebody is in this well already.",
    "wells.enter.alarm": "A critical alarm is open at this well: nobody goes down.",
    "wells.enter.no_well": "This task is not about a well.",
    "wells.enter.nobody": "Nobody is in the well now.",
    "wells.enter.air": "Nobody goes down: {what}",
}
