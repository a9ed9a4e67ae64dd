"""Namespace `chat` in the client engine (signaling.md § 7)."""

from __future__ import annotations

from typing import Any

import pytest
from rooms import BOB, EVE, OWN, Room

from m3core import limits
from m3core.conference.events import PeerMisbehaved
from m3core.conference.modules import conversations
from m3core.conference.modules.chat import ChatCleared, ChatSwitched
from m3core.conference.modules.conversations import ChatMessage
from m3core.errors import CallTimedOut, LocalProtocolError
from m3core.limits import ANSWER_TIMEOUT
from m3core.messages.chat import ChatScope, SetLastSeenTimestamp
from m3core.values import MessageId, ParticipantId, Timestamp


def message_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-00000000000c"


def stored(number: int, source: str = BOB, scope: str = "global", **more: Any) -> dict[str, Any]:
    """Message ``number`` of a history, with that second as its timestamp."""
    timestamp = f"2024-03-05T09:{number // 60:02}:{number % 60:02}Z"
    content = f"text {number}"
    return {
        "id": message_id(number),
        "source": source,
        "timestamp": timestamp,
        "content": content,
        "scope": scope,
    } | more


def join_data(**more: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "enabled": True,
        "room_history": [],
        "groups_history": [],
        "last_seen_timestamp_global": None,
        "last_seen_timestamps_private": {},
        "last_seen_timestamps_group": {},
    }
    return data | more


def say(room: Room, number: int, source: str = BOB, content: str = "hello", scope: str = "global", **more: Any) -> None:
    room.hear("chat", "message_sent", id=message_id(number), source=source, content=content, scope=scope, **more)


def texts(conversation: conversations.Conversation) -> list[str]:
    return [message.content for message in conversation.messages]


def test_what_we_say_comes_back_and_is_the_result() -> None:
    room = Room(chat=join_data())
    other = room.do(lambda commands: commands.chat("other"))
    call = room.do(lambda commands: commands.chat("hello"))
    assert room.sent[-1] == {"namespace": "chat", "action": "send_message", "content": "hello", "scope": "global"}
    say(room, 1, EVE)  # the same words of somebody else
    assert room.end(call) is None
    say(room, 2, OWN)
    message = room.result(call)
    assert message == room.last(ChatMessage)
    assert isinstance(message, ChatMessage)
    assert message.is_own
    assert message.participant == room.own()
    assert message.timestamp == Timestamp("2024-03-05T09:30:00Z")
    assert "hello" not in repr(message)
    assert room.end(other) is None
    assert room.state().chat.room.messages[-1] == message
    assert room.state().chat.unread == 1  # Eve's


def test_private_words_and_words_to_groups_have_conversations_of_their_own() -> None:
    room = Room(chat=join_data())
    private = room.do(lambda commands: commands.chat("psst", to=ParticipantId(BOB)))
    group = room.do(lambda commands: commands.chat("we", group="staff"))
    assert [one["target"] for one in room.sent[-2:]] == [BOB, "staff"]
    say(room, 1, OWN, "psst", "private", target=EVE)
    assert room.end(private) is None
    say(room, 2, OWN, "psst", "private", target=BOB)
    say(room, 3, OWN, "we", "group", target="staff")
    assert room.end(private) is not None
    assert room.end(group) is not None
    say(room, 4, BOB, "what?", "private", target=OWN)
    say(room, 5, BOB, "us", "group", target="staff")
    chat = room.state().chat
    assert texts(chat.private[ParticipantId(BOB)]) == ["psst", "what?"]
    assert texts(chat.private[ParticipantId(EVE)]) == ["psst"]
    assert texts(chat.groups["staff"]) == ["we", "us"]
    assert chat.room == conversations.Conversation()
    assert [chat.private[ParticipantId(BOB)].unread, chat.groups["staff"].unread, chat.unread] == [1, 1, 2]
    assert chat.private[ParticipantId(BOB)].messages[0].to == BOB
    assert chat.groups["staff"].messages[0].group == "staff"


def test_silence_after_a_message_is_no_success() -> None:
    room = Room(chat=join_data())
    call = room.do(lambda commands: commands.chat("hello", group="not ours"))
    room.world.sleep(ANSWER_TIMEOUT + 0.1)
    assert isinstance(room.client.done[call].error, CallTimedOut)


def test_what_servers_would_drop_or_cut_is_not_sent() -> None:
    room = Room(chat=join_data())
    before = len(room.sent)
    for text in ("", "ä" * 2049, "\ud800"):
        with pytest.raises(LocalProtocolError):
            room.do(lambda commands: commands.chat(text))
    with pytest.raises(LocalProtocolError, match="not both"):
        room.do(lambda commands: commands.chat("x", to=ParticipantId(BOB), group="staff"))
    assert len(room.sent) == before
    room.do(lambda commands: commands.chat("ä" * 2048))


