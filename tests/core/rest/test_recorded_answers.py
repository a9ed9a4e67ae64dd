"""Every recorded REST answer of a real controller to a call of our client is read, as a value or a typed error."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

import pytest
from recorded import answers

from m3core.account import Account, Answered, Perform, RefreshTokens, Tokens
from m3core.errors import ApiError
from m3core.io import HttpRequest, HttpResponse, RequestId
from m3core.rest.body import read_body
from m3core.rest.errors import Challenge
from m3core.rest.events import Event
from m3core.rest.invites import Invite
from m3core.rest.rooms import Room
from m3core.rest.routes import ENDPOINTS, AnyEndpoint
from m3core.values import Secret

_NAMES: Final = {"<turn-ttl>": "1704067200", "<time>": "2023-04-21T12:54:52.173799Z"}
"""The values of placeholders in the recordings that need a certain form; all others are UUIDs and free texts."""
_UUID: Final = "f1aec560-95c3-4f34-aebb-9114270aa666"


def _filled(value: Any) -> Any:
    """``value`` with values in place of the placeholders of the recordings."""
    if isinstance(value, dict):
        return {key: _filled(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one) for one in value]
    if isinstance(value, str) and value.startswith("<") and value.endswith(">"):
        return _NAMES.get(value, _UUID)
    return value


def _response(answer: dict[str, Any]) -> HttpResponse:
    told = answer["response"]
    body = json.dumps(_filled(told["body"])) if "body" in told else told.get("text", "")
    return HttpResponse(told["status"], tuple(told["headers"].items()), body.encode())


def _endpoint(answer: dict[str, Any]) -> AnyEndpoint | None:
    """The recorded request, if our client has it; ids in its path may be malformed."""
    path = answer["request"]["path"].partition("?")[0].removeprefix("/v1/").split("/")
    for endpoint in ENDPOINTS:
        if (endpoint.method, len(endpoint.segments)) == (answer["request"]["method"], len(path)) and all(
            want in (have, "{room_id}", "{event_id}") for want, have in zip(endpoint.segments, path, strict=True)
        ):
            return endpoint
    return None


_OURS: Final = [
    (answer, endpoint) for answer in answers() if "response" in answer and (endpoint := _endpoint(answer)) is not None
]


@pytest.mark.parametrize(("answer", "endpoint"), _OURS, ids=lambda one: one["name"] if isinstance(one, dict) else "")
def test_the_answer_is_read(answer: dict[str, Any], endpoint: AnyEndpoint) -> None:
    response = _response(answer)
    if response.status < 300:
        endpoint.read(response)
        return
    with pytest.raises(ApiError) as caught:
        endpoint.read(response)
    error, told = caught.value, answer["response"].get("body") or {}
    assert (error.status, error.code) == (response.status, told.get("code", ""))
    assert error.message == " ".join(told.get("message", "").split()) or "..." in error.message
    fields = [(one.get("field"), one["code"], one.get("message")) for one in told.get("errors", [])]
    assert [(one.field, one.code, one.message) for one in error.errors] == fields


def test_there_are_many_and_of_every_kind() -> None:
    statuses = Counter(answer["response"]["status"] for answer, _ in _OURS)
    assert len(_OURS) > 250
    assert set(statuses) >= {200, 400, 401, 403, 404, 422}
    kinds = {answer["response"]["headers"].get("content-type", "none").partition(";")[0] for answer, _ in _OURS}
    assert kinds >= {"none", "application/json", "text/json", "text/plain"}
    not_recorded = {"POST /turn", "POST /services/recording/start"}
    assert {str(endpoint) for _, endpoint in _OURS} >= {str(one) for one in ENDPOINTS} - not_recorded


_LISTS: Final[dict[str, object]] = {
    "/v1/rooms": tuple[Room, ...],
    "/v1/rooms/<room-1>/invites": tuple[Invite, ...],
    "/v1/events": tuple[Event, ...],
}


def test_every_list_is_read_whole() -> None:
    """Also resources for which the client has no request. One is an invitation that lasts until the year 10000."""
    read: Counter[str] = Counter()
    unreadable = []
    for answer in answers():
        path = answer["request"]["path"].partition("?")[0] if "request" in answer else ""
        kind: Any = _LISTS.get(path)
        if kind is None or answer["request"]["method"] != "GET" or answer["response"]["status"] != 200:
            continue
        entries = [one for one in answer["response"]["body"] if one.get("type") != "exception"]
        typed = read_body(json.dumps(_filled(entries)).encode(), kind, is_answer=True)
        assert len(typed) == len(entries)
        read[path] += 1
        unreadable += [str(one.expiration) for one in typed if isinstance(one, Invite) and one.expiration]
    assert all(read[path] for path in _LISTS)
    assert [text for text in unreadable if text.startswith("+10000-")]


_CHALLENGES: Final = {answer["response"]["headers"].get("www-authenticate", "") for answer, _ in _OURS}


@pytest.mark.parametrize("challenge", sorted({*_CHALLENGES, *(one.value for one in Challenge), "Basic"}))
def test_a_login_is_refreshed_whatever_the_challenge_says(challenge: str) -> None:
    """The reference leaves out the comma that RFC 9110 s.11.6.1 has between two parameters."""
    account = Account("https://a.example", Tokens(Secret("old")), can_refresh=True)
    account.request(HttpRequest(RequestId(1), "GET", "https://a.example/v1/users/me"))
    refusal = HttpResponse(401, (("www-authenticate", challenge),), b'{"code":"unauthorized"}')
    happened: list[str] = []
    for _ in range(6):
        for output in list(account.outputs()):
            match output:
                case Perform(request=request) if request.url.endswith("/auth/login"):
                    happened.append("login")
                    account.http_response(request.id, HttpResponse(200))
                case Perform(request=request):
                    token = dict(request.headers)["authorization"]
                    happened.append(token)
                    account.http_response(request.id, refusal if token == "Bearer old" else HttpResponse(200))
                case RefreshTokens():
                    happened.append("refresh")
                    account.refreshed(Tokens(Secret("new")))
                case Answered(response=response):
                    assert response is not None
                    happened.append(f"HTTP {response.status}")
    assert happened == ["login", "Bearer old", "refresh", "login", "Bearer new", "HTTP 200"]
