"""What the task page's forms send: texts, of which those that say nothing count as not sent."""

from typing import Annotated

from pydantic import BaseModel, Field

from server.tasks.acts import Act
from server.tasks.states import TaskAction


class ActForm(BaseModel):
    """The fields of any of the forms; each sends some."""

    outcome: Annotated[str, Field(max_length=30)] = ""
    cause: Annotated[str, Field(max_length=30)] = ""
    note: Annotated[str, Field(max_length=10_000)] = ""
    assignee_id: Annotated[str, Field(max_length=12)] = ""
    minutes: Annotated[str, Field(max_length=6)] = ""
    verdict: Annotated[str, Field(max_length=10)] = ""
    view: Annotated[str, Field(max_length=10)] = ""

    def act(self, action: TaskAction) -> Act:
        """The action with these facts."""
        return Act(
            action=action,
            note=self.note,
            outcome=self.outcome or None,
            cause=self.cause or None,
            assignee_id=int(self.assignee_id) if self.assignee_id.isdecimal() else None,
            minutes=int(self.minutes) if self.minutes.isdecimal() else None,
            verdict="ok" if self.verdict == "ok" else "improve" if self.verdict == "improve" else None,
        )
