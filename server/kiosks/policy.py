"""How long a visitor's pseudonym stays the same."""

from typing import ClassVar

from server.policies.model import Policy, rule


class KioskPolicy(Policy):
    """What is kept of a kiosk's visitors."""

    NAME: ClassVar = "kiosks"
    TITLES: ClassVar = {"zh": "测温站", "en": "Temperature kiosks"}

    rotate_hours: int = rule(
        24,
        zh="访客代号多久更换一次",
        en="A visitor's pseudonym changes each",
        unit="h",
        source="own choice: a second fever of one day is recognised, a person's days are not",
        ge=1,
        le=168,
    )
