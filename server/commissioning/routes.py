"""`/api/v1/commissioning`: states of positions, tests, photos, installing and swapping hardware."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from firmware_profiles.values import Scalar
from server.audit import service as audit
from server.clock import now
from server.commissioning import hardware, photos, repository, service, views
from server.commissioning.codes import parse
from server.commissioning.schemas import (
    CodeIn,
    CodeOut,
    EndIn,
    HardwareIn,
    SignIn,
    StandingOut,
    SwapIn,
    TestOut,
    standing_out,
    test_out,
)
from server.commissioning.states import Protection
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.devices.routes import DeviceOut
from server.errors import ConflictError, InvalidError, NotFoundError, StoreUnavailableError
from server.readings import service as readings
from server.users.roles import Right
from server.users.viewer import Viewer

router = APIRouter(prefix="/commissioning", tags=["commissioning"])


@router.get("/positions")
def list_positions(
    context: GetContext, viewer: GetViewer, state: Annotated[Protection | None, Query()] = None
) -> list[StandingOut]:
    """Every position's state; those where somebody is needed first."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        found = views.positions(session, catalogue=context.catalogue, now=now())
    return [standing_out(view) for view in found if state in (None, view.standing.state)]


@router.get("/positions/{key}")
def get_position(context: GetContext, viewer: GetViewer, key: str) -> StandingOut:
    """One position's state."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        return standing_out(views.position(session, key, catalogue=context.catalogue, now=now()))


@router.post("/positions/{key}/tests", status_code=201)
async def start_test(context: GetContext, viewer: GetViewer, key: str) -> TestOut:
    """Starts a test of the device that is there; the one that runs already is given back."""
    viewer.require(Right.REGISTER)
    test_id = await begin(context, viewer, key)
    return await run_in_threadpool(_test, context, test_id)


@router.get("/positions/{key}/tests")
def list_tests(context: GetContext, viewer: GetViewer, key: str) -> list[TestOut]:
    """A position's tests, newest first."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        return [
            test_out(views.trial(session, row.id, catalogue=context.catalogue, now=now()))
            for row in repository.of_position(session, key)
        ]


@router.post("/positions/{key}/install", status_code=201)
def install(context: GetContext, viewer: GetViewer, key: str, body: HardwareIn) -> DeviceOut:
    """Puts hardware at an empty position."""
    with context.database.write() as session:
        row = hardware.install(session, viewer, key, body, catalogue=context.catalogue, now=now())
        return _device(row, key)


@router.post("/positions/{key}/swap", status_code=201)
def swap(context: GetContext, viewer: GetViewer, key: str, body: SwapIn) -> DeviceOut:
    """Replaces the hardware at a position; all else there stays. Then start a test."""
    with context.database.write() as session:
        row = hardware.swap(session, viewer, key, body, catalogue=context.catalogue, now=now())
        return _device(row, key)


@router.post("/codes")
def look_up(context: GetContext, viewer: GetViewer, body: CodeIn) -> CodeOut:
    """What a printed code names: a position, a device, a found device, or something new."""
    viewer.require(Right.REGISTER)
    code = parse(body.code)
    with context.database.read() as session:
        named = hardware.look_up(session, code)
    return CodeOut(
        kind=code.kind,
        id=code.id,
        position_id=named.position_id,
        device_id=named.device_id,
        found_id=named.found_id,
    )


@router.get("/tests/{test_id}")
def get_test(context: GetContext, viewer: GetViewer, test_id: int) -> TestOut:
    """One test as it stands."""
    viewer.require(Right.VIEW_DEVICES)
    return _test(context, test_id)


@router.put("/tests/{test_id}/photo", status_code=204)
async def put_photo(request: Request, context: GetContext, viewer: GetViewer, test_id: int) -> Response:
    """Keeps a photo (JPEG, PNG or WebP as the body) for a running test; its place is not kept."""
    viewer.require(Right.REGISTER)
    data = await limited(request, photos.MOST_BYTES)
    await run_in_threadpool(attach_photo, context, test_id, data)
    return Response(status_code=204)


@router.get("/tests/{test_id}/photo")
def get_photo(context: GetContext, viewer: GetViewer, test_id: int) -> Response:
    """The photo. Looking is written down: it shows somebody's home."""
    return photo(context, viewer, test_id)


@router.post("/tests/{test_id}/sign-off")
def sign_off(context: GetContext, viewer: GetViewer, test_id: int, body: SignIn) -> TestOut:
    """Signs for a test that was seen: the position counts as protecting from now on."""
    sign(context, viewer, test_id, body)
    return _test(context, test_id)


@router.post("/tests/{test_id}/end")
def end_test(context: GetContext, viewer: GetViewer, test_id: int, body: EndIn) -> TestOut:
    """Ends a test without a signature."""
    with context.database.write() as session:
        service.end(session, viewer, test_id, mine=body.mine, now=now())
    return _test(context, test_id)


async def begin(context: Context, viewer: Viewer, position_id: str) -> int:
    """Starts a test, judging by the newest values whether its state has to change first."""
    try:
        latest = await readings.latest(context.store, context.catalogue, now=now())
    except StoreUnavailableError:
        latest = {}
    newest: dict[str, Scalar] = {
        value.field: value.value for value in latest.get(position_id, ()) if not value.is_status
    }

    def start() -> int:
        with context.database.write() as session:
            return service.start(
                session, viewer, position_id, catalogue=context.catalogue, newest=newest, now=now()
            ).id

    return await run_in_threadpool(start)


def sign(context: Context, viewer: Viewer, test_id: int, body: SignIn) -> None:
    """Signs with the photo that was kept before, if any."""
    with context.database.write() as session:
        service.sign_off(
            session,
            viewer,
            test_id,
            consent=body.consent,
            note=body.note,
            retest_days=context.settings.retest_days,
            catalogue=context.catalogue,
            now=now(),
        )


def attach_photo(context: Context, test_id: int, data: bytes) -> None:
    """Cleans and keeps a photo for a running test. Blocks; decoding takes a moment."""
    cleaned = photos.cleaned(data)
    with context.database.read() as session:
        if service.found(session, test_id).ended_at is not None:
            raise ConflictError("this test is over: start a new one")
    name = photos.keep(context.settings.effective_photos, test_id, cleaned, context.database.seals)
    with context.database.write() as session:
        test = service.found(session, test_id)
        before, test.photo = test.photo, name
    if before is not None:
        photos.forget(context.settings.effective_photos, before)


def photo(context: Context, viewer: Viewer, test_id: int) -> Response:
    """A photo as an answer that no cache keeps."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        name = service.found(session, test_id).photo
        if name is None:
            raise NotFoundError("this test has no photo")
        data = photos.read(context.settings.effective_photos, name, context.database.seals)
        audit.write(session, viewer, action="read_photo", subject=("test", str(test_id)), now=now())
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def limited(request: Request, most: int) -> bytes:
    """The body, read no further than `most` bytes. Raises InvalidError."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise InvalidError(f"more than {most} bytes: send something smaller")
    return bytes(data)


def _test(context: Context, test_id: int) -> TestOut:
    with context.database.read() as session:
        return test_out(views.trial(session, test_id, catalogue=context.catalogue, now=now()))


def _device(row: object, position_id: str) -> DeviceOut:
    columns = {name: getattr(row, name) for name in DeviceOut.model_fields if name != "position_id"}
    return DeviceOut(position_id=position_id, **columns)
