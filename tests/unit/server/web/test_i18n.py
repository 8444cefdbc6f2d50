"""Both languages say the same things, and every word that the pages ask for is there."""

import re
import string
from typing import get_args

import pytest

from gateway.rules.model import Severity
from server.commands.states import CommandState
from server.commissioning.service import CONSENT_NOTE
from server.commissioning.states import Protection
from server.coverage.core import Cause
from server.devices.freshness import Freshness
from server.dispatch.asks import NOT_REACHED
from server.dispatch.core import Ask, StepKind, WhoKind
from server.dispatch.losing import REASONS as LOST
from server.enrolment.views import EnrolmentState
from server.figures.model import Light
from server.figures.tables import COLUMNS, TABLE_KEYS
from server.importing.tables import KINDS
from server.places.tree import HELD, RANKS
from server.residents.schemas import Relation
from server.tasks.repository import TABS
from server.tasks.reviews import REASONS as REASONS_OF_REVIEWS
from server.tasks.states import BY_THE_WORLD, TaskAction, TaskState
from server.users.roles import Role
from server.web.devices.form import ADDRESS_FIELDS
from server.web.devices.found import VALUE_FIELDS
from server.web.i18n import TABLES, knows, say
from server.web.installing.routes import REASONS
from server.web.navigation import ENTRIES, Group
from server.web.rendering import FOLDER
from server.web.residents.routes import ABSENCES, CONSENTS
from server.windows.core import SCOPES

EITHER = re.compile(r"""\bt\(["']([a-z0-9_.]+)["'] if [^)]*? else ["']([a-z0-9_.]+)["']""")
CHOSEN = {
    "severity.": [*Severity],
    "state.": [*TaskState],
    "action.": [action for action in TaskAction if action not in BY_THE_WORLD],
    "rhythm.kind.": ["motion", "door", "water", "bed"],
    "coverage.": ["reached", "near", "missed"],
    "coverage.cause.": [*Cause],
    "figures.": ["first", "second", "protected", *COLUMNS],
    "figures.light.": [*Light],
    "figures.table.": TABLE_KEYS,
    "event.": [action for action in TaskAction if action is not TaskAction.RECUR]
    + ["opened", "recurred", "cleared"]
    + ["told", "escalated", "told_nobody", "told_holder", "unanswered", "unfinished", "left", "not_delivered"]
    + ["muted", "unmuted", "drill", "no_drill", "withdrawn", "folded"]
    + [*NOT_REACHED.values(), *(ask for ask in Ask if ask is not Ask.GO)],
    "reason.": [
        "left_open",
        "work_over",
        "unexpected",
        "folded",
        "protected_again",
        "away",
        *LOST.values(),
        "still_stands",
    ],
    "windows.kind.": ["work", "drill"],
    "windows.scope.": [*SCOPES],
    "who.": [*WhoKind],
    "ask.": [*Ask],
    "people.": ["volunteer", "on_duty", "logs_in", "disabled"],
    "people.language_": ["zh", "en"],
    "rosters.day_": [*range(7)],
    "rosters.do_": ["accepted", "refused", "withdrawn"],
    "rosters.swap.": ["accepted", "refused", "withdrawn"],
    "send.state.": ["queued", "sending", "sent", "delivered", "failed", "cancelled"],
    "playbooks.beat.": ["dispatch", "notify", "sweeps", "auditor", "coverage", "retention"],
    "verdict.": ["ok", "improve"],
    "nav.group.": [*Group],
    "level.": ["community", "subdistrict"],
    "areas.kind.": RANKS,
    "areas.held.": [*(model.__tablename__ for model in HELD), "areas", "windows"],
    "review.": REASONS_OF_REVIEWS,
    "tab.": [tab for tab in TABS if tab != "all"],
    "tab.none_": ["planned", "review", "today", "ended"],
    "step.": [f"{state}.{kind}" for state in ("planned", "cancelled") for kind in StepKind]
    + ["done.taken", "done.watchers"],
    "role.": [*Role],
    "freshness.": [*Freshness],
    "family.": ["fall", "button", "home", "well", "temperature"],
    "tasks.": ["waiting", "working"],
    "task.clock_": ["device", "gateway", "server", "human"],
    "register.": [name for names in ADDRESS_FIELDS.values() for name in names],
    "found.value_": VALUE_FIELDS,
    "commands.state.": [*CommandState],
    "enrolment.state.": [*EnrolmentState],
    "install.state.": [*Protection],
    "install.state_help.": [*Protection],
    "notices.channel.": ["push", "page"],
    "policies.unit.": ["min", "s", "h", "d", "mo", "m", "cm", "deg"],
    "install.test.": ["waiting", "seen", "signed_off", "cancelled", "raised", "expired"],
    "install.reason.": REASONS,
    "import.kind.": KINDS,
    "absence.kind.": ABSENCES,
    "consent.kind.": CONSENTS,
    "consent.note.": [CONSENT_NOTE],
    "relation.": get_args(Relation),
    "residents.risk.": ["normal", "high"],
    "residents.show.": ["unprotected", "away", "no_consent", "ended"],
    "audit.": ["read", "read_in_task", "write", "export", "consent", "absence"],
    "output.": ["siren", "buzzer", "voice"],
    "profiles.kind.": ["measure", "state", "event"],
    "devices.verified.": ["device", "vendor-decoder", "manual", "computed"],
}
"""Keys that templates put together from a fixed beginning and a value."""


