"""Faults in the framing of WebSockets (`m3core.frames`) and in their handshake (`m3core.handshake`)."""

from __future__ import annotations

from mutants import Mutant

FRAMES = "m3core/frames.py"
HANDSHAKE = "m3core/handshake.py"
_FRAMES = ("tests/core/test_frames.py",)
_TABLE = ("tests/wire/test_websocket_table.py",)
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
        "frames: a close frame with 1005 is taken",
        FRAMES,
        "code not in {1004, 1005, 1006}",
        "code not in {1004, 1006}",
        _TABLE,
    ),
    Mutant(
        "frames: a close frame with 1014 is not taken",
        FRAMES,
        "1000 <= code <= 1014",
        "1000 <= code < 1014",
        _TABLE,
    ),
    Mutant(
        "frames: a close frame with 3000 is not taken",
        FRAMES,
        "not 3000 <= code <= 4999",
        "not 3000 < code <= 4999",
        _TABLE,
    ),
    Mutant(
        "frames: the reason of a close frame may be any bytes",
        FRAMES,
        "            if not _is_utf8(payload[2:]):",
        "            if False:",
        _TABLE,
    ),
    Mutant(
        "frames: half a close code is taken",
        FRAMES,
        "if len(payload) > 1 else 0",
        "if len(payload) > 1 else 1000",
        _TABLE,
    ),
    Mutant(
        "frames: a message may begin within another",
        FRAMES,
        "        if (frame.opcode is Opcode.CONTINUATION) is not self._in_message:",
        "        if frame.opcode is Opcode.CONTINUATION and not self._in_message:",
        _TABLE,
    ),
    Mutant(
        "frames: a fragment of no message begins one",
        FRAMES,
        "        if (frame.opcode is Opcode.CONTINUATION) is not self._in_message:",
        "        if frame.opcode is not Opcode.CONTINUATION and self._in_message:",
        _TABLE,
    ),
    Mutant(
        "frames: the text before is kept",
        FRAMES,
        "            data = bytes(self._message)\n            self._message.clear()",
        "            data = bytes(self._message)",
        _TABLE,
    ),
    Mutant(
        "frames: a fragmented text that is not UTF-8 ends the connection",
        FRAMES,
        "            elif not self._is_fragmented:",
        "            else:",
        _TABLE,
    ),
    Mutant(
        "frames: a binary message that is not UTF-8 ends the connection",
        FRAMES,
        "            elif not self._is_text:",
        "            elif False:",
        _TABLE,
    ),
    Mutant(
        "frames: a pong has no payload",
        FRAMES,
        "            self._send(Opcode.PONG, payload)",
        '            self._send(Opcode.PONG, b"")',
        _TABLE,
    ),
    Mutant(
        "frames: a close frame is not answered",
        FRAMES,
        '        self._send(Opcode.CLOSE, struct.pack("!H", _NORMAL))  # nothing',
        "        # nothing",
        _TABLE,
    ),
    Mutant(
        "frames: what breaks the protocol is not told",
        FRAMES,
        '        self._send(Opcode.CLOSE, struct.pack("!H", code))\n        self._end(None)',
        "        self._end(None)",
        _TABLE,
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
