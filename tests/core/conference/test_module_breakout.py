"""Namespace `breakout` in the client engine (signaling.md § 8)."""

from __future__ import annotations

from typing import Any

import pytest
from rooms import BOB, EVE, OWN, STARTED, Room, entry

from m3core.conference.events import ParticipantJoined, PeerMisbehaved
from m3core.conference.modules import breakout as module
from m3core.conference.modules.breakout import BreakoutRoomJoined, BreakoutRoomLeft, BreakoutStarted, BreakoutStopped
from m3core.errors import InvalidName, LocalProtocolError
from m3core.messages.breakout import BreakoutRoom
from m3core.values import BreakoutRoomId, ParticipantId, Role, Timestamp

RED, BLUE = "c89e8ce3-708c-4e3d-80c9-eba5957146e7", "267952fc-2fa3-45a3-965d-248c6ad8aa3e"
ROOMS = [{"id": RED, "name": "Red"}, {"id": BLUE, "name": "Blue"}]
RED_ROOM, BLUE_ROOM = (BreakoutRoom(id=BreakoutRoomId(one["id"]), name=one["name"]) for one in ROOMS)


def person(participant_id: str = EVE, room: str | None = RED, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "breakout_room": room,
        "id": participant_id,
        "display_name": "Eve",
        "role": "user",
        "avatar_url": None,
        "participation_kind": "user",
        "joined_at": STARTED,
        "left_at": None,
    }
    return told | more


def join_data(*participants: dict[str, Any], current: str | None = None, rooms: Any = ROOMS) -> dict[str, Any]:
    return {"current": current, "expires": None, "rooms": rooms, "participants": list(participants)}


def start(room: Room, rooms: Any = ROOMS, assignment: str | None = None) -> None:
    room.hear("breakout", "started", rooms=rooms, expires="2024-03-05T09:40:00Z", assignment=assignment)


def test_rooms_are_opened_and_closed() -> None:
    room = Room()
    assert not room.state().breakout.is_active
    call = room.do(lambda commands: commands.breakout.start({"Red": [ParticipantId(BOB)], "Blue": []}, duration=600))
    plans = [{"name": "Red", "assignments": [BOB]}, {"name": "Blue", "assignments": []}]
    assert room.sent[-1] == {"namespace": "breakout", "action": "start", "rooms": plans, "duration": 600}
    start(room, [{"id": RED, "name": "Somebody else's"}])
    assert room.end(call) is None
    start(room, ROOMS[::-1], assignment=RED)  # in any order
    assert room.result(call) == (BLUE_ROOM, RED_ROOM)
    expires = Timestamp("2024-03-05T09:40:00Z")
    assert room.last(BreakoutStarted) == BreakoutStarted(
        rooms=(BLUE_ROOM, RED_ROOM), assignment=RED_ROOM, expires=expires
    )
    state = room.state().breakout
    assert (state.is_active, state.current, state.assignment, state.expires) == (True, None, RED, expires)
    assert state.room(RED_ROOM.id) == RED_ROOM
    stop = room.do(lambda commands: commands.breakout.stop())
    room.hear("breakout", "stopped")
    assert room.result(stop) is None
    assert room.last(BreakoutStopped) == BreakoutStopped(expired=False)
    assert not room.state().breakout.is_active
    assert room.state().breakout.is_closing
    room.quietly(lambda: room.hear("breakout", "expired"))  # each room has a timer of its own
    start(room)
    assert not room.state().breakout.is_closing
    room.hear("breakout", "expired")
    assert room.last(BreakoutStopped).expired


def test_what_may_refuse() -> None:
    room = Room()
    room.refused(room.do(lambda commands: commands.breakout.stop()), "breakout", "inactive")
    room.refused(room.do(lambda commands: commands.breakout.stop()), "breakout", "insufficient_permissions")
    call = room.do(lambda commands: commands.breakout.start({"Red": ()}))
    assert "duration" not in room.sent[-1]
    room.refused(call, "breakout", "insufficient_permissions")
    with pytest.raises(LocalProtocolError, match="at least one room"):
        room.do(lambda commands: commands.breakout.start({}))


