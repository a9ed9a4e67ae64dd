"""A connection that breaks is replaced by itself, and streams and calls go on (signaling.md § 2, 3)."""

from __future__ import annotations

import itertools
import json
from bisect import bisect_left

import pytest
from scripted import ME, NEW_ME, ON, OTHER, ROOM, THIRD, Script, person
from worlds import SCREEN, VIDEO, close, phase, published, settle, subscribed

from m3core.conference.entrance import MemberEntrance
from m3core.conference.events import (
    ConferenceJoined,
    ConnectionLost,
    Ended,
    ParticipantJoined,
    ParticipantLeft,
    Resumed,
    ServerRefused,
)
from m3core.conference.modules.moderation import WaitingRoomEntered
from m3core.conference.state import EndReason, Phase
from m3core.errors import (
    AuthError,
    CallCancelled,
    CallRefused,
    CallTimedOut,
    LocalProtocolError,
    MediaError,
    TransportError,
)
from m3core.io import CallId, PeerId
from m3core.limits import (
    CONNECT_TIMEOUT,
    JOIN_TIMEOUT,
    LEAVE_TIMEOUT,
    RECONNECT_CAP,
    RECONNECT_MIN,
    RECONNECT_PATIENCE,
    RECONNECT_STABLE,
    RECONNECT_WINDOW,
    REQUEST_TIMEOUT,
)
from m3core.messages import control
from m3core.testing.pair import BASE_URL, World, seeded_entropy
from m3core.values import ParticipantId, RoomId

START = CallId(1)
LONG_ENOUGH = RECONNECT_WINDOW + 1


def token_of(script: Script) -> str | None:
    """The resumption token in the open request."""
    token: str | None = json.loads(script.requests[0].body).get("resumption")
    return token


# the way back ---
@pytest.mark.parametrize("code", [None, 1001, 1005, 1006, 1007, 1012, 1013, 4999])
def test_a_broken_connection_is_opened_again(code: int | None) -> None:
    script = Script()
    script.enter()
    script.lose(code)
    (lost,) = script.of(ConnectionLost)
    assert lost.detail == ("no close frame" if code is None else f"close code {code}")
    assert script.phase() is Phase.RECONNECTING
    assert script.await_attempt() >= RECONNECT_MIN
    assert script.requests[0].url.endswith(f"/rooms/{ROOM}/start_invited")  # the invitation is verified once
    assert token_of(script) == f"{1:064}"
    script.enter()
    assert [event.same_id for event in script.of(Resumed)] == [True]
    assert script.phase() is Phase.JOINED
    assert not script.of(Ended)
    assert not script.closes


@pytest.mark.parametrize("code", [1000, 1002, 1008, 1011, 3000])
def test_other_close_codes_are_for_good(code: int) -> None:
    script = Script()
    script.enter()
    script.lose(code)
    assert not script.of(ConnectionLost)
    assert script.of(Ended)[0].reason is (EndReason.SERVER_CLOSED if code == 1000 else EndReason.LOST)
    assert script.conference.deadline is None


def test_what_the_server_announced_is_the_end_however_it_closes() -> None:
    script = Script()
    script.enter()
    script.hear("moderation", message="kicked")
    script.lose(None)
    assert script.of(Ended)[0].reason is EndReason.KICKED


def test_members_come_back_with_their_account() -> None:
    script = Script(MemberEntrance(base_url=BASE_URL, room_id=RoomId(ROOM)))
    script.enter()
    script.lose()
    script.await_attempt()
    assert script.requests[0].url.endswith(f"/rooms/{ROOM}/start")
    assert token_of(script) == f"{1:064}"
    script.enter()
    assert script.of(Resumed)


