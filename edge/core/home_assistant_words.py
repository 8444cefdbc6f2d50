"""Home Assistant's discovery words: abbreviations, and what its device classes mean here. Facts as tables."""

from dataclasses import dataclass
from typing import Final

ABBREVIATIONS: Final[dict[str, str]] = {
    "act_t": "action_topic",
    "act_tpl": "action_template",
    "atype": "automation_type",
    "aux_stat_t": "aux_state_topic",
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "away_mode_stat_t": "away_mode_state_topic",
    "b_tpl": "blue_template",
    "bri_stat_t": "brightness_state_topic",
    "cmd_t": "command_topic",
    "cmd_tpl": "command_template",
    "cmps": "components",
    "cont_type": "content_type",
    "curr_temp_t": "current_temperature_topic",
    "curr_temp_tpl": "current_temperature_template",
    "def_ent_id": "default_entity_id",
    "dev": "device",
    "dev_cla": "device_class",
    "e": "encoding",
    "en": "enabled_by_default",
    "ent_cat": "entity_category",
    "ent_pic": "entity_picture",
    "evt_typ": "event_types",
    "exp_aft": "expire_after",
    "fan_mode_stat_t": "fan_mode_state_topic",
    "frc_upd": "force_update",
    "ic": "icon",
    "img_t": "image_topic",
    "json_attr": "json_attributes",
    "json_attr_t": "json_attributes_topic",
    "json_attr_tpl": "json_attributes_template",
    "l_ver_t": "latest_version_topic",
    "lrst_t": "last_reset_topic",
    "lrst_val_tpl": "last_reset_value_template",
    "max": "max",
    "min": "min",
    "mode_stat_t": "mode_state_topic",
    "name": "name",
    "o": "origin",
    "obj_id": "object_id",
    "off_dly": "off_delay",
    "ops": "options",
    "opt": "optimistic",
    "p": "platform",
    "pl": "payload",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "pl_prs": "payload_press",
    "pos_t": "position_topic",
    "qos": "qos",
    "ret": "retain",
    "src_type": "source_type",
    "stat_cla": "state_class",
    "stat_off": "state_off",
    "stat_on": "state_on",
    "stat_t": "state_topic",
    "stat_tpl": "state_template",
    "stype": "subtype",
    "sug_dsp_prc": "suggested_display_precision",
    "t": "topic",
    "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement",
    "url_t": "url_topic",
    "val_tpl": "value_template",
}
"""Of configurations. Those of actuators that no sensor uses are left out."""

DEVICE_ABBREVIATIONS: Final[dict[str, str]] = {
    "cns": "connections",
    "cu": "configuration_url",
    "hw": "hw_version",
    "ids": "identifiers",
    "mf": "manufacturer",
    "mdl": "model",
    "mdl_id": "model_id",
    "sa": "suggested_area",
    "sn": "serial_number",
    "sw": "sw_version",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """The point that a class of entity becomes; `rule` the key of the rule that its meaning makes certain."""

    point: str
    rule: str | None = None


BINARY_CLASSES: Final[dict[str, Meaning]] = {
    "battery": Meaning("battery_low"),
    "carbon_monoxide": Meaning("carbon_monoxide", "gas_co"),
    "door": Meaning("cover_open"),
    "garage_door": Meaning("cover_open"),
    "gas": Meaning("gas", "gas"),
    "moisture": Meaning("leak", "leak"),
    "motion": Meaning("occupancy"),
    "moving": Meaning("vibration"),
    "occupancy": Meaning("occupancy"),
    "opening": Meaning("cover_open"),
    "presence": Meaning("presence"),
    "problem": Meaning("fault"),
    "smoke": Meaning("smoke", "fire"),
    "tamper": Meaning("tamper"),
    "vibration": Meaning("vibration"),
    "window": Meaning("cover_open"),
}
"""On means: open, wet, detected, low, wrong. `safety` is not among them: only a name says what is unsafe."""

SENSOR_CLASSES: Final[dict[str, str]] = {
    "battery": "battery",
    "carbon_dioxide": "co2",
    "carbon_monoxide": "carbon_monoxide_level",
    "distance": "distance",
    "humidity": "humidity",
    "illuminance": "illuminance",
    "moisture": "soil_moisture",
    "pressure": "pressure",
    "atmospheric_pressure": "pressure",
    "signal_strength": "rssi",
    "temperature": "temperature",
    "voltage": "voltage",
    "current": "current",
}
CALL_WORDS: Final = frozenset({"sos", "panic", "emergency"})
"""An entity with one of these words in its id is an emergency call."""
