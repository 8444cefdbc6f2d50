"""The models of ttn_examples_relevant.jsonl that have a profile, and how their keys map to our points."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Convert = Callable[[Any], Any]
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Deviation:
    """Where the vendor's decoder is wrong: why, and what the points have to be instead."""

    why: str
    points: Mapping[str, Any]


@dataclass(frozen=True)
class Rounded:
    """Their number, which they have rounded."""

    value: float
    digits: int

    def matches(self, ours: object) -> bool:
        half = 0.5 * 10**-self.digits + 1e-9
        return isinstance(ours, int | float) and abs(ours - self.value) <= half


@dataclass(frozen=True)
class Model:
    """Keys that carry quantities, by our point and a conversion; keys that carry none; deviations."""

    keys: Mapping[str, tuple[str, Convert]]
    no_quantity: frozenset[str] = frozenset()
    deviations: Mapping[str, Deviation] = field(default_factory=lambda: NOTHING)
    parameters: Mapping[str, float] = field(default_factory=lambda: NOTHING)


def profile_id(row: Mapping[str, Any]) -> str:
    """The id under which a model of theirs would stand here."""
    return f"{row['vendor']}-{row['model']}"


def wanted(model: Model, row: Mapping[str, Any]) -> dict[str, Any]:
    """What our points have to be for a row. Fails on a key that nobody has decided about."""
    result = {}
    data = row["expected"]["data"]
    if "Cmd" in data or "SWver" in data:  # an answer to a setting, or versions: a sign of life only
        return {}
    for key, value in data.items():
        if key in model.no_quantity:
            continue
        point, convert = model.keys[key]
        result[point] = convert(value)
    return result


def _same(value: Any) -> Any:
    return value


def _number(value: Any) -> Any:
    """A number out of `1700 mm`; None out of words such as `No Sensor`."""
    text = str(value).split()[0].removesuffix("%")
    return float(text) if text.lstrip("-").replace(".", "", 1).isdigit() else None


def _sensor(value: Any) -> Any:
    return None if value == "NoSensor" else value


def _decentlab(**names: str) -> Model:
    keys = {key: (point, lambda item: item["value"]) for key, point in names.items()}
    keys["battery_voltage"] = ("battery_voltage", lambda item: item["value"])
    return Model(keys, frozenset({"device_id", "protocol_version"}), parameters={"mount_height": 10_000})


def _netvox(**names: str | tuple[str, Convert]) -> Model:
    keys = {key: (item, _same) if isinstance(item, str) else item for key, item in names.items()}
    return Model(keys | {"Volt": ("battery_voltage", _same)}, frozenset({"Device"}))


def _elsys(**more: tuple[str, Convert]) -> Model:
    keys = {name: (point, _same) for name, point in _ELSYS.items()}
    return Model(keys | more)


