"""What is wrong with a profile, and where: `file:line:column: key: what is wrong, got …, did you mean …`."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. Line and column count from 1; None where the profile did not come from a file."""

    file: str
    path: Path
    text: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {path_text(self.path)}: {self.text}" if self.path else f"{place}: {self.text}"


class ProfileErrors(Exception):  # noqa: N818  # it holds many
    """All problems of all profiles that were read. `str()` gives a line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def path_text(path: Path) -> str:
    """The path as people write it: `rules.sos.when`, `examples[2].input`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def meant(word: object, known: Iterable[str]) -> str:
    """`, did you mean 'x'` for the nearest known word; empty when none is near."""
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f", did you mean {near[0]!r}?" if near else ""


def shown(value: object, length: int = 60) -> str:
    """A found value, short enough for one line."""
    text = repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"
