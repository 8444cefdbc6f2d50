"""What people send to move a task."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from server.tasks.service import MAXIMUM_NOTE
from server.tasks.states import Outcome


class ActIn(BaseModel):
    """The facts that an action may carry; most carry none."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    note: Annotated[str, Field(max_length=MAXIMUM_NOTE)] = ""
    outcome: Outcome | None = None
    assignee_id: int | None = None