_ELSYS = {
    "temperature": "temperature",
    "humidity": "humidity",
    "x": "accel_x",
    "y": "accel_y",
    "z": "accel_z",
    "light": "illuminance",
    "motion": "motion",
    "pressure": "air_pressure",
    "distance": "distance",
    "waterleak": "leak_level",
    "pulse1": "pulses",
}
_OCCUPANCY = ("occupancy", {0: "vacant", 1: "pending", 2: "occupied"}.__getitem__)
_ON = {"ON": True, "OFF": False}.__getitem__
_LEAK = {"Leak": True, "NoLeak": False}.__getitem__
_STATION = {
    "O3": "o3", "CO": "co", "NO": "no", "NO2": "no2", "SO2": "so2", "H2S": "h2s", "CO2": "co2", "NH3": "nh3",
    "Noise": "noise", "PM1_0": "pm1", "PM2_5": "pm2_5", "PM10": "pm10", "um0_3": "particles_0_3",
    "um0_5": "particles_0_5", "um1_0": "particles_1", "um2_5": "particles_2_5", "um5_0": "particles_5",
    "um10": "particles_10", "PH": "ph", "TempPH": "ph_temperature", "ORP": "orp", "NTU": "turbidity",
    "TempNTU": "turbidity_temperature", "EC5SoildHumi": "soil_moisture_ec5", "SoildHumi5TE": "soil_moisture",
    "SoildTemp5TE": "soil_temperature", "WaterLevel": "water_level", "EC5TE": "soil_conductivity",
    "TempLDO": "oxygen_temperature", "LDO_DO": "dissolved_oxygen", "LDO_Sat": "oxygen_saturation",
    "Temperature": "temperature", "Humidity": "humidity", "WindSpeed": "wind_speed",
    "WindDirection": "wind_direction", "Atomsphere": "air_pressure", "VOC": "voc",
}  # fmt: skip
_STATION_MODEL = Model(
    {key: (point, _sensor) for key, point in _STATION.items()} | {"Volt": ("battery_voltage", _same)},
    frozenset({"Device"}),
)
_ALARM = _netvox(Alarm=("sos", bool))
_TEMPERATURE = _netvox(Temp="temperature")
_DOOR = Model(
    {
        "BAT_V": ("battery_voltage", _same),
        "DOOR_OPEN_STATUS": ("cover_open", bool),
        "DOOR_OPEN_TIMES": ("open_count", _same),
    },
    # The only example is cut: there are no bytes for the duration and the alarm that it shows.
    frozenset({"MOD", "ALARM", "LAST_DOOR_OPEN_DURATION"}),
)
_ULTRASONIC = Model(
    {
        "Bat": ("battery_voltage", _same),
        "Distance": ("distance", _number),
        "Interrupt_flag": ("interrupt", bool),
        "Sensor_flag": ("probe", bool),
        "TempC_DS18B20": ("temperature", float),
    },
    deviations={
        "0e1c0b05": Deviation(
            "four bytes are battery and distance; its decoder says No Sensor for all lengths but five",
            {"battery_voltage": 3.612, "distance": 2821},
        )
    },
)
_BROWAN = {"battery": ("battery_voltage", _same), "temperatureBoard": ("case_temperature", _same)}

