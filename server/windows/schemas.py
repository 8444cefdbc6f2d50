"""What people write and read of windows."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class WindowIn(BaseModel):
    """A time to be declared. Without `since` it begins at once."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: Literal["work", "drill"]
    scope_kind: Literal["area", "resident", "well", "position", "gateway"]
    scope_id: str = Field(min_length=1, max_length=100)
    since: AwareDatetime | None = None
    until: AwareDatetime
    reason: str = Field(min_length=2, max_length=200)


class WindowOut(BaseModel):
    """A declared time."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    kind: str
    scope_kind: str
    scope_id: str
    since: datetime
    until: datetime
    reason: str
    created_at: datetime
    created_by: int | None
    ended_at: datetime | None
    ended_by: int | None


class TestsOut(BaseModel):
    """What was tested in a time: tasks of drills, presses that were signed for at commissioning."""

    since: datetime
    drills: int
    presses: int
