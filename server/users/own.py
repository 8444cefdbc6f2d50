"""What people change of themselves: language, telephone, password."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.models import User
from server.errors import InvalidError
from server.users import people, service
from server.users.viewer import Viewer


def change(
    session: Session,
    viewer: Viewer,
    *,
    language: str | None = None,
    phone: str | None = None,
    old_password: str = "",
    new_password: str = "",
    now: datetime,
) -> None:
    """Writes what is given. A new password ends all log-ins, this one too: whoever else was in is out.

    Raises InvalidError where the old password is wrong or the new one too short.
    """
    user = session.get_one(User, viewer.user_id, with_for_update=True)
    if language is not None:
        service.set_language(session, user_id=user.id, language=language)
    if phone is not None:
        user.phone = phone
    if new_password:
        if not service.is_password(user, old_password):
            raise InvalidError("the old password is wrong")
        user.password_hash = service.hashed(new_password)
        people.end_log_ins(session, user.id, now=now)
    audit.write(
        session,
        viewer,
        action="own_changed",
        subject=("user", str(user.id)),
        now=now,
        password=bool(new_password),
        phone=phone is not None,
    )
