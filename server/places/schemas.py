"""What people write about places, checked."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from server.residents.schemas import ContactIn

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_id(text: str) -> str:
    """An id that is safe in topics, queries and addresses. Raises ValueError."""
    if not ID_PATTERN.fullmatch(text):
        raise ValueError("1 to 64 letters (A-Z, a-z), digits, dots, dashes or underscores")
    return text


Id = Annotated[str, AfterValidator(check_id)]
Text = Annotated[str, Field(max_length=2_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class AreaIn(_Written):
    """An area; `parent_id` is the one it belongs to."""

    kind: Literal["subdistrict", "community", "grid"]
    name: Name
    parent_id: Id | None = None


class ResidentIn(_Written):
    """A resident. Whom to call stands in `contacts`, in the order in which they are called, or as plain
    lines in `contact`; where neither is sent, the contacts stay as they are."""

    area_id: Id
    name: Name
    address: Name
    born: int | None = Field(default=None, ge=1900, le=2100)
    access: Text = ""
    phone: Annotated[str, Field(max_length=40)] = ""
    contact: Text = ""  # one a line: "女儿 王芳 138…"
    contacts: Annotated[list[ContactIn], Field(max_length=30)] = []
    notes: Text = ""
    risk: Literal["normal", "high"] = "normal"
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class StationIn(_Written):
    """A station 阳光老人家. Without `radius_m` its circle is as wide as the policy `places` says."""

    area_id: Id
    name: Name
    address: Name
    phone: Annotated[str, Field(max_length=40)] = ""
    latitude: Latitude
    longitude: Longitude
    radius_m: Annotated[int, Field(ge=50, le=20_000)] | None = None


class WellIn(_Written):
    """A well. `upstream` are the wells that water comes from; where it is not sent, they stay as they are."""

    area_id: Id
    name: Name
    address: Name
    owner: Text = ""
    depth_m: float | None = Field(default=None, gt=0, le=200)
    mount_height_m: float | None = Field(default=None, gt=0, le=200)
    upstream: Annotated[list[Id], Field(max_length=50)] = []
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class PositionIn(_Written):
    """A position: of a resident's home, of a well, or of neither (a kiosk)."""

    area_id: Id
    name: Name
    resident_id: Id | None = None
    well_id: Id | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class GatewayIn(_Written):
    """A gateway."""

    area_id: Id
    name: Name