def test_chat_is_switched_and_cleared() -> None:
    room = Room(chat=join_data(enabled=False, room_history=[stored(1)]))
    assert not room.state().chat.enabled
    room.refused(room.do(lambda commands: commands.chat("hello")), "chat", "chat_disabled")
    enable = room.do(lambda commands: commands.chat.enable())
    room.hear("chat", "chat_enabled", issued_by=OWN)
    assert room.result(enable) is None
    assert room.last(ChatSwitched) == ChatSwitched(is_enabled=True, issued_by=ParticipantId(OWN))
    assert room.state().chat.enabled
    disable = room.do(lambda commands: commands.chat.disable())
    room.hear("chat", "chat_disabled", issued_by=OWN)
    assert room.result(disable) is None
    assert not room.state().chat.enabled
    clear = room.do(lambda commands: commands.chat.clear())
    room.hear("chat", "history_cleared", issued_by=OWN)
    assert room.result(clear) is None
    assert room.last(ChatCleared).issued_by == OWN
    assert room.state().chat.room.messages == ()
    assert room.state().chat.unread == 0
    for refused in (
        room.do(lambda commands: commands.chat.enable()),
        room.do(lambda commands: commands.chat.disable()),
        room.do(lambda commands: commands.chat.clear()),
    ):
        room.refused(refused, "chat", "insufficient_permissions")


def test_histories_come_newest_first_and_marks_tell_what_is_unread() -> None:
    room = Room(
        chat=join_data(
            room_history=[stored(4, OWN), stored(3), stored(2), stored(1)],
            last_seen_timestamp_global="2024-03-05T09:00:02Z",
            groups_history=[{"name": "staff", "history": [stored(6, scope="group", target="staff")]}],
            private_history=[
                {
                    "correspondent": BOB,
                    "history": [stored(8, OWN, "private", target=BOB), stored(7, scope="private", target=OWN)],
                }
            ],
            last_seen_timestamps_private={BOB: "2024-03-05T09:00:59Z"},
        )
    )
    chat = room.state().chat
    assert texts(chat.room) == ["text 1", "text 2", "text 3", "text 4"]
    assert chat.room.unread == 1
    assert chat.room.last_seen == Timestamp("2024-03-05T09:00:02Z")
    assert chat.groups["staff"].unread == 1
    assert texts(chat.private[ParticipantId(BOB)]) == ["text 7", "text 8"]
    assert chat.private[ParticipantId(BOB)].unread == 0
    assert room.client.of(ChatMessage) == []  # messages of the history are in the state, and are no events


def test_marking_seen_tells_the_server_the_newest_instant() -> None:
    room = Room(chat=join_data(room_history=[stored(3), stored(1)]))
    with pytest.raises(LocalProtocolError, match="no message"):
        room.do(lambda commands: commands.chat.mark_seen(group="staff"))
    with pytest.raises(LocalProtocolError, match="no message"):
        room.do(lambda commands: commands.chat.mark_seen(to=ParticipantId(BOB)))
    call = room.do(lambda commands: commands.chat.mark_seen())
    assert room.sent[-1] == {
        "namespace": "chat",
        "action": "set_last_seen_timestamp",
        "scope": "global",
        "timestamp": "2024-03-05T09:00:03Z",
    }
    assert room.state().chat.room.unread == 0
    room.done_by_silence(call)
    say(room, 9)  # in the same second or not: it is new
    assert room.state().chat.room.unread == 1
    say(room, 10, BOB, "psst", "private", target=OWN)
    room.do(lambda commands: commands.chat.mark_seen(to=ParticipantId(BOB)))
    say(room, 11, BOB, "we", "group", target="staff")
    room.do(lambda commands: commands.chat.mark_seen(group="staff"))
    assert room.state().chat.unread == 1


def test_who_comes_back_knows_what_was_seen_and_what_was_said_in_private() -> None:
    room = Room(chat=join_data(room_history=[stored(1)]))
    say(room, 10, BOB, "psst", "private", target=OWN)
    room.do(lambda commands: commands.chat.mark_seen())
    (missed,) = room.resume(chat=join_data(room_history=[stored(2), stored(1)]))
    assert isinstance(missed, ChatMessage)
    assert missed.content == "text 2"
    chat = room.state().chat
    assert (texts(chat.room), chat.room.unread) == (["text 1", "text 2"], 1)
    assert (texts(chat.private[ParticipantId(BOB)]), chat.private[ParticipantId(BOB)].unread) == (["psst"], 1)
    assert not room.resume(chat=join_data())  # cleared meanwhile
    assert (room.state().chat.room.messages, room.state().chat.room.unread) == ((), 0)
    room.hear("moderation", "in_waiting_room")
    assert room.state().chat.private == {}


def test_a_message_that_comes_twice_counts_once() -> None:
    room = Room(chat=join_data())
    say(room, 1)
    say(room, 1)
    assert texts(room.state().chat.room) == ["hello"]
    assert room.state().chat.unread == 1
    assert len(room.client.of(ChatMessage)) == 1


