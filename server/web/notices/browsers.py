"""What to call a browser on its owner's page."""

from typing import Final

_PROGRAMS: Final = (
    ("MicroMessenger", "WeChat"),
    ("Edg", "Edge"),
    ("HuaweiBrowser", "Huawei"),
    ("MiuiBrowser", "MIUI"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def browser_name(agent: str) -> str:
    """A name from a User-Agent, such as "Chrome · Android"; the first that fits."""
    found = (next((name for mark, name in marks if mark in agent), "") for marks in (_PROGRAMS, _SYSTEMS))
    return " · ".join(name for name in found if name) or "?"
