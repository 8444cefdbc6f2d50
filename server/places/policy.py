"""What a manager decides about places: how far a station's circle reaches."""

from typing import ClassVar

from server.policies.model import Policy, rule


class PlacesPolicy(Policy):
    """Stations and their circles."""

    NAME: ClassVar = "places"
    TITLES: ClassVar = {"zh": "站点与服务圈", "en": "Stations and their circles"}

    station_radius_m: int = rule(
        1_000,
        zh="新站点的服务半径（步行 15 分钟）",
        en="Radius of a new station's circle (15 minutes on foot)",
        unit="m",
        ge=50,
        le=20_000,
        source="computed: 15 min (15 分钟养老服务圈) at 1.1 m/s, an older person's walk, is 990 m",
    )