def test_what_one_writes_to_oneself_comes_twice_and_is_told_once() -> None:
    """It comes once to the sender, once to the recipient. The second one ends no other call (signaling.md § 7)."""
    room = Room(chat=join_data())
    calls = [room.do(lambda commands: commands.chat("milk", to=ParticipantId(OWN))) for _ in range(2)]
    for number in (1, 1):
        say(room, number, OWN, "milk", "private", target=OWN)
    assert room.end(calls[0]) is not None
    assert room.end(calls[1]) is None
    say(room, 2, OWN, "milk", "private", target=OWN)
    assert [message.id for message in room.client.of(ChatMessage)] == [message_id(1), message_id(2)]
    assert room.result(calls[1]) == room.client.of(ChatMessage)[-1]
    assert texts(room.state().chat.private[ParticipantId(OWN)]) == ["milk", "milk"]


def test_what_the_history_had_is_no_news() -> None:
    room = Room(chat=join_data(room_history=[stored(1)]))
    before = len(room.client.of(ChatMessage))
    say(room, 1)
    assert len(room.client.of(ChatMessage)) == before


def test_targets_that_make_no_sense_are_told_and_ignored() -> None:
    room = Room(chat=join_data())
    say(room, 1, scope="private")
    assert "$.payload.target" in str(room.last(PeerMisbehaved).error)
    say(room, 2, scope="private", target="Bob")
    assert "$.payload.target" in str(room.last(PeerMisbehaved).error)
    assert room.state().chat.private == {}


def test_the_state_is_the_same_object_while_nothing_is_said() -> None:
    room = Room(chat=join_data(room_history=[stored(1)]))
    before = room.state().chat
    room.hear("control", "update", id=BOB)
    assert room.state().chat is before
    say(room, 2, BOB, "psst", "private", target=OWN)
    assert room.state().chat is not before
    assert room.state().chat.room is before.room


def test_what_is_too_much_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_CONVERSATION", 3)
    monkeypatch.setattr(conversations, "MAX_CHAT_MESSAGES", 4)
    room = Room(chat=join_data(room_history=[stored(number) for number in (5, 4, 3, 2, 1)]))
    assert texts(room.state().chat.room) == ["text 3", "text 4", "text 5"]
    assert room.state().chat.room.dropped == 2
    say(room, 10, BOB, "one", "private", target=OWN)
    say(room, 11, EVE, "two", "private", target=OWN)
    assert room.state().chat.room.dropped == 3
    say(room, 12)  # now Bob's conversation is the one that was silent for longest
    assert list(room.state().chat.private) == [EVE]
    say(room, 13, EVE, "three", "private", target=OWN)
    assert texts(room.state().chat.private[ParticipantId(EVE)]) == ["two", "three"]
    assert limits.MAX_CHAT_MESSAGES >= limits.MAX_CONVERSATION


def test_a_history_that_was_cleared_takes_no_room_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_CHAT_MESSAGES", 3)
    room = Room(chat=join_data(room_history=[stored(3), stored(2), stored(1)]))
    room.hear("chat", "history_cleared", issued_by=OWN)
    for number in (10, 11, 12):
        say(room, number, BOB, "psst", "private", target=OWN)
    private = room.state().chat.private[ParticipantId(BOB)]
    assert (len(private.messages), private.dropped) == (3, 0)


def test_a_server_without_chat() -> None:
    room = Room()
    assert not room.state().chat.enabled
    assert room.state().chat.room.messages == ()
    call = room.do(lambda commands: commands.chat("hello"))
    room.refused(call, "control", "invalid_namespace")


def test_a_bad_instant_counts_as_the_oldest() -> None:
    room = Room(chat=join_data(room_history=[stored(2), stored(1, timestamp="yesterday")]))
    assert texts(room.state().chat.room) == ["text 1", "text 2"]
    say(room, 3, timestamp=None)
    assert room.state().chat.room.messages[-1].timestamp is None
    assert room.state().chat.room.messages[-1].id == MessageId(message_id(3))
    assert room.state().chat.room.scope is ChatScope.GLOBAL


def test_what_was_dropped_is_not_news_when_we_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_CONVERSATION", 2)
    history = [stored(number) for number in (3, 2, 1)]
    room = Room(chat=join_data(room_history=history))
    room.do(lambda commands: commands.chat.mark_seen())
    assert not room.resume(chat=join_data(room_history=history))
    assert room.state().chat.unread == 0


def test_a_mark_in_a_conversation_that_is_not_there_begins_none() -> None:
    room = Room(chat=join_data())
    mark = SetLastSeenTimestamp(scope=ChatScope.GROUP, target="staff", timestamp=Timestamp("2024-03-05T09:30:00Z"))
    room.client.do(lambda conference, now: conference.command(mark, now))
    assert room.state().chat.groups == {}


def test_what_was_said_in_one_instant_keeps_its_order() -> None:
    room = Room(chat=join_data())
    at_once = [{**stored(number), "timestamp": "2024-03-05T09:30:00Z"} for number in (3, 2, 1)]
    room.resume(chat=join_data(room_history=at_once))
    assert texts(room.state().chat.room) == ["text 1", "text 2", "text 3"]
