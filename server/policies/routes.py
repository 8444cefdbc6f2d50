"""`/api/v1/policies`."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, ValidationError

from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.errors import InvalidError
from server.policies import service
from server.policies.catalogue import POLICIES, found
from server.users.roles import Right

router = APIRouter(tags=["policies"])


class PolicyOut(BaseModel):
    """A policy as it counts now; `version` is none while it is the packaged one."""

    name: str
    version: int | None
    document: dict[str, Any]
    schema_: dict[str, Any]


class VersionOut(BaseModel):
    """One version of a policy."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    document: dict[str, Any]
    created_at: datetime
    created_by: int | None
    ended_at: datetime | None


@router.get("/policies")
def list_policies(context: GetContext, viewer: GetViewer) -> list[PolicyOut]:
    """All policies, with the JSON Schema of each."""
    viewer.require(Right.PLAYBOOKS)
    with context.database.read() as session:
        return [
            PolicyOut(
                name=name,
                version=service.version(session, name),
                document=service.current(session, policy).model_dump(mode="json"),
                schema_=policy.model_json_schema(),
            )
            for name, policy in POLICIES.items()
        ]


@router.get("/policies/{name}")
def policy_versions(context: GetContext, viewer: GetViewer, name: str) -> list[VersionOut]:
    """All versions of one, the newest first."""
    viewer.require(Right.PLAYBOOKS)
    found(name)
    with context.database.read() as session:
        return [VersionOut.model_validate(row) for row in service.history(session, name)]


@router.put("/policies/{name}")
def put_policy(context: GetContext, viewer: GetViewer, name: str, body: dict[str, Any]) -> list[VersionOut]:
    """Writes the next version: what `body` leaves out is as packaged."""
    policy = found(name)
    try:
        wanted = policy.model_validate(body)
    except ValidationError as error:
        errors = [
            {"where": ".".join(str(part) for part in one["loc"]), "message": one["msg"]}
            for one in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidError(f"policy {name!r} has {len(errors)} errors", errors=errors) from error
    with context.database.write() as session:
        service.put(session, viewer, wanted, now=now())
    with context.database.read() as session:
        return [VersionOut.model_validate(row) for row in service.history(session, name)]
