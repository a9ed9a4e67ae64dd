"""Breakout rooms that are over when we come in, or end while we are away: the conference goes on (signaling.md § 8)."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import OTHER, Script, person
from test_conference_move import move, outcome, split
from worlds import hear, phase, published, say, settle

from m3core.conference.events import ConnectionLost, Ended, ParticipantJoined, RoomChanged
from m3core.conference.modules.breakout import BreakoutStopped
from m3core.conference.state import EndReason, Phase
from m3core.errors import CallRefused, M3Error
from m3core.io import CallId
from m3core.testing.pair import World
from m3core.values import BreakoutRoomId

RED, BLUE = (BreakoutRoomId(f"{digit * 8}-0000-4000-8000-000000000000") for digit in "78")
ROOMS = [{"id": RED, "name": "Red"}, {"id": BLUE, "name": "Blue"}]
BEN = person(OTHER, "Ben")


def told(current: str | None) -> dict[str, Any]:
    """The part of `join_success` about open breakout rooms."""
    return {"current": current, "expires": None, "rooms": ROOMS, "participants": []}


def among_rooms() -> Script:
    """In the main room, with breakout rooms open."""
    script = Script()
    script.enter(BEN, breakout=told(None))
    return script


def go(script: Script, room: BreakoutRoomId | None) -> CallId:
    """On the way into another room, until the ticket is asked for."""
    call: CallId = script.give(lambda c, now: c.switch_room(room, now))
    script.lose(1000)
    return call


def changes(script: Script) -> list[BreakoutRoomId | None]:
    return [event.breakout_room for event in script.of(RoomChanged)]


def error_of(script: Script, call: CallId) -> M3Error | None:
    return script.done[call].error


def is_refused(script: Script, call: CallId) -> bool:
    error = error_of(script, call)
    return isinstance(error, CallRefused) and error.code == "no_breakout_rooms"


@pytest.mark.parametrize("code", [1011, 1000])
def test_the_room_closes_as_soon_as_we_are_in(code: int) -> None:
    """Servers of the capture era send `join_success` first, and then close because the room is over."""
    script = among_rooms()
    call = go(script, RED)
    script.enter()
    assert call not in script.done
    script.lose(code)
    assert script.phase() is Phase.RECONNECTING
    script.sleep(0.3)
    assert call not in script.done
    script.enter(BEN)
    assert is_refused(script, call)
    assert script.phase() is Phase.JOINED
    assert changes(script) == [RED, None]
    assert script.of(BreakoutStopped) == []  # the rooms of before had been left for this one, which told of none
    assert [one.participant.id for one in script.of(ParticipantJoined)] == [OTHER, OTHER]
    assert not script.conference.state.breakout.is_active
    assert not script.of(Ended)
    assert not script.of(ConnectionLost)


@pytest.mark.parametrize("code", [1011, 1000])
def test_the_room_closes_before_we_are_in(code: int) -> None:
    script = among_rooms()
    call = go(script, RED)
    script.answer_all()
    script.connect()
    script.lose(code)
    script.answer()
    script.connect()
    script.sent.clear()
    script.join(BEN)
    assert is_refused(script, call)
    assert script.of(BreakoutStopped) == [BreakoutStopped(expired=False)]
    assert changes(script) == []  # never left, for those who look from here
    assert script.phase() is Phase.JOINED


def test_the_room_closes_while_we_wait_for_a_moderator() -> None:
    script = among_rooms()
    call = go(script, RED)
    script.answer_all()
    script.connect()
    script.hear("moderation", message="in_waiting_room")
    script.lose(1000)
    assert script.conference.life.deadline is not None  # we do not try for ever
    for _ in range(3):
        script.fail()
        script.await_attempt()
    script.sent.clear()
    script.enter(BEN)
    assert is_refused(script, call)
    assert script.phase() is Phase.JOINED
    assert not script.of(Ended)
    assert script.conference.life.recovery.gives_up_at is None


def test_a_way_back_that_is_not_found_ends() -> None:
    script = among_rooms()
    go(script, RED)
    script.answer_all()
    script.connect()
    script.hear("moderation", message="in_waiting_room")
    script.lose(1000)
    while not script.of(Ended) and script.now < 400.0:
        script.fail()
        script.sleep(31.0)
    (end,) = script.of(Ended)
    assert (end.reason, end.detail) == (
        EndReason.LOST,
        "the breakout room is over, and no attempt to reconnect succeeded",
    )


def test_from_room_to_room_that_is_over_into_the_main_room() -> None:
    script = among_rooms()
    first = go(script, RED)
    script.enter(breakout=told(RED))
    assert error_of(script, first) is None
    second = go(script, BLUE)
    script.enter(breakout=told(BLUE))
    assert error_of(script, second) is None  # the rooms are there: at once
    script.lose(1011)
    script.enter(BEN)
    assert changes(script) == [RED, BLUE, None]
    assert script.of(BreakoutStopped) == [BreakoutStopped(expired=False)]
    assert script.phase() is Phase.JOINED


def test_back_into_a_room_that_is_over_too() -> None:
    script = among_rooms()
    go(script, RED)
    script.enter(breakout=told(RED))
    call = go(script, BLUE)
    script.answer_all()
    script.connect()
    script.lose(1000)  # back to Red ...
    script.enter()
    assert is_refused(script, call)
    script.lose(1011)  # ... which is over as well
    script.enter(BEN)
    assert script.conference.life.whereabouts.breakout is None
    assert script.phase() is Phase.JOINED


def test_a_server_that_does_not_tell_of_rooms_in_a_room() -> None:
    """The server does not close after `join_success`: then the call is done."""
    script = among_rooms()
    call = go(script, RED)
    script.enter()
    assert call not in script.done
    script.sleep(0.3)
    assert error_of(script, call) is None
    again = go(script, BLUE)
    script.enter()
    back = go(script, None)  # at once
    assert error_of(script, again) is None
    script.enter(BEN)
    assert error_of(script, back) is None
    assert changes(script) == [RED, BLUE, None]


def test_a_room_that_ends_while_we_are_away() -> None:
    script = among_rooms()
    go(script, RED)
    script.enter(breakout=told(RED))
    script.lose(1006)
    script.await_attempt()
    script.enter()
    script.lose(1011)
    script.enter(BEN)
    assert script.phase() is Phase.JOINED
    assert changes(script) == [RED, None]
    assert script.of(BreakoutStopped) == [BreakoutStopped(expired=False)]


def test_the_rooms_end_while_the_connection_is_lost() -> None:
    script = among_rooms()
    script.lose(1006)
    script.await_attempt()
    script.enter(BEN)
    assert script.of(BreakoutStopped) == [BreakoutStopped(expired=False)]


@pytest.mark.parametrize(("code", "reason"), [(1011, EndReason.LOST), (1000, EndReason.SERVER_CLOSED)])
def test_the_main_room_that_closes_is_the_end(code: int, reason: EndReason) -> None:
    script = among_rooms()
    call = go(script, RED)
    script.enter()
    script.lose(1011)
    script.enter(BEN)
    assert is_refused(script, call)
    script.lose(code)
    assert [event.reason for event in script.of(Ended)] == [reason]


def test_an_open_room_that_closes_for_good_is_the_end() -> None:
    script = among_rooms()
    go(script, RED)
    script.enter(breakout=told(RED))
    script.lose(1000)
    assert [event.reason for event in script.of(Ended)] == [EndReason.SERVER_CLOSED]


def test_who_is_kicked_in_a_room_is_out() -> None:
    script = among_rooms()
    go(script, RED)
    script.enter()
    script.hear("moderation", message="kicked")
    script.lose(1000)
    assert [event.reason for event in script.of(Ended)] == [EndReason.KICKED]


# with our own controller ---
def test_rooms_are_stopped_while_somebody_is_on_the_way() -> None:
    """The server closes with 1000, before `join_success`."""
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    red = split(world, ada)
    call = move(bob, red)
    while bob.conference.life._step is not Phase.JOINING:
        world.deliver(0)
    say(world, ada, "breakout", "stop")
    error = outcome(world, bob, call)
    assert isinstance(error, CallRefused)
    assert error.code == "no_breakout_rooms"
    assert phase(bob) is Phase.JOINED
    assert ada.of(ParticipantJoined)[-1].participant.id == bob.id
    assert [one.is_live for one in bob.conference.state.publications] == [True]
    settle(world)


def test_who_stays_longer_than_the_rooms_comes_back_into_the_main_room() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    red = split(world, ada)
    assert outcome(world, bob, move(bob, red)) is None
    say(world, ada, "breakout", "stop")
    world.sleep(310.0)
    assert phase(bob) is Phase.JOINED
    assert [event.breakout_room for event in bob.of(RoomChanged)] == [red, None]
    assert not bob.of(Ended)
    hear(world, bob, "breakout", "expired")
    settle(world)
