"""How times, spans, numbers and units are written on the pages."""

from datetime import datetime
from typing import Final

from server.days import LOCAL
from server.web.i18n import say

_STEPS: Final = (("days", 86_400), ("hours", 3_600), ("minutes", 60))
_UNITS: Final = {
    "1": "",
    "Cel": "°C",
    "deg": "°",
    "Ohm": "Ω",
    "[ppm]": "ppm",
    "[ppb]": "ppb",
    "%[LEL]": "%LEL",
    "uS/cm": "µS/cm",
    "ug/m3": "µg/m³",
    "m3": "m³",
    "[pH]": "pH",
    "[NTU]": "NTU",
    "dB[mW]": "dBm",
}


def clock(moment: datetime) -> str:
    """The time of day, to the second."""
    return moment.astimezone(LOCAL).strftime("%H:%M:%S")


def when(moment: datetime, now: datetime) -> str:
    """The time of day, with the date where it is another day than today."""
    local = moment.astimezone(LOCAL)
    today = now.astimezone(LOCAL).date()
    if local.date() == today:
        return local.strftime("%H:%M:%S")
    return local.strftime("%m-%d %H:%M:%S" if local.year == today.year else "%Y-%m-%d %H:%M:%S")


def span(language: str, seconds: float) -> str:
    """A span in its largest whole unit: "3 min"."""
    for name, size in _STEPS:
        if seconds >= size:
            return say(language, f"time.{name}", n=int(seconds // size))
    return say(language, "time.seconds", n=max(0, int(seconds)))


def gap(earlier: datetime, later: datetime) -> str:
    """The signed difference between two clocks: "+42 ms", "+1.50 s", "+3 min 05 s"."""
    seconds = (later - earlier).total_seconds()
    sign, size = ("−" if seconds < 0 else "+"), abs(seconds)
    if size < 1:
        return f"{sign}{size * 1000:.0f} ms"
    if size < 60:
        return f"{sign}{size:.2f} s"
    if size < 3_600:
        return f"{sign}{int(size // 60)} min {int(size % 60):02d} s"
    return f"{sign}{int(size // 3_600)} h {int(size % 3_600 // 60):02d} min"


def number(value: float) -> str:
    """A number without needless digits."""
    if value == int(value) and abs(value) < 1e12:
        return str(int(value))
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 else f"{value:.3g}"


def unit(ucum: str | None) -> str:
    """A UCUM code as people write it."""
    return _UNITS.get(ucum, ucum) if ucum else ""


def milliseconds(moment: datetime) -> int:
    """A moment for the pages' scripts."""
    return round(moment.timestamp() * 1000)
