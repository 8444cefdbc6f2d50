"""What can go wrong in the server, cut by what the caller does next. Each carries its HTTP status."""

from typing import Any


class ServerError(Exception):
    """Root of the server's own errors. `message` says where, what, and what to do."""

    status = 500
    code = "error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class NotFoundError(ServerError):
    """There is no such thing, or not for this person."""

    status = 404
    code = "not_found"


class ConflictError(ServerError):
    """The thing has moved on, or is taken: look again, then decide."""

    status = 409
    code = "conflict"


class InvalidError(ServerError):
    """The request's content is wrong: correct it."""

    status = 422
    code = "invalid"


class NotLoggedInError(ServerError):
    """Log in first."""

    status = 401
    code = "not_logged_in"


class ForbiddenError(ServerError):
    """This person may not do that: ask somebody who may."""

    status = 403
    code = "forbidden"


class TooManyError(ServerError):
    """Too many tries: wait."""

    status = 429
    code = "too_many"


class StoreUnavailableError(ServerError):
    """A store does not answer: nothing was acknowledged, try again."""

    status = 503
    code = "store_unavailable"
