"""A whole conference at every feature level: both engines understand each other, whatever the server adds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from stage import Pads
from worlds import SCREEN, published, settle, subscribed

from m3core.conference.commands import Commands
from m3core.conference.events import (
    ConferenceJoined,
    Ended,
    HandRaised,
    PeerMisbehaved,
    RoomChanged,
    ServerRefused,
    StreamStarted,
    UnknownMessage,
)
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.modules.minutes import MinutesReadable, MinutesWritable
from m3core.conference.modules.moderation import DisplayNameChanged, WaitingRoomEntered
from m3core.conference.modules.polls import PollDone
from m3core.conference.modules.timer import TimerStarted
from m3core.conference.state import EndReason
from m3core.controller.config import ControllerConfig
from m3core.controller.features import Feature, FeatureLevel
from m3core.io import CallId
from m3core.testing.pair import BASE_URL, Client, World


def done(world: World, client: Client, command: Callable[[Commands[CallId]], CallId]) -> object:
    """Give a command that succeeds, and wait for its result."""
    call = client.do(lambda conference, now: command(conference.commands(now)))
    world.sleep(0.3)
    assert client.done[call].error is None
    return client.done[call].result


@pytest.mark.parametrize("level", FeatureLevel)
def test_a_conference(level: FeatureLevel) -> None:
    world = World(ControllerConfig(web_url=BASE_URL, feature_level=level, pads=Pads()))
    ada, bob, cyd = clients = world.joined("Ada", "Bob", "Cyd")

    # media
    for client in clients:
        published(world, client)
    published(world, ada, SCREEN)
    for client, other in ((ada, bob), (bob, ada), (cyd, ada), (cyd, bob)):
        subscribed(world, client, other)
    assert len(cyd.of(StreamStarted)) == 3
    done(world, ada, lambda commands: commands.mute(bob.id, force=True))

    # words, hands and roles
    done(world, bob, lambda commands: commands.chat("hello"))
    assert [event.content for event in cyd.of(ChatMessage)] == ["hello"]
    done(world, bob, lambda commands: commands.raise_hand())
    assert [event.participant.display_name for event in ada.of(HandRaised)] == ["Bob"]
    done(world, bob, lambda commands: commands.lower_hand())
    done(world, ada, lambda commands: commands.grant_moderator(bob.id))
    done(world, bob, lambda commands: commands.polls.start("Lunch?", ["Soup", "Salad"], duration=60))
    done(world, cyd, lambda commands: commands.polls.vote("Salad"))
    done(world, bob, lambda commands: commands.polls.finish())
    assert [choice.count for choice in ada.of(PollDone)[0].poll.choices] == [0, 1]
    done(world, bob, lambda commands: commands.timer.start(60))
    assert [event.timer.style for event in cyd.of(TimerStarted)] == [
        "normal" if level.has(Feature.TIMER_STYLE) else None
    ]
    done(world, ada, lambda commands: commands.timer.stop())

    # minutes, under the name that the level has
    assert ada.conference.state.minutes.namespace == (
        "meeting_notes" if level.has(Feature.MEETING_NOTES) else "protocol"
    )
    done(world, ada, lambda commands: commands.minutes.select_writer(cyd.id))
    assert len(cyd.of(MinutesWritable)) == len(bob.of(MinutesReadable)) == 1

    # names: earlier servers do not know how to change them
    done(world, ada, lambda commands: commands.moderation.change_display_name(cyd.id, "Cyd B."))
    name = "Cyd B." if level.has(Feature.CHANGE_DISPLAY_NAME) else "Cyd"
    assert bob.conference.state.participants[cyd.id].display_name == name
    assert len(cyd.of(DisplayNameChanged)) == level.has(Feature.CHANGE_DISPLAY_NAME)
    assert not bob.of(DisplayNameChanged)  # who hears an update

    # breakout rooms and back
    done(world, ada, lambda commands: commands.breakout.start({"Left": [cyd.id]}))
    move = cyd.do(lambda conference, now: conference.switch_room(conference.state.breakout.assignment, now))
    world.sleep(5.0)
    assert cyd.done[move].error is None
    assert cyd.of(RoomChanged)
    done(world, ada, lambda commands: commands.breakout.stop())

    # the waiting room
    done(world, ada, lambda commands: commands.moderation.enable_waiting_room())
    dan = world.guest("Dan")
    world.run()
    assert dan.of(WaitingRoomEntered)
    (waiting,) = ada.conference.state.moderation.waiting.values()
    done(world, ada, lambda commands: commands.moderation.accept(waiting.id))
    assert dan.of(ConferenceJoined)
    done(world, ada, lambda commands: commands.moderation.kick(dan.id))
    assert [event.reason for event in dan.of(Ended)] == [EndReason.KICKED]

    for client in (*clients, dan):
        for trouble in (UnknownMessage, PeerMisbehaved, ServerRefused):
            assert not client.of(trouble)
    settle(world)
