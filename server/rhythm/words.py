"""The reason of a deviation and what is learned, as plain sentences in both languages. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

from server.rhythm.core import Fixed
from server.rhythm.usual import Learned, Usual

_REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "not_up": "平时 {usual} 前起床，自 {since} 起没有动静",
        "quiet": "平时这个时段最多 {usual} 没有动静，自 {since} 起没有动静",
        "no_use": "自 {since} 起没有动静，已超过 {usual}（尚未学会起居规律）",
        "water_leak": "整日每半小时都在用水，24 小时共 {litres} 升",
        "home_water_high": "24 小时用水 {litres} 升",
        "home_water_low": "24 小时仅用水 {litres} 升",
    },
    "en": {
        "not_up": "usually up by {usual}, nothing since {since}",
        "quiet": "at this hour usually quiet for {usual} at most, nothing since {since}",
        "no_use": "nothing since {since}, for more than {usual} (no rhythm learned yet)",
        "water_leak": "water ran in every half hour of the day, {litres} L in 24 h",
        "home_water_high": "{litres} L of water in 24 h",
        "home_water_low": "only {litres} L of water in 24 h",
    },
}
_WITHOUT: Final[Mapping[str, tuple[str, str, Mapping[str, str]]]] = {
    "zh": (
        "（{kinds}设备没有信号，未计入）",
        "、",
        {"motion": "人体", "door": "门磁", "water": "用水", "bed": "床垫"},
    ),
    "en": (
        " (judged without silent sensors: {kinds})",
        ", ",
        {"motion": "motion", "door": "doors", "water": "water", "bed": "bed"},
    ),
}
_SPANS: Final = {
    "zh": ("{hours} 小时 {minutes} 分", "{hours} 小时", "{minutes} 分钟"),
    "en": ("{hours} h {minutes} min", "{hours} h", "{minutes} min"),
}
_LEARNED: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "nothing": "还没有学会：有 {days} 个有效日，需要 {needed} 个。先按固定规则判断。",
        "from": "由 {first} 至 {last} 的 {days} 个有效日学得，"
        "另有 {left_out} 天因缺数据、外出或没有动静未计入。",
        "all": "每天",
        "work": "工作日",
        "rest": "周末",
        "usual": "{name}：平时 {up} 起床（{late} 前），{night} 后入睡；白天最长安静 {quiet}。",
        "fixed_up": "已设定：{up} 前应起床。",
        "fixed_quiet": "已设定：安静超过 {quiet} 即提醒。",
        "off": "已关闭：不因安静提醒。按钮、跌倒和烟雾照常报警。",
    },
    "en": {
        "nothing": "Not learned yet: {days} valid days of the {needed} needed. Fixed rules count until then.",
        "from": "Learned from {days} valid days from {first} to {last}; {left_out} more were left out: data "
        "missing, away, or no activity.",
        "all": "Every day",
        "work": "Working days",
        "rest": "Weekends",
        "usual": "{name}: usually up at {up} (by {late}), quiet for the night after {night}; by day the "
        "longest quiet is {quiet}.",
        "fixed_up": "Laid down: up by {up}.",
        "fixed_quiet": "Laid down: told after {quiet} of quiet.",
        "off": "Switched off: quiet tells nobody. Button, fall and smoke call as ever.",
    },
}


def reason(why: Mapping[str, Any], language: str, *, zone: tzinfo) -> str:
    """The sentence for the `why` of an occurrence; nothing where it is of no kind known here."""
    words = _REASONS[language].get(str(why.get("kind")))
    if words is None:
        return ""
    if "litres" in why:
        return words.format(litres=f"{why['litres']:g}")
    usual, since = int(why["usual"]), datetime.fromisoformat(why["since"])
    shown = clock(usual) if why["kind"] == "not_up" else span(usual, language)
    return words.format(usual=shown, since=_when(since, zone)) + _without(why.get("without", ()), language)


def _without(kinds: Iterable[str], language: str) -> str:
    form, between, names = _WITHOUT[language]
    said = between.join(names[kind] for kind in kinds if kind in names)
    return form.format(kinds=said) if said else ""


def sentences(learned: Learned, fixed: Fixed, language: str, *, needed: int) -> list[str]:
    """What is learned and laid down, a sentence each."""
    words = _LEARNED[language]
    if fixed.off:
        return [words["off"]]
    said = []
    if not learned.usual or learned.first is None or learned.last is None:
        said.append(words["nothing"].format(days=learned.days, needed=needed))
    else:
        said += [
            _usual(usual, words, words[name], language)
            for name, usual in learned.usual.items()
            if name != "all" or len(learned.usual) == 1
        ]
        said.append(
            words["from"].format(
                first=learned.first.isoformat(),
                last=learned.last.isoformat(),
                days=learned.days,
                left_out=learned.left_out,
            )
        )
    if fixed.up_by is not None:
        said.append(words["fixed_up"].format(up=clock(fixed.up_by)))
    if fixed.quiet is not None:
        said.append(words["fixed_quiet"].format(quiet=span(fixed.quiet, language)))
    return said


def clock(minute: int) -> str:
    """A minute of the day: "8:10"."""
    return f"{minute // 60 % 24}:{minute % 60:02}"


def span(minutes: int, language: str) -> str:
    """A span of minutes: "3 h 20 min"."""
    both, hours, only = _SPANS[language]
    form = only if minutes < 60 else both if minutes % 60 else hours
    return form.format(hours=minutes // 60, minutes=minutes % 60)


def _usual(usual: Usual, words: Mapping[str, str], name: str, language: str) -> str:
    day = [quiet for quiet in usual.quiet[usual.up // 60 : usual.night // 60] if quiet is not None]
    return words["usual"].format(
        name=name,
        up=clock(usual.up),
        late=clock(usual.up_late),
        night=clock(usual.night),
        quiet=span(max(day, default=0), language),
    )


def _when(moment: datetime, zone: tzinfo) -> str:
    """The time of day: what is quiet began yesterday at most, but for the rare case that says its date."""
    local = moment.astimezone(zone)
    return f"{local.hour}:{local.minute:02}"
