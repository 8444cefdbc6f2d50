"""The words of gateways' enrolment, in both languages."""

from typing import Final

ZH: Final[dict[str, str]] = {
    "enrolment.title": "网关登记",
    "enrolment.state.never": "尚未登记",
    "enrolment.state.enrolled": "已登记",
    "enrolment.state.overdue": "证书逾期未续",
    "enrolment.state.expired": "证书已过期",
    "enrolment.state.revoked": "已吊销",
    "enrolment.enrolled_at": "登记时间",
    "enrolment.valid_until": "证书有效期至",
    "enrolment.revoked_at": "吊销时间",
    "enrolment.code_until": "登记码有效期至",
    "enrolment.overdue_help": "网关应自动续期但没有做到，请检查它能否连到服务器的登记端口。",
    "enrolment.expired_help": "网关重新联网后会自行续期；如果一年内没有续期，需要新的登记码。",
    "enrolment.make": "生成登记码",
    "enrolment.make_help": "用于新网关，或恢复出厂、更换硬件后的网关："
    "登记后沿用原来的装位和规则，旧证书立即失效。",
    "enrolment.revoke": "吊销",
    "enrolment.revoke_help": "消息服务器立即断开并拒绝这台网关；经由它的住户将不再受到守护，直到重新登记。",
    "enrolment.reason": "原因",
    "enrolment.confirm_revoke": "确认吊销",
    "enrolment.code": "登记码",
    "enrolment.once": "登记码只显示这一次，只能使用一次。重新生成后，之前的登记码失效。",
    "enrolment.left": "剩余时间",
    "enrolment.over": "已过期，请重新生成",
    "enrolment.scan": "手机连到网关所在的局域网，扫描二维码，会打开网关自己的页面并填好登记码。",
    "enrolment.type": "或者在网关上运行：",
    "enrolment.not_offered": "这台服务器不能登记网关",
    "enrolment.not_offered_help": "演示系统内置的消息服务器没有证书和权限插件，这里只能看到登记码的样子。"
    "正式部署需要的设置见 docs/gateway.md。",
    "enrolment.qr": "登记二维码",
    "enrolment.connection": "连接",
}
EN: Final[dict[str, str]] = {
    "enrolment.title": "Enrolment",
    "enrolment.state.never": "never enrolled",
    "enrolment.state.enrolled": "enrolled",
    "enrolment.state.overdue": "renewal overdue",
    "enrolment.state.expired": "certificate expired",
    "enrolment.state.revoked": "revoked",
    "enrolment.enrolled_at": "Enrolled",
    "enrolment.valid_until": "Certificate until",
    "enrolment.revoked_at": "Revoked",
    "enrolment.code_until": "Open code until",
    "enrolment.overdue_help": "It should have renewed its certificate by itself: look whether it reaches the "
    "server's port for enrolment.",
    "enrolment.expired_help": "It renews by itself once it is back in the network; after a year it needs a "
    "new code.",
    "enrolment.make": "Make a code",
    "enrolment.make_help": "For a new gateway, or one that was reset or replaced: it takes this place with "
    "its positions and rules, and what was enrolled here before is refused at once.",
    "enrolment.revoke": "Revoke",
    "enrolment.revoke_help": "The broker throws it out at once and lets it in no more. Whoever is protected "
    "through it is not, until it enrols again.",
    "enrolment.reason": "Reason",
    "enrolment.confirm_revoke": "Revoke this gateway",
    "enrolment.code": "Code",
    "enrolment.once": "It is shown this once and counts once. A newer code ends it.",
    "enrolment.left": "Time left",
    "enrolment.over": "over: make a new one",
    "enrolment.scan": "With a telephone in the gateway's own network, scan the QR code: it opens the "
    "gateway's page with the code filled in.",
    "enrolment.type": "Or run on the gateway:",
    "enrolment.not_offered": "This server enrols nobody",
    "enrolment.not_offered_help": "The demo's embedded broker knows neither certificates nor rights, so this "
    "only shows what a code looks like. What else it takes stands in docs/gateway.md.",
    "enrolment.qr": "QR code for enrolment",
    "enrolment.connection": "Connection",
}
