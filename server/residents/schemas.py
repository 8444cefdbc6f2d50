"""What people write about a resident beside the address: contacts, absences, consents. Checked."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Relation = Literal["family", "neighbour", "friend", "doctor", "other"]
AbsenceKind = Literal["hospital", "family", "travel", "other"]
ConsentKind = Literal["care", "contacts_told", "photo"]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, from_attributes=True)


class ContactIn(_Written):
    """Somebody to call. `user_id` makes them a person whom Sunwell tells by their own channels."""

    relation: Relation = "family"
    name: Annotated[str, Field(min_length=1, max_length=100)]
    phone: Annotated[str, Field(max_length=40)] = ""
    holds_key: bool = False
    user_id: int | None = None


class AbsenceIn(_Written):
    """From when to when a resident is not at home. Without an end there is none: it would be forgotten."""

    kind: AbsenceKind
    since: AwareDatetime
    until: AwareDatetime
    note: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def _ordered(self) -> "AbsenceIn":
        if self.until <= self.since:
            raise ValueError("the end has to be after the beginning")
        return self


class UntilIn(_Written):
    """The new end of an absence."""

    until: AwareDatetime


class AbsenceOut(_Written):
    """An absence. `ended_at` is when the resident came home early."""

    id: int
    resident_id: str
    kind: str
    since: datetime
    until: datetime
    note: str
    created_at: datetime
    created_by: int | None
    ended_at: datetime | None
    ended_by: int | None


class ConsentIn(_Written):
    """What a resident agrees to. `note` says where the signed paper lies; nothing medical in it."""

    kind: ConsentKind
    note: Annotated[str, Field(max_length=200)] = ""


class ConsentOut(_Written):
    """A consent, and whether and when it was taken back."""

    id: int
    resident_id: str
    kind: str
    given_at: datetime
    given_by: int | None
    note: str
    withdrawn_at: datetime | None
    withdrawn_by: int | None
