"""Checks the frames of a server before a WebSocket library sees them, sans-IO (RFC 6455 s.5).

Libraries check some limits late or never. They keep each empty fragment of a message, they answer each ping, and they
notice the length of a frame when they have its bytes. And they report the same fault in different ways. Behind this
guard all of them report the same.
"""

from __future__ import annotations

import codecs
from typing import Final

from m3core.limits import MAX_EMPTY_FRAMES, MAX_FRAGMENTS, MAX_MESSAGE

BROKEN_FRAME: Final = "the server broke the rules of WebSocket frames (RFC 6455 s.5)"
NOT_UTF8: Final = "the server sent a text that is not UTF-8"
TOO_LONG: Final = f"the server sent a message of more than {MAX_MESSAGE} bytes"
TOO_MANY_FRAGMENTS: Final = f"the server sent a message in more than {MAX_FRAGMENTS} frames"
TOO_MANY_EMPTY: Final = f"the server sent more than {MAX_EMPTY_FRAMES} pings, pongs and empty frames without a message"

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_OPCODES: Final = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})
_MAX_CONTROL: Final = 125
"""Bytes of the payload of a control frame (RFC 6455 s.5.5)."""
_NO_STATUS: Final = 1005
_UTF8: Final = codecs.getincrementaldecoder("utf-8")


class FrameGuard:
    """The frames of one connection. `receive` returns what the library may have of its input.

    After a ``violation``, and after the close frame of the server, that is nothing.
    """

    def __init__(self) -> None:
        self.violation = ""
        """What the server did wrong, for people. The connection has to be aborted then."""
        self.close_code: int | None = None
        """The code of the close frame of the server, 1005 if the frame had none; None before such a frame."""
        self.awaited: set[bytes] = set()
        """The payloads of our pings that wait for a pong. Other pongs do not reach the library."""
        self.is_pinged = False
        """Whether a ping was in the last input."""
        self._input = bytearray()
        """A head of a frame, or a whole control frame, that is not complete yet."""
        self._out: list[bytes] = []
        self._ping_at: int | None = None
        """The place in ``_out`` of the last ping."""
        self._left = 0
        """Bytes of the payload of the current data frame that are still to come."""
        self._is_final = False
        self._in_message = False
        self._size = 0
        self._fragments = 0
        self._empty = 0
        self._utf8: codecs.IncrementalDecoder | None = None
        """Reads the text of the current message; None if the message is binary."""

    def receive(self, data: bytes) -> bytes:
        """Check ``data``, which may begin and end within a frame."""
        self.is_pinged = False
        self._input += data
        source, at = bytes(self._input), 0
        while not self.violation and self.close_code is None:
            used = self._take_payload(source, at) if self._left else self._take_frame(source, at)
            if not used:
                break
            at += used
        del self._input[:at]
        if self.violation or self.close_code is not None:
            self._input.clear()
        passed = b"".join(self._out)
        self._out.clear()
        self._ping_at = None
        return passed

    def _take_payload(self, source: bytes, at: int) -> int:
        part = source[at : at + self._left]
        self._left -= len(part)
        is_last = self._is_final and not self._left
        if self._utf8 is not None:
            try:
                self._utf8.decode(part, final=is_last)
            except UnicodeDecodeError:
                self.violation = NOT_UTF8
                return 0
        self._out.append(part)
        if is_last:
            self._end_message()
        return len(part)

    def _take_frame(self, source: bytes, at: int) -> int:
        """Check a whole control frame, or the head of a data frame. Returns its length, or 0 if more data is needed."""
        if len(source) - at < 2:
            return 0
        first, second = source[at], source[at + 1]
        opcode, is_final, size = first & 0x0F, first >= 0x80, second & 0x7F
        # Reserved bits belong to extensions, and we offer none. Only clients mask their frames (RFC 6455 s.5.1).
        if first & 0x70 or second & 0x80 or opcode not in _OPCODES:
            self.violation = BROKEN_FRAME
            return 0
        if opcode >= _CLOSE:
            if size > _MAX_CONTROL or not is_final:
                self.violation = BROKEN_FRAME
                return 0
            if len(source) - at < 2 + size:
                return 0
            self._control(opcode, source[at : at + 2 + size])
            return 2 + size
        head = 2
        if size > _MAX_CONTROL:
            head, least = (4, 126) if size == 126 else (10, 1 << 16)
            if len(source) - at < head:
                return 0
            size = int.from_bytes(source[at + 2 : at + head], "big")
            if size < least:  # RFC 6455 s.5.2: the minimal number of bytes must be used for the length
                self.violation = BROKEN_FRAME
                return 0
        self._data(opcode, source[at : at + head], size, is_final=is_final)
        return head

    def _control(self, opcode: int, frame: bytes) -> None:
        payload = frame[2:]
        if opcode == _CLOSE:
            self._close(payload)
        else:
            self._count_empty()
            if opcode == _PONG and payload not in self.awaited:
                return
            if opcode == _PING:
                self.is_pinged = True
                # A pong for the most recent ping is enough (RFC 6455 s.5.5.3). One for each would be written although
                # the server perhaps reads none of them.
                if self._ping_at is not None:
                    self._out[self._ping_at] = b""
                self._ping_at = len(self._out)
        if not self.violation:
            self._out.append(frame)

    def _close(self, payload: bytes) -> None:
        code = _NO_STATUS
        if payload:
            code = int.from_bytes(payload[:2], "big")  # one byte is half a code, and gives a number below 1000
            # RFC 6455 s.7.4: 1005, 1006 and 1015 must not be in a frame; 1004 and others below 3000 have no meaning.
            if not (1000 <= code <= 1014 and code not in {1004, 1005, 1006}) and not 3000 <= code <= 4999:
                self.violation = BROKEN_FRAME
                return
            try:
                payload[2:].decode()
            except UnicodeDecodeError:
                self.violation = NOT_UTF8
                return
        self.close_code = code

    def _data(self, opcode: int, head: bytes, size: int, *, is_final: bool) -> None:
        if (opcode == _CONTINUATION) is not self._in_message:
            self.violation = BROKEN_FRAME
            return
        if not self._in_message:
            self._in_message = True
            self._size = self._fragments = 0
            self._utf8 = _UTF8() if opcode == _TEXT else None
        elif not size and not is_final:
            self._count_empty()
            return  # the library would keep it until the message is whole
        self._size += size
        self._fragments += 1
        if self._size > MAX_MESSAGE:
            self.violation = TOO_LONG
        elif self._fragments > MAX_FRAGMENTS:
            self.violation = TOO_MANY_FRAGMENTS
        else:
            self._out.append(head)
            self._left, self._is_final = size, is_final
            if not size and is_final:
                self._finish_empty()

    def _finish_empty(self) -> None:
        """End a message whose last frame has no payload."""
        try:
            if self._utf8 is not None:
                self._utf8.decode(b"", final=True)
        except UnicodeDecodeError:
            self.violation = NOT_UTF8
            self._out.pop()
        else:
            self._end_message()

    def _end_message(self) -> None:
        self._in_message = False
        self._utf8 = None
        self._empty = 0

    def _count_empty(self) -> None:
        self._empty += 1
        if self._empty > MAX_EMPTY_FRAMES:
            self.violation = TOO_MANY_EMPTY