def test_others_come_and_go() -> None:
    room = Room()
    start(room)
    room.hear("breakout", "joined", **person())
    eve = room.last(BreakoutRoomJoined).participant
    assert (eve.id, eve.display_name, eve.role, eve.is_here) == (EVE, "Eve", Role.USER, True)
    assert room.last(BreakoutRoomJoined).room == RED_ROOM
    state = room.state().breakout
    assert state.members(RED_ROOM.id) == (eve,)
    assert state.members(None) == state.members(BLUE_ROOM.id) == ()
    room.hear("breakout", "joined", **person(room=BLUE))  # `left` comes later, or never
    room.quietly(lambda: room.hear("breakout", "left", breakout_room=RED, id=EVE))
    assert room.state().breakout.members(BLUE_ROOM.id) == (eve,)
    room.hear("breakout", "left", breakout_room=BLUE, id=EVE)
    assert room.last(BreakoutRoomLeft) == BreakoutRoomLeft(participant=eve, room=BLUE_ROOM)
    assert room.state().breakout.elsewhere == {}
    room.quietly(lambda: room.hear("breakout", "left", breakout_room=None, id=EVE))
    room.hear("breakout", "joined", **person(room=None))
    assert room.last(BreakoutRoomJoined).room is None
    room.quietly(lambda: room.hear("breakout", "joined", **person(room=None, left_at=STARTED)))
    assert room.state().breakout.elsewhere == {}
    room.hear("breakout", "joined", **person(room=OWN))
    assert room.last(BreakoutRoomJoined).room == BreakoutRoom(id=BreakoutRoomId(OWN), name="")


def test_who_joins_later_finds_the_rooms_and_who_is_in_them() -> None:
    room = Room(breakout=join_data(person(), person(BOB, None, left_at=STARTED), current=BLUE))
    state = room.state().breakout
    assert (state.rooms, state.current, list(state.elsewhere)) == ((RED_ROOM, BLUE_ROOM), BLUE, [EVE])
    started, joined = room.client.events[-2:]
    assert started == BreakoutStarted(rooms=state.rooms)
    assert joined == BreakoutRoomJoined(participant=state.elsewhere[ParticipantId(EVE)].participant, room=RED_ROOM)
    assert room.client.conference.present_events()[-2:] == (started, joined)


def test_who_comes_back_knows_the_assignment_and_hears_who_moved() -> None:
    room = Room()
    start(room, assignment=RED)
    room.hear("breakout", "joined", **person())
    assert room.resume(breakout=join_data(person())) == []
    assert room.state().breakout.assignment == RED
    (moved,) = room.resume(breakout=join_data(person(room=BLUE)))
    assert isinstance(moved, BreakoutRoomJoined)
    assert moved.room == BLUE_ROOM
    (started,) = room.resume(breakout=join_data(rooms=ROOMS[1:]))
    assert isinstance(started, BreakoutStarted)
    assert room.state().breakout.assignment is None
    assert room.resume() == [BreakoutStopped(expired=False)]
    assert room.resume() == []
    assert not room.state().breakout.is_active


def test_the_waiting_room_is_none_of_them() -> None:
    room = Room(breakout=join_data(person()))
    room.hear("moderation", "in_waiting_room")
    assert room.state().breakout == module.BreakoutState()


def test_whoever_is_in_a_room_that_closes_is_still_there() -> None:
    room = Room(breakout=join_data(current=BLUE))
    room.hear("breakout", "stopped")
    state = room.state().breakout
    assert (state.current, state.is_active, state.is_closing) == (BLUE, False, True)


def test_people_elsewhere_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PARTICIPANTS", 1)
    room = Room(breakout=join_data(person()))
    room.hear("breakout", "joined", **person(BOB))
    assert "participants of breakout rooms" in str(room.last(PeerMisbehaved).error)
    assert list(room.state().breakout.elsewhere) == [EVE]
    room.hear("breakout", "joined", **person(room=BLUE))
    assert room.last(BreakoutRoomJoined).room == BLUE_ROOM
    crowded = Room(breakout=join_data(person(), person(BOB)))
    assert len(crowded.client.of(PeerMisbehaved)) == 1
    assert crowded.state().breakout.rooms == (RED_ROOM, BLUE_ROOM)
    assert crowded.state().breakout.elsewhere == {}


# rooms that end without a message of the server ---
AT_THE_START = "2024-03-05T09:30:00Z"


