"""Profiles out of register tables: addresses, types, rules, and every mistake with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import ProfileErrors, RegisterPayload, decode, run_examples
from firmware_profiles.generate import Draft, NotUsableError
from firmware_profiles.generate.register_rows import COLUMNS
from firmware_profiles.generate.register_table import TableOf, profile_of_registers
from firmware_profiles.layouts import RegistersLayout

PROBE = TableOf(vendor="ACME", model="Probe 7", family="well")

TABLE = """\
name,address,fc,type,order,scale,unit,kind,bit,values,zh,rule,above
# what the maker calls table 3
water_level,40001,,uint16,,1,mm,measure,,,水位,water_high,2500
temperature,0x0001,3,int16,,0.1,°C,measure,,,,,
gas,40011,,float,CDAB,,ppm,,,,,gas,10

fault,40021,,,,,,state,0,,,sensor_fault,
mode,40022,,,,,,state,,0=standby;1=measuring,,,
pump,00005,,,,,,,,,,,
"""


def made(table: str, of: TableOf = PROBE) -> Draft:
    return profile_of_registers(table, of, file="t.csv")


def test_a_table_becomes_a_profile() -> None:
    profile = made(TABLE).profile
    values = {
        (3, 0): 1700, (3, 1): 0xFFF6, (3, 10): 0x0000, (3, 11): 0x4148, (3, 20): 3, (3, 21): 1, (1, 4): 1,
    }  # fmt: skip
    (sample,) = decode(profile, RegisterPayload(values)).samples
    assert sample.points == {
        "water_level": 1700, "temperature": -1, "gas": 12.5, "fault": True, "mode": "measuring", "pump": True,
    }  # fmt: skip
    assert profile.id == "acme-probe-7"
    assert profile.points["water_level"].name.zh == "水位"
    assert profile.points["gas"].unit == "[ppm]"
    assert {key: rule.when.kind for key, rule in profile.rules.items()} == {
        "water_high": "threshold", "gas": "threshold", "sensor_fault": "state",
    }  # fmt: skip
    assert profile.rules["gas"].source == "the register table, line 5"
    assert run_examples(profile) == ()


def test_neighbours_share_a_read() -> None:
    layout = made(TABLE).profile.decode
    assert isinstance(layout, RegistersLayout)
    assert [(read.fc, read.address, read.count) for read in layout.reads] == [
        (1, 4, 1), (3, 0, 2), (3, 10, 2), (3, 20, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "fc", "manual", "place"),
    [
        ("40001", "", None, (3, 0)),
        ("30012", "", None, (4, 11)),
        ("10001", "", None, (2, 0)),
        ("00001", "", None, (1, 0)),
        ("400001", "3", None, (3, 0)),
        ("4x0102", "", None, (3, 101)),
        ("0x9C41", "3", None, (3, 40001)),
        ("100", "4", None, (4, 100)),
        ("100", "4", True, (4, 99)),
        ("40001", "3", False, (3, 40001)),
    ],
)
def test_addresses(address: str, fc: str, manual: bool | None, place: tuple[int, int]) -> None:
    of = TableOf(vendor="V", model="M", family="well", manual_addresses=manual)
    profile = made(f"name,address,fc,kind,type\nx,{address},{fc},state,bool\n", of).profile
    assert isinstance(profile.decode, RegistersLayout)
    field = profile.decode.fields["x"]
    assert (field.fc, field.address) == place


@pytest.mark.parametrize("order", ["", "ABCD", "CDAB", "BADC", "DCBA"])
@pytest.mark.parametrize("kind", ["u8", "i16", "u32", "int32", "float", "f64", "bcd16", "bcd32", "u64"])
def test_examples_hold_for_all_types_and_orders(kind: str, order: str) -> None:
    table = f"name,address,type,order,scale,offset,unit,low,high\nx,40010,{kind},{order},0.1,-4,mm,-50,4000\n"
    profile = made(table).profile
    assert run_examples(profile) == ()
    assert len(profile.examples) == 3


def test_all_mistakes_of_all_rows_at_once() -> None:
    table = """\
name;address;fc;type;order;scale;unit;kind;values;rule;above
level;40001;4;u17;ABDC;ten;mm;measure;;;
level;70000;3;;;;furlong;event;;;
mode;5;3;;;;;state;;;
mode2;6;3;;;;;state;0:closed;;
t;7;3;;;;Cel;measure;;fewer;3
水位;8;3;;;;mm;;;;
a;9;3;u32;;;mm;;;;
b;10;3;u16;;;mm;;;;
a;12;3;u16;;;mm;;;;
"""
    with pytest.raises(ProfileErrors) as caught:
        made(table)
    lines = [(problem.line, problem.path[0]) for problem in caught.value.problems]
    assert lines == [
        (2, "address"), (2, "scale"), (2, "type"), (2, "order"),
        (3, "address"), (3, "kind"), (3, "unit"),
        (4, "values"), (5, "values"), (6, "rule"), (7, "name"), (9, "address"), (10, "name"),
    ]  # fmt: skip
    text = str(caught.value)
    assert "t.csv:2:1: address: 40001 is read by function 3, but fc says 4" in text
    assert "t.csv:6:1: rule: is not known, got 'fewer', did you mean 'fever'?" in text
    assert "t.csv:9:1: address: shares registers with 'a' of line 8" in text


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("name,adress\nx,1\n", "unknown column 'adress', did you mean 'address'"),
        ("name\nx\n", "the column 'address' is missing"),
        ("name,address,name\nx,1,y\n", "stands twice"),
        ("name,address\nx,1,2\n", "3 cells under 2 columns"),
        ('name,address\n"x,1\n', "no CSV"),
    ],
)
def test_a_broken_table_says_where(table: str, why: str) -> None:
    with pytest.raises(ProfileErrors, match=why):
        made(table)


def test_an_empty_table_is_no_profile() -> None:
    with pytest.raises(NotUsableError, match="no point"):
        made("name,address\n")


CELL = st.text(alphabet="0123456789abx=;.-+#°CmABD", max_size=8)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELL)), max_size=3))
def test_whatever_stands_in_the_cells_it_is_a_draft_or_reasons(rows: list[dict[str, str]]) -> None:
    table = "\n".join([",".join(COLUMNS), *(",".join(row[column] for column in COLUMNS) for row in rows)])
    try:
        draft = made(table)
    except (ProfileErrors, NotUsableError):
        return
    assert run_examples(draft.profile) == ()
