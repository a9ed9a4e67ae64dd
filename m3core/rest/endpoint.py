"""One endpoint of the REST API: its request and its response, for the client and for the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from attrs import field, frozen

from m3core import strict_json
from m3core.errors import (
    FieldError,
    LimitExceeded,
    MalformedMessage,
    RemoteProtocolError,
    WrongType,
    WrongValue,
)
from m3core.io import Authorization, Headers, HttpRequest, HttpResponse, RequestId
from m3core.limits import MAX_HTTP_BODY
from m3core.rest.body import read_body, write_body
from m3core.rest.errors import (
    INVALID_CONTENT_TYPE,
    INVALID_JSON,
    PAYLOAD_OVERFLOW,
    RequestRefused,
    api_error,
    validation_failed,
)
from m3core.values import InviteCode, is_uuid

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

JSON_TYPE: Final = "application/json"


@frozen
class Blank(Generic[ResponseT]):
    """An empty response body means ``value``. A server writes ``value`` as an empty body with ``status``."""

    value: ResponseT
    status: int


def no_errors(_request: object) -> tuple[FieldError, ...]:
    """The check of endpoints that accept every field value of the right type."""
    return ()


@frozen(kw_only=True)
class Endpoint(Generic[RequestT, ResponseT]):
    """``method`` and ``path`` (a template below `/v1`, such as `/rooms/{room_id}/start`), and the types of the bodies.

    ``purpose`` says what a user wants from the request, in words that follow `cannot`. ``meanings`` explains error
    codes that have a special meaning here (rest.md § 1). Both are for the texts of errors. ``request_type`` is
    `NoneType` if the request has no body. ``check`` finds fields of the right type with wrong values. A malformed UUID
    in one of the ``uuid_fields`` is a wrong value (422), in other fields it is a wrong type (400).
    """

    method: str
    path: str
    purpose: str
    authorization: Authorization
    request_type: type[RequestT]
    response_type: type[ResponseT]
    blank: Blank[ResponseT] | None = None
    accepts_invite: bool = False
    check: Callable[[RequestT], tuple[FieldError, ...]] = no_errors
    uuid_fields: frozenset[str] = frozenset()
    meanings: Mapping[str, str] = MappingProxyType({})
    segments: tuple[str, ...] = field(init=False)

    @segments.default
    def _split_path(self) -> tuple[str, ...]:
        return tuple(self.path[1:].split("/"))

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def has_body(self) -> bool:
        """Whether requests carry a JSON body."""
        return self.request_type is not type(None)

    # -- client role ---
    def request(
        self, request_id: RequestId, base_url: str, body: RequestT, *, invite: InviteCode | None = None, **ids: str
    ) -> HttpRequest:
        """`request_below` for the API at `/v1` of the controller at ``base_url`` (of `parse_controller_url`)."""
        return self.request_below(request_id, f"{base_url.rstrip('/')}/v1", body, invite=invite, **ids)

    def request_below(
        self, request_id: RequestId, api_url: str, body: RequestT, *, invite: InviteCode | None = None, **ids: str
    ) -> HttpRequest:
        """The request to the API at ``api_url`` (of `m3core.rest.discovery`), its path filled with ``ids``.

        With ``invite`` a guest signs it with the invite code, where the endpoint allows that. Raises
        `LocalProtocolError` for a body of another type, ids that are not UUIDs, and ids that are missing or too many.
        """
        if not isinstance(body, self.request_type):
            raise WrongType(f"cannot {self.purpose}: the body must be a {self.request_type.__name__}")
        headers: Headers = (("content-type", JSON_TYPE),) if self.has_body else ()
        authorization = self.authorization
        if invite is not None:
            if not self.accepts_invite or not is_uuid(invite):
                raise WrongValue(
                    f"cannot {self.purpose}: the invite code must be a UUID"
                    if self.accepts_invite
                    else f"cannot {self.purpose} with an invite code"
                )
            headers = (*headers, ("authorization", f"Bearer {invite}"))
            authorization = Authorization.INVITE
        return HttpRequest(
            id=request_id,
            method=self.method,
            url=f"{api_url}{self._fill(ids)}",
            headers=headers,
            body=write_body(body) if self.has_body else b"",
            authorization=authorization,
        )

    def _fill(self, ids: dict[str, str]) -> str:
        path = ""
        left = dict(ids)
        for segment in self.segments:
            if segment.startswith("{"):
                value = left.pop(segment[1:-1], "")
                # Quoting is not enough: it leaves `..` as it is, which HTTP clients resolve to another path.
                if not is_uuid(value):
                    raise WrongValue(f"cannot {self.purpose}: {segment[1:-1]} must be a UUID")
                segment = value
            path += f"/{segment}"
        if left:
            raise WrongValue(f"cannot {self.purpose}: there is no {', '.join(sorted(left))} in the path")
        return path

    def read(self, response: HttpResponse, sent: object = None) -> ResponseT:
        """The typed body of ``response``. Any 2xx is success, whichever the API description promises (rest.md § 1).

        ``sent`` is the typed body of the request, with other values if they have secrets, which an error must not
        repeat.
        Raises `ApiError` for another status, and `MalformedMessage` (with a JSON path) or `LimitExceeded` for the body.
        """
        if len(response.body) > MAX_HTTP_BODY:
            raise LimitExceeded("MAX_HTTP_BODY", MAX_HTTP_BODY, len(response.body), "bytes")
        if not 200 <= response.status < 300:
            raise api_error(response, str(self), attempt=f"cannot {self.purpose}", meanings=self.meanings, sent=sent)
        if self.blank is not None and not response.body:
            return self.blank.value
        return read_body(response.body, self.response_type, is_answer=True)

    # -- server role ---
    def read_request(self, body: bytes, content_type: str | None) -> RequestT:
        """The typed body of a request. Raises `RequestRefused`, whose `problem` is the answer."""
        if not self.has_body:
            nothing: RequestT = None  # type: ignore[assignment]  # RequestT is None here, which mypy cannot see
            return nothing
        if (content_type or "").partition(";")[0].strip().lower() != JSON_TYPE:
            raise RequestRefused(INVALID_CONTENT_TYPE)
        if len(body) > MAX_HTTP_BODY:
            raise RequestRefused(PAYLOAD_OVERFLOW)
        try:
            strict_json.check_values(body)
            request = read_body(body, self.request_type)
        except MalformedMessage as error:
            name = error.path.removeprefix("$.")
            if name in self.uuid_fields and error.reason == "not a UUID":
                refusal = validation_failed(FieldError(field=name, code="invalid_value"))
                raise RequestRefused(refusal, error.path) from None
            raise RequestRefused(INVALID_JSON, error.path) from None
        except RemoteProtocolError:  # a limit of the JSON reader: the body does not fit the schema either
            raise RequestRefused(INVALID_JSON) from None
        if errors := self.check(request):
            raise RequestRefused(validation_failed(*errors))
        return request

    def response(self, value: ResponseT, status: int = 200) -> HttpResponse:
        """The response with ``value``."""
        if self.blank is not None and value == self.blank.value:
            return HttpResponse(self.blank.status)
        return HttpResponse(status, (("content-type", JSON_TYPE),), write_body(value))


def too_long(name: str, text: str | None, limit: int, least: int = 0) -> tuple[FieldError, ...]:
    """The error of field ``name``, if ``text`` has less than ``least`` or more than ``limit`` characters."""
    if text is None or least <= len(text) <= limit:
        return ()
    return (FieldError(field=name, code="invalid_length"),)
