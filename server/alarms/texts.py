"""What rules are called and what to do about them, in both languages, taken from the profiles."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from firmware_profiles import Profile

LANGUAGES: Final = ("zh", "en")


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule's name and advice by language ("zh", "en")."""

    name: dict[str, str]
    advise: dict[str, str]


GATEWAY_OFFLINE: Final = "gateway_offline"
GATEWAY_STORAGE: Final = "gateway_storage"
GATEWAY_DRIVER: Final = "gateway_driver"
GATEWAY_TWIN: Final = "gateway_twin"
CALL_REFUSED: Final = "call_refused"
ALARM_REFUSED: Final = "alarm_refused"
DISPATCH_OVERDUE: Final = "dispatch_overdue"
LOOP_STILL: Final = "loop_still"
WELFARE_CALL: Final = "welfare_call"
INACTIVITY: Final = "inactivity"
WATER_LEAK: Final = "water_leak"
CHANNEL_FAILING: Final = "channel_failing"
WATER_HIGH: Final = "home_water_high"
WATER_LOW: Final = "home_water_low"
WATER_RISING: Final = "water_rising"
"""Also the gateways' own rule of a fast rise: one alarm stands for both."""
WATER_UPSTREAM: Final = "water_upstream"
AIR_CHECK_OVERDUE: Final = "air_check_overdue"
LEAVE_THE_WELL: Final = "leave_the_well"
FOLLOW_UP: Final = "follow_up"

