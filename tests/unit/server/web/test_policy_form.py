"""Any policy's form: what it shows, it reads back the same."""

from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, Literal, cast

import pytest
from pydantic import BaseModel, ValidationError

from firmware_profiles import load_catalogue
from server.alarms.texts import RuleTexts
from server.context import Context
from server.db.database import Database
from server.db.migrate import upgrade
from server.policies.catalogue import POLICIES
from server.policies.model import Policy, rule
from server.web.policies import form
from server.web.policies.form import Input
from server.web.policies.words import vocabularies
from tests.parts.seals import SEALS


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
    roles: list[str] = rule(["carer"], zh="角色", en="Roles", of="role")
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
    assert labels == ["距离", "天数 button", "类别 2 天数"]
    again = form.again(House, fields, "zh")
    assert again[0].value == "3"
    assert again[-1].rows[1][1].value == "x"


def test_codes_are_ticked_in_words_and_stay_codes() -> None:
    words = {"role": {"manager": "站长", "carer": "照护员"}}
    policy = House(roles=["carer", "gone"])
    (roles,) = (each for each in form.inputs(policy, "zh", words) if each.name == "roles")
    assert (roles.widget, roles.picked, roles.others) == ("ticks", ["carer", "gone"], ["manager"])
    assert roles.said == "照护员\ngone"
    fields = filled(form.inputs(policy, "zh", words))
    del fields["roles"]
    ticked = form.sent([*fields.items(), ("roles", "manager"), ("roles", "carer")])
    read = form.read(House, ticked)
    assert isinstance(read, House)
    assert read.roles == ["manager", "carer"]
    assert form.again(House, ticked, "zh", words)[5].picked == ["manager", "carer"]


def test_every_code_of_the_packaged_rules_has_words(tmp_path: Path) -> None:
    """None of them is shown in English on a Chinese page: neither codes nor the names of fields."""
    texts = RuleTexts(load_catalogue().values())
    database = Database(f"sqlite:///{tmp_path}/rules.db", seals=SEALS)
    upgrade(database)
    context = cast("Context", SimpleNamespace(
        catalogue=load_catalogue(), texts=texts, settings=SimpleNamespace(channels_file=None)
    ))  # fmt: skip
    with database.read() as session:
        words = vocabularies(context, session, "zh")
    database.dispose()
    for policy in POLICIES.values():
        inputs = form.inputs(policy(), "zh", words)
        for each in (*inputs, *(one for table in inputs for row in table.rows for one in row)):
            assert not each.label.isascii(), (policy.NAME, each.name, each.label)
            if each.widget in ("ticks", "choice", "lines"):
                said = [each.words.get(code, code) for code in (*each.choices, *each.picked)]
                assert not [word for word in said if word.isascii()], (policy.NAME, each.name)
