"""A WebSocket after its handshake, sans-IO, either end of it (RFC 6455): bytes in, events out; texts in, bytes out.

wsproto parses frames. Messages are put together here and not by wsproto, because M3 discards a fragmented text that is
not UTF-8 instead of failing the connection (signaling.md § 2); and because bytes that go to a JSON decoder need not
become `str` on the way.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final, TypeAlias

from attrs import field, frozen
from wsproto.frame_protocol import Frame, FrameDecoder, Opcode, ParseFailed

from m3core.errors import LocalProtocolError
from m3core.limits import MAX_MESSAGE

_MAX_CONTROL: Final = 125
_NORMAL, _PROTOCOL_ERROR, _NO_STATUS, _NOT_UTF8, _TOO_BIG = 1000, 1002, 1005, 1007, 1009


class NeedData(Enum):
    """The type of `NEED_DATA`."""

    NEED_DATA = "need data"


NEED_DATA: Final = NeedData.NEED_DATA
"""There are no events until more data comes."""


class FrameState(Enum):
    """Where a WebSocket stands."""

    OPEN = "open"
    CLOSING = "closing"
    """Our close frame is not answered yet."""
    CLOSED = "closed"
    """The socket is to be closed once all is written, or at once if the connection was `dropped`."""


@frozen
class TextReceived:
    """One whole message, in UTF-8. Of a binary one that is not UTF-8 nothing is left: neither is JSON."""

    data: bytes = field(repr=lambda data: f"<{len(data)}>")


@frozen
class PingReceived:
    """The server asks whether we live, and is answered already. A server's end tells of no pings: it has its own."""


@frozen
class PongReceived:
    """The answer to a ping, or a pong out of the blue."""

    payload: bytes


@frozen
class Closed:
    """The WebSocket is over, told once. ``code`` is that of the peer's close frame (1005: it had none), None without
    one."""

    code: int | None


FrameEvent: TypeAlias = TextReceived | PingReceived | PongReceived | Closed
Masking: TypeAlias = Callable[[int], bytes]
"""Gives so many random bytes, new ones each time (`os.urandom`)."""


