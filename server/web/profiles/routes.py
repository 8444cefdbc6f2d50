"""`/profiles`, `/profiles/{id}`."""

from collections.abc import Iterable, Mapping
from threading import BoundedSemaphore
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from firmware_profiles import Explanation, Payload, Profile, explain, parse_payload
from firmware_profiles.codecs import Sandbox
from firmware_profiles.examples import iso_text
from firmware_profiles.layouts import CodecLayout
from firmware_profiles.values import duration_text
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.errors import NotFoundError
from server.users.roles import Right
from server.web.profiles import wording
from server.web.rendering import render

router = APIRouter(include_in_schema=False)
_SANDBOXES: Final = BoundedSemaphore(2)
"""Each is two processes: whoever pastes while two are at work waits half a second at most for his turn."""
LONGEST: Final = 20_000
"""Characters of a pasted payload: the longest examples have a tenth of it."""


@router.get("/profiles", name="profiles:list")
def listed(request: Request, context: GetContext, viewer: GetViewer, q: str = "") -> Response:
    """All device models, by family."""
    viewer.require(Right.VIEW_DEVICES)
    return render(
        request,
        "profiles/list.html",
        viewer,
        here="devices:list",
        profiles=filtered(context.catalogue.values(), q),
        total=len(context.catalogue),
        q=q,
    )


@router.get("/profiles/{profile_id}", name="profiles:detail")
def detail(
    request: Request, profile_id: str, context: GetContext, viewer: GetViewer, example: int | None = None
) -> Response:
    """One profile; with `example`, that example in the box and decoded."""
    viewer.require(Right.VIEW_DEVICES)
    profile = _profile(context, profile_id)
    given: dict[str, str] = {}
    if example is not None and 0 <= example < len(profile.examples):
        chosen = profile.examples[example].input
        given = {"payload": wording.payload_text(chosen)}
        given |= {"port": str(chosen.port)} if chosen.port is not None else {}
        given |= {f"parameter.{name}": f"{number:g}" for name, number in chosen.parameters.items()}
    return _page(request, viewer, profile, given)


@router.post("/profiles/{profile_id}", name="profiles:decode")
async def decode(request: Request, profile_id: str, context: GetContext, viewer: GetViewer) -> Response:
    """The profile with a pasted payload decoded. Nothing of it is kept."""
    viewer.require(Right.VIEW_DEVICES)
    profile = _profile(context, profile_id)
    sent = await request.form()
    given = {name: text for name, text in sent.items() if isinstance(text, str)}
    return await run_in_threadpool(_page, request, viewer, profile, given)


def filtered(profiles: Iterable[Profile], q: str) -> list[Profile]:
    """The profiles that hold every word of `q` somewhere in their names. Pure."""
    words = q.casefold().split()

    def haystack(profile: Profile) -> str:
        texts = (
            profile.id,
            profile.vendor,
            profile.model,
            profile.name.zh,
            profile.name.en,
            profile.transport,
        )
        return " ".join(texts).casefold()

    return [profile for profile in profiles if all(word in haystack(profile) for word in words)]


def _profile(context: Context, profile_id: str) -> Profile:
    profile = context.catalogue.get(profile_id)
    if profile is None:
        raise NotFoundError(f"there is no profile {profile_id!r}")
    return profile


def _page(request: Request, viewer: Any, profile: Profile, given: Mapping[str, str]) -> Response:
    payload: Payload | None = None
    explanation: Explanation | None = None
    wrong = ""
    if given.get("payload", "").strip():
        try:
            payload = parse_payload(given["payload"][:LONGEST], port=_port(given))
            explanation = _explained(profile, payload, _parameters(profile, given))
        except ValueError as error:
            wrong = str(error)
    return render(
        request,
        "profiles/detail.html",
        viewer,
        status=422 if wrong else 200,
        here="devices:list",
        profile=profile,
        rules=[(rule, wording.condition(profile, rule)) for rule in profile.rule_templates()],
        modes=[
            (name, mode, duration_text(mode.every), duration_text(mode.silent_after))
            for name, mode in (profile.heartbeat.modes if profile.heartbeat else {}).items()
        ],
        firmware=wording.firmware(profile.firmware),
        examples=[(item, wording.payload_text(item.input)) for item in profile.examples],
        given=given,
        wrong=wrong,
        payload=payload,
        explanation=explanation,
        wording=wording,
        iso_text=iso_text,
    )


def _explained(profile: Profile, payload: Payload, parameters: Mapping[str, float]) -> Explanation:
    if not isinstance(profile.decode, CodecLayout):
        return explain(profile, payload, parameters=parameters)
    with _SANDBOXES, Sandbox() as codecs:
        return explain(profile, payload, parameters=parameters, codecs=codecs)


def _port(given: Mapping[str, str]) -> int | None:
    text = given.get("port", "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or int(text[:4]) > 255:
        raise ValueError(f"port: 0 to 255, got {text[:20]!r}")
    return int(text)


def _parameters(profile: Profile, given: Mapping[str, str]) -> dict[str, float]:
    values: dict[str, float] = {}
    for name in profile.parameters:
        text = given.get(f"parameter.{name}", "").strip()
        if text:
            try:
                values[name] = float(text)
            except ValueError as error:
                raise ValueError(f"{name}: a number, got {text[:20]!r}") from error
    return values
