"""Who may send which command, and what it causes: signaling.md § 5 - 18 and media.md § 2 row by row, as plain data.

The table was written by hand from the protocol. It imports nothing of the library, so that it cannot repeat its mistakes.

Each row has a room with this cast. In the room are `owner` Ada; `moderator`, a guest who got the role; `user` Cyd and
`eve`, who are logged in and in the group `team`; the guests `guest` and `dan`. Not in the room are `waiting`, who is in
the waiting room (it is switched on); `nobody`, who is connected and has not joined; and `recorder`, a recorder that is
connected.

The steps of ``before`` come first. Then one of the ``roles`` sends the command. The outcome says which kinds of messages
everybody then receives, in order, and nothing else may come. `self` is the sender; `others` are all in the room who are
not named. Words with a `$` stand for ids: of the cast, of the sender (`$self`), of what was started (`$poll`, ...).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Outcome = Mapping[str, str]
Step = tuple[str, str, Mapping[str, Any]]

INSIDE = ("guest", "user", "moderator", "owner")
ROLES = ("nobody", "waiting", *INSIDE)
SILENCE: Outcome = {}


@dataclass(frozen=True)
class Row:
    """One command in one state, for some roles."""

    section: str
    command: str
    fields: Mapping[str, Any]
    roles: Mapping[str, Outcome]
    before: tuple[Step, ...] = ()
    level: str = "capture"
    config: Mapping[str, Any] = field(default_factory=dict)
    closes: Mapping[str, int] = field(default_factory=dict)
    """Whose connections the controller closes, with which code."""
    any_order: bool = False
    """The order of the messages does not matter."""
    refused_by_sfu: bool = False
    """The media server refuses what the command makes it do."""


def hears(**receivers: str) -> Outcome:
    """Which messages each one receives; who is not named receives none."""
    return receivers


def error(slug: str) -> Outcome:
    """The sender receives an error, and nobody else receives anything; ``slug``: `namespace.slug`."""
    namespace, _, name = slug.partition(".")
    return {"self": f"{namespace}.error.{name}"}


def everyone(kinds: str, **named: str) -> Outcome:
    """Everybody in the room receives the same, except for ``named`` ones ("All" in the protocol)."""
    return {"self": kinds, "others": kinds} | named


def inside(outcome: Outcome) -> dict[str, Outcome]:
    """The same outcome for every role in the room."""
    return dict.fromkeys(INSIDE, outcome)


def anywhere(outcome: Outcome) -> dict[str, Outcome]:
    """The same outcome for every role, in the room or not."""
    return {"nobody": outcome, "waiting": outcome, **inside(outcome)}


def moderators(outcome: Outcome, otherwise: Outcome | None = None) -> dict[str, Outcome]:
    """One outcome for moderators, and another for all others in the room, if given."""
    may: dict[str, Outcome] = dict.fromkeys(("moderator", "owner"), outcome)
    return may if otherwise is None else {**dict.fromkeys(("guest", "user"), otherwise), **may}


BEFORE: dict[str, Outcome] = {"nobody": SILENCE, "waiting": SILENCE}
"""signaling.md § 4: other namespaces before join or in the waiting room are dropped."""
NOT_YET: dict[str, Outcome] = dict.fromkeys(("nobody", "waiting"), error("control.not_yet_joined"))

# -- signaling.md § 4 and 5 ---
_NOT_WAITING = error("control.not_accepted_or_not_in_waiting_room")
_NO_WAITING_ROOM: Step = ("owner", "moderation.disable_waiting_room", {})
_ACCEPT: Step = ("owner", "moderation.accept", {"target": "$waiting"})
_NO_HANDS: Step = ("owner", "moderation.disable_raise_hands", {})
_HAND_OF_DAN: Step = ("dan", "control.raise_hand", {})
_TWICE = {"waiting": error("control.already_joined"), **inside(error("control.already_joined"))}
_FOR_DAN = {"target": "$dan"}
_MAY_NOT = error("control.insufficient_permissions")
_TO_OWN = error("control.nothing_to_do")

CONTROL: tuple[Row, ...] = (
    Row("4", "control.fly", {}, dict.fromkeys(ROLES, error("control.invalid_json"))),
    Row("4", "nope.x", {}, {**BEFORE, **inside(error("control.invalid_namespace"))}),
    Row("4", "chat.fly", {}, {**BEFORE, **inside(SILENCE)}),
    Row("4", "moderation.kick", {"target": 7}, {**BEFORE, **inside(SILENCE)}),
    Row("5", "control.join", {}, {**_TWICE, "nobody": error("control.invalid_username")}),
    Row("5", "control.join", {"display_name": " \t "}, {"nobody": error("control.invalid_username")}),
    Row("5", "control.join", {"display_name": "é" * 51}, {"nobody": error("control.invalid_username")}),
    Row("5", "control.join", {"display_name": "N"}, {**_TWICE, "nobody": hears(self="control.join_success", others="control.joined")}, (_NO_WAITING_ROOM,)),
    Row("5, 6", "control.join", {"display_name": "N"}, {"nobody": hears(self="moderation.in_waiting_room", others="moderation.joined_waiting_room")}),
    Row("6", "control.join", {"display_name": "N"}, {"nobody": hears(self="moderation.in_waiting_room", others="moderation.joined_waiting_room")}, level="0.3"),
    Row("6", "control.join", {"display_name": "N"}, {"nobody": hears(self="moderation.in_waiting_room", owner="moderation.joined_waiting_room", moderator="moderation.joined_waiting_room")}, level="0.4"),
    Row("5", "control.join", {"display_name": "N"}, {"nobody": hears(self="control.join_blocked")}, level="0.3", config={"participant_limit": 7}),
    Row("5, 11", "control.join", {"display_name": "N"}, {"recorder": hears(self="control.join_success", others="recording.started")}),
    Row("5", "control.enter_room", {}, dict.fromkeys(ROLES, _NOT_WAITING)),
    Row("6", "control.enter_room", {}, {"waiting": hears(self="control.join_success", others="moderation.left_waiting_room control.joined")}, (_ACCEPT,)),
    Row("6", "control.enter_room", {}, {"waiting": hears(self="control.join_success", others="control.joined", owner="moderation.left_waiting_room control.joined", moderator="moderation.left_waiting_room control.joined")}, (_ACCEPT,), level="0.4"),
    Row("5", "control.raise_hand", {}, {**NOT_YET, **inside(hears(others="control.update"))}),
    Row("5", "control.raise_hand", {}, inside(hears(self="control.hand_raised", others="control.update")), level="0.9"),
    Row("5", "control.raise_hand", {}, inside(error("control.raise_hands_disabled")), (_NO_HANDS,)),
    Row("5", "control.lower_hand", {}, {**NOT_YET, **inside(hears(others="control.update"))}),
    Row("5", "control.lower_hand", {}, inside(hears(self="control.hand_lowered", others="control.update")), level="0.9"),
    Row("5", "control.lower_hand", {}, inside(hears(others="control.update")), (_NO_HANDS,)),
    Row("5", "control.grant_moderator_role", _FOR_DAN, {**NOT_YET, **moderators(hears(dan="control.role_updated", self="control.update", others="control.update"), _MAY_NOT)}),
    Row("5", "control.grant_moderator_role", {"target": "$owner"}, moderators(_TO_OWN, _MAY_NOT)),
    Row("5", "control.grant_moderator_role", {"target": "$moderator"}, moderators(_TO_OWN, _MAY_NOT)),
    Row("5", "control.grant_moderator_role", {"target": "$unknown"}, moderators(SILENCE, _MAY_NOT)),
    Row("5", "control.grant_moderator_role", {"target": "$waiting"}, moderators(SILENCE, _MAY_NOT)),
    Row("5", "control.revoke_moderator_role", {"target": "$moderator"}, {**NOT_YET, "guest": _MAY_NOT, "user": _MAY_NOT, "moderator": hears(self="control.role_updated", others="control.update"), "owner": hears(moderator="control.role_updated", self="control.update", others="control.update")}),
    Row("5", "control.revoke_moderator_role", {"target": "$owner"}, moderators(error("control.target_is_room_owner"), _MAY_NOT)),
    Row("5", "control.revoke_moderator_role", _FOR_DAN, moderators(_TO_OWN, _MAY_NOT)),
    Row("5", "control.revoke_moderator_role", {"target": "$unknown"}, moderators(_TO_OWN, _MAY_NOT)),
)  # fmt: skip

# -- signaling.md § 6 ---
_HANDS_OFF = "moderation.raise_hands_disabled"
_RESET = "moderation.raised_hand_reset_by_moderator"
_SENT = "moderation.sent_to_waiting_room"
_LEFT = everyone("control.left")
_SEES_WAITER = "control.left moderation.joined_waiting_room"
_OF_WAITING = (("enable_waiting_room", "waiting_room_enabled"), ("disable_waiting_room", "waiting_room_disabled"))
_OF_HANDS = (("enable_raise_hands", "raise_hands_enabled"), ("disable_raise_hands", "raise_hands_disabled"))
_NAMED = {"target": "$dan", "new_name": "Dana"}

MODERATION: tuple[Row, ...] = (
    Row("6", "moderation.kick", _FOR_DAN, moderators({**_LEFT, "dan": "moderation.kicked"}), closes={"dan": 1000}),
    Row("6", "moderation.kick", _FOR_DAN, {**BEFORE, "guest": SILENCE, "user": SILENCE}),
    Row("6", "moderation.kick", {"target": "$unknown"}, inside(SILENCE)),
    Row("6", "moderation.kick", {"target": "$waiting"}, inside(SILENCE)),
    Row("6", "moderation.ban", {"target": "$eve"}, moderators({**_LEFT, "eve": "moderation.banned"}), closes={"eve": 1000}),
    Row("6", "moderation.ban", {"target": "$eve"}, {**BEFORE, "guest": SILENCE, "user": SILENCE}),
    Row("6", "moderation.ban", _FOR_DAN, moderators(error("moderation.cannot_ban_guest"), SILENCE)),
    Row("6", "moderation.ban", {"target": "$unknown"}, moderators(error("moderation.cannot_ban_guest"), SILENCE)),
    *(
        Row("6", f"moderation.{action}", {}, {**BEFORE, **moderators(everyone(f"moderation.{event}", waiting=f"moderation.{event}"), SILENCE)})
        for action, event in _OF_HANDS
    ),
    *(
        Row("6", f"moderation.{action}", {}, {**BEFORE, **moderators(everyone(f"moderation.{event}"), SILENCE)})
        for action, event in _OF_WAITING
    ),
    *(
        Row("6", f"moderation.{action}", {}, moderators(everyone(f"moderation.{event}", waiting=f"moderation.{event}")), level="0.4")
        for action, event in _OF_WAITING
    ),
    Row("6", "moderation.disable_raise_hands", {}, moderators(everyone(f"{_HANDS_OFF} control.update", dan=_HANDS_OFF, waiting=_HANDS_OFF), SILENCE), (_HAND_OF_DAN,)),
    Row("6", "moderation.accept", {"target": "$waiting"}, {**BEFORE, **moderators(hears(waiting="moderation.accepted"), SILENCE)}),
    Row("6", "moderation.accept", {"target": "$unknown"}, inside(SILENCE)),
    Row("6", "moderation.accept", _FOR_DAN, inside(SILENCE)),
    Row("6", "moderation.reset_raised_hands", {}, {**BEFORE, **moderators(everyone(_RESET, waiting=_RESET), SILENCE)}),
    Row("6", "moderation.reset_raised_hands", {}, moderators(everyone(f"{_RESET} control.update", dan=_RESET, waiting=_RESET), SILENCE), (_HAND_OF_DAN,)),
    Row("6", "moderation.reset_raised_hands", _FOR_DAN, moderators(everyone("control.update", dan=_RESET)), (_HAND_OF_DAN,), level="0.15"),
    Row("6", "moderation.reset_raised_hands", {"target": ["$eve"]}, moderators(SILENCE), (_HAND_OF_DAN,), level="0.15"),
    Row("6", "moderation.send_to_waiting_room", _FOR_DAN, {**BEFORE, **inside(SILENCE)}),
    Row("6", "moderation.send_to_waiting_room", _FOR_DAN, moderators({**_LEFT, "dan": _SENT}), level="0.12", closes={"dan": 1012}),
    Row("6", "moderation.send_to_waiting_room", _FOR_DAN, moderators(hears(self=_SEES_WAITER, owner=_SEES_WAITER, moderator=_SEES_WAITER, others="control.left", dan=f"{_SENT} moderation.in_waiting_room")), level="0.15"),
    Row("6", "moderation.send_to_waiting_room", {"target": "$unknown"}, moderators(SILENCE, SILENCE), level="0.12"),
    Row("6", "moderation.send_to_waiting_room", {"target": "$owner"}, moderators(error("moderation.cannot_send_room_owner_to_waiting_room"), SILENCE), level="0.12"),
    Row("6", "moderation.debrief", {"kick_scope": "all"}, {**BEFORE, **inside(SILENCE)}),
    Row("6", "moderation.debrief", {"kick_scope": "all"}, {"guest": SILENCE, "user": SILENCE}, level="0.4"),
    Row("6", "moderation.debrief", {"kick_scope": "all"}, moderators(everyone("moderation.session_ended")), level="0.4", closes=dict.fromkeys(("owner", "moderator", "user", "eve", "guest", "dan"), 1000)),
    Row("6", "moderation.debrief", {"kick_scope": "guests"}, moderators(everyone("moderation.debriefing_started control.left control.left", guest="moderation.session_ended", dan="moderation.session_ended")), level="0.4", closes={"guest": 1000, "dan": 1000}),
    Row("6", "moderation.debrief", {"kick_scope": "users_and_guests"}, moderators(everyone("moderation.debriefing_started control.left control.left control.left control.left", **dict.fromkeys(("guest", "dan", "user", "eve"), "moderation.session_ended"))), level="0.4", closes=dict.fromkeys(("guest", "dan", "user", "eve"), 1000)),
    Row("6", "moderation.change_display_name", _NAMED, {**BEFORE, **inside(SILENCE)}),
    Row("6", "moderation.change_display_name", _NAMED, moderators(everyone("control.update", dan="moderation.display_name_changed"), SILENCE), level="0.12"),
    Row("6", "moderation.change_display_name", {**_NAMED, "target": "$eve"}, moderators(error("moderation.cannot_change_name_of_registered_users"), SILENCE), level="0.12"),
    Row("6", "moderation.change_display_name", {**_NAMED, "target": "$unknown"}, moderators(SILENCE, SILENCE), level="0.12"),
    Row("6", "moderation.change_display_name", {**_NAMED, "new_name": " "}, moderators(error("moderation.invalid_display_name"), SILENCE), level="0.12"),
    *(
        Row("6", f"moderation.{action}", fields, {**BEFORE, **dict.fromkeys(("guest", "user"), error("moderation.insufficient_permissions"))}, level="0.15")
        for action, fields in {
            "kick": _FOR_DAN, "ban": _FOR_DAN, **{action: {} for action, _ in (*_OF_WAITING, *_OF_HANDS)}, "accept": {"target": "$waiting"},
            "reset_raised_hands": {}, "send_to_waiting_room": _FOR_DAN, "debrief": {"kick_scope": "all"}, "change_display_name": _NAMED,
        }.items()
    ),
)  # fmt: skip

# -- signaling.md § 7 ---
_SAID = "chat.message_sent"
_CHAT_OFF: Step = ("owner", "chat.disable_chat", {})
_CHAT_DISABLED = inside(error("chat.chat_disabled"))
_NO_CHAT_RIGHT = error("chat.insufficient_permissions")
_GLOBAL = {"scope": "global", "content": "hi"}
_TEAM = {"scope": "group", "target": "team", "content": "hi"}
_PRIVATE = {"scope": "private", "target": "$dan", "content": "hi"}

CHAT: tuple[Row, ...] = (
    Row("7", "chat.send_message", _GLOBAL, {**BEFORE, **inside(everyone(_SAID))}),
    Row("7", "chat.send_message", {**_GLOBAL, "content": ""}, inside(SILENCE)),
    Row("7", "chat.send_message", _TEAM, {"guest": SILENCE, "moderator": SILENCE, "owner": SILENCE, "user": hears(self=_SAID, eve=_SAID)}),
    Row("7", "chat.send_message", {**_TEAM, "target": "nope"}, inside(SILENCE)),
    Row("7", "chat.send_message", _PRIVATE, {**BEFORE, **inside(hears(self=_SAID, dan=_SAID))}),
    Row("7", "chat.send_message", {**_PRIVATE, "target": "$unknown"}, inside(hears(self=_SAID))),
    Row("7", "chat.send_message", _GLOBAL, _CHAT_DISABLED, (_CHAT_OFF,)),
    Row("7", "chat.send_message", _TEAM, {"user": error("chat.chat_disabled")}, (_CHAT_OFF,)),
    Row("7", "chat.send_message", _PRIVATE, _CHAT_DISABLED, (_CHAT_OFF,)),
    Row("7", "chat.enable_chat", {}, {**BEFORE, **moderators(everyone("chat.chat_enabled"), _NO_CHAT_RIGHT)}),
    Row("7", "chat.disable_chat", {}, {**BEFORE, **moderators(everyone("chat.chat_disabled"), _NO_CHAT_RIGHT)}),
    Row("7", "chat.clear_history", {}, {**BEFORE, **moderators(everyone("chat.history_cleared"), _NO_CHAT_RIGHT)}),
    Row("7", "chat.set_last_seen_timestamp", {"scope": "global", "timestamp": "2024-03-05T09:30:01Z"}, {**BEFORE, **inside(SILENCE)}),
    Row("7", "chat.set_last_seen_timestamp", {"scope": "private", "target": "$unknown", "timestamp": "2024-03-05T09:30:01Z"}, inside(SILENCE)),
)  # fmt: skip

# -- signaling.md § 8 ---
_ROOMS = {"rooms": [{"name": "One", "assignments": ["$dan"]}]}
_NO_BREAKOUT_RIGHT = error("breakout.insufficient_permissions")
_BROKEN_OUT: Step = ("owner", "breakout.start", _ROOMS)

BREAKOUT: tuple[Row, ...] = (
    Row("8", "breakout.start", _ROOMS, {**BEFORE, **moderators(everyone("breakout.started"), _NO_BREAKOUT_RIGHT)}),
    Row("8", "breakout.start", _ROOMS, moderators(everyone("breakout.started"), _NO_BREAKOUT_RIGHT), (_BROKEN_OUT,)),
    Row("8", "breakout.start", {"rooms": []}, moderators(SILENCE, _NO_BREAKOUT_RIGHT)),
    Row("8", "breakout.stop", {}, {**BEFORE, **moderators(error("breakout.inactive"), _NO_BREAKOUT_RIGHT)}),
    Row("8", "breakout.stop", {}, moderators(everyone("breakout.stopped"), _NO_BREAKOUT_RIGHT), (_BROKEN_OUT,)),
    Row("8", "breakout.stop", {}, moderators(error("breakout.inactive")), (_BROKEN_OUT, ("owner", "breakout.stop", {}))),
)  # fmt: skip

# -- signaling.md § 9 ---
_POLL = {"topic": "Tea?", "live": True, "choices": ["yes", "no"], "duration": 60}
_QUIET = {**_POLL, "live": False}
_NO_POLL_RIGHT = error("polls.insufficient_permissions")
_POLLING: Step = ("owner", "polls.start", _POLL)
_POLLING_QUIETLY: Step = ("owner", "polls.start", _QUIET)
_VOTE = {"poll_id": "$poll", "choice_id": 0}
_VOTED: Step = ("self", "polls.vote", _VOTE)
_OVER: Step = ("owner", "polls.finish", {"id": "$poll"})
_WRONG = {"duration": 1, "topic": "?", "choices": ["yes"]}

POLLS: tuple[Row, ...] = (
    Row("9", "polls.start", _POLL, {**BEFORE, **moderators(everyone("polls.started"), _NO_POLL_RIGHT)}),
    Row("9", "polls.start", {**_POLL, **_WRONG}, moderators(error("polls.still_running"), _NO_POLL_RIGHT), (_POLLING,)),
    Row("9", "polls.start", {"topic": "Tea?", "choices": ["yes", "no"], "duration": 60}, inside(SILENCE), level="0.13"),
    Row("9", "polls.start", {"topic": "Tea?", "choices": ["yes", "no"], "duration": 60}, moderators(everyone("polls.started")), level="0.14"),
    Row("9", "polls.start", {**_POLL, "duration": -1}, inside(SILENCE)),
    *(
        Row("9", "polls.start", {**_POLL, **wrong}, moderators(error(f"polls.{slug}"), _NO_POLL_RIGHT))
        for slug, wrong in (
            ("invalid_duration", _WRONG),
            ("invalid_duration", {"duration": 3601}),
            ("invalid_topic_length", {**_WRONG, "duration": 2}),
            ("invalid_topic_length", {"topic": "é" * 51}),
            ("invalid_choice_count", {"choices": [""]}),
            ("invalid_choice_count", {"choices": ["x"] * 65}),
            ("invalid_choice_description", {"choices": ["x", ""]}),
            ("invalid_choice_description", {"choices": ["x", "é" * 51]}),
        )
    ),
    Row("9", "polls.start", {**_POLL, "topic": "é" * 50, "choices": ["é" * 50] * 64, "duration": 3600}, moderators(everyone("polls.started"))),
    Row("9", "polls.vote", _VOTE, {**BEFORE, **inside(everyone("polls.live_update"))}, (_POLLING,)),
    Row("9", "polls.vote", _VOTE, inside(SILENCE), (_POLLING_QUIETLY,)),
    Row("9", "polls.vote", {**_VOTE, "poll_id": "$unknown"}, inside(error("polls.invalid_poll_id")), (_POLLING,)),
    Row("9", "polls.vote", {**_VOTE, "poll_id": "$unknown"}, inside(error("polls.invalid_poll_id"))),
    Row("9", "polls.vote", _VOTE, inside(error("polls.invalid_poll_id")), (_POLLING, _OVER)),
    Row("9", "polls.vote", _VOTE, inside(error("polls.voted_already")), (_POLLING, _VOTED)),
    Row("9", "polls.vote", {**_VOTE, "choice_id": 7}, inside(error("polls.voted_already")), (_POLLING, _VOTED)),
    Row("9", "polls.vote", {**_VOTE, "choice_id": 1}, inside(everyone("polls.live_update")), (_POLLING, _VOTED), level="0.7"),
    Row("9", "polls.vote", {**_VOTE, "choice_id": 2}, inside(error("polls.invalid_choice_id")), (_POLLING,)),
    Row("9", "polls.vote", {**_VOTE, "choice_id": -1}, inside(SILENCE), (_POLLING,)),
    Row("9", "polls.vote", {"poll_id": "$poll", "choice_ids": [0]}, inside(SILENCE), (_POLLING,), level="0.3"),
    Row("9", "polls.vote", {"poll_id": "$poll", "choice_ids": [0, 1]}, inside(error("polls.multiple_choices_not_allowed")), (_POLLING,), level="0.14"),
    Row("9", "polls.vote", {"poll_id": "$poll", "choice_ids": [0, 1]}, inside(everyone("polls.live_update")), (("owner", "polls.start", {**_POLL, "multiple_choice": True}),), level="0.14"),
    Row("9", "polls.finish", {"id": "$poll"}, {**BEFORE, **moderators(everyone("polls.done"), _NO_POLL_RIGHT)}, (_POLLING,)),
    Row("9", "polls.finish", {"id": "$unknown"}, moderators(error("polls.invalid_poll_id"), _NO_POLL_RIGHT), (_POLLING,)),
    Row("9", "polls.finish", {"id": "$poll"}, moderators(error("polls.invalid_poll_id"), _NO_POLL_RIGHT), (_POLLING, _OVER)),
)  # fmt: skip

# -- signaling.md § 10 ---
_NO_TIMER_RIGHT = error("timer.insufficient_permissions")
_TIMING: Step = ("owner", "timer.start", {"kind": "stopwatch"})
_CHECKING: Step = ("owner", "timer.start", {"kind": "countdown", "duration": 60, "enable_ready_check": True})
_READY = {"timer_id": "$timer", "status": True}

TIMER: tuple[Row, ...] = (
    Row("10", "timer.start", {"kind": "stopwatch"}, {**BEFORE, **moderators(everyone("timer.started"), _NO_TIMER_RIGHT)}),
    Row("10", "timer.start", {"kind": "countdown", "duration": 60}, moderators(everyone("timer.started"), _NO_TIMER_RIGHT)),
    Row("10", "timer.start", {"kind": "stopwatch"}, moderators(error("timer.timer_already_running"), _NO_TIMER_RIGHT), (_TIMING,)),
    Row("10", "timer.start", {"kind": "countdown", "duration": 2**62}, moderators(error("timer.invalid_duration"), _NO_TIMER_RIGHT)),
    Row("10", "timer.stop", {"timer_id": "$timer"}, {**BEFORE, **moderators(everyone("timer.stopped"), _NO_TIMER_RIGHT)}, (_TIMING,)),
    Row("10", "timer.stop", {"timer_id": "$unknown"}, moderators(SILENCE, _NO_TIMER_RIGHT), (_TIMING,)),
    Row("10", "timer.stop", {"timer_id": "$unknown"}, moderators(SILENCE, _NO_TIMER_RIGHT)),
    Row("10", "timer.update_ready_status", _READY, {**BEFORE, **inside(everyone("timer.updated_ready_status"))}, (_CHECKING,)),
    Row("10", "timer.update_ready_status", _READY, inside(SILENCE), (_TIMING,)),
    Row("10", "timer.update_ready_status", {**_READY, "timer_id": "$unknown"}, inside(SILENCE), (_CHECKING,)),
    Row("10", "timer.update_ready_status", {**_READY, "timer_id": "$unknown"}, inside(SILENCE)),
)  # fmt: skip

# -- signaling.md § 11 ---
_NO_RECORDING_RIGHT = error("recording.insufficient_permissions")
_RECORDER: Step = ("recorder", "control.join", {"display_name": "Recorder"})
_TARGETS = {"target_ids": ["$unknown"]}
_STREAM = {"target_ids": ["$stream"]}
_STREAMING = ("start_stream", "pause_stream", "stop_stream")

RECORDING: tuple[Row, ...] = (
    Row("11", "recording.start", {}, {**BEFORE, **moderators(SILENCE, _NO_RECORDING_RIGHT)}),
    Row("11", "recording.start", {}, moderators(error("recording.already_recording"), _NO_RECORDING_RIGHT), (("owner", "recording.start", {}),)),
    Row("11", "recording.start", {}, moderators(error("recording.already_recording"), _NO_RECORDING_RIGHT), (_RECORDER,)),
    Row("11", "recording.stop", {"recording_id": "$unknown"}, {**BEFORE, **moderators(error("recording.invalid_recording_id"), _NO_RECORDING_RIGHT)}),
    Row("11", "recording.stop", {"recording_id": "$unknown"}, moderators(error("recording.invalid_recording_id"), _NO_RECORDING_RIGHT), (_RECORDER,)),
    Row("11, 2", "recording.stop", {"recording_id": "$recorder"}, moderators(everyone("recording.stopped", recorder="")), (_RECORDER,), closes={"recorder": 1000}),
    Row("11", "recording.set_consent", {"consent": True}, {**BEFORE, **inside(hears(others="control.update"))}),
    *(Row("11", f"recording.{action}", _TARGETS, {**BEFORE, **inside(SILENCE)}) for action in _STREAMING),
    *(
        Row("11", f"recording.{action}", _TARGETS, {**BEFORE, **moderators(error("recording.invalid_streaming_id"), _NO_RECORDING_RIGHT)}, level="0.14")
        for action in _STREAMING
    ),
    Row("11", "recording.start_stream", _STREAM, moderators(everyone("recording.stream_updated"), _NO_RECORDING_RIGHT), level="0.14"),
    Row("11", "recording.start_stream", _STREAM, moderators(everyone("recording.stream_updated", recorder="recording_service.start_streams"), _NO_RECORDING_RIGHT), (_RECORDER,), level="0.14"),
    Row("11", "recording.pause_stream", _STREAM, moderators(error("recording.recorder_not_started"), _NO_RECORDING_RIGHT), level="0.14"),
    Row("11", "recording.pause_stream", _STREAM, moderators(hears(recorder="recording_service.pause_streams"), _NO_RECORDING_RIGHT), (_RECORDER,), level="0.14"),
    Row("11", "recording.stop_stream", _STREAM, moderators(error("recording.recorder_not_started"), _NO_RECORDING_RIGHT), level="0.14"),
    Row("11", "recording.stop_stream", _STREAM, moderators(hears(recorder="recording_service.stop_streams"), _NO_RECORDING_RIGHT), (_RECORDER,), level="0.14"),
    Row("11", "recording.set_consent", {"consent": False}, inside(hears(others="control.update")), level="0.14"),
    Row("11", "recording_service.stream_updated", {"target_id": "$stream", "status": "active"}, {**BEFORE, **inside(SILENCE), "recorder": hears(others="recording.stream_updated")}, (_RECORDER,), level="0.14"),
    Row("11", "recording_service.stream_updated", {"target_id": "$unknown", "status": "active"}, {"recorder": SILENCE}, (_RECORDER,), level="0.14"),
    Row("5", "control.raise_hand", {}, {"recorder": SILENCE}, (_RECORDER,)),
    Row("5", "control.join", {"display_name": "N"}, {"recorder": hears(self="control.join_success")}, level="0.14"),
)  # fmt: skip

# -- signaling.md § 13 ---
_DAN_WRITES = {"participant_ids": ["$dan"]}
_NOBODY_WRITES = {"participant_ids": ["$unknown"]}
_UPDATES = " control.update" * 5
"""Every address that the five others are sent."""


def _minutes(name: str, level: str) -> tuple[Row, ...]:
    """The minutes, as a server of ``level`` calls them."""
    no_right = error(f"{name}.insufficient_permissions")
    wrong = f"{name}.error.invalid_participant_selection"
    pad: Step = ("owner", f"{name}.select_writer", _DAN_WRITES)
    return (
        Row("13", f"{name}.select_writer", _DAN_WRITES, {**BEFORE, **moderators(everyone(f"{name}.read_url{_UPDATES}", dan=f"{name}.write_url{_UPDATES}"), no_right)}, any_order=True, level=level),
        Row("13", f"{name}.select_writer", _NOBODY_WRITES, moderators(hears(others=f"{name}.read_url{_UPDATES}", self=f"{wrong} {name}.read_url{_UPDATES}"), no_right), any_order=True, level=level),
        Row("13", f"{name}.select_writer", {"participant_ids": ["$eve"]}, moderators(everyone("control.update", eve=f"{name}.write_url"), no_right), (pad,), level=level),
        Row("13", f"{name}.deselect_writer", _DAN_WRITES, {**BEFORE, **moderators(error(f"{name}.not_initialized"), no_right)}, level=level),
        Row("13", f"{name}.deselect_writer", _DAN_WRITES, moderators(everyone("control.update", dan=f"{name}.read_url"), no_right), (pad,), level=level),
        Row("13", f"{name}.deselect_writer", {"participant_ids": ["$eve"]}, moderators(SILENCE, no_right), (pad,), level=level),
        Row("13", f"{name}.deselect_writer", _NOBODY_WRITES, moderators(error(f"{name}.invalid_participant_selection"), no_right), (pad,), level=level),
        Row("13", f"{name}.generate_pdf", {}, {**BEFORE, **moderators(error(f"{name}.not_initialized"), no_right)}, level=level),
        Row("13", f"{name}.generate_pdf", {}, moderators(error(f"{name}.storage_exceeded"), no_right), (pad,), level="0.11" if level == "capture" else level),
    )  # fmt: skip


MINUTES: tuple[Row, ...] = (
    *_minutes("protocol", "capture"),
    *_minutes("protocol", "0.15"),
    *_minutes("meeting_notes", "0.16"),
)

# -- media.md § 2 ---
_DENIED = error("media.permission_denied")
_NO_FEED = error("media.invalid_request_offer")
_STATE = {"audio": True, "video": True, "video_settings": 2}
_OWN = {"target": "$self", "media_session_type": "video"}
_OWN_SCREEN = {"target": "$self", "media_session_type": "screen"}
_OF_DAN = {"target": "$dan", "media_session_type": "video"}
_COMPLETE = {"media_session_type": "video", "media_session_state": _STATE}
_COMPLETE_SCREEN = {**_COMPLETE, "media_session_type": "screen"}
_CANDIDATE = {"candidate": {"candidate": "candidate:7 1 udp 2113937151 192.0.2.7 50007 typ host", "sdpMLineIndex": 0}}
_ANSWERED = hears(self="media.sdp_answer media.webrtc_up media.media_status media.media_status")
_OFFERED = hears(self="media.sdp_offer")
_PUBLISHED: Step = ("self", "media.publish", {**_OWN, "sdp": "$offer"})
_COMPLETED: Step = ("self", "media.publish_complete", _COMPLETE)
_SHARED: Step = ("self", "media.publish", {**_OWN_SCREEN, "sdp": "$offer"})
_DAN_PUBLISHED: Step = ("dan", "media.publish", {**_OF_DAN, "sdp": "$offer"})
_SUBSCRIBED: Step = ("self", "media.subscribe", _OF_DAN)
_CONNECTED: Step = ("self", "media.sdp_answer", {**_OF_DAN, "sdp": "$answer"})
_ASK_FIRST = {"screen_needs_permission": True}
_PRESENTER: Step = ("owner", "media.grant_presenter_role", {"participant_ids": ["$self"]})
_REVOKED: Step = ("owner", "media.revoke_presenter_role", {"participant_ids": ["$self"]})
_DAN = {"participant_ids": ["$dan"]}
_CONFIGURE = {**_OF_DAN, "configuration": {"video": True, "substream": 9}}
_MUTED: Step = ("owner", "media.moderator_enable_force_mute", {"allow_list": []})

MEDIA: tuple[Row, ...] = (
    Row("media 2", "media.publish", {**_OWN, "sdp": "$offer"}, {"nobody": SILENCE, **inside(_ANSWERED)}),
    Row("media 2", "media.publish", {**_OF_DAN, "sdp": "$offer"}, {**BEFORE, **inside(error("media.invalid_sdp_offer"))}),
    Row("media 2", "media.publish", {**_OWN, "sdp": "v=0"}, inside(error("media.invalid_sdp_offer"))),
    Row("media 2", "media.publish", {**_OWN, "sdp": "$offer"}, inside(error("media.invalid_sdp_offer")), refused_by_sfu=True),
    Row("media 2", "media.publish", {**_OWN_SCREEN, "sdp": "$offer"}, inside(_ANSWERED)),
    Row("media 2", "media.publish", {**_OWN_SCREEN, "sdp": "$offer"}, moderators(_ANSWERED, _DENIED), config=_ASK_FIRST),
    Row("media 2", "media.publish", {**_OWN_SCREEN, "sdp": "$offer"}, inside(_ANSWERED), (_PRESENTER,), config=_ASK_FIRST),
    Row("media 2", "media.publish", {**_OWN_SCREEN, "sdp": "$offer"}, moderators(_ANSWERED, _DENIED), (_REVOKED,)),
    Row("media 2", "media.publish_complete", _COMPLETE, {**BEFORE, **inside(hears(others="control.update"))}, (_PUBLISHED,)),
    Row("media 2", "media.publish_complete", _COMPLETE, inside(hears(others="control.update"))),
    Row("media 2", "media.publish_complete", _COMPLETE_SCREEN, inside(hears(others="control.update")), config=_ASK_FIRST),
    Row("media 2", "media.update_media_session", _COMPLETE, {**BEFORE, **inside(SILENCE)}),
    Row("media 2", "media.update_media_session", _COMPLETE, inside(hears(others="control.update")), (_COMPLETED,)),
    Row("media 2", "media.update_media_session", _COMPLETE, inside(hears(others="control.update")), (_PUBLISHED, _COMPLETED)),
    Row("media 2", "media.update_media_session", _COMPLETE_SCREEN, {"guest": _DENIED, "user": _DENIED}, config=_ASK_FIRST),
    Row("media 2", "media.unpublish", {"media_session_type": "video"}, {**BEFORE, **inside(hears(others="control.update"))}),
    Row("media 2", "media.unpublish", {"media_session_type": "video"}, inside(hears(others="control.update")), (_PUBLISHED, _COMPLETED)),
    Row("media 2", "media.subscribe", _OF_DAN, {**BEFORE, **inside(_OFFERED)}, (_DAN_PUBLISHED,)),
    Row("media 2", "media.subscribe", _OF_DAN, inside(_NO_FEED)),
    Row("media 2", "media.subscribe", _OWN, inside(_NO_FEED), (_PUBLISHED,)),
    Row("media 2", "media.subscribe", {**_OF_DAN, "target": "$unknown"}, inside(SILENCE)),
    Row("media 2", "media.subscribe", {**_OF_DAN, "target": "$waiting"}, inside(SILENCE)),
    Row("media 2", "media.subscribe", _OF_DAN, inside(_NO_FEED), (_DAN_PUBLISHED,), refused_by_sfu=True),
    Row("media 10", "media.subscribe", _OF_DAN, inside(_OFFERED), (_DAN_PUBLISHED, _SUBSCRIBED)),
    Row("media 2", "media.resubscribe", _OF_DAN, {**BEFORE, **inside(_NO_FEED)}, (_DAN_PUBLISHED,)),
    Row("media 2", "media.resubscribe", _OF_DAN, inside(_OFFERED), (_DAN_PUBLISHED, _SUBSCRIBED, _CONNECTED)),
    Row("media 2", "media.sdp_answer", {**_OF_DAN, "sdp": "$answer"}, inside(hears(self="media.webrtc_up")), (_DAN_PUBLISHED, _SUBSCRIBED)),
    Row("media 2", "media.sdp_answer", {**_OF_DAN, "sdp": "v=0"}, {**BEFORE, **inside(error("media.handle_sdp_answer"))}),
    Row("media 2", "media.sdp_answer", {**_OF_DAN, "sdp": "v=0"}, inside(error("media.handle_sdp_answer")), (_DAN_PUBLISHED, _SUBSCRIBED)),
    Row("media 2", "media.sdp_answer", {**_OWN, "sdp": "v=0"}, inside(error("media.handle_sdp_answer")), (_PUBLISHED,)),
    Row("media 2", "media.sdp_candidate", {**_OWN, **_CANDIDATE}, inside(error("media.invalid_candidate"))),
    Row("media 2", "media.sdp_candidate", {**_OF_DAN, **_CANDIDATE}, {**BEFORE, **inside(error("media.invalid_candidate"))}, (_DAN_PUBLISHED,)),
    Row("media 2", "media.sdp_candidate", {**_OWN, "candidate": {"candidate": "candidate:nonsense", "sdpMLineIndex": 0}}, inside(error("media.invalid_candidate")), (_PUBLISHED,)),
    Row("media 2", "media.sdp_end_of_candidates", _OF_DAN, {**BEFORE, **inside(error("media.invalid_end_of_candidates"))}, (_DAN_PUBLISHED,)),
    Row("media 2", "media.sdp_end_of_candidates", _OWN, inside(SILENCE), (_PUBLISHED,)),
    Row("media 2", "media.configure", _CONFIGURE, {**BEFORE, **inside(SILENCE)}),
    Row("media 2", "media.configure", _CONFIGURE, inside(SILENCE), (_DAN_PUBLISHED, _SUBSCRIBED)),
    Row("media 2", "media.moderator_mute", {"targets": ["$dan", "$unknown"], "force": True}, {**BEFORE, **moderators(hears(dan="media.request_mute"), _DENIED)}),
    Row("media 2", "media.moderator_mute", {"targets": ["$unknown"], "force": True}, moderators(SILENCE, _DENIED)),
    Row("media 2", "media.moderator_mute", {"targets": "$dan", "force": True}, inside(SILENCE), level="0.15"),
    Row("media 2", "media.moderator_mute", {"targets": "$dan", "force": True}, moderators(hears(dan="media.request_mute"), _DENIED), level="0.16"),
    Row("media 2", "media.moderator_mute", {"force": False}, moderators(hears(others="media.request_mute"), _DENIED), level="0.16"),
    Row("media 2", "media.grant_presenter_role", _DAN, {**BEFORE, **moderators(everyone("control.update", dan="media.presenter_granted"), _DENIED)}, config=_ASK_FIRST),
    Row("media 2", "media.grant_presenter_role", _DAN, moderators(SILENCE, _DENIED)),
    Row("media 2", "media.revoke_presenter_role", _DAN, {**BEFORE, **moderators(everyone("control.update", dan="media.presenter_revoked"), _DENIED)}),
    Row("media 2", "media.revoke_presenter_role", {"participant_ids": ["$unknown"]}, moderators(SILENCE, _DENIED)),
    Row("media 2", "media.update_speaking_state", {"is_speaking": True}, {**BEFORE, **inside(SILENCE)}),
    Row("media 2", "media.update_speaking_state", {"is_speaking": True}, inside(everyone("media.speaker_updated")), level="0.9"),
    Row("media 2", "media.moderator_enable_force_mute", {"allow_list": []}, {**BEFORE, **inside(SILENCE)}),
    Row("media 2", "media.moderator_enable_force_mute", {"allow_list": ["$dan"]}, moderators(everyone("media.force_mute_enabled"), _DENIED), level="0.16"),
    Row("media 2", "media.moderator_disable_force_mute", {}, {**BEFORE, **inside(SILENCE)}),
    Row("media 2", "media.moderator_disable_force_mute", {}, moderators(everyone("media.force_mute_disabled"), _DENIED), (_MUTED,), level="0.16"),
    Row("media 2", "media.publish_complete", _COMPLETE, inside(hears(others="control.update")), (_PUBLISHED, _MUTED), level="0.16"),
    Row("media 2", "media.update_media_session", _COMPLETE, {"guest": _DENIED, "user": _DENIED}, (_PUBLISHED, _COMPLETED, _MUTED), level="0.16"),
)  # fmt: skip

# -- signaling.md § 12, 15 - 18: echo, and what the controller of this project does not offer ---
ECHO: tuple[Row, ...] = (
    Row("15", "echo.ping", {}, anywhere(hears(self="echo.ping"))),
    Row("15", "echo.anything", {"a": [1]}, anywhere(hears(self="echo.anything"))),
)

_VOTE_ID = {"legal_vote_id": "$unknown"}
_NOT_OFFERED: Mapping[str, Mapping[str, Any]] = {
    "whiteboard.initialize": {},
    "whiteboard.generate_pdf": {},
    "meeting_notes.select_writer": _DAN_WRITES,
    "meeting_notes.deselect_writer": _DAN_WRITES,
    "meeting_notes.generate_pdf": {},
    "legal_vote.start": {
        "kind": "roll_call", "name": "Tea", "allowed_participants": ["$dan"], "enable_abstain": False,
        "auto_close": False, "create_pdf": False,
    },
    "legal_vote.stop": _VOTE_ID,
    "legal_vote.cancel": {**_VOTE_ID, "reason": "none"},
    "legal_vote.vote": {**_VOTE_ID, "option": "yes", "token": "1111Cn8eVZg"},
    "legal_vote.report_issue": {**_VOTE_ID, "description": "no sound"},
    "legal_vote.generate_pdf": _VOTE_ID,
    "automod.start": {
        "selection_strategy": "none", "show_list": True, "consider_hand_raise": False,
        "allow_double_selection": False, "animation_on_random": False, "auto_append_on_join": False,
    },
    "automod.edit": {"allow_list": ["$dan"]},
    "automod.stop": {},
    "automod.select": {"how": "none"},
    "automod.yield": {},
    "recording_service.stream_updated": {"target_id": "$unknown", "status": "active"},
    "shared_folder.anything": {},
    "livekit.create_new_access_token": {},
}  # fmt: skip
NOT_OFFERED: tuple[Row, ...] = tuple(
    Row("4, 12 - 19", command, fields, {**BEFORE, **inside(error("control.invalid_namespace"))})
    for command, fields in _NOT_OFFERED.items()
)

ROWS: tuple[Row, ...] = (
    *CONTROL,
    *MODERATION,
    *CHAT,
    *BREAKOUT,
    *POLLS,
    *TIMER,
    *RECORDING,
    *MINUTES,
    *MEDIA,
    *ECHO,
    *NOT_OFFERED,
)
NEVER: Mapping[str, str] = {
    "media.invalid_configure_request": "the media server obeys every configuration; without a subscription it is ignored",
    "protocol.currently_initializing": "a pad has its address at once",
    "protocol.failed_initialization": "a pad has its address at once",
}
"""Slugs of offered namespaces that this controller never sends, and why."""


def cases() -> Iterator[tuple[Row, str]]:
    """Each row with each of its roles."""
    for row in ROWS:
        for role in row.roles:
            yield row, role
