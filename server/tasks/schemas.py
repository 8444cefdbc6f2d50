"""What people send to move a task."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from server.tasks.acts import MAXIMUM_NOTE, Act, Verdict
from server.tasks.states import TaskAction


class ActIn(BaseModel):
    """The facts that an action may carry; most carry none."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    note: Annotated[str, Field(max_length=MAXIMUM_NOTE)] = ""
    outcome: Annotated[str, Field(max_length=30)] | None = None
    cause: Annotated[str, Field(max_length=30)] | None = None
    assignee_id: int | None = None
    minutes: int | None = None
    verdict: Verdict | None = None

    def act(self, action: TaskAction) -> Act:
        """The action with these facts."""
        return Act(action=action, **self.model_dump())
