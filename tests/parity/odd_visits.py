"""Servers that let the client in, and are odd then: a table of what they do, and which events the client tells."""

from __future__ import annotations

from attrs import frozen
from odd_controller import ME, OTHER, Say, chat_message, close, entry, frame, message, success, talk, text

from m3core.limits import MAX_EMPTY_FRAMES, MAX_FRAGMENTS, MAX_MESSAGE

TOO_LONG = b"\x81\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big")


@frozen
class Visit:
    """A server that lets the client in. ``told``: the classes of the events after that, up to the end of the list."""

    name: str
    upgrade: Say
    told: tuple[str, ...]


MARK = text(message("control", "role_updated", new_role="user"))
"""A message whose event, `RoleChanged`, ends the part of a visit that is looked at."""
JUNK = [
    message("control", "join_success"),
    success(),
    message("control", "left", id=ME),
    message("control", "update", **entry("437679f8-4adb-4ccc-b02d-fedbb5cf2b99")),
    message("control", "joined", **entry(ME)),
    message("control", "role_updated", new_role="god"),
    message("chat", "message_sent", id="x", source=5),
    message("media", "webrtc_up", source=OTHER, media_session_type="video"),
    message("media", "webrtc_up", source=ME, media_session_type="video"),
    message("media", "sdp_offer", source=OTHER, media_session_type="video", sdp="v=0\r\n"),
    message("media", "focus_update", focus=OTHER, ts="0000-00-00T00:00:00Z"),
    message("moderation", "accepted"),
    message("breakout", "started", rooms=[], expires=None, assignment=ME),
    message("zz", "zz"),
    '{"namespace":"chat","timestamp":NaN,"payload":{}}',
    "[" * 31,
    "{",
    "null",
    "1e999",
]
JUNK_TOLD = (
    *("PeerMisbehaved", "PeerMisbehaved", "UnknownMessage"),
    *("PeerMisbehaved",) * 4,
    *("FocusChanged", "BreakoutStarted", "UnknownMessage"),
    *("PeerMisbehaved",) * 5,
)
"""Some of the junk is none for the client: who comes again or leaves unknown is ignored."""
CROWD = b"".join(
    text(message("control", "joined", **entry(f"437679f8-4adb-4ccc-b02d-{number:012x}"))) for number in range(5_010)
)
FLOOD = b"".join(text(chat_message(number)) for number in range(2_000))
LOST = ("ConnectionLost", "Resumed")
VISITS = [
    Visit(
        "the same participant three times",
        talk(text(success(entry(), entry(), entry(ME))), in_room=MARK),
        ("ParticipantJoined", "RoleChanged"),
    ),
    Visit(
        "2,500 participants at once",
        talk(
            text(success(*(entry(f"437679f8-4adb-4ccc-b02d-{number:012x}") for number in range(2_500)))), in_room=MARK
        ),
        ("ParticipantJoined",) * 2_500 + ("RoleChanged",),
    ),
    Visit(
        "more participants than a client keeps",
        talk(in_room=CROWD + MARK),
        ("ParticipantJoined",) * 5_000 + ("PeerMisbehaved",) * 11 + ("RoleChanged",),
    ),
    Visit(
        "a flood of chat",
        talk(in_room=FLOOD + MARK),
        ("ParticipantJoined",) + ("ChatMessage",) * 2_000 + ("RoleChanged",),
    ),
    Visit("a flood of pings", talk(in_room=frame(9, b"x") * 20_000 + MARK), ("ParticipantJoined", "RoleChanged")),
    Visit(
        "pongs that nobody asked for",
        talk(in_room=frame(10, b"x") * 20_000 + MARK),
        ("ParticipantJoined", "RoleChanged"),
    ),
    Visit(
        "empty continuation frames",
        talk(in_room=frame(1, b"", final=False) + frame(0, b"", final=False) * 20_000 + frame(0, b"null") + MARK),
        ("ParticipantJoined", "PeerMisbehaved", "RoleChanged"),
    ),
    Visit(
        "more pings than a client takes without a message",
        talk(in_room=frame(9) * (MAX_EMPTY_FRAMES + 1)),
        ("ParticipantJoined", *LOST),
    ),
    Visit(
        "a message in too many frames",
        talk(in_room=frame(1, b" ", final=False) + frame(0, b" ", final=False) * MAX_FRAGMENTS),
        ("ParticipantJoined", *LOST),
    ),
    Visit(
        "close 1001 between fragments",
        talk(in_room=frame(1, b"{", final=False) + close(1001)),
        ("ParticipantJoined", *LOST),
    ),
    Visit(
        "close 1000 between fragments",
        talk(in_room=frame(1, b"{", final=False) + close(1000)),
        ("ParticipantJoined", "Ended"),
    ),
    Visit(
        "binary that is not UTF-8",
        talk(in_room=frame(2, b"\xff") + MARK),
        ("ParticipantJoined", "PeerMisbehaved", "RoleChanged"),
    ),
    Visit("a text that is not UTF-8", talk(in_room=text(b"\xff")), ("ParticipantJoined", *LOST)),
    Visit("a masked frame", talk(in_room=frame(1, b"{}", mask=True)), ("ParticipantJoined", *LOST)),
    Visit("a reserved bit in the room", talk(in_room=frame(1, b"{}", reserved=4)), ("ParticipantJoined", *LOST)),
    Visit("an unknown opcode", talk(in_room=frame(3, b"{}")), ("ParticipantJoined", *LOST)),
    Visit("a long ping", talk(in_room=frame(9, b"x" * 126)), ("ParticipantJoined", *LOST)),
    Visit("a ping in pieces", talk(in_room=frame(9, b"x", final=False)), ("ParticipantJoined", *LOST)),
    Visit("a continuation of nothing", talk(in_room=frame(0, b"{}")), ("ParticipantJoined", *LOST)),
    Visit("a text within a text", talk(in_room=frame(1, b"{", final=False) + text("{}")), ("ParticipantJoined", *LOST)),
    Visit("a long text in the room", talk(in_room=TOO_LONG + b" " * (MAX_MESSAGE + 1)), ("ParticipantJoined", *LOST)),
    Visit("the head of a long text", talk(in_room=TOO_LONG), ("ParticipantJoined", *LOST)),
    Visit(
        "a long text in fragments",
        talk(in_room=frame(1, b" " * 65_536, final=False) + frame(0, b" " * 65_536, final=False) * 16),
        ("ParticipantJoined", *LOST),
    ),
    Visit("hangs up in the room", talk(text(success(entry())), hangs_up=True), ("ParticipantJoined", *LOST)),
    Visit("a close code that must not be sent", talk(in_room=close(1006)), ("ParticipantJoined", *LOST)),
    Visit("a close reason that is not UTF-8", talk(in_room=frame(8, b"\x03\xe8\xff")), ("ParticipantJoined", *LOST)),
    Visit("half a close code", talk(in_room=frame(8, b"\x03")), ("ParticipantJoined", *LOST)),
    Visit("a close frame without a code", talk(in_room=frame(8)), ("ParticipantJoined", *LOST)),
    Visit("going away", talk(in_room=close(1001)), ("ParticipantJoined", *LOST)),
    Visit("close 1000", talk(in_room=close(1000)), ("ParticipantJoined", "Ended")),
    Visit("close 1002", talk(in_room=close(1002)), ("ParticipantJoined", "Ended")),
    Visit("close 1009", talk(in_room=close(1009)), ("ParticipantJoined", "Ended")),
    Visit("close 4000", talk(in_room=close(4000)), ("ParticipantJoined", "Ended")),
    Visit("kicked", talk(in_room=text(message("moderation", "kicked"))), ("ParticipantJoined", "Ended")),
    Visit("junk", talk(in_room=b"".join(map(text, JUNK)) + MARK), ("ParticipantJoined", *JUNK_TOLD, "RoleChanged")),
    Visit("silence", talk(), ("ParticipantJoined",)),
]
