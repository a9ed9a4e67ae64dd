"""Namespace `chat` on the server: who hears what, what is remembered and what is dropped (signaling.md § 7)."""

from __future__ import annotations

from typing import Any

import pytest
from stage import Stage
from worlds import NOBODY

from m3core.controller import chat, chat_history
from m3core.controller.config import User
from m3core.controller.features import FeatureLevel
from m3core.controller.room import Breakouts
from m3core.limits import MAX_CHAT_MESSAGE
from m3core.values import BreakoutRoomId, RoomId, UserId

EMPTY = {
    "enabled": True,
    "room_history": [],
    "groups_history": [],
    "last_seen_timestamp_global": None,
    "last_seen_timestamps_private": {},
    "last_seen_timestamps_group": {},
}
SECONDS, NANOSECONDS = "2024-03-05T09:30:00Z", "2024-03-05T09:30:00.000000000Z"
RED = BreakoutRoomId("c89e8ce3-708c-4e3d-80c9-eba5957146e7")
DISABLED = [{"message": "error", "error": "chat_disabled"}]
NOT_ALLOWED = [{"message": "error", "error": "insufficient_permissions"}]


def meeting(level: FeatureLevel = FeatureLevel.CAPTURE) -> Stage:
    stage = Stage(level)
    stage.joined("ada", "bob", "cyd")
    return stage


def member(stage: Stage, who: str, *groups: str) -> dict[str, Any]:
    """Let a user with an account join. Returns its `join_success`."""
    user = User(
        id=UserId(f"{who.encode().hex():0>8}-0000-4000-8000-000000000000"),
        email=f"{who}@example.org",
        display_name=who.title(),
        groups=groups,
    )
    room = stage.controller.store.rooms[RoomId(stage.room)]
    answer = stage.controller.tickets.issue(room, user, stage.now)
    assert stage.knock(who, answer.ticket.reveal()) == 101
    success = stage.say(who, "control", "join", display_name=who.title())[0]
    stage.ids[who] = success["id"]
    return success


def say(stage: Stage, who: str, content: str, scope: str = "global", target: str | None = None) -> list[dict[str, Any]]:
    fields = {} if target is None else {"target": target}
    return stage.say(who, "chat", "send_message", content=content, scope=scope, **fields)


def envelopes(stage: Stage, who: str) -> list[tuple[str, str]]:
    """Time and text of each message that ``who`` got."""
    return [(message["timestamp"], message["payload"]["content"]) for message in stage.inbox.pop(who, [])]


def contents(history: list[dict[str, Any]]) -> list[str]:
    return [message["content"] for message in history]


# -- messages ---
def test_what_is_said_to_all_comes_back_to_the_sender() -> None:
    stage = meeting()
    (echo,) = say(stage, "bob", "Good morning, all")
    assert echo == {
        "message": "message_sent",
        "id": echo["id"],
        "source": stage.ids["bob"],
        "content": "Good morning, all",
        "scope": "global",
    }
    assert stage.inbox["ada"] == stage.inbox["cyd"]
    assert envelopes(stage, "ada") == [(SECONDS, "Good morning, all")]
    assert say(stage, "bob", "again")[0]["id"] != echo["id"]


def test_what_is_said_to_a_group_reaches_those_in_it() -> None:
    stage = meeting()
    for who in ("dee", "eve"):
        member(stage, who, "board")
    member(stage, "fay", "staff")
    stage.inbox.clear()
    (echo,) = say(stage, "dee", "Numbers at ten", "group", "board")
    assert (echo["scope"], echo["target"]) == ("group", "board")
    assert stage.heard("eve") == [echo]
    for who, target in (("dee", "staff"), ("bob", "board"), ("dee", None)):  # not a member, no member of any, no group
        assert say(stage, who, "x", "group", target) == []
    assert not stage.inbox


def test_what_is_said_to_one() -> None:
    stage = meeting()
    bob, cyd = stage.ids["bob"], stage.ids["cyd"]
    (echo,) = say(stage, "bob", "psst", "private", cyd)
    assert (echo["source"], echo["scope"], echo["target"]) == (bob, "private", cyd)
    (relayed,) = stage.inbox["cyd"]
    assert relayed == {"namespace": "chat", "timestamp": SECONDS, "payload": echo}
    assert stage.heard("ada") == []
    stage.inbox.clear()
    say(stage, "bob", "is anybody there?", "private", NOBODY)
    say(stage, "bob", "note to self", "private", bob)
    assert not stage.inbox


