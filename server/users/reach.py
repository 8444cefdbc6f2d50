"""Which tasks those who have only links may act on: a relative on their resident's, a volunteer on what they
were told of. Everybody else is limited by role and area elsewhere."""

from sqlalchemy import ColumnElement, and_, exists, true

from server.db.models import Contact, Delivery, Task
from server.users.roles import Role
from server.users.viewer import Viewer


def limits(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on tasks that goes beside the kind's."""
    if viewer.role is Role.RELATIVE:
        theirs = exists().where(Contact.resident_id == Task.subject_id, Contact.user_id == viewer.user_id)
        return and_(Task.subject_kind == "resident", theirs)
    if viewer.role is Role.VOLUNTEER:
        return exists().where(Delivery.task_id == Task.id, Delivery.user_id == viewer.user_id)
    return true()
