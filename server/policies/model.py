"""What a policy is: a pydantic model whose fields have their defaults, their words and their source.

A domain writes one in a `policy.py` of its own and lists it in `server.policies.catalogue`:

    class WellPolicy(Policy):
        \"\"\"When covers and water call people.\"\"\"

        NAME: ClassVar = "wells"
        TITLES: ClassVar = {"zh": "井盖与水位", "en": "Covers and water"}

        near_m: int = rule(200, zh="通知站点的距离", en="Tell a station within", unit="m", ge=10)
"""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Policy(BaseModel):
    """One page of rules. Every field has a default: without anything written, these count."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    NAME: ClassVar[str]
    TITLES: ClassVar[dict[str, str]]


def rule(
    default: Any, *, zh: str, en: str, unit: str = "", source: str = "", of: str = "", **limits: Any
) -> Any:
    """A field of a policy: its words in both languages, its unit (UCUM), where the number comes from, the
    vocabulary `of` which its codes are ("role"), and pydantic's limits (`ge`, `le`, `max_length`, …)."""
    words: dict[str, Any] = {"zh": zh, "en": en, "unit": unit, "source": source, "of": of}
    return Field(default=default, json_schema_extra=words, **limits)
