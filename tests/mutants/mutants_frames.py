"""Faults in the framing of WebSockets (`m3core.frames`) and in their handshake (`m3core.handshake`)."""

from __future__ import annotations

from mutants import Mutant

FRAMES = "m3core/frames.py"
HANDSHAKE = "m3core/handshake.py"
_FRAMES = ("tests/core/test_frames.py",)
_HANDSHAKE = ("tests/core/test_handshake.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "frames: a payload of 125 bytes has a long length",
        FRAMES,
        "if size <= _MAX_CONTROL:",
        "if size < _MAX_CONTROL:",
        _FRAMES,
    ),
    Mutant(
        "handshake: a ticket of any length is taken",
        HANDSHAKE,
        "if len(ticket) != TICKET_LENGTH or not is_token(ticket):",
        "if not is_token(ticket):",
        _HANDSHAKE,
    ),
    Mutant(
        "handshake: the first ticket wins",
        HANDSHAKE,
        "ticket = name.removeprefix(_PREFIX)",
        "ticket = ticket or name.removeprefix(_PREFIX)",
        _HANDSHAKE,
    ),
)