@pytest.mark.parametrize("told_by", ["started", "join_success"])
def test_rooms_whose_time_is_up_are_closed_without_expired(told_by: str) -> None:
    expires = "2024-03-05T09:30:04.5Z"
    if told_by == "started":
        room = Room()
        room.hear("breakout", "started", timestamp=AT_THE_START, rooms=ROOMS, expires=expires, assignment=None)
    else:
        room = Room(breakout=join_data(person()) | {"expires": expires})
    room.world.sleep(5.4)
    assert room.state().breakout.is_active
    room.world.sleep(0.2)
    assert room.client.of(BreakoutStopped) == [BreakoutStopped(expired=True)]
    assert not room.state().breakout.is_active
    assert room.state().breakout.is_closing
    assert room.state().breakout.elsewhere == {}
    room.quietly(lambda: room.hear("breakout", "expired"))
    room.hear("breakout", "started", rooms=ROOMS, expires=None, assignment=None)
    room.world.sleep(10.0)
    assert room.state().breakout.is_active


@pytest.mark.parametrize(
    ("timestamp", "expires"),
    [(None, "2024-03-05T09:30:04Z"), (AT_THE_START, None), (AT_THE_START, "soon"), ("now", "2024-03-05T09:30:04Z")],
)
def test_an_end_that_nobody_can_compute_is_waited_for(timestamp: str | None, expires: str | None) -> None:
    room = Room()
    room.hear("breakout", "started", timestamp=timestamp, rooms=ROOMS, expires=expires, assignment=None)
    room.world.sleep(10.0)
    assert room.state().breakout.is_active


def test_an_end_that_is_past_when_it_is_told() -> None:
    room = Room()
    room.hear("breakout", "started", rooms=ROOMS, expires="1970-01-01T00:00:01Z", assignment=None)
    assert room.state().breakout.is_active
    room.world.sleep(1.1)
    assert room.client.of(BreakoutStopped) == [BreakoutStopped(expired=True)]


def test_other_rooms_have_another_end_and_a_conference_that_is_over_has_none() -> None:
    room = Room()
    room.hear("breakout", "started", rooms=ROOMS, expires="2024-03-05T09:30:04Z", assignment=None)
    room.world.sleep(3.0)
    later = "2024-03-05T09:30:03Z"
    room.hear("breakout", "started", timestamp=later, rooms=ROOMS, expires="2024-03-05T09:30:09Z", assignment=None)
    room.world.sleep(5.0)
    assert room.state().breakout.is_active
    room.hear("moderation", "in_waiting_room")
    assert room.client.conference.modules[module.BreakoutModule].deadline is None
    room = Room(breakout=join_data() | {"expires": "2024-03-05T09:40:00Z"})
    room.client.do(lambda conference, now: conference.leave(now))
    room.world.run()
    assert room.client.conference.deadline is None
    assert room.client.of(BreakoutStopped) == []


@pytest.mark.parametrize(("slept", "expired"), [(1.0, False), (4.0, True)])
def test_inactive_is_the_answer_to_a_stop_of_rooms_that_are_closed(slept: float, expired: bool) -> None:
    room = Room()
    room.hear("breakout", "started", rooms=ROOMS, expires="2024-03-05T09:30:04Z", assignment=None)
    room.world.sleep(slept)
    room.refused(room.do(lambda commands: commands.breakout.stop()), "breakout", "inactive")
    assert not room.state().breakout.is_active
    assert room.client.of(BreakoutStopped) == [BreakoutStopped(expired=expired)]


def test_who_comes_to_us_is_elsewhere_no_more() -> None:
    room = Room(breakout=join_data(person()))
    room.hear("control", "joined", **entry(EVE, "Eve"))
    left, came = room.client.events[-2:]
    assert isinstance(left, BreakoutRoomLeft)
    assert isinstance(came, ParticipantJoined)
    assert room.state().breakout.elsewhere == {}
    room.quietly(lambda: room.hear("breakout", "left", breakout_room=RED, id=EVE))


@pytest.mark.parametrize("name", ["a\nb", "x" * 256, "\u200b", "\u202eBob"])
def test_a_start_that_servers_ignore_is_not_sent(name: str) -> None:
    room = Room()
    before = len(room.sent)
    with pytest.raises(InvalidName):
        room.do(lambda commands: commands.breakout.start({"": [], name: []}))
    assert len(room.sent) == before
