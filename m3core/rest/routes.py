"""The endpoint of a request, from its method and target (server role)."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from attrs import field, frozen

from m3core.rest.auth import GET_LOGIN, LOGIN
from m3core.rest.endpoint import Endpoint
from m3core.rest.errors import NOT_FOUND, Problem
from m3core.rest.events import CREATE_EVENT, GET_EVENT
from m3core.rest.invites import CREATE_INVITE, VERIFY_INVITE
from m3core.rest.rooms import GET_ROOM, START, START_INVITED
from m3core.rest.services import START_RECORDING
from m3core.rest.turn import GET_TURN, POST_TURN
from m3core.rest.users import GET_ME
from m3core.values import is_uuid

AnyEndpoint: TypeAlias = Endpoint[Any, Any]

ENDPOINTS: Final[tuple[AnyEndpoint, ...]] = (
    GET_LOGIN,
    LOGIN,
    GET_ME,
    CREATE_EVENT,
    GET_EVENT,
    GET_ROOM,
    START,
    START_INVITED,
    CREATE_INVITE,
    VERIFY_INVITE,
    GET_TURN,
    POST_TURN,
    START_RECORDING,
)


@frozen
class Match:
    """The endpoint of a request, the UUIDs of its path by their names, and its query string (without `?`)."""

    endpoint: AnyEndpoint
    ids: dict[str, str] = field(factory=dict)
    query: str = ""


def _match(endpoint: AnyEndpoint, segments: list[str]) -> dict[str, str] | None:
    if len(segments) != len(endpoint.segments):
        return None
    ids = {}
    for expected, segment in zip(endpoint.segments, segments, strict=True):
        if expected.startswith("{"):
            if not is_uuid(segment):
                return None
            ids[expected[1:-1]] = segment.lower()  # ids on the wire are in lower case; RFC 9562 s.4 accepts both
        elif segment != expected:
            return None
    return ids


def split_target(target: str) -> tuple[str, str]:
    """The path and the query of the ``target`` of a request line."""
    path, _, query = target.partition("?")
    scheme, mark, rest = path.partition("://")
    if mark and scheme.lower() in {"http", "https"}:  # absolute form, RFC 9112 s.3.2.2
        path = "/" + rest.partition("/")[2]
    return path, query


def wrong_method(*allowed: str) -> Problem:
    """The answer to a method that the path does not have; ``allowed`` are those that it has."""
    return Problem(405, "method_not_allowed").with_header("allow", ", ".join(allowed))


def route(method: str, target: str) -> Match | Problem:
    """The endpoint of ``method`` and ``target`` (of the request line), or a 404 or 405. `HEAD` counts as `GET`.

    Percent-encoding is not decoded. No path of the API needs it, so a path that has it is not one of the API.
    """
    path, query = split_target(target)
    if not path.startswith("/v1/"):
        return NOT_FOUND
    segments = path.removeprefix("/v1/").split("/")
    allowed = []
    for endpoint in ENDPOINTS:
        ids = _match(endpoint, segments)
        if ids is None:
            continue
        # A HEAD has the headers of the GET (RFC 9110 s.9.3.2).
        if endpoint.method == ("GET" if method == "HEAD" else method):
            return Match(endpoint, ids, query)
        allowed.append(endpoint.method)
    if not allowed:
        return NOT_FOUND
    return wrong_method(*allowed)