def _frame(opcode: Opcode, payload: bytes, masking: Masking | None = None) -> bytes:
    """One frame. Those of a client are masked with 4 random bytes (RFC 6455 s.5.3)."""
    size = len(payload)
    first, mask_bit = 0x80 | opcode, 0 if masking is None else 0x80
    if size <= _MAX_CONTROL:
        head = bytes((first, mask_bit | size))
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    if masking is None:
        return head + payload
    mask = masking(4)
    key = (mask * (size // 4 + 1))[:size]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def frame_text(data: bytes) -> bytes:
    """``data`` (UTF-8) as one text frame of a server: unmasked, and so the same bytes for every receiver."""
    return _frame(Opcode.TEXT, data)


class Frames:
    """One open WebSocket. One input, then drain `next_event`, then write `data_to_send`.

    With ``masking`` it is the client's end, without the server's. What does not fit the state does nothing.
    """

    def __init__(self, masking: Masking | None = None) -> None:
        self.state = FrameState.OPEN
        self.dropped = False
        """The socket is to be aborted: no more bytes, no close frame."""
        self._masking = masking
        self._decoder = FrameDecoder(client=masking is not None)
        self._events: deque[FrameEvent] = deque()
        self._out = bytearray()
        self._eof = False
        self._told = False
        """`Closed` was given, and there is nothing more to tell."""
        self._in_message = False
        self._is_text = False
        self._is_fragmented = False
        self._message = bytearray()

    # -- inputs ---
    def receive_data(self, data: bytes) -> None:
        """Bytes from the socket; none at all means that the peer has closed its side."""
        if self._eof or self.state is FrameState.CLOSED:
            return
        self._eof = not data
        self._decoder.receive_bytes(data)

    def next_event(self) -> FrameEvent | NeedData:
        """What happened next, or `NEED_DATA`."""
        while self.state is not FrameState.CLOSED and not self._events:
            try:
                frame = self._decoder.process_buffer()
            except ParseFailed:
                self._fail(_PROTOCOL_ERROR)
                break
            if frame is None:
                if self._eof:
                    self._end(None)
                break
            self._receive(frame)
        return self._events.popleft() if self._events else NEED_DATA

    def data_to_send(self) -> bytes:
        """What is to be written to the socket, in order; each byte is given once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def send_text(self, data: bytes) -> None:
        """Send a message, in UTF-8."""
        self._send(Opcode.TEXT, data)

    def ping(self, payload: bytes) -> None:
        """Ask for a `PongReceived` with ``payload``, at most 125 bytes."""
        if len(payload) > _MAX_CONTROL:
            raise LocalProtocolError("a ping has at most 125 bytes")
        self._send(Opcode.PING, payload)

    def close(self, code: int) -> None:
        """Begin to close the WebSocket with ``code``; `Closed` follows."""
        if self.state is FrameState.OPEN:
            self._send(Opcode.CLOSE, struct.pack("!H", code))
            self._message.clear()
            self.state = FrameState.CLOSING

    def drop(self) -> None:
        """End it without a close frame; `Closed` follows."""
        if self.state is not FrameState.CLOSED:
            self.dropped = True
            self._out.clear()
            self._end(None)

    # -- inside ---
    def _send(self, opcode: Opcode, payload: bytes) -> None:
        if self.state is FrameState.OPEN:
            self._out += _frame(opcode, payload, self._masking)

    def _end(self, code: int | None) -> None:
        self._tell_end(code)
        self._message.clear()
        self.state = FrameState.CLOSED

    def _tell_end(self, code: int | None) -> None:
        if not self._told:
            self._told = True
            self._events.append(Closed(code))

    def _fail(self, code: int) -> None:
        self._send(Opcode.CLOSE, struct.pack("!H", code))
        self._end(None)

    def _receive(self, frame: Frame) -> None:
        payload = bytes(frame.payload)  # type: ignore[arg-type]  # a decoder of frames alone gives bytes
        if frame.opcode is Opcode.CLOSE:
            self._receive_close(payload)
        elif frame.opcode is Opcode.PING:
            self._send(Opcode.PONG, payload)
            if self._masking is not None:
                self._events.append(PingReceived())
        elif frame.opcode is Opcode.PONG:
            if not self._told:
                self._events.append(PongReceived(payload))
        else:
            self._receive_part(frame, payload)

    def _receive_close(self, payload: bytes) -> None:
        code = _NO_STATUS
        if payload:
            code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 0
            if not (1000 <= code <= 1014 and code not in {1004, 1005, 1006}) and not 3000 <= code <= 4999:
                self._fail(_PROTOCOL_ERROR)
                return
            if not _is_utf8(payload[2:]):
                self._fail(_NOT_UTF8)
                return
        self._send(Opcode.CLOSE, struct.pack("!H", _NORMAL))
        self._end(code)

    def _receive_part(self, frame: Frame, payload: bytes) -> None:
        """A piece of a message: a frame, or as much of one as has come. Later pieces count as continuations."""
        if (frame.opcode is Opcode.CONTINUATION) is not self._in_message:
            self._fail(_PROTOCOL_ERROR)
            return
        if not self._in_message:
            self._is_text = frame.opcode is Opcode.TEXT
            self._is_fragmented = not frame.message_finished
        is_whole = frame.frame_finished and frame.message_finished
        self._in_message = not is_whole
        if self.state is FrameState.CLOSING:
            return
        self._message += payload
        if len(self._message) > MAX_MESSAGE:
            # To whoever listens it is over at once. The socket is not: closed while the rest of the message comes, it
            # would be reset, and the code with it.
            self._tell_end(None)
            self.close(_TOO_BIG)
        elif is_whole:
            data = bytes(self._message)
            self._message.clear()
            if _is_utf8(data):
                self._events.append(TextReceived(data))
            elif not self._is_text:
                self._events.append(TextReceived(b""))
            elif not self._is_fragmented:
                self._fail(_NOT_UTF8)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