def test_each_attempt_has_the_token_of_the_last_answer() -> None:
    """A token that an attempt consumed in vain is unknown to the server, which silently gives another id then."""
    script = Script()
    script.enter()
    script.lose()
    script.await_attempt()
    script.answer()
    script.lose()  # the ticket was never used
    script.await_attempt()
    assert token_of(script) == f"{2:064}"
    script.enter(person(ME, "Ada", left=True), me=NEW_ME)
    (resumed,) = script.of(Resumed)
    assert (resumed.participant.id, resumed.previous_id, resumed.same_id) == (NEW_ME, ME, False)
    assert script.conference.own is resumed.participant
    assert (resumed.joined, resumed.left, resumed.changed) == ((), (), ())
    assert len(script.of(ConnectionLost)) == 1


def test_the_server_has_not_noticed_yet() -> None:
    script = Script()
    script.enter()
    script.lose()
    for _ in range(3):
        script.await_attempt()
        script.answer(400, {"code": "session_running", "message": ""})
        assert script.phase() is Phase.RECONNECTING
    script.await_attempt()
    script.enter()
    assert script.of(Resumed)
    assert not script.closes


@pytest.mark.parametrize(("status", "code"), [(400, "invalid_json"), (403, "banned_from_room"), (404, "not_found")])
def test_a_refusal_ends_it(status: int, code: str) -> None:
    script = Script()
    script.enter()
    script.lose()
    script.await_attempt()
    script.answer(status, {"code": code, "message": ""})
    (end,) = script.of(Ended)
    assert end.reason is EndReason.LOST
    assert f"{status} {code}" in end.detail
    assert script.conference.deadline is None


def test_a_member_without_a_login_cannot_come_back() -> None:
    script = Script(MemberEntrance(base_url=BASE_URL, room_id=RoomId(ROOM)))
    script.enter()
    script.lose()
    script.await_attempt()
    script.give(lambda c, now: c.http_failed(script.requests[0].id, AuthError("log in again"), now))
    assert script.of(Ended)[0].detail == "log in again"


def test_trouble_on_the_way_is_tried_again() -> None:
    script = Script()
    script.enter()
    script.lose()
    script.await_attempt()
    script.answer(502, {})
    script.await_attempt()
    script.fail()
    script.await_attempt()
    script.answer(200, {"ticket": "no, ticket", "resumption": "x"})
    script.await_attempt()
    script.answer()
    script.refuse(500, "internal")
    script.await_attempt()
    script.answer()
    script.refuse(401, "invalid_ticket")
    script.await_attempt()
    script.answer()
    script.connect()
    script.lose(1001)
    script.await_attempt()
    script.sent.clear()
    script.enter()
    assert script.of(Resumed)
    assert len(script.of(ConnectionLost)) == 1
    assert script.closes == []


def test_a_refused_handshake_ends_it() -> None:
    script = Script()
    script.enter()
    script.lose()
    script.await_attempt()
    script.answer()
    script.refuse(404, "not_found")
    assert script.of(Ended)[0].reason is EndReason.LOST


def test_an_attempt_that_hangs_is_aborted_once() -> None:
    script = Script()
    script.enter()
    script.lose()
    script.await_attempt()
    script.requests.clear()
    assert script.await_attempt() >= REQUEST_TIMEOUT + RECONNECT_MIN
    script.answer()
    assert script.await_attempt() >= CONNECT_TIMEOUT + RECONNECT_MIN
    assert [one.code for one in script.closes] == [None]
    script.answer()
    script.connect()
    assert script.await_attempt() >= JOIN_TIMEOUT + RECONNECT_MIN
    assert [one.connection for one in script.closes] == script.connects[1:]
    old = script.connects[-1]
    script.give(lambda c, now: c.connection_lost(old, now))
    script.give(lambda c, now: c.connected(old, now))
    assert script.phase() is Phase.RECONNECTING
    script.sent.clear()
    script.enter()
    assert script.of(Resumed)


