"""What people and programs write to ask for something, and how it is shown."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from server.commands.states import CommandState

EXPIRES_S: Final = (5, 86_400)
DEFAULT_EXPIRES_S: Final = 60


class CommandIn(BaseModel):
    """A command by its name. It is given up unless the gateway has it within `expires_in_s`."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=64)]
    arguments: Annotated[dict[str, bool | int | float | str], Field(max_length=20)] = {}
    expires_in_s: Annotated[int, Field(ge=EXPIRES_S[0], le=EXPIRES_S[1])] = DEFAULT_EXPIRES_S


class CommandOut(BaseModel):
    """A command and how far it has come."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    gateway_id: str
    device_id: str | None
    name: str
    arguments: dict[str, Any]
    state: CommandState
    detail: str
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    changed_at: datetime
