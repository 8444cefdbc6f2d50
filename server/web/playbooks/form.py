"""The form of a playbook: rows of fields in, a playbook or sentences about what is wrong out. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from server.dispatch.core import Ask
from server.dispatch.playbooks import PlaybookIn

ROWS: Final = 12
LIMITS: Final = {"arrive": "arrive_within_s", "again_every": "again_every_s", "close": "close_within_s"}
"""Fields of the form, and what they say of a playbook beside its steps."""
FIELDS: Final = ("who", "value", "skill", "metres", "ask", "within", "repeat", "channels")


def read(form: Mapping[str, str]) -> PlaybookIn:
    """The playbook that the fields say; rows without `who` are left out. Raises ValidationError."""
    steps: list[dict[str, Any]] = []
    for row in range(ROWS):
        kind = form.get(f"who_{row}", "")
        if not kind:
            continue
        channels = form.get(f"channels_{row}", "").replace("，", ",").split(",")
        steps.append(
            {
                "who": {
                    "kind": kind,
                    "value": form.get(f"value_{row}", ""),
                    "skill": form.get(f"skill_{row}", ""),
                    "metres": form.get(f"metres_{row}") or None,
                },
                "ask": form.get(f"ask_{row}") or Ask.GO,
                "within_s": form.get(f"within_{row}", ""),
                "repeat": form.get(f"repeat_{row}") or 0,
                "channels": [channel.strip() for channel in channels if channel.strip()],
            }
        )
    limits = {name: form.get(field) or None for field, name in LIMITS.items()}
    return PlaybookIn.model_validate({"steps": steps, **limits})


def limits(plan: PlaybookIn) -> dict[str, str]:
    """The fields beside the steps."""
    return {field: str(getattr(plan, name) or "") for field, name in LIMITS.items()}


def rows(plan: PlaybookIn) -> list[dict[str, str]]:
    """The fields for a playbook, with empty rows after it."""
    filled = [
        {
            "who": step.who.kind,
            "value": step.who.value,
            "skill": step.who.skill,
            "metres": str(step.who.metres or ""),
            "ask": step.ask,
            "within": str(step.within_s),
            "repeat": str(step.repeat or ""),
            "channels": ", ".join(step.channels),
        }
        for step in plan.steps
    ]
    empty = dict.fromkeys(FIELDS, "")
    return filled + [empty] * (max(ROWS, len(filled)) - len(filled))


def wrong(error: ValidationError) -> list[str]:
    """What is wrong, a sentence each: the step and the reason."""
    return [_sentence(one["loc"], one["msg"]) for one in error.errors(include_url=False, include_input=False)]


def _sentence(place: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    if len(place) > 1 and place[0] == "steps" and isinstance(place[1], int):
        return f"{place[1] + 1}: {'.'.join(str(part) for part in place[2:])}: {message}"
    return f"{'.'.join(str(part) for part in place)}: {message}"
