"""A half-open connection is noticed, and TURN credentials are replaced before they expire."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from scripted import Script
from worlds import phase, published, sent, settle, subscribed

from m3core.conference.events import (
    ConnectionLost,
    Ended,
    PeerMisbehaved,
    Resumed,
    ServerRefused,
    UnknownMessage,
)
from m3core.conference.state import Phase
from m3core.conference.turn import TurnSchedule
from m3core.controller.config import ControllerConfig
from m3core.errors import CallRefused
from m3core.io import IceServer, Ping
from m3core.limits import (
    JOIN_DEADLINE,
    JOIN_TIMEOUT,
    KEEPALIVE_INTERVAL,
    KEEPALIVE_TIMEOUT,
    TURN_LEAD,
    TURN_RETRY,
    TURN_RETRY_CAP,
)
from m3core.rest.turn import TurnServer
from m3core.testing.pair import BASE_URL, UTC_AT_ZERO, World
from m3core.values import Secret

UNIX_AT_ZERO = int(UTC_AT_ZERO.timestamp())
PING = {"action": "ping"}


def turn(expires_in: int) -> list[dict[str, Any]]:
    """An answer of `GET /turn`."""
    ttl = UNIX_AT_ZERO + expires_in
    return [{"username": f"{ttl}:x", "password": "secret", "ttl": str(ttl), "uris": ["turn:turn.example"]}]


# keep-alive ---
def test_a_silent_connection_is_asked_and_lives_if_it_answers() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    count = len(bob.sent)
    world.sleep(KEEPALIVE_INTERVAL - 0.1)
    assert len(bob.sent) == count
    world.sleep(300.0)
    asked = sent(bob, count)
    assert asked == [PING] * len(asked)
    assert len(asked) == 20  # 12 s after each ping of the server, which comes every 15 s
    assert phase(ada) is phase(bob) is Phase.JOINED
    assert not bob.of(UnknownMessage)
    assert not bob.of(ConnectionLost)
    settle(world)


@pytest.mark.parametrize(
    "answer", [b"nonsense", b'{"namespace":"control","payload":{"message":"error","error":"invalid_namespace"}}']
)
def test_any_word_proves_life(answer: bytes) -> None:
    script = Script()
    script.enter()
    script.sleep(KEEPALIVE_INTERVAL)
    assert list(script.sent) == [PING]
    script.sleep(KEEPALIVE_TIMEOUT - 0.1)
    script.give(lambda c, now: c.receive_text(script.connects[-1], answer, now))
    script.sleep(KEEPALIVE_INTERVAL - 0.1)
    assert len(script.sent) == 1
    script.give(lambda c, now: c.pong(script.connects[-1], b"x", now))
    script.sleep(KEEPALIVE_INTERVAL - 0.1)
    assert len(script.sent) == 1
    assert not script.of(ConnectionLost)


def test_pings_of_the_server_prove_life() -> None:
    script = Script()
    script.enter()
    for _ in range(10):
        script.sleep(KEEPALIVE_INTERVAL - 0.1)
        script.give(lambda c, now: c.pinged(script.connects[-1], now))
    assert list(script.sent) == []
    script.sleep(KEEPALIVE_INTERVAL)
    assert list(script.sent) == [PING]
    script.sleep(KEEPALIVE_TIMEOUT - 0.1)
    script.give(lambda c, now: c.pinged(script.connects[-1], now))
    script.sleep(KEEPALIVE_TIMEOUT - 0.1)
    assert not script.of(ConnectionLost)


def arrival(said: float, outage: range, patience: float) -> float:
    """When TCP delivers what was sent: it sends again at once, and then after waits that double each time."""
    tries = 0
    while outage.start <= (at := said + patience * (2.0**tries - 1)) < outage.stop:
        tries += 1
    return at


@pytest.mark.parametrize("patience", [0.2, 0.257, 0.3, 0.53, 1.0, 1.14])
def test_a_dead_network_of_eight_seconds_ends_nothing(patience: float) -> None:
    """An outage may begin at any time, with a server that pings and answers (``patience``: the first wait of TCP)."""
    for begins in range(45):
        outage = range(begins, begins + 8)
        script = Script()
        script.enter()
        began, asked = script.now, len(script.sent)
        heard = [arrival(at, outage, patience) for at in range(0, 90, 15)]
        while (since := script.now - began) < 75.0:
            if len(script.sent) > asked:
                asked = len(script.sent)
                heard.append(arrival(arrival(since, outage, patience), outage, patience))
            if min(heard) <= since:
                heard.remove(min(heard))
                script.give(lambda c, now: c.pinged(script.connects[-1], now))
            else:
                script.sleep(0.125)
        assert not script.of(ConnectionLost)


def test_a_half_open_connection_is_noticed_in_time() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, bob)
    subscribed(world, bob, ada)
    began = world.now
    world.blackhole(bob)
    world.sleep(KEEPALIVE_INTERVAL + KEEPALIVE_TIMEOUT)
    assert world.now == began + 27.0
    (lost,) = bob.of(ConnectionLost)
    assert lost.detail == "the server sent nothing for 27 s"
    assert bob.closes == [None]  # aborted: there is nobody to say good-bye to
    world.sleep(60.0)  # until the server notices as well, it says that the session is running
    (resumed,) = bob.of(Resumed)
    assert resumed.same_id
    assert [one.is_live for one in bob.conference.state.subscriptions] == [True]
    assert [one.is_here for one in ada.conference.state.participants.values()].count(True) == 1
    assert not bob.of(PeerMisbehaved)
    settle(world)


def test_what_a_dropped_connection_still_reports_is_ignored() -> None:
    script = Script()
    script.enter()
    script.sleep(KEEPALIVE_INTERVAL + KEEPALIVE_TIMEOUT)
    assert script.of(ConnectionLost)
    script.lose(1000)
    assert script.phase() is Phase.RECONNECTING
    assert not script.of(Ended)


def test_before_the_room_a_ping_asks() -> None:
    script = Script()
    script.answer_all()
    script.connect()
    script.answer_all()
    script.sent.clear()
    script.hear("moderation", message="in_waiting_room")
    script.sleep(KEEPALIVE_INTERVAL)
    assert [type(one) for one in script.pings] == [Ping]
    assert not script.sent
    script.give(lambda c, now: c.pong(script.connects[-1], script.pings[0].payload, now))
    script.sleep(KEEPALIVE_INTERVAL + KEEPALIVE_TIMEOUT)
    assert len(script.pings) == 2
    assert len(script.of(ConnectionLost)) == 1
    assert [one.connection for one in script.closes] == script.connects


def test_a_silent_waiting_room_lives_in_a_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.controller.engine.JOIN_DEADLINE", 1_000.0)  # the server never hears the join
    world = World()
    bob = world.guest("Bob")
    while phase(bob) is not Phase.JOINING:
        world.deliver(0)
    bob.tell(lambda c, now: c.receive_text(_connection(bob), _WAIT, now))
    world.channels["up", 0].clear()
    world.sleep(JOIN_DEADLINE - 1)  # then the server, which never got the join, ends the connection
    assert phase(bob) is Phase.WAITING
    world.blackhole(bob)
    world.sleep(KEEPALIVE_INTERVAL + KEEPALIVE_TIMEOUT)
    assert bob.of(ConnectionLost)


_WAIT = b'{"namespace":"moderation","payload":{"message":"in_waiting_room"}}'


def _connection(client: Any) -> Any:
    return client.conference.outbox.connection


def test_a_late_question_leaves_time_for_the_answer() -> None:
    """A laptop slept and its clock leapt: that does not mean that the connection is lost."""
    script = Script()
    script.enter()
    script.now += 3600.0
    script.give(lambda c, now: c.advance(now))
    assert list(script.sent) == [PING]
    assert script.conference.deadline == script.now + KEEPALIVE_TIMEOUT
    script.give(lambda c, now: c.advance(now - 1000.0))  # and backwards
    script.sleep(KEEPALIVE_TIMEOUT - 0.1)
    script.hear("echo", **PING)
    script.sleep(KEEPALIVE_INTERVAL - 0.1)
    assert not script.of(ConnectionLost)


def test_nobody_is_asked_while_joining_or_leaving() -> None:
    script = Script()
    script.answer_all()
    script.connect()
    script.sent.clear()
    script.sleep(JOIN_TIMEOUT - 0.1)
    assert not script.sent
    assert not script.pings
    script = Script()
    script.enter()
    script.give(lambda c, now: c.leave(now))
    script.give(lambda c, now: c.pong(script.connects[-1], b"", now))
    script.lose(1000)
    assert script.conference.deadline is None
    assert len(script.of(Ended)) == 1


# TURN ---
def test_credentials_are_asked_for_again_before_they_expire() -> None:
    config = ControllerConfig(web_url=BASE_URL)
    world = World(config)
    (ada,) = world.joined("Ada")
    assert sum(request.url.endswith("/turn") for _, request in ada.requests) == 1
    world.sleep(1000.0)
    assert sum(request.url.endswith("/turn") for _, request in ada.requests) == 1  # nothing expires


def keep(script: Script, seconds: float) -> None:
    """Let time pass on a connection that lives."""
    end = script.now + seconds
    while script.now < end:
        script.hear("echo", **PING)
        script.sleep(min(10.0, end - script.now))


def test_new_peers_get_the_new_servers() -> None:
    script = Script(turn=turn(100))
    script.enter()
    keep(script, 100 - TURN_LEAD - 1)
    assert not script.requests
    keep(script, 1)
    assert script.requests[0].url.endswith("/turn")
    script.turn = turn(200)
    script.answer_all()
    assert [server.expires_at for server in script.conference.ice_servers] == [UNIX_AT_ZERO + 200]
    keep(script, 98)
    assert not script.requests
    keep(script, 2)
    assert script.requests


def test_a_refused_refetch_is_tried_again_and_the_old_servers_stay() -> None:
    script = Script(turn=turn(100))
    script.enter()
    keep(script, 100 - TURN_LEAD)
    before = script.conference.ice_servers
    for wait in (TURN_RETRY, 2 * TURN_RETRY, 4 * TURN_RETRY):
        script.fail()
        assert script.conference.ice_servers == before
        keep(script, wait - 1)
        assert not script.requests
        keep(script, 1)
        assert len(script.requests) == 1
    script.turn = turn(1000)
    script.answer()
    assert script.conference.ice_servers != before
    keep(script, 700)
    assert not script.requests


def test_failures_before_an_answer_do_not_prolong_later_waits() -> None:
    script = Script(turn=turn(100))
    script.enter()
    keep(script, 100 - TURN_LEAD)
    script.fail()
    keep(script, TURN_RETRY)
    script.fail()
    keep(script, 2 * TURN_RETRY)
    script.turn = turn(300)
    script.answer()
    keep(script, 300 - TURN_LEAD - script.now)
    script.fail()
    keep(script, TURN_RETRY)
    assert len(script.requests) == 1


def test_a_first_refusal_is_an_answer() -> None:
    script = Script(turn=turn(100))
    script.answer()
    script.answer()
    script.connect()
    script.fail()
    script.join()
    keep(script, 500)
    assert not script.requests
    assert script.conference.ice_servers == ()


def test_credentials_that_expired_while_the_connection_was_lost() -> None:
    script = Script(turn=turn(100))
    script.enter()
    keep(script, 60)
    script.lose()
    script.await_attempt()
    script.requests.clear()  # it hangs
    script.await_attempt()
    assert [request.method for request in script.requests] == ["POST"]
    script.turn = turn(500)
    script.answer()
    script.connect()
    assert [request.method for request in script.requests] == [
        "GET"
    ]  # before the room, so that renewed peers have them
    script.answer()
    script.join()
    assert [server.expires_at for server in script.conference.ice_servers] == [UNIX_AT_ZERO + 500]
    assert not script.requests


def test_credentials_that_expire_in_the_moment_of_coming_back() -> None:
    script = Script(turn=turn(100))
    script.enter()
    keep(script, 70)
    script.lose()
    script.await_attempt()
    script.answer()
    script.connect()
    assert not script.requests
    script.sleep(10.0)
    script.join()
    assert [request.method for request in script.requests] == ["GET"]


def due(schedule: TurnSchedule) -> float | None:
    return schedule.due


def test_without_a_calendar_nothing_is_asked_again() -> None:
    schedule = TurnSchedule(None)
    schedule.answered((IceServer(("turn:x",), expires_at=1),), 0.0)
    assert schedule.due is None


def test_the_schedule_of_servers_that_expire() -> None:
    schedule = TurnSchedule(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
    never, soon, late = (IceServer((f"turn:{at}",), "x", Secret("y"), at) for at in (0, 1000, 2000))
    schedule.answered((never,), 0.0)
    assert due(schedule) is None
    schedule.answered((never, late, soon), 0.0)
    assert due(schedule) == 1000 - TURN_LEAD
    waits = []
    for _ in range(20):  # our clock is ahead of the server's: no storm
        schedule.answered((soon,), 5000.0)
        assert schedule.due is not None
        waits.append(schedule.due - 5000.0)
    assert waits[:3] == [TURN_RETRY, 2 * TURN_RETRY, 4 * TURN_RETRY]
    assert waits[-1] == TURN_RETRY_CAP
    assert TurnServer(uris=()).ttl is None


def test_a_server_without_echo_is_pinged() -> None:
    """Its error for our echo refuses no command of the user."""
    script = Script()
    script.enter()
    script.sleep(KEEPALIVE_INTERVAL)
    assert list(script.sent) == [PING]
    refused = b'{"namespace":"control","payload":{"message":"error","error":"invalid_namespace"}}'
    script.give(lambda c, now: c.receive_text(script.connects[-1], refused, now))
    assert not script.of(ServerRefused)
    script.sleep(KEEPALIVE_INTERVAL)
    assert list(script.sent) == [PING]
    assert len(script.pings) == 1


def test_an_echo_that_was_answered_cannot_be_refused() -> None:
    """The error is about the command after it, and the echo goes on."""
    script = Script()
    script.enter()
    script.sleep(KEEPALIVE_INTERVAL)
    script.hear("echo", **PING)
    call = script.give(lambda c, now: c.commands(now).chat("hello"))
    script.hear("control", message="error", error="invalid_namespace")
    assert isinstance(script.done[call].error, CallRefused)
    script.sent.clear()
    script.sleep(KEEPALIVE_INTERVAL)
    assert list(script.sent) == [PING]
    assert not script.pings