@pytest.mark.parametrize(
    "refusal",
    [
        {"message": "join_blocked", "reason": "participant_limit_reached"},
        {"message": "error", "error": "invalid_username"},
    ],
)
def test_the_room_does_not_take_us_back(refusal: dict[str, str]) -> None:
    script = Script()
    script.enter()
    script.lose()
    script.await_attempt()
    script.answer()
    script.connect()
    script.hear("control", **refusal)
    (end,) = script.of(Ended)
    assert (end.reason, end.detail) == (EndReason.LOST, str(CallRefused(list(refusal.values())[-1])))
    assert [one.code for one in script.closes] == [None]


# patience ---
@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_the_waits_grow_up_to_a_cap(jitter: float) -> None:
    script = Script(jitter=lambda: jitter)
    script.enter()
    script.lose()
    waits = []
    for _ in range(6):
        waits.append(script.await_attempt())
        script.fail()
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(RECONNECT_MIN + jitter * (RECONNECT_WINDOW - RECONNECT_MIN))
    assert waits[-1] == pytest.approx(RECONNECT_MIN + jitter * (RECONNECT_CAP - RECONNECT_MIN))
    assert all(RECONNECT_MIN <= wait <= RECONNECT_CAP for wait in waits)


def test_only_a_stable_connection_counts_as_a_success() -> None:
    script = Script()
    script.enter()
    waits = []
    for seconds in (RECONNECT_STABLE, 0.0, 1.0, RECONNECT_STABLE - 0.1, RECONNECT_STABLE):
        for _ in range(int(seconds)):
            script.sleep(1.0)
            script.hear("echo", action="ping")
        script.sleep(seconds % 1.0)
        script.lose()
        waits.append(script.await_attempt())
        script.enter()
    assert waits[0] == waits[-1]
    assert waits[0] < waits[1] < waits[2] < waits[3]


def test_it_is_given_up_in_the_end() -> None:
    script = Script()
    script.enter()
    call = script.give(lambda c, now: c.publish(VIDEO, audio=True, video=True, now=now)[0])
    script.lose()
    began = script.now
    script.until_ended(script.fail)
    assert script.now == began + RECONNECT_PATIENCE
    assert script.of(Ended)[0].reason is EndReason.LOST
    assert "no close frame" in script.of(Ended)[0].detail
    assert script.conference.deadline is None
    assert isinstance(script.done[call].error, CallTimedOut)  # its own deadline was sooner
    assert script.media.peers == {}


# the user meanwhile ---
def test_a_loss_that_is_over_ends_nothing_later() -> None:
    script = Script()
    script.enter()
    script.lose()
    script.await_attempt()
    script.enter()
    while script.now < 2 * RECONNECT_PATIENCE:
        script.sleep(10.0)
        script.hear("echo", action="ping")
    assert script.phase() is Phase.JOINED


def test_commands_wait_for_nothing_while_reconnecting() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, bob)
    subscribed(world, ada, bob)
    world.cut(ada)
    c, now = ada.conference, world.now
    for command in (
        lambda: c.publish(SCREEN, audio=True, video=True, now=now),
        lambda: c.set_sending(VIDEO, audio=False, video=True, now=now),
        lambda: c.unpublish(VIDEO, now),
        lambda: c.subscribe(bob.id, SCREEN, now=now),
        lambda: c.configure(bob.id, VIDEO, video=False, now=now),
        lambda: c.command(control.RaiseHand(), now),
        lambda: c.raise_hand(now),
    ):
        with pytest.raises(LocalProtocolError, match="reconnecting"):
            command()
    assert not list(c.outputs())
    settle(world)


@pytest.mark.parametrize("steps", range(6))
def test_leaving_while_reconnecting_ends_at_once(steps: int) -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    call = bob.publish(SCREEN)
    world.cut(bob)
    if steps:
        world.now += LONG_ENOUGH
        bob.tell(lambda c, now: c.advance(now))
        for _ in range(steps - 1):
            world.deliver(0)
    assert phase(bob) is Phase.RECONNECTING
    leave = bob.do(lambda c, now: c.leave(now))
    assert bob.done[leave].error is None
    assert isinstance(bob.done[call].error, CallCancelled)
    assert [event.reason for event in bob.of(Ended)] == [EndReason.LEFT]
    assert bob.conference.deadline is None
    world.run()
    assert bob.media.peers == {}
    assert [one.is_here for one in ada.conference.state.participants.values()] == [False] * len(
        ada.conference.state.participants
    )
    settle(world)


