"""Requests and responses, routes, error answers, TURN credentials."""

from __future__ import annotations

import json
from types import NoneType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3core.errors import ApiError, FieldError, LimitExceeded, LocalProtocolError, MalformedMessage
from m3core.io import HttpResponse, IceServer, RequestId
from m3core.limits import MAX_HTTP_BODY
from m3core.rest.auth import GET_LOGIN, LOGIN, LoginRequest, LoginResponse
from m3core.rest.cors import preflight, with_cors
from m3core.rest.errors import (
    FORBIDDEN,
    NOT_FOUND,
    Challenge,
    Problem,
    RequestRefused,
    api_error,
    unauthorized,
)
from m3core.rest.events import CREATE_EVENT, CreateEvent, DateTimeTz, check_times
from m3core.rest.invites import VERIFY_INVITE, Invite, VerifyInvite
from m3core.rest.rooms import GET_ROOM, START, START_INVITED, StartInvitedRequest, StartRequest, StartResponse
from m3core.rest.routes import ENDPOINTS, Match, route
from m3core.rest.turn import GET_TURN, POST_TURN, TurnServer, ice_servers, turn_credentials
from m3core.values import InviteCode, RoomId, Secret, Timestamp

_ROOM = "f1aec560-95c3-4f34-aebb-9114270aa666"
_CODE = "126b1a70-e891-4f9e-b401-ac39af0860c4"
_BASE = "https://controller.example.org"
_JSON = "application/json"


# -- client role ---
@pytest.mark.parametrize(
    "value", ["", "..", "x", "../../admin", _ROOM + "/..", _ROOM + "?", _ROOM[:-1] + "/", "%2e%2e", _ROOM + "\n"]
)
def test_path_ids_must_be_uuids(value: str) -> None:
    for endpoint in ENDPOINTS:
        if "{" in endpoint.path and endpoint.request_type is NoneType:
            name = endpoint.path.partition("{")[2].partition("}")[0]
            ids: dict[str, Any] = {name: value}
            with pytest.raises(LocalProtocolError):
                endpoint.request(RequestId(1), _BASE, None, **ids)


def test_wrong_use_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="room_id"):
        GET_ROOM.request(RequestId(1), _BASE, None)
    with pytest.raises(LocalProtocolError, match="event_id"):
        GET_ROOM.request(RequestId(1), _BASE, None, room_id=_ROOM, event_id=_ROOM)
    wrong: Any = None
    with pytest.raises(LocalProtocolError, match="StartRequest"):
        START.request(RequestId(1), _BASE, wrong, room_id=_ROOM)
    with pytest.raises(LocalProtocolError, match="invite"):
        GET_ROOM.request(RequestId(1), _BASE, None, invite=InviteCode(_CODE), room_id=_ROOM)
    with pytest.raises(LocalProtocolError, match="invite"):
        GET_TURN.request(RequestId(1), _BASE, None, invite=InviteCode("x\r\ny: z"))


def test_base_urls_may_end_with_a_slash() -> None:
    assert GET_LOGIN.request(RequestId(1), _BASE + "/", None).url == f"{_BASE}/v1/auth/login"


def test_secrets_stay_out_of_reprs() -> None:
    body = StartInvitedRequest(invite_code=InviteCode(_CODE), password=Secret("pw-17"), resumption=Secret("rs-17"))
    request = START_INVITED.request(RequestId(1), _BASE, body, room_id=_ROOM)
    guest = GET_TURN.request(RequestId(1), _BASE, None, invite=InviteCode(_CODE))
    invite = Invite(invite_code=InviteCode(_CODE), room_id=RoomId(_ROOM), active=True)
    answer = StartResponse(ticket=Secret("tk-17"), resumption=Secret("rs-17"))
    for value in (
        body,
        request,
        guest,
        invite,
        answer,
        VerifyInvite(invite_code=InviteCode(_CODE)),
        START.response(answer),
    ):
        assert not any(secret in repr(value) for secret in (_CODE, "pw-17", "rs-17", "tk-17"))


def test_an_empty_answer_where_there_must_be_one() -> None:
    with pytest.raises(MalformedMessage):
        START.read(HttpResponse(204))
    assert GET_TURN.read(HttpResponse(200)) == ()
    assert LOGIN.read(HttpResponse(204)) == LoginResponse()