def test_the_sender_hears_its_private_message_at_once_and_exactly() -> None:
    stage = meeting()
    for target in (stage.ids["cyd"], NOBODY, stage.ids["bob"]):
        stage.controller.receive_text(
            stage.connections["bob"],
            b'{"namespace":"chat","payload":{"action":"send_message","content":"psst","scope":"private","target":"%s"}}'
            % target.encode(),
            stage.now,
        )
        stage.drain()
        assert envelopes(stage, "bob") == [(NANOSECONDS, "psst")]


@pytest.mark.parametrize("target", [None, "cyd", ""])
def test_a_private_message_needs_an_id(target: str | None) -> None:
    stage = meeting()
    assert say(stage, "bob", "psst", "private", target) == []
    assert not stage.inbox


def test_empty_messages_are_dropped() -> None:
    stage = meeting()
    assert say(stage, "bob", "") == []
    stage.say("ada", "chat", "disable_chat")
    assert say(stage, "ada", "") == []  # nothing is refused, either


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("x" * 4096, "x" * 4096),
        ("x" * 4097, "x" * 4096),
        ("x" * 4095 + "é", "x" * 4095),
        ("x" * 4094 + "é!", "x" * 4094 + "é"),
        ("x" * 4093 + "🎤", "x" * 4093),
    ],
)
def test_long_messages_are_cut_between_characters(content: str, kept: str) -> None:
    stage = meeting()
    assert say(stage, "bob", content)[0]["content"] == kept
    assert len(kept.encode()) <= MAX_CHAT_MESSAGE


# -- moderators ---
def test_the_switch_stops_everybody() -> None:
    stage = meeting()
    event = {"message": "chat_disabled", "issued_by": stage.ids["ada"]}
    assert stage.say("ada", "chat", "disable_chat") == [event]
    assert stage.heard("bob") == stage.heard("cyd") == [event]
    for who in ("ada", "bob"):
        assert say(stage, who, "hello?") == DISABLED
        assert say(stage, who, "psst", "private", stage.ids["cyd"]) == DISABLED
    assert not stage.inbox
    assert stage.join("dee")[0]["chat"] == EMPTY | {"enabled": False}
    stage.inbox.clear()
    stage.say("ada", "chat", "enable_chat")
    assert stage.heard("bob") == [{"message": "chat_enabled", "issued_by": stage.ids["ada"]}]
    assert say(stage, "bob", "at last")[0]["message"] == "message_sent"


@pytest.mark.parametrize("action", ["enable_chat", "disable_chat", "clear_history"])
def test_others_than_moderators_may_not(action: str) -> None:
    stage = meeting()
    say(stage, "bob", "is kept")
    stage.inbox.clear()
    assert stage.say("bob", "chat", action) == NOT_ALLOWED
    assert not stage.inbox
    joined = stage.join("dee")[0]["chat"]
    assert joined["enabled"] is True
    assert contents(joined["room_history"]) == ["is kept"]


def test_only_what_was_said_to_all_is_cleared() -> None:
    stage = Stage()
    member(stage, "dee", "board")
    stage.joined("ada")
    say(stage, "dee", "to all")
    say(stage, "dee", "to the board", "group", "board")
    stage.inbox.clear()
    assert stage.say("ada", "chat", "clear_history") == [{"message": "history_cleared", "issued_by": stage.ids["ada"]}]
    assert stage.names("dee") == ["history_cleared"]
    joined = member(stage, "eve", "board")["chat"]
    assert joined["room_history"] == []
    assert contents(joined["groups_history"][0]["history"]) == ["to the board"]


# -- what joiners are told ---
def test_the_first_one_is_told_that_there_is_nothing() -> None:
    assert Stage().join("ada")[0]["chat"] == EMPTY
    assert Stage(FeatureLevel.V0_4).join("ada")[0]["chat"] == EMPTY | {"private_history": []}


def test_histories_are_newest_first() -> None:
    stage = Stage()
    member(stage, "dee", "board", "staff")
    for content in ("one", "two", "three"):
        say(stage, "dee", content)
        say(stage, "dee", f"{content}!", "group", "board")
    joined = member(stage, "eve", "board", "staff", "choir")["chat"]
    assert contents(joined["room_history"]) == ["three", "two", "one"]
    assert joined["room_history"][0] == {
        "id": joined["room_history"][0]["id"],
        "source": stage.ids["dee"],
        "timestamp": NANOSECONDS,
        "content": "three",
        "scope": "global",
    }
    board, staff, choir = joined["groups_history"]
    assert (board["name"], contents(board["history"])) == ("board", ["three!", "two!", "one!"])
    assert board["history"][0]["target"] == "board"
    assert [staff, choir] == [{"name": "staff", "history": []}, {"name": "choir", "history": []}]
    assert stage.join("bob")[0]["chat"]["groups_history"] == []


