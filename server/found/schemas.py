"""What people say when they adopt a found device, checked."""

from pydantic import BaseModel, ConfigDict

from server.places.schemas import Id


class AdoptIn(BaseModel):
    """Where the device is installed. `profile` replaces the one that was matched or made; `device_id` is made
    of the hardware's own address where it is not given. `parameters` are what the profile asks for."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    position_id: Id
    device_id: Id | None = None
    profile: Id | None = None
    parameters: dict[str, float] = {}