def test_response_size_just_under_and_over() -> None:
    GET_TURN.read(HttpResponse(200, (), b"[]".ljust(MAX_HTTP_BODY)))
    for status in (200, 500):
        with pytest.raises(LimitExceeded):
            GET_TURN.read(HttpResponse(status, (), b"[]".ljust(MAX_HTTP_BODY + 1)))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", ""),
        (b"<html>", ""),
        (b'{"code": 1}', ""),
        (b'{"code": "Bearer abc.def"}', ""),
        (b'{"code": "%s"}' % (b"a" * 65), ""),
        (b'{"code": "not_found"}', "not_found"),
    ],
)
@pytest.mark.parametrize("status", [199, 301, 403, 500])
def test_errors_of_any_shape(status: int, body: bytes, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        GET_ROOM.read(HttpResponse(status, (), body))
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.what == "GET /rooms/{room_id}"
    assert api_error(HttpResponse(status, (), body), "x").code == code


# -- server role ---
def _refusal(endpoint: Any, body: bytes, content_type: str | None = _JSON) -> tuple[Problem, str]:
    with pytest.raises(RequestRefused) as caught:
        endpoint.read_request(body, content_type)
    assert _CODE not in str(caught.value)
    return caught.value.problem, caught.value.path


def test_refusals() -> None:
    for content_type in (None, "", "text/plain", "application/jsonx"):
        assert _refusal(LOGIN, b"{}", content_type)[0].code == "invalid_content_type"
    assert _refusal(LOGIN, b"{}".ljust(MAX_HTTP_BODY + 1))[0].code == "payload_overflow"
    assert _refusal(LOGIN, b"{")[0].code == "invalid_json"
    assert _refusal(LOGIN, b"[" * 100)[0].code == "invalid_json"
    problem, path = _refusal(LOGIN, b'{"id_token": 1}')
    assert (problem.status, problem.code, path) == (400, "invalid_json", "$.id_token")


@pytest.mark.parametrize("content_type", [_JSON, "Application/JSON", "application/json; charset=utf-8"])
def test_content_types(content_type: str) -> None:
    assert LOGIN.read_request(b'{"id_token": "a"}', content_type) == LoginRequest(id_token=Secret("a"))


def test_requests_without_a_body_ignore_one() -> None:
    assert GET_ROOM.read_request(b"x", "text/plain") is None


def test_malformed_uuids_in_bodies() -> None:
    problem, _ = _refusal(START_INVITED, b'{"invite_code": "%s"}' % _CODE[1:].encode())
    assert (problem.status, problem.code) == (422, "validation_failed")
    assert problem.errors == (FieldError(field="invite_code", code="invalid_value"),)
    assert _refusal(START_INVITED, b'{"invite_code": 1}')[0].code == "invalid_json"
    assert _refusal(START_INVITED, b'{"invite_code": "%s", "breakout_room": "x"}' % _CODE.encode())[0].status == 400
    assert _refusal(VERIFY_INVITE, b'{"invite_code": "x"}')[0].code == "invalid_json"


def test_null_is_absent() -> None:
    assert START.read_request(b'{"breakout_room": null, "resumption": null}', _JSON) == StartRequest()


def _event(**fields: Any) -> bytes:
    return json.dumps({"title": "a", "description": "", "is_time_independent": True, **fields}).encode()


def _target(**fields: str) -> dict[str, str]:
    return {"name": "a", "kind": "custom", "public_url": "https://a.example", **fields}


@pytest.mark.parametrize(
    ("name", "good", "bad", "code"),
    [
        ("title", "a" * 255, "a" * 256, "invalid_length"),
        ("description", "a" * 4096, "a" * 4097, "invalid_length"),
        ("password", "a" * 255, "a" * 256, "invalid_length"),
        ("password", "a", "", "invalid_length"),
        ("recurrence_pattern", ["a" * 1024] * 4, ["a"] * 5, "invalid_value"),
        ("recurrence_pattern", [], ["a" * 1025], "invalid_value"),
        ("streaming_targets", [_target()] * 16, [_target()] * 17, "invalid_value"),
        ("streaming_targets", [_target(public_url="a" * 1024)], [_target(public_url="a" * 1025)], "invalid_value"),
        (
            "streaming_targets",
            [_target(streaming_key="a" * 1024)],
            [_target(streaming_key="a" * 1025)],
            "invalid_value",
        ),
    ],
)
def test_event_fields_just_under_and_over(name: str, good: Any, bad: Any, code: str) -> None:
    CREATE_EVENT.read_request(_event(**{name: good}), _JSON)
    problem, _ = _refusal(CREATE_EVENT, _event(**{name: bad}))
    assert problem.status == 422
    assert problem.errors == (FieldError(field=name, code=code),)


def _times(
    start: str | None, end: str | None, *, independent: bool = False, all_day: bool | None = False, **more: Any
) -> Problem | None:
    def at(text: str | None) -> DateTimeTz | None:
        return None if text is None else DateTimeTz(datetime=Timestamp(f"2024-03-{text}:00Z"), timezone="UTC")

    return check_times(
        CreateEvent(
            title="a",
            description="",
            is_time_independent=independent,
            is_all_day=all_day,
            starts_at=at(start),
            ends_at=at(end),
            **more,
        )
    )


def test_event_times() -> None:
    bad, invalid = Problem(400, "bad_request"), Problem(422, "invalid_event")
    assert _times(None, None, independent=True, all_day=None) is None
    assert _times(None, None, independent=True, all_day=None, recurrence_pattern=()) is None
    assert _times(None, None, independent=True, all_day=None, recurrence_pattern=("RRULE:FREQ=DAILY",)) == bad
    assert _times(None, None, independent=True) == bad
    assert _times("05T08:00", None, independent=True, all_day=None) == bad
    assert _times("05T08:00", "05T08:00") is None
    assert _times("05T08:00", "05T07:59") == invalid
    assert _times("05T08:00", None) == bad
    assert _times(None, "05T08:00") == bad
    assert _times("05T08:00", "05T09:00", all_day=None) == bad
    assert _times("05T00:00", "06T00:00", all_day=True) is None
    assert _times("05T00:00", "06T00:01", all_day=True) == invalid
    assert _times("05T12:00", "06T00:00", all_day=True) == invalid


def test_problems() -> None:
    assert FORBIDDEN.response() == HttpResponse(403)
    assert json.loads(NOT_FOUND.response().body) == {"code": "not_found", "message": "not found"}
    assert json.loads(Problem(400, "x", message="why").response().body)["message"] == "why"
    answer = unauthorized(Challenge.SESSION_EXPIRED).response()
    assert dict(answer.headers)["www-authenticate"].endswith('"The user session expired"')
    assert "access token is invalid" in dict(unauthorized().headers)["www-authenticate"]


def test_cross_origin_access() -> None:
    assert preflight().status == 204
    headers = dict(preflight().headers)
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE"
    assert headers["access-control-allow-headers"] == "authorization, content-type"
    assert (
        dict(with_cors(HttpResponse(200, (("x", "y"),))).headers).items()
        >= {
            "x": "y",
            "access-control-allow-origin": "*",
        }.items()
    )


# -- routes ---
def test_every_endpoint_has_its_route() -> None:
    for endpoint in ENDPOINTS:
        target = "/v1" + endpoint.path.replace("{room_id}", _ROOM).replace("{event_id}", _ROOM)
        for form in (target, target + "?a=b", "http://127.0.0.1:1" + target):
            found = route(endpoint.method, form)
            assert isinstance(found, Match)
            assert found.endpoint is endpoint
            assert set(found.ids.values()) <= {_ROOM}
    query = route("GET", "/v1/turn?a=b?c")
    assert isinstance(query, Match)
    assert query.query == "a=b?c"
    head = route("HEAD", f"/v1/rooms/{_ROOM.upper()}")
    assert isinstance(head, Match)
    assert head.ids == {"room_id": _ROOM}


@pytest.mark.parametrize(
    "target",
    [
        "",
        "*",
        "/",
        "/v1",
        "/v1/",
        "/v2/turn",
        "/v1/turn/",
        "//v1/turn",
        "/v1//turn",
        "/v1/Turn",
        "/v1/%74urn",
        "/v1/rooms/x/start",
        "/v1/rooms/../turn",
        f"/v1/rooms/{_ROOM}x",
        f"/v1/rooms/{_ROOM}/start/x",
        "http://127.0.0.1",
        "ftp://127.0.0.1/v1/turn",
        "/signaling",
    ],
)
def test_no_route(target: str) -> None:
    assert route("GET", target) == NOT_FOUND


def test_methods_that_are_not_allowed() -> None:
    found = route("DELETE", "/v1/turn")
    assert isinstance(found, Problem)
    assert (found.status, found.headers) == (405, (("allow", "GET, POST"),))


@given(st.text(), st.text() | st.from_regex(r"/v1/[a-z/?-]{0,40}"))
def test_any_request_has_a_match_or_a_problem(method: str, target: str) -> None:
    assert isinstance(route(method, target), Match | Problem)


# -- TURN ---
@pytest.mark.parametrize(
    ("secret", "expiry", "random", "username", "password"),
    [
        (
            "north",
            1704067200,
            bytes(range(16)),
            "1704067200:turn_random_for_privacy_AAECAwQFBgcICQoLDA0ODw==",
            "y6anib0jN7XAPWmzYWa2rE4OL/w=",
        ),
        (
            "s3cr3t-two",
            1735689600,
            bytes(range(255, 239, -1)),
            "1735689600:turn_random_for_privacy_//79/Pv6+fj39vX08/Lx8A==",
            "TsMx8P0VbiOYvjX8JSVRZITFNLk=",
        ),
    ],
)
def test_turn_credentials(secret: str, expiry: int, random: bytes, username: str, password: str) -> None:
    entry = turn_credentials(Secret(secret), expires_at=expiry, random=random, uris=["turn:a:1"])
    assert entry == TurnServer(username=username, password=Secret(password), ttl=entry.ttl, uris=("turn:a:1",))
    assert ice_servers([entry]) == (IceServer(("turn:a:1",), username, Secret(password), expiry),)


def test_turn_names_need_random_bytes() -> None:
    with pytest.raises(LocalProtocolError):
        turn_credentials(Secret("north"), expires_at=1, random=b"", uris=())


def test_ice_servers_leave_out_what_is_none() -> None:
    entries = [
        TurnServer(uris=("stun:a:1", "http://a/", "stun:", "stun:a b", "turns:a:1\n", "javascript:x")),
        TurnServer(uris=()),
        TurnServer(uris=("file:///etc",)),
    ]
    assert ice_servers(entries) == (IceServer(("stun:a:1",)),)


def test_no_servers_are_an_empty_answer_or_an_empty_array() -> None:
    assert GET_TURN.response(()) == HttpResponse(204)
    assert POST_TURN.response(()).body == b"[]"
