"""When somebody is asked to telephone a resident whose sensors are down."""

from typing import ClassVar

from server.policies.model import Policy, rule


class WelfarePolicy(Policy):
    """Welfare calls while protection is down. Which causes count is the coverage policy's."""

    NAME: ClassVar = "welfare"
    TITLES: ClassVar = {"zh": "失去守护时的问候电话", "en": "Welfare calls"}

    after_minutes: float = rule(
        30,
        zh="失去守护多少分钟后请人打电话",
        en="Telephone after so long without protection",
        unit="min",
        source="own choice: most power and network cuts are over by then",
        ge=0,
        le=1_440,
    )
    again_hours: float = rule(
        12,
        zh="仍未恢复时每隔多少小时再打",
        en="Telephone again while it lasts, each",
        unit="h",
        source="own choice: a call in the morning and one in the evening",
        gt=0,
        le=168,
    )
    risks: list[str] = rule(
        ["high"],
        of="risk",
        zh="对哪些风险等级的老人",
        en="Residents of these risk levels",
        source="gateway down: one fault and welfare calls to those at high risk",
    )
