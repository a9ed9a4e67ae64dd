"""Error answers of the REST API (rest.md § 1): their bodies, `WWW-Authenticate`, and the errors that clients raise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from attrs import evolve, field, frozen

from m3core.errors import ApiError, FieldError, RemoteProtocolError
from m3core.io import Headers, HttpResponse
from m3core.rest.body import write_body
from m3core.rest.busy import retry_after
from m3core.rest.error_body import read_error


class Challenge(Enum):
    """The values of `WWW-Authenticate` in a 401 with code `unauthorized`."""

    ACCESS_INVALID = 'Bearer error="invalid_token", error_description="The provided access token is invalid"'
    ACCESS_EXPIRED = 'Bearer error="invalid_token", error_description="The provided access token expired"'
    ID_INVALID = 'Bearer error="invalid_token", error_description="The provided id token is invalid"'
    SESSION_EXPIRED = 'Bearer error="invalid_request", error_description="The user session expired"'
    """The id token of the last `POST /auth/login` has expired: log in again."""


@frozen
class Problem:
    """An error answer of the server: an HTTP ``status`` and a ``code``, a slug of rest.md § 1.

    With an empty ``code`` the body is empty, as that of the access check (403). ``headers`` are added to the answer.
    """

    status: int
    code: str = ""
    errors: tuple[FieldError, ...] = ()
    message: str = ""
    headers: Headers = ()

    def response(self) -> HttpResponse:
        """The answer, as `text/json; charset=utf-8`, which the reference uses for errors (rest.md § 1)."""
        if not self.code:
            return HttpResponse(self.status, self.headers)
        body = _ErrorBody(code=self.code, message=self.message or self.code.replace("_", " "), errors=self.errors)
        return HttpResponse(
            self.status, (("content-type", "text/json; charset=utf-8"), *self.headers), write_body(body)
        )

    def with_header(self, name: str, value: str) -> Problem:
        """This problem with one more header; ``name`` is in lower case."""
        return evolve(self, headers=(*self.headers, (name, value)))


FORBIDDEN: Final = Problem(403)
"""The answer of the access check, with an empty body. The check comes before any look-up (rest.md § 1), so that an
answer does not tell whether an id exists."""
NOT_FOUND: Final = Problem(404, "not_found")
INVALID_JSON: Final = Problem(400, "invalid_json")
INVALID_CONTENT_TYPE: Final = Problem(400, "invalid_content_type")
PAYLOAD_OVERFLOW: Final = Problem(400, "payload_overflow")


def unauthorized(challenge: Challenge = Challenge.ACCESS_INVALID) -> Problem:
    """The answer to a missing, malformed or expired token."""
    return Problem(401, "unauthorized").with_header("www-authenticate", challenge.value)


def too_many_requests(seconds: float) -> Problem:
    """The answer to a client that asks too often (RFC 6585 s.4): it may ask again after ``seconds``, rounded up."""
    return Problem(429, "too_many_requests").with_header("retry-after", str(max(1, math.ceil(seconds))))


def validation_failed(*errors: FieldError) -> Problem:
    """The answer to fields of the right type with wrong values."""
    return Problem(422, "validation_failed", errors)


class RequestRefused(RemoteProtocolError):
    """Our server refuses a request of a client. ``problem.response()`` is the answer."""

    def __init__(self, problem: Problem, path: str = "$") -> None:
        super().__init__(
            f"the client sent a request that we answer with HTTP {problem.status} {problem.code} - at `{path}`"
        )
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
    "session_running": "an earlier session of yours is still connected; leave it, or try again in a minute",
    "no_breakout_rooms": "there are no breakout rooms now",
    "invalid_breakout_room_id": "there is no such breakout room",
    "missing_ticket": "the ticket is missing",
    "invalid_ticket": "the ticket was used already, or is too old; join again",
    "missing_protocol": "the server does not have our signaling protocol",
    "unauthorized": "the token is missing, wrong or expired",
    "unknown_sub": "this user has never logged in at this controller; log in first",
    "unknown_tenant_id": "this user has never logged in at this controller; log in first",
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
    "ignored_value": "it cannot be set here",
    "missing_values": "it has none of the known fields",
    "invalid_values": "some of its entries are not acceptable",
    "invalid_value": "not acceptable",
}
_TOLD: Final = 4
"""The most fields that a text names."""


def _meaning(status: int, code: str) -> str:
    """The meaning of an answer for people, if the endpoint has no special one."""
    found = _MEANING_OF_CODE.get(code) or _MEANING_OF_STATUS.get(status)
    if found is not None:
        return found
    if 300 <= status < 400:
        return "the server redirects to another address; the address may not be that of a controller"
    if 400 <= status < 500:
        return "the server refuses the request"
    return "the server has trouble of its own; try again later"


def _fields(errors: tuple[FieldError, ...]) -> str:
    """The refused fields and the reasons, in our words: those of the server may quote the request."""
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
    """The error of the failed request ``what`` (such as `GET /rooms/{room_id}`).

    ``attempt`` says what could not be done. ``meanings`` explains codes that have a special meaning for this request.
    ``sent`` is the typed body of the request: a text of the server that repeats a secret of it is dropped.
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
        retry_after=retry_after(response.headers),
    )
