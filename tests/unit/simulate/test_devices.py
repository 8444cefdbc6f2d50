"""What the simulated models send, against frames written by hand from the makers' layouts."""

import base64
import json
import struct

import pytest

from sunwell.simulate.devices.lorawan import DingtekCover, MilesightButton, MilesightRadar
from sunwell.simulate.devices.registers import (
    CalexThermometer,
    GasDetector,
    LevelProbe,
    OmegaThermometer,
    RoomSensor,
    low_word_first,
    signed,
)
from sunwell.simulate.devices.zigbee import HeimanRadar, OwonRadar, OwonSos, TuyaRadar, TuyaSos

NOW_MS = 1_784_367_255_775


def test_zigbee2mqtt_repeats_states_and_never_a_press() -> None:
    button = TuyaSos("home-01-button")
    assert button.topic == "zigbee2mqtt/home-01-button"
    assert json.loads(button.press(NOW_MS)) == {
        "linkquality": 120,
        "battery": 92,
        "voltage": 2900,
        "action": "emergency",
        "last_seen": "2026-07-18T09:34:15.775Z",
    }
    assert "action" not in json.loads(button.message(NOW_MS))


def test_an_ias_button_holds_its_alarm_until_it_is_over() -> None:
    button = OwonSos("b")
    states = [
        json.loads(m)["sos"] for m in (button.press(NOW_MS), button.message(NOW_MS), button.release(NOW_MS))
    ]
    assert states == [True, True, False]


@pytest.mark.parametrize(
    ("radar", "name", "fallen", "calm"),
    [
        (OwonRadar("r"), "status", "falling", "sitting"),
        (HeimanRadar("r"), "fall_status", "fall_alarm", "normal"),
        (TuyaRadar("r"), "fall_down_status", "fall", "none"),
    ],
)
def test_each_radar_has_its_own_word_for_a_fall(
    radar: OwonRadar | HeimanRadar | TuyaRadar, name: str, fallen: str, calm: str
) -> None:
    assert json.loads(radar.message(NOW_MS))[name] == calm
    radar.set_fallen(True)
    assert json.loads(radar.message(NOW_MS))[name] == fallen
    radar.set_fallen(False)
    assert json.loads(radar.message(NOW_MS))[name] == calm


def test_batteries() -> None:
    tuya, owon = TuyaSos("a"), OwonSos("b")
    tuya.set_battery(4)
    owon.set_battery(4)
    assert (tuya.cached["battery"], tuya.cached["voltage"], owon.cached["battery_low"]) == (4, 2040, True)


def test_milesight_frames() -> None:
    radar, button = MilesightRadar("r", "24e124a100000001"), MilesightButton("b", "24e124b100000001")
    assert radar.report().hex(" ") == "03 f8 00 00 0c 00 01 00"
    assert radar.fall_alarm().hex(" ") == "06 fb 01 00 00 01 01 03 f8 04 00 0c 00 02 00"
    assert radar.fall_over().hex(" ") == "06 fb 01 00 00 02 01 03 f8 00 00 0c 00 03 00"
    assert radar.fall_alarm()[2:4] == b"\x02\x00"
    assert button.report().hex(" ") == "01 75 60"
    assert button.press().hex(" ") == "ff 2e 01"


def test_dingtek_frame() -> None:
    cover = DingtekCover("c", "24e124c100000001", mount_height_mm=2_500)
    cover.distance_mm, cover.temperature, cover.tilt, cover.moved, cover.battery_low = (
        1_700,
        -5,
        30,
        True,
        True,
    )
    cover.frame_count = 0x0102
    frame = cover.report()
    assert len(frame) == 17
    assert frame.hex(" ") == "80 00 01 02 11 06 a4 00 fb 00 1e 00 11 01 02 00 81"
    cover.distance_mm = 299
    assert cover.report()[11] >> 4 == 1


def test_chirpstack_names_each_uplink_and_wraps_the_bytes() -> None:
    button = MilesightButton("b", "24e124b100000001")
    events = [json.loads(button.uplink(button.press(), NOW_MS)) for _ in range(2)]
    assert [base64.b64decode(event["data"]) for event in events] == [b"\xff\x2e\x01"] * 2
    assert [event["fCnt"] for event in events] == [1, 2]
    assert len({event["deduplicationId"] for event in events}) == 2
    assert events[0]["fPort"] == 85
    assert events[0]["time"] == "2026-07-18T09:34:15.775000+00:00"
    assert events[0]["deviceInfo"]["devEui"] in button.topic


def test_register_images() -> None:
    assert LevelProbe(-3).registers() == {0: 1, 1: 3, 2: 2, 3: 0, 4: 0xFFFD, 5: 0, 6: 5_000}
    calex = CalexThermometer(38.6).registers()
    assert [calex[address] for address in (0x11, 0x12, 0x13, 0x14, 0x15)] == [386, 386, 386, 284, 0]
    assert OmegaThermometer(36.5).registers() == {0x0E: 365, 0x0F: 365, 0x10: 284, 0x11: 0}
    assert RoomSensor(-1.5, 55.5).registers() == {1: 0xFFF1, 2: 555}


def test_a_gas_detector_judges_by_its_limits_and_beats() -> None:
    detector = GasDetector(7.5)
    first, second = detector.registers(), detector.registers()
    assert len(first) == 16
    assert (first[2], first[3]) == (0x0000, 0x40F0)
    assert (first[0] ^ second[0]) == 1 << 11
    assert first[6] >> 8 == 1
    flags = []
    for ppm in (9.9, 10.0, 20.0):
        detector.ppm = ppm
        flags.append(detector.registers()[0] >> 6 & 0b11)
    assert flags == [0b00, 0b01, 0b11]


@pytest.mark.parametrize("value", [0.0, 7.5, -123.25, 1e9])
def test_a_float_in_two_registers_low_word_first(value: float) -> None:
    low, high = low_word_first(value)
    assert struct.unpack(">f", struct.pack(">HH", high, low))[0] == value


def test_signed_registers() -> None:
    assert [signed(value) for value in (0, 1, -1, -32_768, 32_767)] == [0, 1, 0xFFFF, 0x8000, 0x7FFF]
