"""Any policy's form: what it shows, it reads back the same."""

from typing import ClassVar, Literal

import pytest
from pydantic import BaseModel, ValidationError

from server.policies.model import Policy, rule
from server.web.policies import form
from server.web.policies.form import Input


class Kind(BaseModel):
    """One record."""

    id: str = rule(..., zh="编号", en="Id", min_length=1)
    days: int | None = rule(None, zh="天数", en="Days")
    urgent: bool = rule(False, zh="紧急", en="Urgent")


class House(Policy):
    """All shapes that a field may have."""

    NAME: ClassVar = "house"
    TITLES: ClassVar = {"zh": "规则", "en": "Rules"}

    near_m: int = rule(200, zh="距离", en="Distance", unit="m", source="measured", ge=10)
    share: float = rule(0.5, zh="比例", en="Share")
    told: bool = rule(True, zh="通知", en="Tell")
    shade: Literal["light", "dark"] = rule("light", zh="颜色", en="Shade")
    names: list[str] = rule(["a", "b"], zh="名单", en="Names")
    days: dict[str, int] = rule({"button": 30}, zh="天数", en="Days")
    kinds: list[Kind] = rule([Kind(id="care", days=3, urgent=True), Kind(id="well")], zh="类别", en="Kinds")


def filled(inputs: list[Input]) -> dict[str, str]:
    """What a browser sends when nothing was touched."""
    flat = [one for each in inputs for row in each.rows for one in row]
    flat += [each for each in inputs if each.widget != "rows"]
    return {each.name: each.value for each in flat if each.widget != "switch" or each.value}


def test_what_the_form_shows_it_reads_back_the_same() -> None:
    changed = House(near_m=300, told=False, names=[], days={"x": 1}, kinds=[Kind(id="new", days=None)])
    for policy in (House(), changed):
        assert form.read(House, filled(form.inputs(policy, "zh"))) == policy


def test_inputs_carry_words_unit_default_and_source() -> None:
    near = form.inputs(House(near_m=300), "en")[0]
    assert (near.label, near.value, near.unit, near.default, near.source) == (
        "Distance", "300", "m", "200", "measured",
    )  # fmt: skip
    assert form.inputs(House(), "zh")[3].choices == ("light", "dark")


def test_a_record_is_added_in_an_empty_row_and_taken_away_by_emptying_one() -> None:
    fields = filled(form.inputs(House(), "zh"))
    fields |= {"kinds.0.id": "", "kinds.0.days": "", "kinds.2.id": "meal"}
    read = form.read(House, fields)
    assert isinstance(read, House)
    assert [kind.id for kind in read.kinds] == ["well", "meal"]


def test_mistakes_are_said_by_the_fields_words_and_the_form_keeps_what_was_written() -> None:
    fields = filled(form.inputs(House(), "zh")) | {
        "near_m": "3",
        "days": "button = soon",
        "kinds.1.days": "x",
    }
    with pytest.raises(ValidationError) as caught:
        form.read(House, fields)
    labels = [each.label for each in form.wrong(House, caught.value, "zh")]
    assert labels == ["距离", "天数 button", "类别 2.days"]
    again = form.again(House, fields, "zh")
    assert again[0].value == "3"
    assert again[-1].rows[1][1].value == "x"