MODELS: Mapping[str, Model] = {
    "aquascope-wwd": Model(
        {
            "leak": ("leak", bool),
            "remote": ("remote", bool),
            "battery": ("battery", _same),
            "temperature": ("temperature", _same),
        }
    ),
    "browan-tbhh100": Model(
        _BROWAN
        | {
            "status": ("status_code", _same),
            "temperature": ("temperature", _same),
            "humidity": ("humidity", _same),
        }
    ),
    "browan-tbms100": Model(
        _BROWAN
        | {
            "status": ("occupancy", bool),
            "time": ("since_motion", _same),
            "count": ("motion_count", _same),
        }
    ),
    "browan-tbpb100": Model(_BROWAN | {"status": ("sos", bool)}),
    "browan-tbwl100": Model(
        _BROWAN
        | {
            "status": ("leak", bool),
            "temperature": ("temperature", _same),
            "humidity": ("humidity", _same),
        },
        frozenset({"temperatureChanged", "humidityChanged"}),
    ),
    "decentlab-dl-ctd10": Model(
        {
            "water_depth": ("water_level", lambda item: item["value"]),
            "temperature": ("temperature", lambda item: item["value"]),
            "electrical_conductivity": ("conductivity", lambda item: item["value"]),
            "freezing_flag": ("freezing", lambda item: bool(item["value"])),
            "battery_voltage": ("battery_voltage", lambda item: item["value"]),
        },
        frozenset({"device_id", "protocol_version"}),
    ),
    "decentlab-dl-ds18": _decentlab(temperature="temperature"),
    "decentlab-dl-itst": _decentlab(temperature_target="temperature", temperature_head="sensor_temperature"),
    "decentlab-dl-lid": _decentlab(
        distance_average="distance",
        distance_minimum="distance_minimum",
        distance_maximum="distance_maximum",
        distance_median="distance_median",
        distance_10th_percentile="distance_p10",
        distance_25th_percentile="distance_p25",
        distance_75th_percentile="distance_p75",
        distance_90th_percentile="distance_p90",
        distance_most_frequent_value="distance_mode",
        number_of_samples="sample_count",
        total_acquisition_time="sampling_time",
    ),
    "decentlab-dl-mbx": _decentlab(distance="distance", number_of_valid_samples="valid_samples"),
    "decentlab-dl-pr21": _decentlab(pressure="pressure", temperature="temperature"),
    "decentlab-dl-pr26": _decentlab(pressure="pressure", temperature="temperature"),
    "decentlab-dl-pr36": _decentlab(pressure="pressure", temperature="temperature"),
    "decentlab-dl-pr36ctd": _decentlab(
        pressure="pressure",
        temperature_electronics="temperature_electronics",
        temperature_pt1000="temperature",
        electrical_conductivity="conductivity",
    ),
    "decentlab-dl-wrm": _decentlab(
        air_temperature="air_temperature",
        air_humidity="humidity",
        surface_temperature="temperature",
        head_temperature="sensor_temperature",
    ),
    "digital-matter-oyster": Model(
        {
            "batV": ("battery_voltage", _same),
            "fixFailed": ("fix_failed", _same),
            "inTrip": ("in_trip", _same),
            "latitudeDeg": ("latitude", _same),
            "longitudeDeg": ("longitude", _same),
            "speedKmph": ("speed", _same),
            "headingDeg": ("heading", _same),
        },
        frozenset({"type", "manDown", "cached"}),
    ),
    "dingtek-dc410": Model(
        {
            "level": ("distance", _number),
            "full": ("full", _same),
            "motion": ("cover_open", _same),
            "battery": ("battery_low", _same),
            "angle": ("tilt", _number),
            "temperature": ("temperature", _number),
        },
        frozenset(
            {
                "frame_counter",
                "periodic_upload_interval",
                "periodic_detection_interval",
                "full_alarm_threshold",
                "motion_alarm_threshold",
                "motion_alarm_enable",
                "ultrasonic_range",
            }
        ),
    ),
    "dingtek-df530": Model(
        {
            "level": ("water_level", _number),
            "empty": ("empty", _same),
            "battery": ("battery_low", _same),
            "temperature": ("temperature", _number),
            "longitude": ("longitude", float),
            "latitude": ("latitude", float),
        },
        frozenset({"frame_counter", "periodic_upload_interval", "empty_alarm_threshold"}),
    ),
    "dingtek-df702": Model(
        {
            "level": ("distance", _number),
            "full": ("full", _same),
            "fire": ("fire", _same),
            "tilt": ("tilted", _same),
            "battery": ("battery_low", _same),
            "angle": ("tilt", _number),
            "temperature": ("temperature", _number),
            "longitude": ("longitude", float),
            "latitude": ("latitude", float),
        },
        frozenset(
            {
                "periodic_interval",
                "detection_interval",
                "full_alarm_threshold",
                "fire_alarm_threshold",
                "tilt_alarm_threshold",
                "tilt_enable",
                "ultrasonic_range",
            }
        ),
    ),
    "dragino-ldds20": _ULTRASONIC,
    "dragino-ldds45": _ULTRASONIC,
    "dragino-ldds75": _ULTRASONIC,
    "dragino-lds01": _DOOR,
    "dragino-lds02": _DOOR,
    "dragino-lht65": Model(
        {
            "BatV": ("battery_voltage", _same),
            "Bat_status": ("battery_state", {0: "ultra_low", 1: "low", 2: "fair", 3: "good"}.__getitem__),
            "Hum_SHT": ("humidity", _same),
            "TempC_SHT": ("temperature", _same),
            "TempC_DS": ("probe_temperature", _same),
        },
        frozenset({"Ext_sensor"}),
    ),
    "dragino-llds12": Model(
        {
            "Bat": ("battery_voltage", _same),
            "TempC_DS18B20": ("temperature", float),
            "Lidar_distance": ("distance", lambda centimetres: centimetres * 10),
            "Lidar_signal": ("signal", _same),
            "Lidar_temp": ("sensor_temperature", _same),
            "Interrupt_flag": ("interrupt", bool),
        },
        frozenset({"Message_type"}),
    ),
    "ellenex-pls2-l": Model(
        {"level": ("water_level", _same), "batteryVoltage": ("battery_voltage", _same)},
        parameters={"unit_mm": 1},
    ),
    "dragino-lwl01": _DOOR,
    "dragino-lwl02": _DOOR,
    "elsys-elt-2": _elsys(),
    "elsys-elt-ultrasonic": _elsys(),
    "elsys-ems": _elsys(),
    "elsys-ems-desk": _elsys(occupancy=_OCCUPANCY),
    "elsys-ers": _elsys(),
    "elsys-ers-eye": _elsys(occupancy=_OCCUPANCY),
    "mclimate-flood-sensor": Model(
        {
            "reason": ("reason", _same),
            "boxTamper": ("tamper", _same),
            "flood": ("leak", _same),
            "battery": ("battery_voltage", _same),
        }
    ),
    "netvox-r311w": _netvox(WaterLeak_1=("leak_1", _LEAK), WaterLeak_2=("leak_2", _LEAK)),
    "netvox-r312a": _ALARM,
    "netvox-r718b": _TEMPERATURE,
    "netvox-r718ck": _TEMPERATURE,
    "netvox-r718ct": _TEMPERATURE,
    "netvox-r718ea": _netvox(AngleX="angle_x", AngleY="angle_y", AngleZ="angle_z", Temp="temperature"),
    "netvox-r718eb": _netvox(AngleX="angle_x", AngleY="angle_y", AngleZ="angle_z"),
    "netvox-r718pa22": _netvox(
        Depth="water_level", Temp="temperature", InstallStatus=("installed", "Success".__eq__)
    ),
    "netvox-r718pe": _netvox(Status=("near", _ON), Distance="distance", FillLevel="fill_level"),
    "netvox-r718t": _ALARM,
    "netvox-r718wa": _netvox(WaterLeak=("leak", _LEAK)),
    "netvox-r718wb": _netvox(WaterLeak=("leak", _LEAK)),
    "netvox-r718x": _netvox(
        Status=("near", _ON),
        Distance="distance",
        FillLevel="fill_level",
        Temp="temperature",
        AngleOfInclination="tilt",
    ),
    "netvox-r72615": _STATION_MODEL,
    "netvox-ra0715": _STATION_MODEL,
    "netvox-rb02i": _ALARM,
    "netvox-rb11e": _netvox(
        Temp="temperature",
        Illuminance="illuminance",
        Occupy=("occupancy", bool),
        DisassembledAlarm=("tamper", bool),
    ),
    "pepperl-fuchs-wilsen-sonic-level": Model(
        {
            "battery_vol": ("battery_voltage", _same),
            "fillinglvl": ("fill_level", _same),
            "proxx": ("distance", lambda centimetres: centimetres * 10),
            "temp": ("temperature", lambda value: Rounded(value, 1)),
            "latitude": ("latitude", _same),
            "longitude": ("longitude", _same),
            "serial_nr": ("serial", _same),
            "lora_count": ("lora_count", _same),
            "gps_count": ("gps_count", _same),
            "us_sensor_count": ("measure_count", _same),
        },
        frozenset({"payload"}),
    ),
    "tektelic-t0006923-edoctor": Model(
        {"battery": ("battery", lambda value: Rounded(value, 2))}, frozenset({"port", "raw"})
    ),
    "terabee-lora-lm-xl": Model(
        {
            "distance": ("distance", _same),
            "levelPercentage": ("fill_level", _same),
            "batteryVoltage": ("battery_voltage", lambda millivolts: millivolts / 1_000),
        }
    ),
}
