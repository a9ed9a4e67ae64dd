"""Chat, polls, timer and moderation between client engines and our controller."""

from __future__ import annotations

from collections.abc import Callable

from m3core.conference.commands import Commands
from m3core.conference.events import Ended, Resumed, UnknownMessage
from m3core.conference.modules.chat import ChatSwitched
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.modules.polls import Poll, PollDone, PollStarted, PollUpdated
from m3core.conference.modules.timer import Timer, TimerReadyChanged, TimerStarted, TimerStopped
from m3core.conference.state import EndReason
from m3core.errors import CallRefused
from m3core.io import CallId
from m3core.testing.pair import Client, World


def done(world: World, client: Client, command: Callable[[Commands[CallId]], CallId]) -> object:
    """Give a command, and wait for its result or its error."""
    call = client.do(lambda conference, now: command(conference.commands(now)))
    world.sleep(0.3)
    end = client.done[call]
    return end.result if end.error is None else end.error


def test_chat() -> None:
    world = World()
    ada, bob, eve = world.joined("Ada", "Bob", "Eve")
    said = done(world, bob, lambda commands: commands.chat("hello"))
    assert isinstance(said, ChatMessage)
    for client in (ada, eve):
        (heard,) = client.of(ChatMessage)
        assert (heard.id, heard.content, heard.is_own) == (said.id, "hello", False)
        assert heard.participant is not None
        assert heard.participant.display_name == "Bob"
        assert client.conference.state.chat.unread == 1
    assert bob.conference.state.chat.unread == 0
    done(world, ada, lambda commands: commands.chat.mark_seen())
    assert ada.conference.state.chat.unread == 0
    psst = done(world, bob, lambda commands: commands.chat("psst", to=ada.id))
    assert isinstance(psst, ChatMessage)
    assert [message.content for message in ada.conference.state.chat.private[bob.id].messages] == ["psst"]
    assert bob.conference.state.chat.private[ada.id].messages == (psst,)
    assert not eve.conference.state.chat.private
    refused = done(world, bob, lambda commands: commands.chat.disable())
    assert isinstance(refused, CallRefused)
    assert refused.code == "insufficient_permissions"
    assert done(world, ada, lambda commands: commands.chat.disable()) is None
    assert [event.is_enabled for event in bob.of(ChatSwitched)] == [False]
    refused = done(world, ada, lambda commands: commands.chat("me?"))
    assert isinstance(refused, CallRefused)
    assert refused.code == "chat_disabled"
    late = world.guest("Late")
    world.run()
    assert [message.content for message in late.conference.state.chat.room.messages] == ["hello"]
    assert late.conference.state.chat.unread == 1


def test_polls() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    poll = done(world, ada, lambda commands: commands.polls.start("Lunch?", ["Soup", "Salad"], duration=60))
    assert isinstance(poll, Poll)
    assert [event.poll for event in bob.of(PollStarted)] == [poll]
    assert done(world, bob, lambda commands: commands.polls.vote("Salad")) is None
    running = bob.conference.state.polls.running
    assert running is not None
    assert running.own_choices == {1}
    assert [choice.count for choice in running.choices] == [0, 1]
    assert [choice.count for choice in ada.of(PollUpdated)[-1].poll.choices] == [0, 1]
    again = done(world, ada, lambda commands: commands.polls.start("Dinner?", ["a", "b"], duration=60))
    assert isinstance(again, CallRefused)
    assert again.code == "still_running"
    late = world.guest("Late")
    world.run()
    assert late.conference.state.polls.running is not None
    result = done(world, ada, lambda commands: commands.polls.finish())
    assert isinstance(result, Poll)
    assert [choice.count for choice in result.choices] == [0, 1]
    assert bob.of(PollDone)[0].poll.own_choices == {1}


def test_a_timer() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    timer = done(world, ada, lambda commands: commands.timer.start(60, title="Break", ready_check=True))
    assert isinstance(timer, Timer)
    assert [event.timer for event in bob.of(TimerStarted)] == [timer]
    assert done(world, bob, lambda commands: commands.timer.set_ready()) is None
    assert [event.is_ready for event in ada.of(TimerReadyChanged)] == [True]
    assert ada.conference.state.timer is not None
    assert dict(ada.conference.state.timer.ready) == {bob.id: True}
    assert done(world, ada, lambda commands: commands.timer.stop("enough")) is None
    assert [event.reason for event in bob.of(TimerStopped)] == ["enough"]
    assert bob.conference.state.timer is None


def test_moderation() -> None:
    world = World()
    ada, bob, eve = world.joined("Ada", "Bob", "Eve")
    assert done(world, bob, lambda commands: commands.raise_hand()) is None
    assert done(world, ada, lambda commands: commands.moderation.disable_raise_hands()) is None
    assert not bob.conference.state.moderation.raise_hands_enabled
    assert bob.conference.own is not None
    assert not bob.conference.own.hand_is_up
    refused = done(world, bob, lambda commands: commands.raise_hand())
    assert isinstance(refused, CallRefused)
    assert done(world, ada, lambda commands: commands.moderation.enable_waiting_room()) is None
    late = world.guest("Late")
    world.run()
    (waiting,) = ada.conference.state.moderation.waiting.values()
    assert waiting.display_name == "Late"
    assert done(world, ada, lambda commands: commands.moderation.accept(waiting)) is None
    assert late.id == waiting.id
    assert not ada.conference.state.moderation.waiting
    assert done(world, ada, lambda commands: commands.moderation.kick(eve.id)) is None
    assert [event.reason for event in eve.of(Ended)] == [EndReason.KICKED]
    for client in (ada, bob, late):
        assert client.of(UnknownMessage) == []


def test_what_was_said_while_the_connection_was_lost() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    done(world, ada, lambda commands: commands.chat("before"))
    done(world, bob, lambda commands: commands.chat("psst", to=ada.id))
    world.cut(bob)
    call = ada.do(lambda conference, now: conference.commands(now).chat("meanwhile"))
    world.sleep(30)
    assert ada.done[call].error is None
    assert len(bob.of(Resumed)) == 1
    assert [message.content for message in bob.of(ChatMessage)] == ["before", "psst", "meanwhile"]
    chat = bob.conference.state.chat
    assert [message.content for message in chat.room.messages] == ["before", "meanwhile"]
    assert chat.unread == 2
    assert [message.content for message in chat.private[ada.id].messages] == ["psst"]
