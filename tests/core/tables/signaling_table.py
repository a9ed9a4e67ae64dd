"""What signaling.md § 4, 5 and 6 (and media.md § 2, 3) say about every message in every state, as plain data.

The rules were written by hand from the protocol, the examples of messages are the vectors. Nothing of the library is
imported, so that its mistakes cannot be repeated here.
"""

from __future__ import annotations

import json
from pathlib import Path

VECTORS = Path(__file__).parents[2] / "vectors"
ID = "6350421b-2930-4731-ba17-a0faa5243422"
NEW, JOINING, WAITING, ACCEPTED, ENTERING, JOINED, CLOSED = (
    "new",
    "joining",
    "waiting",
    "accepted",
    "entering",
    "joined",
    "closed",
)
STATES = (NEW, JOINING, WAITING, ACCEPTED, ENTERING, JOINED, CLOSED)


def _examples(namespace: str, direction: str) -> dict[str, dict[str, object]]:
    """The fields of the first vector of each kind."""
    found: dict[str, dict[str, object]] = {}
    for vector in json.loads((VECTORS / f"signaling-{namespace}.json").read_text("utf-8")):
        if vector["direction"] == direction:
            payload = vector["json"]["payload"]
            found.setdefault(vector["type"], {key: payload[key] for key in payload if key not in {"action", "message"}})
    return found


# § 5, commands and events; media.md § 2 and 3
CONTROL_COMMANDS = _examples("control", "to_server")
MEDIA_COMMANDS = _examples("media", "to_server")
CONTROL_EVENTS = _examples("control", "to_client")
MEDIA_EVENTS = _examples("media", "to_client")
del CONTROL_EVENTS["error"]  # each slug is an event of its own
CONTROL_ERRORS = (
    "invalid_json",
    "invalid_namespace",
    "invalid_username",
    "already_joined",
    "not_yet_joined",
    "not_accepted_or_not_in_waiting_room",
    "raise_hands_disabled",
    "insufficient_permissions",
    "target_is_room_owner",
    "nothing_to_do",
)


def _command(namespace: str, action: str, fields: dict[str, object]) -> dict[str, object]:
    return {"namespace": namespace, "payload": {"action": action, **fields}}


def _event(namespace: str, message: str, fields: dict[str, object]) -> dict[str, object]:
    payload = {"message": message, **fields}
    return {"namespace": namespace, "timestamp": "2024-03-05T09:30:01Z", "payload": payload}


COMMANDS: dict[str, dict[str, object]] = {
    **{f"control.{name}": _command("control", name, fields) for name, fields in CONTROL_COMMANDS.items()},
    **{f"media.{name}": _command("media", name, fields) for name, fields in MEDIA_COMMANDS.items()},
    "media.dance": _command("media", "dance", {}),
    "chat.send_message": _command("chat", "send_message", {"scope": "global", "content": "hi"}),
    "echo.ping": _command("echo", "ping", {}),
    "nope.x": _command("nope", "x", {}),
    "control.fly": _command("control", "fly", {}),
}
EVENTS: dict[str, dict[str, object]] = {
    **{f"control.{name}": _event("control", name, fields) for name, fields in CONTROL_EVENTS.items()},
    **{f"control.error.{slug}": _event("control", "error", {"error": slug}) for slug in CONTROL_ERRORS},
    **{f"media.{name}": _event("media", name, fields) for name, fields in MEDIA_EVENTS.items()},
    "media.dance": _event("media", "dance", {}),
    "moderation.in_waiting_room": _event("moderation", "in_waiting_room", {}),
    "moderation.accepted": _event("moderation", "accepted", {}),
    "moderation.kicked": _event("moderation", "kicked", {}),
    "moderation.waiting_room_enabled": _event("moderation", "waiting_room_enabled", {}),
    "echo.ping": {"namespace": "echo", "timestamp": "2024-03-05T09:30:01Z", "payload": {"action": "ping"}},
    "chat.message_sent": _event("chat", "message_sent", {"id": ID, "source": ID, "scope": "global", "content": "hi"}),
    "nope.x": _event("nope", "x", {}),
    "control.fly": _event("control", "fly", {}),
    "control.error.unheard_of": _event("control", "error", {"error": "unheard_of"}),
}
# § 5: all commands of control but these two are for the room
_IN_THE_ROOM = {f"control.{name}" for name in CONTROL_COMMANDS} - {"control.join", "control.enter_room"}

# § 5: what a client may send in which state, and the state after it
CLIENT_MAY = {
    (NEW, "control.join"): JOINING,
    **{(state, "echo.ping"): state for state in (NEW, JOINING, WAITING, ACCEPTED, ENTERING)},  # § 15, in every state
    (ACCEPTED, "control.enter_room"): ENTERING,  # § 6, waiting room flow
    **{(JOINED, kind): JOINED for kind in COMMANDS if kind.split(".")[0] != "control"},
    **{(JOINED, kind): JOINED for kind in _IN_THE_ROOM},
}
# A client may use a namespace that the server does not know (§ 4: the server answers, and its state does not change).
UNKNOWN_NAMESPACES = {"nope"}

