"""The packaged playbooks, and what people may write."""

import pytest
from pydantic import ValidationError

from gateway.rules.model import Severity
from server.dispatch.core import WhoKind
from server.dispatch.playbooks import OTHER, SERVER, SUBDISTRICT, PlaybookIn, packaged, packaged_for
from server.places.ground import metres
from server.tasks.policy import ALL_SEEING, TaskPolicy
from server.users.roles import Role
from server.web.playbooks import form


def test_every_kind_and_severity_has_a_packaged_playbook() -> None:
    """And its roles see such tasks."""
    kinds = {kind.id: {Role(role) for role in kind.roles} | ALL_SEEING for kind in TaskPolicy().kinds}
    kinds[OTHER] = kinds[SUBDISTRICT] = set(ALL_SEEING)
    kinds[SERVER] = kinds["maintenance"]
    assert set(packaged()) == {(kind, severity) for kind in kinds for severity in Severity}
    for (kind, _), plan in packaged().items():
        roles = [
            step.who.value
            for step in plan.steps
            if step.who.kind in (WhoKind.ROLE, WhoKind.DUTY, WhoKind.AREA)
        ]
        assert roles
        assert all(Role(role) in kinds[kind] for role in roles)


def test_a_kind_that_a_manager_adds_is_told_to_those_who_see_everything() -> None:
    for severity in Severity:
        assert packaged_for("needs_delivery", severity) == packaged()[OTHER, severity]


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ({"kind": "role", "value": "wall"}, "not a role that works"),
        ({"kind": "duty", "value": "nurse"}, "not a role that works"),
        ({"kind": "person"}, "login is needed"),
        ({"kind": "nearby", "value": "far"}, "metres"),
        ({"kind": "nearby", "value": "20001"}, "metres"),
        ({"kind": "key_holder", "value": "x"}, "no value"),
        ({"kind": "role", "value": "relative"}, "not a role that works"),
        ({"kind": "area", "value": "wall"}, "not a role that works"),
        ({"kind": "skill"}, "a skill is needed"),
        ({"kind": "family", "value": "x"}, "no value"),
        ({"kind": "role", "value": "carer", "skill": "x"}, "nearby only"),
        ({"kind": "nearby", "value": "100", "metres": 5}, "with a skill only"),
    ],
)
def test_who_is_checked(who: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PlaybookIn.model_validate({"steps": [{"who": who, "within_s": 60}]})


def test_a_press_tells_the_carer_on_duty_at_once_beside_the_call_back() -> None:
    """And the desk dials 120 within the field's 180 s."""
    steps = packaged()["care", "critical"].steps
    assert (steps[0].who.kind, steps[0].ask, steps[0].within_s) == ("duty", "go", 0)
    assert steps[1].ask == "call_resident"
    dials = next(number for number, step in enumerate(steps) if step.ask == "call_120")
    assert sum(step.within_s for step in steps[:dials]) <= 180


def test_a_playbook_survives_its_form() -> None:
    for plan in packaged().values():
        fields = {
            f"{name}_{row}": text for row, step in enumerate(form.rows(plan)) for name, text in step.items()
        }
        assert form.read({**fields, **form.limits(plan)}) == plan


def test_the_form_says_which_step_is_wrong() -> None:
    fields = {"who_0": "role", "value_0": "carer", "within_0": "60", "who_1": "nearby", "within_1": "x"}
    with pytest.raises(ValidationError) as raised:
        form.read(fields)
    assert [sentence.split(": ")[0] for sentence in form.wrong(raised.value)] == ["2", "2"]


def test_distances_are_over_the_ground() -> None:
    assert metres((31.22, 121.44), (31.22, 121.44)) == 0
    assert metres((31.0, 121.0), (32.0, 121.0)) == pytest.approx(111_195, abs=5)
