"""docs/profiles.md names every key of the language, and its example is a good profile."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from firmware_profiles import commands, layouts, parse_profile, rules, run_examples, schema
from firmware_profiles.values import Model
from firmware_profiles.yaml12 import parse

TEXT = (Path(__file__).parents[3] / "docs" / "profiles.md").read_text(encoding="utf-8")
MODELS = sorted(
    {
        item
        for module in (commands, layouts, rules, schema)
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Model) and item is not Model
    },
    key=lambda item: item.__name__,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_documented(model: type[BaseModel]) -> None:
    if model is rules.RuleTemplate:  # made by the program, not written by people
        return
    keys = {field.alias or name for name, field in model.model_fields.items()}
    example = TEXT.split("```yaml")[1].split("```")[0]
    known = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`\n]+)`", TEXT)))) | set(
        re.findall(r"([a-z_]+):", example)
    )
    assert keys <= known


def test_the_example_is_a_good_profile() -> None:
    parsed = parse(TEXT.split("```yaml\n")[1].split("```")[0], "docs/profiles.md")
    assert not parsed.problems
    assert run_examples(parse_profile(parsed.document)) == ()
