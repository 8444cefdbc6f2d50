"""Units as people and other programs write them, and their UCUM codes."""

from typing import Final, get_args

from firmware_profiles.units import Unit

UCUM: Final = frozenset(get_args(Unit))

_SPOKEN: Final[dict[str, tuple[str, float, float]]] = {
    "": ("1", 1, 0), "lqi": ("1", 1, 0), "°C": ("Cel", 1, 0), "℃": ("Cel", 1, 0), "degC": ("Cel", 1, 0),
    "°F": ("Cel", 0.5555555555555556, -17.77777777777778), "A": ("mA", 1000, 0), "°": ("deg", 1, 0),
    "ppm": ("[ppm]", 1, 0), "ppb": ("[ppb]", 1, 0), "LEL": ("%[LEL]", 1, 0), "%LEL": ("%[LEL]", 1, 0),
    "%RH": ("%", 1, 0), "µg/m³": ("ug/m3", 1, 0), "μg/m³": ("ug/m3", 1, 0), "pH": ("[pH]", 1, 0),
    "NTU": ("[NTU]", 1, 0), "µS/cm": ("uS/cm", 1, 0), "μS/cm": ("uS/cm", 1, 0), "dBm": ("dB[mW]", 1, 0),
    "m³": ("m3", 1, 0), "sec": ("s", 1, 0), "minutes": ("min", 1, 0), "hours": ("h", 1, 0),
    "days": ("d", 1, 0), "bpm": ("/min", 1, 0), "breaths/min": ("/min", 1, 0), "Ω": ("Ohm", 1, 0),
}  # fmt: skip


def ucum(text: str) -> tuple[str, float, float] | None:
    """The UCUM code with scale and offset from the spoken unit; None when it is not known."""
    text = text.strip()
    return (text, 1, 0) if text in UCUM else _SPOKEN.get(text)
