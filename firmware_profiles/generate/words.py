"""Names in both languages for quantities and values that many devices have, and usual ranges by unit."""

from typing import Any, Final

NAMES: Final[dict[str, tuple[str, str]]] = {
    "action": ("动作", "Action"),
    "angle_x": ("倾角 X", "Angle X"),
    "angle_y": ("倾角 Y", "Angle Y"),
    "angle_z": ("倾角 Z", "Angle Z"),
    "battery": ("电量", "Battery"),
    "battery_low": ("电池电量低", "Battery low"),
    "battery_voltage": ("电池电压", "Battery voltage"),
    "carbon_monoxide": ("一氧化碳", "Carbon monoxide"),
    "co2": ("二氧化碳", "Carbon dioxide"),
    "cover_open": ("门或盖开启", "Door or cover open"),
    "current": ("电流", "Current"),
    "device_temperature": ("设备温度", "Device temperature"),
    "distance": ("距离", "Distance"),
    "fault": ("故障", "Fault"),
    "fall": ("跌倒", "Fall"),
    "gas": ("燃气", "Gas"),
    "humidity": ("湿度", "Humidity"),
    "illuminance": ("照度", "Illuminance"),
    "leak": ("漏水", "Leak"),
    "level": ("水位", "Level"),
    "linkquality": ("链路质量", "Link quality"),
    "liquid_depth": ("液位深度", "Liquid depth"),
    "liquid_level_percent": ("液位百分比", "Liquid level"),
    "liquid_state": ("液位状态", "Liquid state"),
    "occupancy": ("有人移动", "Occupancy"),
    "presence": ("有人", "Presence"),
    "press": ("按键", "Press"),
    "pressure": ("压力", "Pressure"),
    "smoke": ("烟雾", "Smoke"),
    "soil_moisture": ("土壤湿度", "Soil moisture"),
    "sos": ("紧急呼叫", "Emergency call"),
    "tamper": ("设备被拆", "Device opened"),
    "temperature": ("温度", "Temperature"),
    "tilt": ("倾角", "Tilt"),
    "vibration": ("震动", "Vibration"),
    "voltage": ("电压", "Voltage"),
    "water_level": ("水位", "Water level"),
}

_YES_NO: Final = (("是", "yes"), ("否", "no"))
_BOOLEANS: Final[dict[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "battery_low": (("低", "low"), ("正常", "good")),
    "cover_open": (("开", "open"), ("关", "closed")),
    "fault": (("故障", "fault"), ("正常", "good")),
    "fall": (("跌倒", "fallen"), ("正常", "normal")),
    "gas": (("报警", "alarm"), ("正常", "normal")),
    "carbon_monoxide": (("报警", "alarm"), ("正常", "normal")),
    "smoke": (("报警", "alarm"), ("正常", "normal")),
    "sos": (("呼叫中", "calling"), ("正常", "normal")),
    "leak": (("漏水", "leak"), ("干", "dry")),
    "tamper": (("被拆", "opened"), ("正常", "normal")),
    "occupancy": (("有人", "somebody"), ("无人", "nobody")),
    "presence": (("有人", "somebody"), ("无人", "nobody")),
}
_VALUES: Final[dict[str, tuple[str, str]]] = {
    "double": ("双击", "double"),
    "drop": ("跌落", "drop"),
    "emergency": ("紧急呼叫", "emergency"),
    "fall": ("跌倒", "fall"),
    "falling": ("跌倒", "falling"),
    "high": ("高", "high"),
    "hold": ("长按", "hold"),
    "long": ("长按", "long"),
    "low": ("低", "low"),
    "none": ("无", "none"),
    "normal": ("正常", "normal"),
    "off": ("关", "off"),
    "on": ("开", "on"),
    "single": ("单击", "single"),
    "sos": ("紧急呼叫", "emergency call"),
    "tilt": ("倾斜", "tilt"),
    "triple": ("三击", "triple"),
    "unknown": ("未知", "unknown"),
    "vibration": ("震动", "vibration"),
}

RANGES: Final[dict[str, tuple[float, float]]] = {
    "%": (0, 100),
    "Cel": (-40, 125),
    "V": (0, 500),
    "mV": (0, 500_000),
    "[ppm]": (0, 100_000),
    "[ppb]": (0, 1_000_000),
    "%[LEL]": (0, 100),
    "hPa": (300, 1_200),
    "kPa": (0, 10_000),
    "[pH]": (0, 14),
    "lx": (0, 200_000),
    "deg": (-360, 360),
}
"""What a sensor of that unit can plausibly say, where its maker gives no range."""

WIDEST: Final = (-1_000_000_000, 1_000_000_000)
"""For units without a usual range: wide, so that nothing true is marked bad."""


def text(zh: str, en: str) -> dict[str, str]:
    """A text in both languages as a profile writes it."""
    return {"zh": zh, "en": en}


def plain(word: str) -> str:
    """`fall_down_status` as people read it: `Fall down status`."""
    words = word.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def name_of(point: str, label: str = "") -> dict[str, str]:
    """The point's name; without a known one, its label in both languages."""
    zh, en = NAMES.get(point) or (label or plain(point),) * 2
    return text(zh, en)


def boolean_values(point: str) -> dict[str, Any]:
    """The names of true and false."""
    yes, no = _BOOLEANS.get(point, _YES_NO)
    return {"true": text(*yes), "false": text(*no)}


def value_names(values: list[str]) -> dict[str, Any]:
    """The names of a state's or event's values."""
    return {value: text(*_VALUES.get(value, (plain(value), plain(value)))) for value in values}


def range_of(unit: str) -> list[float]:
    """The usual range of a unit."""
    return list(RANGES.get(unit, WIDEST))
