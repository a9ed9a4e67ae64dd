"""From room to room of one meeting (signaling.md § 8, assignment flow)."""

from __future__ import annotations

from typing import Any

from worlds import done, hear, phase, published, say, settle, subscribed

from m3core.conference.events import (
    ConnectionLost,
    ParticipantJoined,
    ParticipantLeft,
    RoomChanged,
    StreamStarted,
    SubscriptionStopped,
)
from m3core.conference.state import Phase
from m3core.errors import ApiError, CallRefused
from m3core.io import CallId
from m3core.testing.client import Client
from m3core.testing.pair import World
from m3core.values import BreakoutRoomId


def split(world: World, ada: Client) -> BreakoutRoomId:
    """Ada opens a breakout room."""
    say(world, ada, "breakout", "start", rooms=[{"name": "Red", "assignments": []}])
    (meeting,) = world.controller.rooms.live.values()
    assert meeting.breakouts is not None
    (room,) = meeting.breakouts.names
    return room


def move(client: Client, to: BreakoutRoomId | None) -> CallId:
    return client.do(lambda c, now: c.switch_room(to, now))


def outcome(world: World, client: Client, call: CallId) -> Any:
    world.sleep(10.0)
    return client.done[call].error


def test_into_a_breakout_room_and_back() -> None:
    world = World()
    ada, bob, cyd = world.joined("Ada", "Bob", "Cyd")
    published(world, ada)
    published(world, bob)
    subscribed(world, bob, ada)
    identity = bob.id
    red = split(world, ada)
    assert outcome(world, cyd, move(cyd, red)) is None
    assert outcome(world, bob, move(bob, red)) is None
    assert bob.id == identity
    (changed,) = bob.of(RoomChanged)
    assert (changed.breakout_room, changed.participant.id) == (red, identity)
    assert [event.participant.id for event in bob.of(ParticipantJoined)][-1:] == [cyd.id]
    assert bob.of(SubscriptionStopped)  # ada is not here
    assert not bob.of(ConnectionLost)
    assert [one.is_live for one in bob.conference.state.publications] == [True]
    assert cyd.of(StreamStarted)[-1].participant.id == identity
    assert {one.participant.id for one in ada.of(ParticipantLeft)} == {identity, cyd.id}
    assert outcome(world, bob, move(bob, None)) is None
    assert bob.of(RoomChanged)[-1].breakout_room is None
    assert ada.of(ParticipantJoined)[-1].participant.id == identity
    settle(world)


def test_a_lost_connection_comes_back_into_the_breakout_room() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    red = split(world, ada)
    assert outcome(world, bob, move(bob, red)) is None
    world.cut(bob)
    world.sleep(10.0)
    (meeting,) = world.controller.rooms.live.values()
    assert list(meeting.rooms[red].present) == [bob.id]
    settle(world)


def test_a_breakout_room_that_ended_while_the_connection_was_lost() -> None:
    """Its participants return to the main room."""
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    red = split(world, ada)
    assert outcome(world, bob, move(bob, red)) is None
    identity = bob.id
    world.cut(bob)
    say(world, ada, "breakout", "stop")
    world.sleep(10.0)
    assert phase(bob) is Phase.JOINED
    assert bob.id == identity
    assert [event.breakout_room for event in bob.of(RoomChanged)] == [red, None]
    assert [one.is_live for one in bob.conference.state.publications] == [True]
    assert ada.of(ParticipantJoined)[-1].participant.id == identity
    settle(world)


def test_a_room_that_is_not_there() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    identity = bob.id
    nowhere = BreakoutRoomId("00000000-0000-4000-8000-000000000000")
    error = outcome(world, bob, move(bob, nowhere))
    assert isinstance(error, ApiError)
    assert error.code == "no_breakout_rooms"
    assert phase(bob) is Phase.JOINED
    assert bob.id == identity  # back where it was
    assert not bob.of(RoomChanged)
    split(world, ada)
    error = outcome(world, bob, move(bob, nowhere))
    assert isinstance(error, ApiError)
    assert error.code == "invalid_breakout_room_id"
    assert phase(bob) is Phase.JOINED
    settle(world)


def test_an_old_socket_that_does_not_close() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    red = split(world, ada)
    call = move(bob, red)
    world.channels["up", world.clients.index(bob)].clear()  # the Close gets lost
    assert outcome(world, bob, call) is None
    settle(world)


def test_leaving_on_the_way() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    red = split(world, ada)
    call = move(bob, red)
    leave = bob.do(lambda c, now: c.leave(now))
    world.sleep(10.0)
    assert bob.done[leave].error is None
    assert bob.done[call].error is not None
    assert phase(bob) is Phase.ENDED
    settle(world)


def test_kicked_on_the_way() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    red = split(world, ada)
    call = bob.conference.switch_room(red, world.now)
    list(bob.conference.outputs())
    hear(world, bob, "moderation", "kicked")
    say(world, ada, "moderation", "kick", target=bob.id)
    world.run()
    assert phase(bob) is Phase.ENDED
    assert bob.done[call].error is not None


def test_a_command_meanwhile_is_refused() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    red = split(world, ada)
    assert done(world, bob, lambda c, now: c.switch_room(red, now)) is None
    assert not isinstance(done(world, bob, lambda c, now: c.raise_hand(now)), CallRefused)
    settle(world)