def test_private_chat_is_stored_by_later_servers() -> None:
    for level in (FeatureLevel.V0_3, FeatureLevel.V0_4):
        stage = meeting(level)
        bob, cyd = stage.ids["bob"], stage.ids["cyd"]
        say(stage, "bob", "psst", "private", cyd)
        say(stage, "cyd", "what?", "private", bob)
        say(stage, "ada", "a word", "private", bob)
        say(stage, "bob", "nobody", "private", NOBODY)
        say(stage, "bob", "myself", "private", bob)
        stage.lose("bob")
        say(stage, "cyd", "you were gone", "private", bob)
        chat_data = stage.join("bob", resumption=stage.resumption["bob"])[0]["chat"]
        if level is FeatureLevel.V0_3:
            assert chat_data == EMPTY
            continue
        told = [(each["correspondent"], contents(each["history"])) for each in chat_data["private_history"]]
        assert told == [(cyd, ["you were gone", "what?", "psst"]), (stage.ids["ada"], ["a word"])]
        assert stage.join("dee")[0]["chat"]["private_history"] == []


@pytest.mark.parametrize(
    ("level", "told_to_guests"), [(FeatureLevel.CAPTURE, None), (FeatureLevel.V0_3, {"groups": []})]
)
def test_entries_name_common_groups(level: FeatureLevel, told_to_guests: object) -> None:
    stage = Stage(level)
    stage.joined("ada")
    member(stage, "dee", "board", "staff")
    assert stage.heard("ada")[0]["chat"] == {"groups": []}
    stage.join("bob")
    assert "chat" not in stage.heard("dee")[0]  # a guest
    stage.inbox.clear()
    entries = {entry["id"]: entry for entry in member(stage, "eve", "staff", "choir")["participants"]}
    assert entries[stage.ids["dee"]]["chat"] == {"groups": ["staff"]}
    assert entries[stage.ids["ada"]]["chat"] == {"groups": []}
    assert "chat" not in entries[stage.ids["bob"]]
    assert stage.heard("dee")[0]["chat"] == {"groups": ["staff"]}
    assert stage.heard("ada")[0]["chat"] == {"groups": []}
    assert stage.heard("bob")[0].get("chat") == told_to_guests  # no groups in common with anybody
    entries = {entry["id"]: entry.get("chat") for entry in stage.join("dan")[0]["participants"]}
    assert entries == {stage.ids["bob"]: None} | {stage.ids[one]: told_to_guests for one in ("ada", "dee", "eve")}
    stage.inbox.clear()
    stage.say("eve", "control", "raise_hand")
    (update,) = stage.heard("dee")
    assert update["message"] == "update"
    assert "chat" not in update


def test_what_is_said_to_all_has_no_target() -> None:
    stage = meeting()
    assert say(stage, "bob", "x", target=stage.ids["ada"]) == []
    assert stage.heard("ada") == []


# -- what was read ---
def mark(stage: Stage, who: str, scope: str, timestamp: str, target: str | None = None) -> None:
    fields = {} if target is None else {"target": target}
    assert stage.say(who, "chat", "set_last_seen_timestamp", scope=scope, timestamp=timestamp, **fields) == []


@pytest.mark.parametrize(
    ("level", "late", "told"),
    [
        (FeatureLevel.V0_3, "2024-03-05T11:30:01.999417093+02:00", "2024-03-05T09:30:01Z"),
        (FeatureLevel.V0_3, "0800-03-05T11:30:01+02:00", "0800-03-05T09:30:01Z"),
        (FeatureLevel.V0_4, "2024-03-05T11:30:01.999417093+02:00", "2024-03-05T11:30:01.999417093+02:00"),
    ],
)
def test_what_was_read_survives_a_resumption(level: FeatureLevel, late: str, told: str) -> None:
    stage = meeting(level)
    early = "2024-03-05T09:30:01Z"
    mark(stage, "bob", "global", late)
    mark(stage, "bob", "global", early)  # no monotonicity
    mark(stage, "bob", "private", late, stage.ids["ada"])
    mark(stage, "bob", "group", late, "board")  # not a member
    assert not stage.inbox
    stage.lose("bob")
    assert stage.join("bob", resumption=stage.resumption["bob"])[0]["chat"] == EMPTY | {
        "last_seen_timestamp_global": early,
        "last_seen_timestamps_private": {stage.ids["ada"]: told},
        **({"private_history": []} if level is FeatureLevel.V0_4 else {}),
    }


