"""Error answers of the REST API: bodies, `WWW-Authenticate`, and what a client makes of them (rest.md § 1)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from attrs import evolve, field, frozen

from m3core.errors import ApiError, FieldError, RemoteProtocolError
from m3core.io import Headers, HttpResponse
from m3core.rest.body import write_body
from m3core.rest.error_body import read_error


class Challenge(Enum):
    """`WWW-Authenticate` of a 401 with code `unauthorized`."""

    ACCESS_INVALID = 'Bearer error="invalid_token", error_description="The provided access token is invalid"'
    ACCESS_EXPIRED = 'Bearer error="invalid_token", error_description="The provided access token expired"'
    ID_INVALID = 'Bearer error="invalid_token", error_description="The provided id token is invalid"'
    SESSION_EXPIRED = 'Bearer error="invalid_request", error_description="The user session expired"'
    """The id token of the last `POST /auth/login` has expired: log in again."""


@frozen
class Problem:
    """An error answer of the server: an HTTP ``status`` and a ``code`` (slugs of rest.md § 1; stable, unlike texts).

    An empty ``code`` is an answer with an empty body, as the access check gives it (403).
    ``headers`` are added to the answer.
    """

    status: int
    code: str = ""
    errors: tuple[FieldError, ...] = ()
    message: str = ""
    headers: Headers = ()

    def response(self) -> HttpResponse:
        """The answer, as `text/json; charset=utf-8` like the reference's."""
        if not self.code:
            return HttpResponse(self.status, self.headers)
        body = _ErrorBody(code=self.code, message=self.message or self.code.replace("_", " "), errors=self.errors)
        return HttpResponse(
            self.status, (("content-type", "text/json; charset=utf-8"), *self.headers), write_body(body)
        )

    def with_header(self, name: str, value: str) -> Problem:
        """The same with one more header; ``name`` in lower case."""
        return evolve(self, headers=(*self.headers, (name, value)))


FORBIDDEN: Final = Problem(403)
"""What the access check answers before any look-up, with an empty body, also for ids that do not exist."""
NOT_FOUND: Final = Problem(404, "not_found")
INVALID_JSON: Final = Problem(400, "invalid_json")
INVALID_CONTENT_TYPE: Final = Problem(400, "invalid_content_type")
PAYLOAD_OVERFLOW: Final = Problem(400, "payload_overflow")


def unauthorized(challenge: Challenge = Challenge.ACCESS_INVALID) -> Problem:
    """A missing, broken or expired token."""
    return Problem(401, "unauthorized").with_header("www-authenticate", challenge.value)


def validation_failed(*errors: FieldError) -> Problem:
    """Fields that are of the right type and yet wrong."""
    return Problem(422, "validation_failed", errors)


class RequestRefused(RemoteProtocolError):
    """A request of a client that the server role refuses. ``problem.response()`` is the answer to it."""

    def __init__(self, problem: Problem, path: str = "$") -> None:
        super().__init__(f"HTTP {problem.status} {problem.code} - at `{path}`")
        self.problem = problem
        self.path = path


@frozen(kw_only=True)
class _ErrorBody:
    code: str
    message: str | None = None
    errors: tuple[FieldError, ...] = field(default=(), metadata={"m3.omit_empty": True})


_MEANING_OF_CODE: Final[Mapping[str, str]] = {
    "wrong_room_password": "the password of the room is wrong, or missing",
    "banned_from_room": "you were banned from it",
    "session_running": "an earlier session of yours is still connected",
    "no_breakout_rooms": "there are no breakout rooms now",
    "invalid_breakout_room_id": "there is no such breakout room",
    "missing_ticket": "the ticket is missing",
    "invalid_ticket": "the ticket was used already, or is too old",
    "missing_protocol": "the server does not speak our protocol",
    "unauthorized": "the token is missing, wrong or expired",
    "unknown_sub": "this user never logged in there",
    "unknown_tenant_id": "this user never logged in there",
    "not_found": "it does not exist (any more)",
    "validation_failed": "a value is not acceptable",
    "invalid_event": "its dates or its recurrence are impossible",
}
_MEANING_OF_STATUS: Final[Mapping[int, str]] = {
    401: "the token is missing, wrong or expired",
    403: "you have no access to it",
    404: "nothing is there; the address may not be that of a controller",
    405: "nothing is there; the address may not be that of a controller",
    409: "it conflicts with what is there already",
    429: "the server is full, or asked too often; try again later",
    503: "the server is full or busy; try again later",
}


_MEANING_OF_FIELD: Final[Mapping[str, str]] = {
    "invalid_url": "not a URL",
    "invalid_email": "not an e-mail address",
    "invalid_length": "too short or too long",
    "out_of_range": "out of range",
    "value_required": "it is required",
    "ignored_value": "it may not be set here",
    "missing_values": "nothing of it is known",
    "invalid_values": "some of its entries are not acceptable",
    "invalid_value": "not acceptable",
}
_TOLD: Final = 4
"""Fields that a text names."""


def _meaning(status: int, code: str) -> str:
    """What an answer means for a person, whatever was asked."""
    found = _MEANING_OF_CODE.get(code) or _MEANING_OF_STATUS.get(status)
    if found is not None:
        return found
    if 300 <= status < 400:
        return "the server sends us elsewhere; the address may not be that of a controller"
    return "the server refuses the request" if 400 <= status < 500 else "the server has trouble of its own"


def _fields(errors: tuple[FieldError, ...]) -> str:
    """Which fields were refused, and why, in our words: those of the server may quote what was sent."""
    told = [f"{one.field or 'the request'}: {_MEANING_OF_FIELD.get(one.code, one.code)}" for one in errors[:_TOLD]]
    return "; ".join(told if len(errors) <= _TOLD else [*told, "..."])


def api_error(
    response: HttpResponse,
    what: str,
    *,
    attempt: str = "",
    meanings: Mapping[str, str] = MappingProxyType({}),
    sent: object = None,
) -> ApiError:
    """What a failed request ``what`` (`GET /rooms/{room_id}`) raises.

    ``attempt``: what could not be done by it, in words. ``meanings``: of codes that mean something else here.
    ``sent``: the typed body of the request, whose secrets are not to come back in words of the server.
    """
    told = read_error(response.body, sent)
    meaning = meanings.get(told.code) or _meaning(response.status, told.code)
    if told.errors:
        meaning += f"; {_fields(told.errors)}"
    return ApiError(
        response.status,
        told.code,
        what,
        attempt=attempt,
        meaning=meaning,
        errors=told.errors,
        message=told.message,
    )