# § 4 and 5: how the server answers what a client must not send: the slug of control.error, or None for no answer
_NOT_JOINED = {
    "control.enter_room": "not_accepted_or_not_in_waiting_room",
    **dict.fromkeys(_IN_THE_ROOM, "not_yet_joined"),
    "control.fly": "invalid_json",
    **{kind: None for kind in COMMANDS if kind.split(".")[0] not in {"control", "echo"}},
}
SERVER_ANSWERS: dict[str, dict[str, str | None]] = {
    NEW: _NOT_JOINED,
    JOINING: {**_NOT_JOINED, "control.join": "already_joined"},
    WAITING: {**_NOT_JOINED, "control.join": "already_joined"},
    ACCEPTED: {**_NOT_JOINED, "control.join": "already_joined"},
    ENTERING: {**_NOT_JOINED, "control.join": "already_joined"},
    JOINED: {
        "control.join": "already_joined",
        "control.enter_room": "not_accepted_or_not_in_waiting_room",
        "control.fly": "invalid_json",
        "nope.x": "invalid_namespace",
    },
}

# § 4: text that is no message -> the answer to a client that has joined, and to one that has not
MALFORMED: dict[str, tuple[str | None, str | None]] = {
    '{"namespace":"control","payload":': ("invalid_json", "invalid_json"),
    "[1,2]": ("invalid_json", "invalid_json"),
    '{"namespace":"control"}': ("invalid_json", "invalid_json"),
    '{"payload":{"action":"join"}}': ("invalid_json", "invalid_json"),
    '{"namespace":"media"}': ("invalid_json", "invalid_json"),
    '{"namespace":"control","payload":{"action":"join","display_name":5}}': ("invalid_json", "invalid_json"),
    '{"namespace":"control","payload":{"action":5}}': ("invalid_json", "invalid_json"),
    '{"namespace":"media","payload":{"action":"subscribe"}}': (None, None),
    '{"namespace":"media","payload":{"action":["subscribe"]}}': (None, None),
    '{"namespace":"media","payload":null}': (None, None),
    '{"namespace":"chat","payload":["send_message"]}': (None, None),
    '{"namespace":"polls","payload":"start"}': (None, None),
    '{"namespace":"control","payload":null}': ("invalid_json", "invalid_json"),
    '{"namespace":"control","payload":["join"]}': ("invalid_json", "invalid_json"),
    '{"namespace":"nope","payload":null}': ("invalid_namespace", None),
    '{"namespace":"nope","payload":{"x":1e999}}': ("invalid_namespace", None),
    '{"namespace":"chat","payload":{"x":1e999}}': (None, None),
}

# § 5 and 6: what a server may send in which state, and the state after it
_WHOLE_ROOM = {  # § 5: "whole room", § 6: all events of moderation
    "control.room_deleted",
    "control.time_limit_quota_elapsed",
    "moderation.in_waiting_room",
    "moderation.accepted",
    "moderation.kicked",
    "moderation.waiting_room_enabled",
    *(f"control.error.{slug}" for slug in (*CONTROL_ERRORS, "unheard_of")),  # later versions may have other slugs
}
SERVER_MAY = {
    **{(NEW, f"control.error.{slug}"): NEW for slug in (*CONTROL_ERRORS, "unheard_of")},
    **{(state, "echo.ping"): state for state in (NEW, JOINING, WAITING, ACCEPTED, ENTERING)},  # § 15
    **{(state, kind): state for state in (JOINING, WAITING, ACCEPTED, ENTERING) for kind in _WHOLE_ROOM},
    **{(state, "control.role_updated"): state for state in (WAITING, ACCEPTED, ENTERING)},  # § 5: also while waiting
    (JOINING, "control.join_success"): JOINED,
    (JOINING, "control.join_blocked"): NEW,  # the connection remains open, the client may retry
    (JOINING, "moderation.in_waiting_room"): WAITING,
    (JOINING, "control.error.invalid_username"): NEW,  # "state unchanged, client may send join again"
    (JOINING, "control.error.invalid_json"): NEW,
    (WAITING, "moderation.accepted"): ACCEPTED,
    (ENTERING, "control.join_success"): JOINED,
    (ENTERING, "control.join_blocked"): ACCEPTED,
    (ENTERING, "control.error.not_accepted_or_not_in_waiting_room"): WAITING,
    **{(JOINED, kind): JOINED for kind in EVENTS if not kind.startswith("control.")},
    **{(JOINED, f"control.error.{slug}"): JOINED for slug in (*CONTROL_ERRORS, "unheard_of")},
    **{(JOINED, f"control.{name}"): JOINED for name in CONTROL_EVENTS if not name.startswith("join_")},
    (JOINED, "moderation.in_waiting_room"): WAITING,  # § 6, send_to_waiting_room
}