def test_both_tables_have_the_same_keys() -> None:
    assert set(TABLES["zh"]) == set(TABLES["en"])


def test_both_tables_take_the_same_values() -> None:
    def holes(words: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(words) if name}

    assert [key for key, words in TABLES["zh"].items() if holes(words) != holes(TABLES["en"][key])] == []


def test_no_words_are_empty() -> None:
    assert [(language, key) for language, table in TABLES.items() for key in table if not table[key]] == []


def test_every_key_in_templates_and_modules_exists() -> None:
    asked = set()
    for path in FOLDER.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        asked |= {(key, path.name) for key in re.findall(r"\bt\(\s*[\"']([a-z0-9_.]+)[\"']\s*[,)]", text)}
        asked |= {
            (key, path.name)
            for pair in re.findall(
                r"\bt\([\"']([a-z0-9_.]+)[\"'] if [^)]*? else [\"']([a-z0-9_.]+)[\"']", text
            )
            for key in pair
        }
    for path in FOLDER.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        asked |= {(key, path.name) for key in re.findall(r"\bsay\(\w+, \"([a-z0-9_.]+)\"", text)}
    assert len(asked) > 150
    assert sorted((key, where) for key, where in asked if not knows(key)) == []


@pytest.mark.parametrize("beginning", CHOSEN)
def test_every_chosen_key_exists(beginning: str) -> None:
    assert [value for value in CHOSEN[beginning] if not knows(f"{beginning}{value}")] == []


def test_beginnings_in_templates_are_covered_here() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.html"))
    assert set(re.findall(r"\bt\(\"([a-z0-9_.]+)\" ~ ", text)) - set(CHOSEN) <= {"error."}


def test_navigation_has_words() -> None:
    assert [entry.words for entry in ENTRIES if not knows(entry.words)] == []


def test_values_are_filled_in() -> None:
    assert say("en", "card.times", count=3) == "3 times"
    with pytest.raises(KeyError):
        say("en", "no.such.key")


def test_templates_themselves_speak_no_language() -> None:
    """Every word comes from the tables; the name in the header is the logo's."""
    found = {
        (path.name, word)
        for path in FOLDER.rglob("*.html")
        for word in re.findall("[一-鿿（），：。]+", path.read_text(encoding="utf-8"))
    }
    assert found == {("layout.html", "阳光井")}
