"""The words of commands to gateways and devices, in both languages."""

from typing import Final

ZH: Final[dict[str, str]] = {
    "commands.title": "远程命令",
    "commands.send": "发送",
    "commands.choose": "请选择",
    "commands.none": "还没有发送过命令。",
    "commands.command": "命令",
    "commands.state": "状态",
    "commands.detail": "回复",
    "commands.asked": "发送时间",
    "commands.wrong": "没有发送",
    "commands.hint": "电池供电的 LoRaWAN 设备只在自己上报之后接收命令，可能要等到下一次上报。",
    "commands.state.new": "等待发送",
    "commands.state.sent": "已发往网关",
    "commands.state.queued": "等待设备接收",
    "commands.state.transmitted": "已向设备发射",
    "commands.state.done": "已完成",
    "commands.state.failed": "失败",
    "commands.state.expired": "超时未答复",
}
EN: Final[dict[str, str]] = {
    "commands.title": "Remote commands",
    "commands.send": "Send",
    "commands.choose": "please choose",
    "commands.none": "No command has been sent yet.",
    "commands.command": "Command",
    "commands.state": "State",
    "commands.detail": "Reply",
    "commands.asked": "Asked",
    "commands.wrong": "Not sent",
    "commands.hint": "A LoRaWAN device on a battery listens only after it has reported: "
    "its command may wait for the next report.",
    "commands.state.new": "waiting to be sent",
    "commands.state.sent": "sent to the gateway",
    "commands.state.queued": "waiting for the device",
    "commands.state.transmitted": "radioed to the device",
    "commands.state.done": "done",
    "commands.state.failed": "failed",
    "commands.state.expired": "no answer in time",
}
