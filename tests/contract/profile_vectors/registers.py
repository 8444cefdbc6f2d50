"""The rules of modbus_vectors.jsonl as profiles: ours by name, generic ones made on the spot."""

from typing import Any, Final

from firmware_profiles import Catalogue, Profile
from tests.unit.firmware_profiles.making import made, measure

_DEVICES: Final = {
    "QDY30A level probe": "qdy30a",
    "XY-MD02": "xy-md02",
    "Keller Acculevel/Series 30": "keller-acculevel",
    "Honeywell Midas gas detector (Modbus TCP)": "honeywell-midas",
    "Calex PyroUSB IR thermometer": "calex-pyrousb",
    "Oldham iTrans 2 (O2 channel)": "oldham-itrans-2",
    "Honeywell RAEGuard 3": "honeywell-raeguard-3",
    "Escort TD-500 level": "escort-td-500",
}
_KINDS: Final = {"float32": "f32", "int32": "i32", "int16": "i16", "uint32": "u32", "bits": "u16"}
_STATUS_BITS: Final = ("fault", "sensor_low", "sensor_high", "object_low", "object_high")
_TO_MILLIMETRES: Final = {"mm": 1, "cm": 10}


def case(catalogue: Catalogue, row: dict[str, Any]) -> tuple[Profile, dict[str, Any]]:
    """The profile for a row, and what its points have to be."""
    name = _DEVICES.get(row["device"])
    if name is None:
        return _generic(row), {"x": row["expected"]}
    return catalogue[name], _WANTED.get(name, _same)(row["expected"])


def _generic(row: dict[str, Any]) -> Profile:
    rule = row["rule"]
    field: dict[str, Any] = {"address": row["addr"], "type": _KINDS[rule["type"]]}
    if "order" in rule:
        field["order"] = rule["order"]
    if "scale" in rule:
        field["scale"] = rule["scale"]
    if "mask" in rule:
        mask = int(rule["mask"], 16)
        field["bits"] = f"{mask.bit_length() - 1}:{rule['shift']}"
    if "error_values" in rule:
        field["sentinels"] = {str(value): "error" for value in rule["error_values"]}
    read = {"address": row["addr"], "count": len(row["registers"]), "every": "1s"}
    part = {"kind": "registers", "fc": row["fc"], "reads": [read], "fields": {"x": field}}
    return made(part, {"x": measure()})


def _same(expected: Any) -> dict[str, Any]:
    return dict(expected)


def _level(expected: Any) -> dict[str, Any]:
    return {"water_level": expected["value"] * _TO_MILLIMETRES[expected["unit"]]}


def _keller(expected: Any) -> dict[str, Any]:
    return {"pressure": expected["p1_bar"], "temperature": expected["tob1_c"]}


def _midas(expected: Any) -> dict[str, Any]:
    assert expected["unit"] == "ppm"
    return {
        "state": expected["state"].lower(),
        "fault": expected["fault"].split()[0].lower(),
        "heartbeat": bool(expected["heartbeat"]),
        "gas_high": expected["alarm"] == "high",
        "gas": expected["ppm"],
        "fault_code": expected["fault_code"],
        "temperature": expected["temp"],
        "cell_life": expected["life_days"] * 24,
        "flow": expected["flow"],
        "low_limit": expected["low_thr"],
        "high_limit": expected["high_thr"],
    }


def _calex(expected: Any) -> dict[str, Any]:
    names = {
        "max": "temperature_max",
        "filtered": "temperature",
        "unfiltered": "temperature_unfiltered",
        "sensor": "sensor_temperature",
    }
    wanted = {names[key]: value for key, value in expected.items() if key != "status"}
    status = expected.get("status", expected if isinstance(expected, list) else [])
    return wanted | {bit: bit in status for bit in _STATUS_BITS}


_WANTED: Final[dict[str, Any]] = {
    "qdy30a": _level,
    "keller-acculevel": _keller,
    "honeywell-midas": _midas,
    "calex-pyrousb": _calex,
    "oldham-itrans-2": lambda expected: {"oxygen": expected},
    "honeywell-raeguard-3": lambda expected: {"oxygen": expected / 10},
}