# what is told ---
def test_one_event_says_what_changed() -> None:
    script = Script()
    script.enter(person(OTHER, "Bob", video=ON), person(THIRD, "Carol"))
    assert script.conference.state.focus is None
    script.hear("media", message="focus_update", focus=OTHER)
    script.lose()
    before = len(script.events)
    script.await_attempt()
    script.enter(person(OTHER, "Robert"), person(THIRD, "Carol", left=True), person(NEW_ME, "Dan", screen=ON))
    (resumed,) = script.events[before:]
    assert isinstance(resumed, Resumed)
    assert [one.display_name for one in resumed.joined] == ["Dan"]
    assert [(one.display_name, one.is_here) for one in resumed.left] == [("Carol", False)]
    assert [one.display_name for one in resumed.changed] == ["Robert"]
    assert script.conference.state.focus is None
    script.hear("control", message="left", id=OTHER, timestamp="2024-03-05T09:32:00Z")
    assert [event.participant.display_name for event in script.of(ParticipantLeft)] == ["Robert"]
    script.hear("media", message="focus_update", focus=NEW_ME)
    assert script.conference.state.focus == NEW_ME


def test_a_room_that_was_made_anew_does_not_know_who_left() -> None:
    script = Script()
    script.enter(person(OTHER, "Bob", video=ON), person(THIRD, "Carol"))
    script.lose()
    script.await_attempt()
    script.enter(person(THIRD, "Carol"))
    (resumed,) = script.of(Resumed)
    assert [(one.display_name, one.is_here, dict(one.streams)) for one in resumed.left] == [("Bob", False, {})]
    assert resumed.joined == resumed.changed == ()
    assert set(script.conference.state.participants) == {THIRD}


def test_a_hand_is_down_after_a_resumption() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    hand = ada.do(lambda c, now: c.raise_hand(now))
    world.cut(ada)
    error = ada.done[hand].error
    assert isinstance(error, TransportError)
    assert "the connection was lost" in str(error)
    world.sleep(LONG_ENOUGH)
    assert ada.conference.own is not None
    assert not ada.conference.own.hand_is_up


# the waiting room ---
def test_a_connection_that_breaks_in_the_waiting_room() -> None:
    script = Script()
    script.answer_all()
    script.connect()
    script.answer_all()
    script.sent.clear()
    script.hear("moderation", message="in_waiting_room")
    script.lose()
    assert START not in script.done
    assert script.phase() is Phase.RECONNECTING
    script.await_attempt()
    script.answer_all()
    script.connect()
    script.hear("moderation", message="in_waiting_room")
    assert script.phase() is Phase.WAITING
    assert len(script.of(WaitingRoomEntered)) == 2
    script.sleep(1.0)
    script.lose()
    assert len(script.of(ConnectionLost)) == 2
    script.await_attempt()
    script.answer_all()
    script.connect()
    script.hear("moderation", message="in_waiting_room")
    script.hear("moderation", message="accepted")
    script.join(person(OTHER, "Bob"))
    assert script.done[START].error is None
    assert len(script.of(ConferenceJoined)) == len(script.of(ParticipantJoined)) == 1  # we never were in the room
    assert not script.of(Resumed)


def test_the_way_back_may_lead_through_the_waiting_room() -> None:
    script = Script()
    script.enter(person(OTHER, "Bob", video=ON))
    pending = script.give(lambda c, now: c.subscribe(ParticipantId(OTHER), VIDEO, now=now)[0])
    script.lose()
    script.await_attempt()
    script.answer_all()
    script.connect()
    script.hear("moderation", message="in_waiting_room")
    assert isinstance(script.done[pending].error, MediaError)
    script.hear("moderation", message="accepted")
    script.join(person(OTHER, "Bob"))
    assert len(script.of(Resumed)) == 1