def test_groups_are_marked_by_their_members() -> None:
    stage = Stage()
    stage.joined("ada")
    member(stage, "dee", "board")
    mark(stage, "dee", "group", SECONDS, "board")
    mark(stage, "dee", "group", SECONDS, "staff")
    mark(stage, "dee", "group", SECONDS)
    meeting = stage.controller.rooms.live[RoomId(stage.room)]
    (dee,) = [one for one in meeting.joined() if one.id == stage.ids["dee"]]
    assert dee.states.of(chat._ReadMarks).in_groups.keys() == {"board"}


@pytest.mark.parametrize("timestamp", ["", "yesterday", "x" * 60_000, "0001-01-01T00:00:00+01:00"])
def test_marks_that_say_no_time_are_ignored(timestamp: str) -> None:
    stage = meeting()
    mark(stage, "bob", "global", timestamp)
    mark(stage, "bob", "global", SECONDS, stage.ids["cyd"])
    mark(stage, "bob", "private", SECONDS, "cyd")
    mark(stage, "bob", "private", SECONDS)
    stage.lose("bob")
    assert stage.join("bob", resumption=stage.resumption["bob"])[0]["chat"] == EMPTY


# -- rooms ---
def test_a_breakout_room_has_its_own_chat_but_not_its_own_switch() -> None:
    stage = meeting()
    live = stage.controller.rooms.live[RoomId(stage.room)]
    live.breakouts = Breakouts({RED: "Red"}, None)
    say(stage, "ada", "main")
    (success,) = stage.join("dee", breakout_room=RED)
    assert success["chat"] == EMPTY
    stage.inbox.clear()
    assert contents(say(stage, "dee", "in red")) == ["in red"]
    assert say(stage, "dee", "psst", "private", stage.ids["ada"])[0]["message"] == "message_sent"  # unknown here
    assert not stage.inbox
    stage.say("ada", "chat", "disable_chat")
    assert stage.names("bob") == ["chat_disabled"]
    assert stage.heard("dee") == []
    assert say(stage, "dee", "hello?") == DISABLED
    joined = stage.join("eve", breakout_room=RED)[0]["chat"]
    assert (joined["enabled"], contents(joined["room_history"])) == (False, ["in red"])


def test_all_is_forgotten_with_the_meeting() -> None:
    stage = Stage()
    stage.joined("ada")
    say(stage, "ada", "anybody?")
    stage.say("ada", "chat", "disable_chat")
    stage.lose("ada")
    assert stage.join("ada")[0]["chat"] == EMPTY


# -- bounds ---
def test_the_oldest_messages_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_history, "MAX_CHAT_HISTORY", 2)
    stage = meeting()
    for content in ("one", "two", "three"):
        say(stage, "bob", content)
    assert contents(stage.join("dee")[0]["chat"]["room_history"]) == ["three", "two"]


def test_the_group_that_was_silent_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_history, "MAX_CHAT_HISTORIES", 2)
    stage = Stage()
    names = ("board", "staff", "choir")
    member(stage, "dee", *names)
    for name in ("board", "staff", "board", "choir"):
        say(stage, "dee", f"to {name}", "group", name)
    told = {each["name"]: contents(each["history"]) for each in member(stage, "eve", *names)["chat"]["groups_history"]}
    assert told == {"board": ["to board", "to board"], "staff": [], "choir": ["to choir"]}


def test_the_oldest_marks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "MAX_LAST_SEEN", 2)
    stage = meeting()
    ada, cyd = stage.ids["ada"], stage.ids["cyd"]
    for target in (ada, cyd, ada, NOBODY):
        mark(stage, "bob", "private", SECONDS, target)
    stage.lose("bob")
    joined = stage.join("bob", resumption=stage.resumption["bob"])[0]["chat"]
    assert list(joined["last_seen_timestamps_private"]) == [ada, NOBODY]


def test_histories_fit_into_one_message_whatever_was_said() -> None:
    """A control character takes six bytes of JSON: a message of 4096 bytes may have 24 kB on the wire."""
    stage = Stage(FeatureLevel.V0_4)
    member(stage, "dee", "board", "staff")
    stage.joined("ada", "bob")
    bob = stage.ids["bob"]
    for scope, target in (("global", None), ("group", "board"), ("group", "staff"), ("private", bob)):
        for _ in range(60):
            stage.now += 1  # each of them costs 30 units of the budget
            say(stage, "dee", "\x01" * 5_000, scope, target)
    joined = member(stage, "eve", "board", "staff")["chat"]
    told = [joined["room_history"], *(group["history"] for group in joined["groups_history"])]
    assert [len(history) for history in told] == [10, 10, 1]
    stage.lose("bob")
    stage.inbox.clear()
    joined = stage.join("bob", resumption=stage.resumption["bob"])[0]["chat"]
    assert len(joined["room_history"]) == len(joined["private_history"][0]["history"]) == 10
