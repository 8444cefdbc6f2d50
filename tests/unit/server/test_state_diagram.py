"""The drawn states are those of the table."""

from pathlib import Path

from server.tasks.states import diagram

PAGE = Path(__file__).parents[3] / "docs" / "task-states.md"


def test_the_diagram_in_the_docs_is_the_tables() -> None:
    """To draw it anew: python -m server.tasks.states > docs/task-states.md"""
    assert f"```mermaid\n{diagram()}```\n" in PAGE.read_text(encoding="utf-8")
