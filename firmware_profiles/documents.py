"""Checking any document that people write in YAML: all mistakes at once, with their places."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from firmware_profiles.problems import Problem, ProfileErrors
from firmware_profiles.wording import describe, drop_tags, is_echo, one_of
from firmware_profiles.yaml12 import Parsed

M = TypeVar("M", bound=BaseModel)


def validated(root: type[M], parsed: Parsed, file: str) -> M:
    """The document as `root`. Raises ProfileErrors."""
    problems = list(parsed.problems)
    if problems:
        raise ProfileErrors(problems)
    try:
        return root.model_validate(parsed.document)
    except ValidationError as error:
        found: dict[tuple[str | int, ...], list[str]] = {}
        for detail in error.errors(include_url=False):
            if not is_echo(detail):
                path = drop_tags(detail["loc"], parsed.document)
                found.setdefault(path, []).append(describe(detail, path, root))
        problems = [Problem(file, path, one_of(texts), *parsed.mark(path)) for path, texts in found.items()]
        raise ProfileErrors(problems) from error
