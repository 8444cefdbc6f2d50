"""Invented residents and places along one invented street. No name, number or address is anybody's."""

from typing import Final

from sunwell.simulate.registry import (
    AreaRow,
    ContactRow,
    GatewayRow,
    ResidentRow,
    StationRow,
    WellRow,
)

SUBDISTRICT: Final = "chenguang"
GATEWAYS: Final = ("gw-east", "gw-west", "gw-street")
STREET: Final = "向阳里"
WEST_END: Final = (31.23180, 121.40120)
"""Latitude and longitude of the street's western end."""
STEP: Final = 0.00022
"""About 21 m of longitude at this latitude: from one house to the next."""

_FAMILY: Final = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾"
_GIVEN: Final = (
    "秀英", "桂兰", "建国", "玉珍", "凤英", "德明", "淑华", "志强",
    "玉兰", "文彬", "桂英", "国栋", "秀珍", "永福", "惠芳", "长根",
    "美玲", "宝山", "素琴", "兴华", "彩云", "福生", "月英", "金水",
    "雪梅", "耀宗", "翠花", "根发", "丽娟", "庆祥", "爱珍", "炳文",
)  # fmt: skip
_ACCESS: Final = (
    "钥匙在居委会值班室",
    "门禁按 8 号请邻居开门",
    "密码锁，密码向值班长索取",
    "女儿住同单元，有备用钥匙",
)
_NOTES: Final = ("", "听力较差，请用力敲门", "行走需助行器", "", "独居，养猫一只", "", "夜间常起夜", "")

AREAS: Final = (
    AreaRow(id=SUBDISTRICT, kind="subdistrict", name="晨光街道"),
    AreaRow(id="hemu", kind="community", name="和睦社区", parent_id=SUBDISTRICT),
    AreaRow(id="xiangyang", kind="community", name="向阳社区", parent_id=SUBDISTRICT),
    AreaRow(id="hemu-1", kind="grid", name="和睦第一网格", parent_id="hemu"),
    AreaRow(id="xiangyang-1", kind="grid", name="向阳第一网格", parent_id="xiangyang"),
)
GATEWAY_ROWS: Final = (
    GatewayRow(id="gw-east", area_id="xiangyang", name="向阳社区网关"),
    GatewayRow(id="gw-west", area_id="hemu", name="和睦社区网关"),
    GatewayRow(id="gw-street", area_id=SUBDISTRICT, name="路面设施网关"),
)

STATION: Final = StationRow(
    id="station-xiangyang",
    area_id="xiangyang",
    name="向阳阳光老人家",
    address=f"{STREET} 18 号",
    phone="000 0000 5000",
    latitude=WEST_END[0],
    longitude=round(WEST_END[1] + STEP * 9, 6),
)


def home_place(number: int, homes: int) -> tuple[str, str, float, float]:
    """(gateway, area, latitude, longitude) of home `number` of `homes`: western half, then eastern half."""
    west = number <= homes // 2
    gateway, area = ("gw-west", "hemu-1") if west else ("gw-east", "xiangyang-1")
    side = 0.00018 if number % 2 else -0.00018  # odd numbers on the northern side
    latitude, longitude = WEST_END
    return gateway, area, round(latitude + side, 6), round(longitude + STEP * ((number + 1) // 2), 6)


def resident(number: int, homes: int) -> ResidentRow:
    """Who lives in home `number`, counted from 1."""
    _, area, latitude, longitude = home_place(number, homes)
    family = _FAMILY[(number - 1) % len(_FAMILY)]
    given = _GIVEN[(number * 7) % len(_GIVEN)]
    floor, flat = 1 + number % 6, 1 + number % 2
    return ResidentRow(
        id=f"r{number:02}",
        area_id=area,
        name=family + given,
        address=f"{STREET} {number} 号 {floor}0{flat} 室",
        born=1934 + (number * 5) % 22,
        access=_ACCESS[number % len(_ACCESS)],
        # 000 is no operator's prefix: these numbers reach nobody.
        phone=f"000 0000 {1000 + number}",
        contacts=_contacts(number),
        notes=_NOTES[number % len(_NOTES)],
        risk="high" if number % 5 == 0 else "normal",
        latitude=latitude,
        longitude=longitude,
    )


def _contacts(number: int) -> tuple[ContactRow, ...]:
    """Whom to call: a child, and for every second home a neighbour with the key, for some a doctor."""
    child = ContactRow(
        relation="family",
        name="女儿" if number % 2 else "儿子",
        phone=f"000 0000 {2000 + number}",
        holds_key=number % len(_ACCESS) == 3,
    )
    neighbour = ContactRow(
        relation="neighbour", name=f"邻居 {number + 2} 号", phone=f"000 0000 {3000 + number}", holds_key=True
    )
    doctor = ContactRow(relation="doctor", name="社区医生", phone="000 0000 4000")
    return (child, *([neighbour] if number % 2 else []), *([doctor] if number % 5 == 0 else []))


def well(number: int) -> WellRow:
    """Well `number`, counted from 1, in the middle of the carriageway."""
    latitude, longitude = WEST_END
    kinds = ("雨水井", "污水井", "电力井")
    longitude = round(longitude + STEP * (number * 1.3), 6)
    return WellRow(
        id=f"w{number:02}",
        area_id="hemu-1" if number <= 6 else "xiangyang-1",
        name=f"{kinds[number % 3]} 04{number:02}",
        address=f"{STREET} {number * 2 + 1} 号门前车行道",
        owner="市政养护一队" if number % 2 else "排水管理所",
        depth_m=2.5,
        mount_height_m=2.5,
        # The street falls to the east: water runs from each well of a sort to the next of that sort.
        upstream=(f"w{number - 3:02}",) if number > 3 and number % 3 != 2 else (),
        latitude=round(latitude, 6),
        longitude=longitude,
    )
