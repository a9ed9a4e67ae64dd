"""Error answers of the REST API: bodies, `WWW-Authenticate`, and what a client makes of them (rest.md § 1)."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from attrs import evolve, field, frozen

from m3core.errors import ApiError, RemoteProtocolError
from m3core.io import Headers, HttpResponse
from m3core.rest.body import read_body, write_body


@frozen(kw_only=True)
class FieldError:
    """One entry of `errors`. ``field`` None: the whole body. ``code``: `invalid_length`, `value_required`, ..."""

    field: str | None = None
    code: str
    message: str | None = None


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


_SLUG: Final = re.compile(r"[a-z0-9_]{1,64}")


def api_error(response: HttpResponse, what: str) -> ApiError:
    """What a failed request ``what`` (`GET /rooms/{room_id}`) raises.

    The body is only searched for its code: it may be empty, or HTML of a proxy, with any status.
    """
    try:
        code = read_body(response.body, _ErrorBody).code
    except RemoteProtocolError:
        code = ""
    return ApiError(response.status, code if _SLUG.fullmatch(code) else "", what)
