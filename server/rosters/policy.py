"""Which roles somebody has to be on duty for."""

from typing import ClassVar

from server.policies.model import Policy, rule


class RosterPolicy(Policy):
    """When the roster shows a gap."""

    NAME: ClassVar = "rosters"
    TITLES: ClassVar = {"zh": "值班表", "en": "Rosters"}

    roles: list[str] = rule(
        ["carer", "dispatcher"],
        of="role",
        zh="须有人值班的角色",
        en="Roles for which somebody has to be on duty",
        source="those whom the packaged playbooks tell first",
        max_length=8,
    )
    ahead_days: int = rule(
        7,
        zh="提前多少天提示空缺",
        en="Say gaps so long ahead",
        unit="d",
        source="a week, as rosters are written",
        ge=1,
        le=60,
    )
