"""A server that is busy, or limits how often it may be asked (429, 503): the client waits, and asks again."""

from __future__ import annotations

import json

import pytest
from scripted import JSON, ROOM, Script

from m3core.conference.entrance import MemberEntrance
from m3core.conference.events import ConnectionLost, Ended, Resumed, ServerBusy
from m3core.conference.state import EndReason, Phase
from m3core.errors import ApiError, CallCancelled
from m3core.io import CallId, HttpResponse
from m3core.limits import BUSY_PATIENCE, MAX_RETRY_AFTER, RECONNECT_CAP, RECONNECT_PATIENCE, TURN_RETRY
from m3core.testing.pair import BASE_URL
from m3core.values import RoomId

START = CallId(1)
BUSY = pytest.mark.parametrize("status", [429, 503])


def refuse(script: Script, status: int, told: str | None = None) -> str:
    """Refuse the oldest request; gives its path."""
    request = script.requests.popleft()
    headers = JSON if told is None else (*JSON, ("retry-after", told))
    body = json.dumps({"code": "too_many_requests", "message": ""}).encode()
    script.give(lambda c, now: c.http_response(request.id, HttpResponse(status, headers, body), now))
    return request.url.removeprefix(f"{BASE_URL}/v1")


def refuse_handshake(script: Script, status: int, told: str) -> None:
    connection, headers = script.connects[-1], (("retry-after", told),)
    script.give(lambda c, now: c.connect_refused(connection, status, b"", now, headers))


# -- the first join ---
@BUSY
def test_a_refused_request_is_repeated_after_the_wait_that_the_server_asks_for(status: int) -> None:
    script = Script()
    assert refuse(script, status, "7").endswith("/verify")
    assert (script.phase(), script.of(ServerBusy)) == (Phase.STARTING, [ServerBusy(seconds=7.0)])
    assert script.await_attempt() == 7.0
    script.answer()
    assert refuse(script, status, "2").endswith("/start_invited")
    assert script.await_attempt() == 2.0
    (request,) = script.requests
    assert request.url.endswith("/start_invited")  # the invitation was verified already
    script.enter()
    assert (script.phase(), script.done[START].error) == (Phase.JOINED, None)


def test_an_account_waits_as_well() -> None:
    script = Script(MemberEntrance(base_url=BASE_URL, room_id=RoomId(ROOM)))
    assert refuse(script, 429, "3").endswith("/start")
    assert script.await_attempt() == 3.0
    script.enter()
    assert script.done[START].error is None


def test_a_login_that_is_refused_waits_as_well() -> None:
    """The request of an account fails with the error of its login (`m3core.account`)."""
    script = Script(MemberEntrance(base_url=BASE_URL, room_id=RoomId(ROOM)))
    request, error = script.requests.popleft(), ApiError(429, retry_after=4.0)
    script.give(lambda c, now: c.http_failed(request.id, error, now))
    assert script.await_attempt() == 4.0


@BUSY
def test_a_refused_handshake_is_repeated_with_another_ticket(status: int) -> None:
    script = Script()
    script.answer_all()
    refuse_handshake(script, status, "5")
    assert script.await_attempt() == 5.0
    assert script.requests[0].url.endswith("/start_invited")
    script.answer_all()
    assert (len(script.connects), script.tokens) == (2, 2)
    script.connect()
    script.answer_all()
    script.join()
    assert script.done[START].error is None


@pytest.mark.parametrize(
    ("told", "waits"),
    [
        (None, [1.0, 2.0, 4.0, 8.0, 16.0]),
        ("soon", [1.0, 2.0, 4.0, 8.0, 16.0]),
        ("3600", [MAX_RETRY_AFTER] * 2),
        ("9" * 400, [MAX_RETRY_AFTER] * 2),
        ("0", [1.0] * int(BUSY_PATIENCE)),
    ],
)
def test_the_join_fails_when_the_patience_is_over(told: str | None, waits: list[float]) -> None:
    script = Script()
    refuse(script, 429, told)
    seen = []
    while not script.of(Ended):
        seen.append(script.await_attempt())
        refuse(script, 429, told)
    assert seen == waits == [event.seconds for event in script.of(ServerBusy)]
    error = script.done[START].error
    assert isinstance(error, ApiError)
    assert error.status == 429
    assert script.of(Ended)[0].reason is EndReason.FAILED
    assert script.conference.deadline is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 502])
def test_other_refusals_are_final(status: int) -> None:
    script = Script()
    refuse(script, status, "1")
    assert script.of(Ended)[0].reason is EndReason.FAILED
    assert script.of(ServerBusy) == []


def test_a_client_that_waits_may_leave() -> None:
    script = Script()
    refuse(script, 429, "7")
    script.give(lambda c, now: c.leave(now))
    assert script.of(Ended)[0].reason is EndReason.LEFT
    assert isinstance(script.done[START].error, CallCancelled)
    assert (script.conference.deadline, list(script.requests)) == (None, [])


def test_a_join_that_waits_may_be_cancelled() -> None:
    script = Script()
    refuse(script, 429, "7")
    script.give(lambda c, now: c.cancel(START, now))
    assert isinstance(script.done[START].error, CallCancelled)
    assert (script.conference.deadline, list(script.requests)) == (None, [])


# -- the way back ---
@BUSY
def test_a_busy_server_does_not_end_a_conference_that_comes_back(status: int) -> None:
    script = Script()
    script.enter()
    script.lose()
    script.await_attempt()
    refuse(script, status, "20")
    assert script.phase() is Phase.RECONNECTING
    assert script.await_attempt() >= 20.0
    refuse(script, status)
    script.await_attempt()
    script.answer_all()
    refuse_handshake(script, status, "25")
    assert script.await_attempt() >= 25.0
    script.sent.clear()
    script.enter()
    assert len(script.of(ConnectionLost)) == len(script.of(Resumed)) == 1
    assert script.of(ServerBusy) == script.of(Ended) == []


def test_the_wait_on_the_way_back_has_an_upper_limit() -> None:
    script = Script(jitter=lambda: 0.0)
    script.enter()
    script.lose()
    script.await_attempt()
    refuse(script, 429, "86400")
    assert script.await_attempt() == MAX_RETRY_AFTER
    refuse(script, 429, "0")
    assert 0 < script.await_attempt() <= RECONNECT_CAP


def test_a_server_that_remains_busy_ends_the_conference() -> None:
    script = Script()
    script.enter()
    script.lose()
    began = script.now
    script.until_ended(lambda: refuse(script, 429, "1"))
    assert script.now - began == RECONNECT_PATIENCE
    assert script.of(Ended)[0].reason is EndReason.LOST


# -- requests that nothing waits for ---
@BUSY
def test_ice_servers_are_asked_for_again_and_the_join_does_not_wait(status: int) -> None:
    script = Script(turn=[{"username": "u", "password": "p", "ttl": "86400", "uris": ["turn:t.example"]}])
    script.answer_all()
    script.connect()
    assert refuse(script, status, "25") == "/turn"
    script.join()
    assert script.done[START].error is None
    assert script.conference.ice_servers == ()
    assert _next_turn(script) == 25.0
    refuse(script, status)
    assert _next_turn(script) == 2 * TURN_RETRY
    script.answer()
    assert len(script.conference.ice_servers) == 1


def _next_turn(script: Script) -> float:
    """Let time pass on a connection that lives, until ICE servers are asked for; gives the seconds until then."""
    began = script.now
    while not script.requests:
        script.next_deadline()
        script.hear("control", message="time", timestamp="2024-03-05T09:31:00Z")
    assert script.requests[0].url.endswith("/turn")
    return script.now - began
