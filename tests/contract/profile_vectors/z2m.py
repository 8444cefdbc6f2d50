"""What Zigbee2MQTT exposes: which properties carry no quantity, and how its units and booleans map."""

from typing import Final

NO_QUANTITY: Final = {
    "power_outage_count",
    "trigger_count",
    "x_axis",
    "y_axis",
    "z_axis",
    "version",
    "strength",
}
"""Counters of the radio, raw axes beside the angles, text."""

POLARITY: Final = {"contact": (True, False)}
"""Our value for `value_on` and `value_off`: contact false is its `on`, and means open."""

UNITS: Final = {
    ("%", "%"),
    ("mV", "V"),
    ("V", "V"),
    ("lqi", "1"),
    ("°C", "Cel"),
    ("lx", "lx"),
    ("breaths/min", "/min"),
    ("cm", "cm"),
    ("m", "mm"),
    ("°", "deg"),
    (None, "1"),
}
"""Pairs of their unit and ours."""