_SERVER_RULES: Final[dict[str, RuleText]] = {
    WELFARE_CALL: RuleText(
        name={"zh": "问候电话", "en": "Welfare call"},
        advise={
            "zh": "老人家中的设备暂时失去守护。请打电话问候，确认平安，并提醒有事直接拨打电话求助；"
            "无人接听时请按紧急联系人上门查看。",
            "en": "A fault leaves this home unprotected. Telephone, make sure that all is well, and say whom "
            "to call meanwhile; if nobody answers, go and look.",
        },
    ),
    GATEWAY_OFFLINE: RuleText(
        name={"zh": "网关离线", "en": "Gateway offline"},
        advise={
            "zh": "先电话确认现场是否停电断网；无法恢复则上门检查网关。期间请关注由它守护的老人。",
            "en": "Ask whether power or network is out; if it stays down, go and check the gateway. "
            "Meanwhile look after the residents it protects.",
        },
    ),
    GATEWAY_STORAGE: RuleText(
        name={"zh": "网关存储故障", "en": "Gateway storage fault"},
        advise={
            "zh": "网关的存储卡已满或损坏，报警仍在发送。请清理空间或更换存储卡；网关页面有详细原因。",
            "en": "The gateway's card is full or damaged; alarms still come through. Make room or replace "
            "the card; the gateway's page has the details.",
        },
    ),
    GATEWAY_DRIVER: RuleText(
        name={"zh": "网关收不到设备", "en": "Gateway cannot hear its devices"},
        advise={
            "zh": "网关与设备之间的连接中断（本地消息服务或总线转换器）。请检查电源和接线，并关注下列老人。",
            "en": "The way from the gateway to its devices is down (local broker or bus converter). Check "
            "power and cables, and look after the residents below.",
        },
    ),
    GATEWAY_TWIN: RuleText(
        name={"zh": "两台网关使用同一身份", "en": "Two gateways with one identity"},
        advise={
            "zh": "两台网关以同一名称登录并互相挤下线，可能复制了存储卡。请停用其中一台，重新登记。",
            "en": "Two gateways log in under one name and throw each other out; a card may have been copied. "
            "Switch one off and enrol it anew.",
        },
    ),
    CALL_REFUSED: RuleText(
        name={"zh": "有人求助，位置未登记", "en": "A call from a place that is not registered"},
        advise={
            "zh": "这台网关送来求助，但系统不认得是哪个位置。请立即给该网关所在的住户打电话，联系不上就上门；"
            "再到“拒收”页查看原文并补登记。",
            "en": "This gateway passed on a call for help from a place that is not registered. Telephone the "
            "homes at this gateway now, go there if nobody answers, then look at the refused messages and "
            "register the place.",
        },
    ),
    ALARM_REFUSED: RuleText(
        name={"zh": "报警消息无法使用", "en": "Alarms that cannot be used"},
        advise={
            "zh": "这台网关送来的报警无法归到任何位置，或内容无法读取，没有派单。"
            "请到“拒收”页查看原文，核对登记。",
            "en": "Alarms of this gateway belong to no registered place, or cannot be read: nobody was "
            "called. Look at the refused messages and at what is registered.",
        },
    ),
    WATER_RISING: RuleText(
        name={"zh": "水位快速上涨", "en": "Water rising fast"},
        advise={
            "zh": "查看上游和排水口，准备抽排；井下人员立即撤出。",
            "en": "Look upstream and at the outlet, get pumps ready; whoever is below comes up at once.",
        },
    ),
    WATER_UPSTREAM: RuleText(
        name={"zh": "上游来水", "en": "Water comes from upstream"},
        advise={
            "zh": "上游的井水位已高或快速上涨，这里将随之上涨。提前检查排水；井下人员立即撤出。",
            "en": "A well upstream is high or rises fast, and this one is next. Clear the drain before it "
            "comes; whoever is below comes up at once.",
        },
    ),
    AIR_CHECK_OVERDUE: RuleText(
        name={"zh": "井下作业未按时复测空气", "en": "Air not read again while people are below"},
        advise={
            "zh": "立即呼叫井下人员并复测；无人应答不得盲目下井施救，拨打 119。",
            "en": "Call to whoever is below and read the air now. No answer: call 119, and nobody follows "
            "them down without breathing apparatus.",
        },
    ),
    LEAVE_THE_WELL: RuleText(
        name={"zh": "井下人员立即撤出", "en": "Leave the well"},
        advise={
            "zh": "井下有人而空气超标或水位上涨：全部人员立即撤出并清点人数；无人应答拨打 119。",
            "en": "People are below and the air is bad or water comes: everybody out at once, count them. No "
            "answer: call 119, and nobody follows without breathing apparatus.",
        },
    ),
    FOLLOW_UP: RuleText(
        name={"zh": "回访", "en": "Follow-up"},
        advise={
            "zh": "打电话或上门看看老人恢复得怎么样，还需要什么帮助，并写下来。",
            "en": "Call or visit: how is the resident now, and what else is needed? Write it down.",
        },
    ),
    LOOP_STILL: RuleText(
        name={"zh": "服务器有一部分停住了", "en": "A part of the server stands still"},
        advise={
            "zh": "派单、发送、巡检或它们的监督没有动静。请马上查看未接的任务并打电话，然后重启服务器。",
            "en": "Telling people, looking after faults, or the watch over them does not get on. Look at the "
            "unanswered tasks and telephone at once; then restart the server.",
        },
    ),
    DISPATCH_OVERDUE: RuleText(
        name={"zh": "派单延误", "en": "Dispatch is late"},
        advise={
            "zh": "有人没有按时被通知。请马上查看未接的任务并打电话，再检查服务器和数据库。",
            "en": "Somebody was not told in time. Look at the unanswered tasks and telephone at once; "
            "then look at the server and its database.",
        },
    ),
    INACTIVITY: RuleText(
        name={"zh": "久无动静", "en": "Unusually quiet"},
        advise={
            "zh": "先打电话；无人接听则请邻居或钥匙保管人上门查看。若老人外出，请登记外出。",
            "en": "Telephone first; if nobody answers, send the neighbour or the key holder. If the resident "
            "is away, register the absence.",
        },
    ),
    WATER_LEAK: RuleText(
        name={"zh": "疑似漏水", "en": "Water may be leaking"},
        advise={
            "zh": "整日不断用水。请联系老人检查水龙头和马桶，必要时关闭总阀。",
            "en": "Water has run all day long. Ask the resident about taps and toilet; close the main valve "
            "if need be.",
        },
    ),
    WATER_HIGH: RuleText(
        name={"zh": "用水过多", "en": "Too much water"},
        advise={
            "zh": "24 小时用水过多。请联系老人，查看是否漏水或忘关水。",
            "en": "Far too much water in 24 hours. Ask the resident whether it leaks or was left running.",
        },
    ),
    WATER_LOW: RuleText(
        name={"zh": "用水过少", "en": "Hardly any water"},
        advise={
            "zh": "24 小时几乎没有用水。请电话问候；若老人外出，请登记外出。",
            "en": "Hardly any water in 24 hours. Telephone; if the resident is away, register the absence.",
        },
    ),
    CHANNEL_FAILING: RuleText(
        name={"zh": "通知渠道不通", "en": "A channel fails"},
        advise={
            "zh": "这个渠道连续发送失败，消息已改走其他渠道。请检查账号、余额和网络，详见预案页。",
            "en": "Messages by this channel fail one after the other; others stand in. Check its account, "
            "credit and network; the playbooks' page shows how each channel does.",
        },
    ),
}


class RuleTexts:
    """Rule texts by rule id. Where several profiles have a rule, the first one read gives the words."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._texts = dict(_SERVER_RULES)
        for profile in profiles:
            for template in profile.rule_templates():
                self._texts.setdefault(
                    template.key,
                    RuleText(
                        name={language: getattr(template.name, language) for language in LANGUAGES},
                        advise={language: getattr(template.advise, language) for language in LANGUAGES},
                    ),
                )

    def name(self, rule: str, language: str) -> str:
        """The rule's name, or its id where no profile knows it any more."""
        text = self._texts.get(rule)
        return text.name[language] if text else rule

    def names(self, rule: str) -> dict[str, str]:
        """The rule's name in all languages."""
        return {language: self.name(rule, language) for language in LANGUAGES}

    def all_names(self, language: str) -> dict[str, str]:
        """The names of all rules that are known, by id."""
        return {rule: text.name[language] for rule, text in self._texts.items()}

    def advise(self, rule: str, language: str) -> str:
        """What to do, or nothing where no profile knows the rule."""
        text = self._texts.get(rule)
        return text.advise[language] if text else ""
