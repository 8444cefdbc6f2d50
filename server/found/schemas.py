"""What people say when they adopt a found device, checked."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from server.places.schemas import Id

Short = Annotated[str, Field(max_length=64)]


class ValueIn(BaseModel):
    """A value that no program could read for certain, approved by a person: see
    `firmware_profiles.generate.approved`."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    label: Annotated[str, Field(min_length=1, max_length=64)]
    path: Annotated[str, Field(min_length=1, max_length=200)]
    unit: Short = ""
    on: Short = ""
    off: Short = ""
    momentary: bool = False
    rule: Short = ""


class AdoptIn(BaseModel):
    """Where the device is installed. `profile` replaces the one that was matched or made; `device_id` is made
    of the hardware's own address where it is not given. `parameters` are what the profile asks for. `values`
    are read besides what the profile reads (devices of Home Assistant's discovery alone)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    position_id: Id
    device_id: Id | None = None
    profile: Id | None = None
    parameters: dict[str, float] = {}
    values: Annotated[list[ValueIn], Field(max_length=20)] = []
