"""The messages that a real controller sent to each socket of the recorded scenarios, given to our engine.

Nothing is refused, the engine and the messages agree about who is there, and nothing raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest
from recorded import scenarios
from replaying import Replay, Socket, identity

from m3core.conference.events import ConnectionLost, Ended, RoomChanged, ServerRefused
from m3core.conference.modules.breakout import BreakoutStopped
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.state import EndReason, Phase
from m3core.errors import CallRefused

BLAMED: Final = {
    "media/publish again": "that client publishes a stream twice, and is answered twice; ours does it once",
}
"""The sockets whose engine reports a fault of the server, and why that is right."""
UNLIKE: Final = {
    "resume/after 130 s": "the recording lacks the `joined` of who came again: it bore the id of somebody else",
}
"""The sockets whose engines, though in the room, do not see each other, and why that is right."""


@cache
def replays() -> tuple[Replay, ...]:
    """All scenarios, played."""
    played = tuple(map(Replay, scenarios()))
    for replay in played:
        replay.play()
    return played


def sockets() -> Iterator[tuple[str, Socket]]:
    """Every engine, with the name of its scenario."""
    for replay in replays():
        for socket in replay.everybody:
            yield replay.name, socket


def replayed(name: str) -> Replay:
    """One scenario, played by itself."""
    replay = next(Replay(scenario) for scenario in scenarios() if scenario["name"] == name)
    replay.play()
    return replay


def test_a_real_controller_does_not_misbehave() -> None:
    blamed = {name: socket.misbehaviour() for name, socket in sockets() if socket.misbehaviour()}
    assert set(blamed) == set(BLAMED), blamed


def test_whoever_is_here_joined_and_did_not_leave() -> None:
    assert len(list(sockets())) == 786
    assert {name: socket.disagreements for name, socket in sockets() if socket.disagreements} == {}


def test_those_who_are_in_see_each_other() -> None:
    """The engines of one scenario, compared with each other."""
    unlike: dict[str, list[str]] = {}
    for replay in replays():
        inside = {name: socket for name, socket in replay.sockets.items() if socket.is_inside}
        for name, socket in inside.items():
            room = [one for other, one in inside.items() if other != name and one.room == socket.room]
            if socket.others() != {one.own_id for one in room}:
                unlike.setdefault(replay.name, []).append(name)
    assert unlike.keys() == UNLIKE.keys(), unlike


def test_a_refused_name_is_refused_although_the_controller_goes_on() -> None:
    """`invalid_username`, and `join_success` all the same (signaling.md § 5)."""
    refused = [(name, socket) for name, socket in sockets() if heard_refusal(socket)]
    assert len(refused) == 5
    for name, socket in refused:
        (start,) = (done for done in socket.script.done.values() if isinstance(done.error, CallRefused))
        assert str(start.error) == str(CallRefused("invalid_username")), name
        assert [event.reason for event in socket.script.of(Ended)] == [EndReason.FAILED]
        assert [close.code for close in socket.script.closes] == [None]
        assert socket.conference.state.participants == {}


def heard_refusal(socket: Socket) -> bool:
    return any(
        isinstance(done.error, CallRefused) and done.error.code == "invalid_username"
        for done in socket.script.done.values()
    )


def test_a_controller_without_echo_is_pinged() -> None:
    """Through pauses of minutes no connection is lost, and no user is told that our echo was refused."""
    owner = replayed("resume/after 130 s").sockets["owner"]
    assert owner.is_inside
    assert not owner.script.of(ConnectionLost)
    assert not owner.script.of(ServerRefused)
    assert owner.pinged > 5


def test_what_outlives_its_room_is_found_by_the_next_conference() -> None:
    """A timer and breakout rooms go on there (signaling.md § 5.4), and our state is that of the new `join_success`."""
    assert replayed("forgets/timer").sockets["owner"].conference.state.timer is not None
    assert replayed("forgets/breakout rooms").sockets["owner"].conference.state.breakout.is_active


def test_breakout_rooms_expire_without_a_word() -> None:
    owner = replayed("breakout/expired with people in it").sockets["owner"]
    owner.sleep(2.0)
    assert owner.script.of(BreakoutStopped) == [BreakoutStopped(expired=True)]
    assert not owner.conference.state.breakout.is_active


@pytest.mark.parametrize(
    "name", ["breakout/stopped, then joined again elsewhere", "breakout/five minutes after the stop"]
)
def test_a_breakout_room_that_is_over_leads_back(name: str) -> None:
    guest = replayed(name).sockets["guest"]
    assert guest.is_in(Phase.RECONNECTING)
    guest.script.answer_all()
    guest.script.connect()
    guest.script.join()
    assert guest.is_inside
    red = guest.script.of(RoomChanged)[0].breakout_room
    assert red == identity("breakout1")
    assert [event.breakout_room for event in guest.script.of(RoomChanged)] == [red, None]
    assert not guest.script.of(Ended)


def test_no_words_are_told_twice() -> None:
    for name, socket in sockets():
        ids = [message.id for message in socket.script.of(ChatMessage)]
        assert len(ids) == len(set(ids)), name
