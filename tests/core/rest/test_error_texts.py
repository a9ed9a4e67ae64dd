"""Texts of refusals of the REST API: they name the attempt and the meaning, and have no templates of paths."""

from __future__ import annotations

import json
from typing import Any

import pytest

from m3core.errors import ApiError, LocalProtocolError
from m3core.io import HttpResponse, RequestId
from m3core.rest.auth import GET_LOGIN, LOGIN
from m3core.rest.errors import api_error
from m3core.rest.invites import VERIFY_INVITE
from m3core.rest.rooms import GET_ROOM, START, START_INVITED
from m3core.rest.routes import ENDPOINTS, AnyEndpoint
from m3core.values import InviteCode

ROOM = "f1aec560-95c3-4f34-aebb-9114270aa666"
STATUSES = (199, 301, 400, 401, 403, 404, 405, 409, 418, 422, 429, 500, 502, 503)
CODES = (
    *("", "bad_request", "banned_from_room", "invalid_breakout_room_id", "invalid_event", "invalid_ticket"),
    *("no_breakout_rooms", "not_found", "session_running", "unauthorized", "validation_failed", "wrong_room_password"),
    "a_code_of_later_servers",
)


def refusal(endpoint: AnyEndpoint, status: int, code: str = "") -> ApiError:
    body = json.dumps({"code": code}).encode() if code else b""
    with pytest.raises(ApiError) as caught:
        endpoint.read(HttpResponse(status, body=body))
    return caught.value


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_no_text_holds_a_template(endpoint: AnyEndpoint) -> None:
    for status in STATUSES:
        for code in CODES:
            error = refusal(endpoint, status, code)
            text = str(error)
            assert text.startswith(f"cannot {endpoint.purpose}: ")
            assert not set("{}/") & set(text)
            assert f"HTTP {status}" in text
            assert code in text
            assert (error.status, error.code, error.what) == (status, code, str(endpoint))


@pytest.mark.parametrize(
    ("body", "invite", "ids", "says"),
    [
        (1, None, {"room_id": ROOM}, "cannot look at the room: the body must be a NoneType"),
        (None, InviteCode(ROOM), {"room_id": ROOM}, "cannot look at the room with an invite code"),
        (None, None, {"room_id": ".."}, "cannot look at the room: room_id must be a UUID"),
        (None, None, {"room_id": ROOM, "surplus": ROOM}, "cannot look at the room: there is no surplus in the path"),
    ],
)
def test_no_misuse_is_told_with_a_template(
    body: Any, invite: InviteCode | None, ids: dict[str, str], says: str
) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        GET_ROOM.request(RequestId(0), "https://a.example", body, invite=invite, **ids)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("endpoint", "status", "code", "says"),
    [
        (
            START_INVITED,
            404,
            "not_found",
            "cannot enter the meeting: the meeting is gone, or the invitation has expired",
        ),
        (START_INVITED, 401, "wrong_room_password", "cannot enter the meeting: the password of the room is wrong"),
        (START_INVITED, 400, "bad_request", "the invitation is for another meeting"),
        (START_INVITED, 503, "", "full or busy; try again later"),
        (START_INVITED, 429, "too_many_requests", "try again later"),
        (START, 403, "banned_from_room", "you were banned"),
        (START, 403, "", "you have no access"),
        (START, 404, "not_found", "the meeting is gone (HTTP 404 not_found)"),
        (START, 400, "session_running", "an earlier session of yours is still connected"),
        (
            VERIFY_INVITE,
            404,
            "not_found",
            "cannot use the invitation: the meeting is gone, or the invitation has expired",
        ),
        (VERIFY_INVITE, 404, "", "the address may not be that of a controller"),
        (GET_LOGIN, 302, "", "the address may not be that of a controller"),
        (GET_ROOM, 404, "not_found", "cannot look at the room: it does not exist (any more) (HTTP 404 not_found)"),
        (LOGIN, 401, "unauthorized", "cannot log in: the token is missing, wrong or expired"),
        (
            LOGIN,
            500,
            "internal_server_error",
            "the server has trouble of its own; try again later (HTTP 500 internal_server_error)",
        ),
        (LOGIN, 418, "", "the server refuses the request (HTTP 418)"),
    ],
)
def test_what_it_means(endpoint: AnyEndpoint, status: int, code: str, says: str) -> None:
    assert says in str(refusal(endpoint, status, code))


def test_what_is_no_endpoint() -> None:
    handshake = api_error(HttpResponse(401, body=b'{"code": "invalid_ticket"}'), "the WebSocket handshake")
    assert str(handshake) == (
        "the WebSocket handshake failed: the ticket was used already, or is too old; join again "
        "(HTTP 401 invalid_ticket)"
    )
    assert str(ApiError(404, "not_found")) == "request failed: HTTP 404 not_found"
