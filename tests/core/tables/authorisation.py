"""Who may send which command and ask for which resource: one rule for each, from signaling.md, media.md and rest.md.

`permissions` has what each command causes, for each role in the room. These rules are shorter and wider: may it, or may
it not, for everybody who can be connected, at every level. They import nothing of the library.

The cast is that of `permissions`, and four more who are connected or were: `accepted` waits and was accepted,
`recorder` is inside, `kicked` and `banned` were thrown out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tables.permissions import NOT_OFFERED

Step = tuple[str, str, Mapping[str, Any]]
OBEYED = "obeyed"
NOTHING = "nothing"
"""Nobody receives anything, and nothing changes."""

LEVELS = ("capture", "0.3", "0.4", "0.5", "0.6", "0.7", "0.9", "0.11", "0.12", "0.13", "0.14", "0.15", "0.16")
MODERATORS = frozenset({"owner", "moderator"})
EVERYBODY = frozenset({*MODERATORS, "user", "guest", "recorder"})
"""Everybody inside. A recorder has the rights of a guest (signaling.md § 5, role at join)."""
BEFORE = frozenset({"nobody", "waiting", "accepted"})
GONE = frozenset({"kicked", "banned"})
ROLES = (*sorted(EVERYBODY), *sorted(BEFORE), *sorted(GONE))


@dataclass(frozen=True)
class Rule:
    """One command. ``may``: the roles inside that may send it; the others inside get the error ``refusal``."""

    section: str
    command: str
    fields: Mapping[str, Any]
    may: frozenset[str] = EVERYBODY
    refusal: str = NOTHING
    refuses_since: str = "capture"
    """From this level on there is an error. Earlier there is none."""
    since: str = "capture"
    until: str = "later"
    """The levels at which the command is known: from ``since``, and before ``until``."""
    unknown: str = NOTHING
    """What it causes inside at the other levels."""
    before: tuple[Step, ...] = ()
    """What happens before, so that it can be obeyed. `self` is the sender."""
    outside: Mapping[str, str] = field(default_factory=dict)
    """What it causes before the room, if not nothing (signaling.md § 4)."""

    def outcome(self, role: str, level: str) -> str:
        """What happens when ``role`` sends the command: `OBEYED`, `NOTHING`, or `namespace.slug` of an error."""
        if role in GONE:
            return NOTHING
        if role in BEFORE:
            return self.outside.get(role, NOTHING)
        if not at(self.since) <= at(level) < at(self.until):
            return self.unknown
        if role in self.may:
            return OBEYED
        return self.refusal if at(level) >= at(self.refuses_since) else NOTHING


def at(level: str) -> int:
    """The place of ``level`` in their order; `later` is after all."""
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


def moderation(command: str, fields: Mapping[str, Any], since: str = "capture", before: tuple[Step, ...] = ()) -> Rule:
    """A rule of § 6: silence for others, and from 0.15 on an error."""
    command, refusal = f"moderation.{command}", "moderation.insufficient_permissions"
    return Rule("6", command, fields, MODERATORS, refusal, "0.15", since, before=before)


def moderators(
    section: str, command: str, fields: Mapping[str, Any], *before: Step, slug: str = "", **more: Any
) -> Rule:
    """A rule for what moderators may, and others are refused with an error of the namespace."""
    refusal = f"{command.partition('.')[0]}.{slug or 'insufficient_permissions'}"
    return Rule(section, command, fields, MODERATORS, refusal, before=before, **more)


INVALID_NAMESPACE = "control.invalid_namespace"
DAN = {"target": "$dan"}
VIDEO = {"media_session_type": "video"}
OWN = {"target": "$self", **VIDEO}
OF_DAN = {"target": "$dan", **VIDEO}
STATE = {"media_session_state": {"audio": True, "video": True, "video_settings": 2}}
MUTED = {"media_session_state": {"audio": False, "video": True, "video_settings": 2}}
CANDIDATE = {"candidate": {"candidate": "candidate:7 1 udp 2113937151 192.0.2.7 50007 typ host", "sdpMLineIndex": 0}}
POLL = {"topic": "Tea?", "live": True, "choices": ["yes", "no"], "duration": 60}
ROOMS = {"rooms": [{"name": "One", "assignments": ["$dan"]}]}
PUBLISHED: Step = ("self", "media.publish", {**OWN, "sdp": "$offer"})
TRICKLING: Step = ("self", "media.publish", {**OWN, "sdp": "$trickling"})
COMPLETED: Step = ("self", "media.publish_complete", {**VIDEO, **STATE})
DAN_PUBLISHED: Step = ("dan", "media.publish", {**OF_DAN, "sdp": "$offer"})
SUBSCRIBED: Step = ("self", "media.subscribe", OF_DAN)
ANSWERED: Step = ("self", "media.sdp_answer", {**OF_DAN, "sdp": "$answer"})
NO_PRESENTER: Step = ("owner", "media.revoke_presenter_role", {"participant_ids": ["$self"]})
RECORDER: Step = ("recorder", "control.join", {"display_name": "Recorder"})
NOT_YET = dict.fromkeys(BEFORE, "control.not_yet_joined")
IN_ALREADY = "control.already_joined"
ALREADY = {"waiting": IN_ALREADY, "accepted": IN_ALREADY, "nobody": OBEYED}
NOT_ACCEPTED = "control.not_accepted_or_not_in_waiting_room"
ENTERING = {"nobody": NOT_ACCEPTED, "waiting": NOT_ACCEPTED, "accepted": OBEYED}
UNKNOWN_ACTION = "control.invalid_json"
DENIED = "permission_denied"

RULES: tuple[Rule, ...] = (
    Rule("4", "control.fly", {}, frozenset(), UNKNOWN_ACTION, outside=dict.fromkeys(BEFORE, UNKNOWN_ACTION)),
    Rule("4", "chat.fly", {}, frozenset()),
    Rule("4", "nope.x", {}, frozenset(), INVALID_NAMESPACE),
    Rule("5", "control.join", {"display_name": "N"}, frozenset(), IN_ALREADY, outside=ALREADY),
    Rule("5", "control.enter_room", {}, frozenset(), NOT_ACCEPTED, outside=ENTERING),
    Rule("5", "control.raise_hand", {}, outside=NOT_YET),
    Rule("5", "control.lower_hand", {}, before=(("self", "control.raise_hand", {}),), outside=NOT_YET),
    moderators("5", "control.grant_moderator_role", DAN, outside=NOT_YET),
    moderators("5", "control.revoke_moderator_role", DAN, ("owner", "control.grant_moderator_role", DAN), outside=NOT_YET),
    moderation("kick", DAN),
    moderation("ban", {"target": "$eve"}),
    moderation("enable_waiting_room", {}),
    moderation("disable_waiting_room", {}),
    moderation("enable_raise_hands", {}),
    moderation("disable_raise_hands", {}),
    moderation("accept", {"target": "$waiting"}),
    moderation("reset_raised_hands", {}, before=(("dan", "control.raise_hand", {}),)),
    moderation("debrief", {"kick_scope": "all"}, "0.4"),
    moderation("send_to_waiting_room", DAN, "0.12"),
    moderation("change_display_name", {**DAN, "new_name": "Dana"}, "0.12"),
    Rule("7", "chat.send_message", {"scope": "global", "content": "hi"}),
    Rule("7", "chat.set_last_seen_timestamp", {"scope": "global", "timestamp": "2024-03-05T09:30:01Z"}),
    moderators("7", "chat.enable_chat", {}),
    moderators("7", "chat.disable_chat", {}),
    moderators("7", "chat.clear_history", {}),
    moderators("8", "breakout.start", ROOMS),
    moderators("8", "breakout.stop", {}, ("owner", "breakout.start", ROOMS)),
    moderators("9", "polls.start", POLL),
    moderators("9", "polls.finish", {"id": "$poll"}, ("owner", "polls.start", POLL)),
    Rule("9", "polls.vote", {"poll_id": "$poll", "choice_id": 0}, before=(("owner", "polls.start", POLL),)),
    moderators("10", "timer.start", {"kind": "stopwatch"}),
    moderators("10", "timer.stop", {"timer_id": "$timer"}, ("owner", "timer.start", {"kind": "stopwatch"})),
    Rule("10", "timer.update_ready_status", {"timer_id": "$timer", "status": True}, before=(("owner", "timer.start", {"kind": "stopwatch", "enable_ready_check": True}),)),
    moderators("11", "recording.start", {}, until="0.14"),
    moderators("11", "recording.stop", {"recording_id": "$recorder"}, RECORDER, until="0.14"),
    Rule("11", "recording.set_consent", {"consent": True}),
    moderators("11", "recording.start_stream", {"target_ids": ["$stream"]}, since="0.14"),
    moderators("11", "recording.pause_stream", {"target_ids": ["$stream"]}, RECORDER, since="0.14"),
    moderators("11", "recording.stop_stream", {"target_ids": ["$stream"]}, RECORDER, since="0.14"),
    Rule("11", "recording_service.stream_updated", {"target_id": "$stream", "status": "active"}, frozenset({"recorder"}), since="0.14", unknown=INVALID_NAMESPACE, before=(RECORDER,)),
    *(
        rule
        for name, levels in (("protocol", {"until": "0.16"}), ("meeting_notes", {"since": "0.16"}))
        for rule in (
            moderators("13", f"{name}.select_writer", {"participant_ids": ["$dan"]}, unknown=INVALID_NAMESPACE, **levels),
            moderators("13", f"{name}.deselect_writer", {"participant_ids": ["$dan"]}, ("owner", f"{name}.select_writer", {"participant_ids": ["$dan"]}), unknown=INVALID_NAMESPACE, **levels),
        )
    ),
    Rule("media 2", "media.publish", {**OWN, "sdp": "$offer"}),
    moderators("media 2", "media.publish", {"target": "$self", "media_session_type": "screen", "sdp": "$offer"}, NO_PRESENTER, slug=DENIED),
    Rule("media 2", "media.publish", {**OF_DAN, "sdp": "$offer"}, frozenset(), "media.invalid_sdp_offer"),
    Rule("media 2", "media.publish_complete", {**VIDEO, **STATE}),
    Rule("media 2", "media.update_media_session", {**VIDEO, **MUTED}, before=(COMPLETED,)),
    Rule("media 2", "media.unpublish", VIDEO, before=(PUBLISHED, COMPLETED)),
    Rule("media 2", "media.subscribe", OF_DAN, before=(DAN_PUBLISHED,)),
    Rule("media 2", "media.subscribe", {"target": "$waiting", **VIDEO}, frozenset(), before=(DAN_PUBLISHED,)),
    Rule("media 2", "media.resubscribe", OF_DAN, before=(DAN_PUBLISHED, SUBSCRIBED, ANSWERED)),
    Rule("media 2", "media.sdp_answer", {**OF_DAN, "sdp": "$answer"}, before=(DAN_PUBLISHED, SUBSCRIBED)),
    Rule("media 2", "media.sdp_candidate", {**OWN, **CANDIDATE}, before=(TRICKLING,)),
    Rule("media 2", "media.sdp_candidate", {**OF_DAN, **CANDIDATE}, frozenset(), "media.invalid_candidate", before=(DAN_PUBLISHED,)),
    Rule("media 2", "media.sdp_end_of_candidates", OF_DAN, frozenset(), "media.invalid_end_of_candidates", before=(DAN_PUBLISHED,)),
    Rule("media 2", "media.configure", {**OF_DAN, "configuration": {"video": True, "substream": 1}}, before=(DAN_PUBLISHED, SUBSCRIBED)),
    moderators("media 2", "media.moderator_mute", {"targets": ["$dan"], "force": True}, slug=DENIED),
    moderators("media 2", "media.grant_presenter_role", {"participant_ids": ["$dan"]}, ("owner", "media.revoke_presenter_role", {"participant_ids": ["$dan"]}), slug=DENIED),
    moderators("media 2", "media.revoke_presenter_role", {"participant_ids": ["$dan"]}, slug=DENIED),
    Rule("media 2", "media.update_speaking_state", {"is_speaking": True}, EVERYBODY - {"recorder"}, since="0.9"),
    moderators("media 2", "media.moderator_enable_force_mute", {"allow_list": []}, slug=DENIED, since="0.16"),
    moderators("media 2", "media.moderator_disable_force_mute", {}, ("owner", "media.moderator_enable_force_mute", {"allow_list": []}), slug=DENIED, since="0.16"),
    Rule("15", "echo.ping", {}, outside=dict.fromkeys(BEFORE, OBEYED)),
    *(
        Rule("4, 12 - 19", row.command, row.fields, frozenset(), INVALID_NAMESPACE)
        for row in NOT_OFFERED
        if row.command.partition(".")[0] not in {"meeting_notes", "recording_service"}  # above, by level
    ),
)  # fmt: skip

# -- rest.md § 4 ---
ASKERS = ("nobody", "owner", "other", "stranger", "invited", "expired", "wrong", "recorder")
"""Who asks, by the bearer token: none, the owner of the room, another user, somebody whose token is valid and who never
logged in, an invitation to the room, one that has expired, a token of nobody, the secret of the recorder."""
_USERS = {"owner": "200", "other": "200", "stranger": "401 unknown_sub"}
_OWNER = {**_USERS, "other": "403"}
_ANYBODY = dict.fromkeys(ASKERS, "200")

ROUTES: Mapping[str, Mapping[str, str]] = {
    "GET /auth/login": _ANYBODY,
    "POST /auth/login": _ANYBODY,
    "GET /users/me": _USERS,
    "POST /events": _USERS,
    "GET /events/{event_id}": _OWNER,
    "GET /rooms/{room_id}": _OWNER,
    "POST /rooms/{room_id}/start": _OWNER,
    "POST /rooms/{room_id}/start_invited": _ANYBODY,
    "POST /rooms/{room_id}/invites": _OWNER,
    "POST /invite/verify": _ANYBODY,
    "GET /turn": {**_USERS, "invited": "200"},
    "POST /turn": _ANYBODY,
    "POST /services/recording/start": {"recorder": "200"},
}
"""The answer for each asker; who is not named gets `401 unauthorized`. The body of a request is a right one."""
OPEN_ROOMS: Mapping[str, Mapping[str, str]] = {**ROUTES, "POST /rooms/{room_id}/start": _USERS}
"""The same for a controller whose rooms are open to all users (`ControllerConfig.open_rooms`)."""


def asked() -> Iterator[tuple[bool, str, str, str]]:
    """Whether rooms are open, the route, who asks, and the answer."""
    for is_open, routes in ((False, ROUTES), (True, OPEN_ROOMS)):
        for route, answers in routes.items():
            for asker in ASKERS:
                yield is_open, route, asker, answers.get(asker, "401 unauthorized")
