"""The part of Home Assistant's templates that is read, and that everything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.templates import Template, TemplateError, parse_template

READ = [
    ("{{ value }}", Template(("value",))),
    ('{{value_json.a.b["c"][0]}}', Template(("value_json", "a", "b", "c", 0))),
    ("{{ value_json['water leak'] }}", Template(("value_json", "water leak"))),
    ("{{ value_json.t | float(0) | round(1) }}", Template(("value_json", "t"), ("float", "round"))),
    ("{{ value_json.x|is_defined }}", Template(("value_json", "x"), ("is_defined",))),
    ("{{ value | int }}", Template(("value",), ("int",))),
    ('{{ value_json.state == "open" }}', Template(("value_json", "state"), (), ("==", "open"))),
    ("{{ value_json.n | int != 0 }}", Template(("value_json", "n"), ("int",), ("!=", 0))),
    ("{{ value_json.on == true }}", Template(("value_json", "on"), (), ("==", True))),
    ("{{ (value_json.t | float) > 35.5 }}", Template(("value_json", "t"), ("float",), (">", 35.5))),
]
REFUSED = [
    "",
    "text",
    "{{ }}",
    "{{ value_json }} {{ value }}",
    "{% if value %}on{% endif %}",
    "{{ 'ON' if value_json.a else 'OFF' }}",
    "{{ states('sensor.x') }}",
    "{{ value.__class__ }}",
    "{{ value_json.items() }}",
    "{{ value_json.a | map('x') }}",
    "{{ value_json.a + 1 }}",
    "{{ value_json[-1] }}",
    "{{ value_json[value] }}",
    "{{ value_json.a == value_json.b }}",
    "{{ value_json.a | float(value) }}",
    "{{ value_json.a == 1 == 2 }}",
    "{{ (value_json.a }}",
    "{{ value_json" + ".a" * 40 + " }}",
    "{{ value " + " " * 600 + "}}",
]


@pytest.mark.parametrize(("text", "meant"), READ)
def test_what_is_read(text: str, meant: Template) -> None:
    assert parse_template(text) == meant


@pytest.mark.parametrize("text", REFUSED)
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        parse_template(text)


@given(st.text(max_size=60) | st.text("value_json.[]()|=<>\"' 01ab", max_size=60))
def test_no_text_does_anything_else(inner: str) -> None:
    try:
        template = parse_template("{{" + inner + "}}")
    except TemplateError:
        return
    assert template.path[0] in ("value", "value_json")
