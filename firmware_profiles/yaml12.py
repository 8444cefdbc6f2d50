"""YAML 1.2 with places: `NO`, `On` and dates stay text, keys are unique text, every node knows its line."""

import re
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from firmware_profiles.problems import Path, Problem

Mark = tuple[int, int]
"""Line and column, counted from 1."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOL: Final = re.compile("true|True|TRUE|false|False|FALSE")
_NULL: Final = re.compile("null|Null|NULL|~|")
_INT: Final = re.compile(r"[-+]?\d+|0x[0-9a-fA-F]+|0o[0-7]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?", re.ASCII)


_COLLECTIONS: Final = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


class Parsed:
    """A document, where each of its values (and keys, in `key_marks`) stands, and what is wrong so far."""

    def __init__(self) -> None:
        self.document: Any = None
        self.marks: dict[Path, Mark] = {}
        self.key_marks: dict[Path, Mark] = {}
        self.problems: list[Problem] = []

    def mark(self, path: Path, *, of_key: bool = False) -> Mark:
        """The place of the path, or of the nearest thing around it."""
        while path not in self.marks and path not in self.key_marks:
            if not path:
                return (1, 1)
            path = path[:-1]
        if of_key and path in self.key_marks:
            return self.key_marks[path]
        return self.marks.get(path) or self.key_marks[path]


def parse(text: str, file: str) -> Parsed:
    """The document with its marks. No YAML, a key twice, an alias: a problem, not an exception."""
    parsed = Parsed()
    try:
        node = yaml.compose(text, Loader=_BASE)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        what = getattr(error, "problem", None) or str(error)
        parsed.problems.append(Problem(file, (), f"no YAML: {what}", line, column))
        return parsed
    if node is None:
        parsed.problems.append(Problem(file, (), "the file is empty", 1, 1))
        return parsed
    parsed.document = _build(node, (), parsed, file, set())
    return parsed


def _place(node: Node) -> Mark:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _build(node: Node, path: Path, parsed: Parsed, file: str, seen: set[int]) -> Any:
    parsed.marks[path] = _place(node)
    if id(node) in seen:
        parsed.problems.append(Problem(file, path, "aliases are not used in profiles", *_place(node)))
        return None
    if isinstance(node, ScalarNode):
        # Of a plain scalar the C parser says "" and the Python parser None.
        return scalar(node.value, plain=not node.style)
    if node.tag not in _COLLECTIONS:
        parsed.problems.append(
            Problem(file, path, f"tags are not used in profiles, got {node.tag!r}", *_place(node))
        )
        return None
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        return [_build(item, (*path, i), parsed, file, seen) for i, item in enumerate(node.value)]
    assert isinstance(node, MappingNode)
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, ScalarNode):
            parsed.problems.append(Problem(file, path, "a key must be text", *_place(key_node)))
            continue
        key = key_node.value
        inner = (*path, key)
        if key in result:
            first = parsed.key_marks[inner]
            parsed.problems.append(
                Problem(file, inner, f"the key stands twice, first in line {first[0]}", *_place(key_node))
            )
            continue
        parsed.key_marks[inner] = _place(key_node)
        result[key] = _build(value_node, inner, parsed, file, seen)
    return result


def scalar(text: str, *, plain: bool) -> Any:
    """The value of a scalar by the core schema of YAML 1.2."""
    if not plain:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


__all__ = ["Mark", "Parsed", "parse", "scalar"]
