"""The words of the rules that a manager may change, in both languages."""

from typing import Final

ZH: Final[dict[str, str]] = {
    "nav.policies": "规则",
    "policies.title": "规则",
    "policies.intro": "这里的数字和名单都可以修改；每次修改留下历史，新规则从下一次判断起生效。",
    "policies.packaged": "系统自带",
    "policies.versions": "已修改 {count} 次",
    "policies.edit": "修改",
    "policies.save": "保存",
    "policies.reset": "恢复系统自带",
    "policies.history": "历史",
    "policies.version": "第 {version} 版",
    "policies.default": "默认 {value}",
    "policies.source": "来源：{source}",
    "policies.wrong": "没有保存",
    "policies.lines": "每行一项",
    "policies.pairs": "每行一项：名称 = 值",
    "policies.rows": "最后的空行可以增加；清空一行即删除。",
}
EN: Final[dict[str, str]] = {
    "nav.policies": "Rules",
    "policies.title": "Rules",
    "policies.intro": "Every number and list here can be changed. Each change is kept with its history and "
    "counts from the next decision on.",
    "policies.packaged": "as packaged",
    "policies.versions": "changed {count} times",
    "policies.edit": "Change",
    "policies.save": "Save",
    "policies.reset": "Back to the packaged ones",
    "policies.history": "History",
    "policies.version": "version {version}",
    "policies.default": "usually {value}",
    "policies.source": "Source: {source}",
    "policies.wrong": "Not saved",
    "policies.lines": "one a line",
    "policies.pairs": "one a line: name = value",
    "policies.rows": "Fill an empty row to add one; empty a row to take it away.",
}