def test_who_has_left_does_not_come_back_when_the_connection_is_gone_at_last() -> None:
    script = Script()
    script.enter(person(OTHER, "Bob"))
    script.lose()
    script.await_attempt()
    script.answer_all()
    script.connect()
    script.hear("moderation", message="in_waiting_room")
    script.give(lambda c, now: c.leave(now))
    script.sleep(LEAVE_TIMEOUT)
    assert script.phase() is Phase.ENDED
    script.lose()
    assert script.phase() is Phase.ENDED
    assert script.conference.deadline is None
    assert [event.reason for event in script.of(Ended)] == [EndReason.LEFT]


@pytest.mark.parametrize("how", ["cancel", "refuse"])
def test_a_start_that_waits_for_the_way_back(how: str) -> None:
    script = Script()
    script.answer_all()
    script.connect()
    script.answer_all()
    script.hear("moderation", message="in_waiting_room")
    script.lose()
    if how == "cancel":
        script.give(lambda c, now: c.cancel(START, now))
        assert isinstance(script.done[START].error, CallCancelled)
        assert script.of(Ended)[0].reason is EndReason.FAILED
    else:
        script.await_attempt()
        script.answer(404, {})
        assert "404" in str(script.done[START].error)
        assert script.of(Ended)[0].reason is EndReason.LOST
    assert script.conference.deadline is None


# many ---
def test_clients_come_back_to_a_restarted_controller() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    world.restart_controller()
    world.is_reachable = False
    world.run()
    assert phase(ada) is phase(bob) is Phase.RECONNECTING
    world.sleep(20.0)
    tried = [client for client in (ada, bob) if len(client.requests) > 4]
    assert tried == [ada, bob]
    world.is_reachable = True
    world.sleep(2 * RECONNECT_CAP)
    assert phase(ada) is phase(bob) is Phase.JOINED
    assert [one.is_live for one in ada.conference.state.publications] == [True]
    settle(world)


def test_a_controller_that_goes_between_the_ticket_and_its_use() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    world.cut(ada)
    world.now += LONG_ENOUGH
    ada.tell(lambda c, now: c.advance(now))
    while not world.channels["up", 0]:  # the answer with the ticket
        world.deliver(0)
    world.is_reachable = False
    world.run()
    assert phase(ada) is Phase.RECONNECTING
    world.is_reachable = True
    world.sleep(RECONNECT_CAP)
    assert phase(ada) is Phase.JOINED


def test_a_controller_that_restarts_is_not_overrun() -> None:
    """200 clients lose their connections at once, and the server is away for a minute."""
    entropy = seeded_entropy()
    clients = [Script(jitter=lambda: int.from_bytes(entropy(4), "big") / 2**32) for _ in range(200)]
    attempts: list[float] = []
    for client in clients:
        client.enter()
        client.lose(1001)
        mine = []
        while client.phase() is not Phase.JOINED:
            client.await_attempt()
            mine.append(client.now)
            if client.now < 60.0:
                client.fail()
            else:
                client.sent.clear()
                client.enter()
        assert all(after - before >= RECONNECT_MIN for before, after in itertools.pairwise([0.0, *mine]))
        assert mine[-1] < 60.0 + RECONNECT_CAP
        attempts += mine
    attempts.sort()
    within = [bisect_left(attempts, at + 1.0) - number for number, at in enumerate(attempts)]
    assert max(within) <= 100  # half of all, when the first windows open
    assert max(count for at, count in zip(attempts, within, strict=True) if at > 15.0) <= 40


def test_nobody_comes_back_after_the_end() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    close(world, bob, 1011)
    count = len(bob.requests)
    world.sleep(RECONNECT_PATIENCE)
    assert len(bob.requests) == count
    assert phase(ada) is Phase.JOINED
    assert not bob.of(ServerRefused)
    assert PeerId(1) not in bob.media.peers
