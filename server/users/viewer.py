"""Who is asking: passed to every service that shows or changes something."""

from dataclasses import dataclass

from server.errors import ForbiddenError
from server.users.roles import RIGHTS, TASK_KINDS, UNMASKED, Right, Role


@dataclass(frozen=True, slots=True)
class Call:
    """An open task outside somebody's area that they have, or were told of, and what it is about."""

    task_id: int
    area_id: str
    subject_kind: str
    subject_id: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person (or a program acting as one). `area_ids` are their area and those below it, `around` those
    above it; without an area they see everything (`server.users.reach`)."""

    user_id: int
    name: str
    role: Role
    language: str = "zh"
    kinds: frozenset[str] | None = None  # None: the packaged ones of the role
    area_ids: frozenset[str] | None = None  # None: all
    around: frozenset[str] = frozenset()
    calls: frozenset[Call] = frozenset()

    def may(self, right: Right) -> bool:
        """Whether the role has the right."""
        return right in RIGHTS[self.role]

    def require(self, right: Right) -> None:
        """Raises ForbiddenError where the role has not the right."""
        if not self.may(right):
            raise ForbiddenError(f"the role {self.role} may not {right}: ask an administrator")

    @property
    def task_kinds(self) -> frozenset[str]:
        """The kinds of task that this person sees."""
        return frozenset(TASK_KINDS[self.role]) if self.kinds is None else self.kinds

    @property
    def unmasked(self) -> bool:
        """Whether residents' details in a live task are shown in clear."""
        return self.role in UNMASKED
