"""Photos of a task: taken on the spot, cleaned of everything but the picture, seen by who sees the task."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.commissioning import photos as pictures
from server.context import Context
from server.db.models import Task, TaskPhoto
from server.db.sealed import Seals
from server.errors import ConflictError, InvalidError, NotFoundError
from server.tasks import repository, service
from server.tasks.acts import Act
from server.tasks.states import TaskAction
from server.users.roles import Role
from server.users.viewer import Viewer

MOST_BYTES: Final = 5_000_000
"""Of one upload; a telephone's camera makes 2 to 4 MB."""
MOST_PHOTOS: Final = 20
"""Of one task."""


def add(context: Context, viewer: Viewer, task_id: int, data: bytes, *, note: str = "", now: datetime) -> int:
    """Keeps a photo and notes it on the timeline; gives its number. Blocks: decoding takes a moment.

    Raises InvalidError (no picture, too large), ConflictError (there are too many), NotFoundError,
    ForbiddenError.
    """
    if len(data) > MOST_BYTES:
        raise InvalidError(
            f"the photo has {len(data) // 1_000_000 + 1} MB: at most {MOST_BYTES // 1_000_000}", where="photo"
        )
    cleaned = pictures.cleaned(data)
    folder = context.settings.effective_photos
    with context.database.read() as session:
        _allowed(session, viewer, task_id)
    name = pictures.keep(folder, task_id, cleaned, context.database.seals, what="task")
    try:
        with context.database.write() as session:
            service.act(
                session, viewer, task_id, Act(action=TaskAction.PHOTO, note=note, photo=name), now=now
            )
            kept = session.scalars(select(TaskPhoto).where(TaskPhoto.file == name)).one()
            audit.write(
                session, viewer, action="add_photo", subject=("task", str(task_id)), now=now, photo=kept.id
            )
            return kept.id
    except BaseException:
        pictures.forget(folder, name)  # nothing refers to it
        raise


def read(
    session: Session,
    viewer: Viewer,
    task_id: int,
    photo_id: int,
    folder: Path,
    seals: Seals,
    *,
    now: datetime,
) -> bytes:
    """The picture, for somebody who sees the task and its subject in clear. Looking is written down. Raises
    NotFoundError."""
    task = repository.seen_by(session, viewer, task_id)
    photo = session.get(TaskPhoto, photo_id)
    if photo is None or photo.task_id != task_id or not visible(viewer, task):
        raise NotFoundError("there is no such photo")
    data = pictures.read(folder, photo.file, seals)
    audit.write(session, viewer, action="read_photo", subject=("task", str(task_id)), now=now, photo=photo_id)
    return data


def answer(context: Context, viewer: Viewer, task_id: int, photo_id: int, *, now: datetime) -> Response:
    """The picture as an answer that only this person's browser keeps, for a moment."""
    with context.database.write() as session:
        folder, seals = context.settings.effective_photos, context.database.seals
        data = read(session, viewer, task_id, photo_id, folder, seals, now=now)
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})


def visible(viewer: Viewer, task: Task) -> bool:
    """Whether this person may see the task's photos: they may show somebody's home."""
    return viewer.role is not Role.WALL and (viewer.unmasked or task.subject_kind in ("well", "gateway"))


def of_task(session: Session, task_id: int) -> Sequence[TaskPhoto]:
    """The task's photos, oldest first."""
    return session.scalars(select(TaskPhoto).where(TaskPhoto.task_id == task_id).order_by(TaskPhoto.id)).all()


def _allowed(session: Session, viewer: Viewer, task_id: int) -> None:
    repository.seen_by(session, viewer, task_id)
    if len(of_task(session, task_id)) >= MOST_PHOTOS:
        raise ConflictError(f"a task keeps at most {MOST_PHOTOS} photos", fits=False)
