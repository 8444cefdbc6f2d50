"""What the demo's manager does by hand: declares work at a well and ends it; and writes shorter times."""

from datetime import timedelta

from sqlalchemy import select

from server.clock import now
from server.context import Context
from server.db.models import StoredPolicy
from server.errors import ConflictError
from server.policies import service as policies
from server.users import service as users
from server.users.roles import Role
from server.users.viewer import Viewer
from server.welfare.policy import WelfarePolicy
from server.windows import service as windows
from server.windows.schemas import WindowIn
from sunwell.demo.people import PEOPLE
from sunwell.simulate.people import well

WORK_AT_MOST = timedelta(hours=1)
CALL_AFTER_MINUTES = 0.1
"""A cut of the demo is over within the minute."""


class Desk:
    """Acts as the manager, once the server is there."""

    def __init__(self) -> None:
        self._context: Context | None = None

    def settle(self, context: Context) -> None:
        """Takes the server's parts, and shortens the wait for welfare calls where nobody has written it."""
        self._context = context
        with context.database.write() as session:
            written = select(StoredPolicy.id).where(StoredPolicy.name == WelfarePolicy.NAME).limit(1)
            if session.scalar(written) is None:
                policy = WelfarePolicy(after_minutes=CALL_AFTER_MINUTES)
                policies.put(session, self.manager(context), policy, now=now())

    def begin_work(self, number: int, reason: str) -> int | None:
        """Declares work at that well; the window's number, or None before the server is there."""
        if self._context is None:
            return None
        moment = now()
        wanted = WindowIn(
            kind="work",
            scope_kind="well",
            scope_id=well(number).id,
            until=moment + WORK_AT_MOST,
            reason=reason,
        )
        viewer = self.manager(self._context)
        with self._context.database.write() as session:
            return windows.declare(session, viewer, wanted, now=moment).id

    def end_work(self, window_id: int) -> None:
        """Ends it, if nobody in the pages has."""
        if self._context is None:
            return
        viewer = self.manager(self._context)
        try:
            with self._context.database.write() as session:
                windows.end(session, viewer, window_id, now=now())
        except ConflictError:
            return

    def manager(self, context: Context) -> Viewer:
        """Who acts."""
        login, name = PEOPLE[Role.MANAGER]
        with context.database.read() as session:
            user = users.by_login(session, login)
        return Viewer(user_id=user.id if user is not None else 0, name=name, role=Role.MANAGER)
