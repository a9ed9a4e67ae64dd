"""A WebSocket after its handshake, sans-IO, for clients and servers (RFC 6455).

Bytes go in and events come out; texts go in and bytes come out.

wsproto parses frames and computes the token of the handshake. This module puts messages together itself, because M3
discards a fragmented text that is not UTF-8 instead of failing the connection (signaling.md § 2), and because bytes
that go to a JSON decoder need not become `str` first. It writes frames itself, because wsproto takes masks from
`os.urandom`, and m3core makes no randomness.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final, TypeAlias

from attrs import field, frozen
from wsproto.frame_protocol import Frame, FrameDecoder, Opcode, ParseFailed
from wsproto.utilities import generate_accept_token

from m3core.errors import LocalProtocolError
from m3core.limits import MAX_MESSAGE

_MAX_CONTROL: Final = 125
"""Bytes of the payload of a control frame (RFC 6455 s.5.5)."""
_NORMAL, _PROTOCOL_ERROR, _NO_STATUS, _NOT_UTF8, _TOO_BIG = 1000, 1002, 1005, 1007, 1009


class NeedData(Enum):
    """The type of `NEED_DATA`."""

    NEED_DATA = "need data"


NEED_DATA: Final = NeedData.NEED_DATA
"""There are no events until more data comes."""


class FrameState(Enum):
    """Whether a WebSocket is open."""

    OPEN = "open"
    CLOSING = "closing"
    """We have sent a close frame; the peer has not answered it."""
    CLOSED = "closed"
    """Close the socket once all bytes are written, or at once if the connection was `dropped`."""


@frozen
class TextReceived:
    """One whole message, in UTF-8. A binary message that is not UTF-8 has empty ``data``: neither of them is JSON.

    ``is_counted``: `Frames.take_work` has counted its work, because it came in parts.
    """

    data: bytes = field(repr=lambda data: f"<{len(data)}>")
    is_counted: bool = field(default=False, eq=False, repr=False)


@frozen
class PingReceived:
    """The server sent a ping; the pong is already among the bytes to send. Only clients get this event.

    A client takes a ping as a sign that the connection works. A server goes by the pongs to its own pings.
    """


@frozen
class PongReceived:
    """The answer to a ping, or a pong that nobody asked for (RFC 6455 s.5.5.3)."""

    payload: bytes


@frozen
class Closed:
    """The WebSocket is over; this event comes once.

    ``code`` is that of the peer's close frame, 1005 if the frame had no code, and None if there was no close frame.
    """

    code: int | None


FrameEvent: TypeAlias = TextReceived | PingReceived | PongReceived | Closed
Masking: TypeAlias = Callable[[int], bytes]
"""Gives the number of random bytes that it is asked for, new ones each time, as `os.urandom` does."""


def accept_token(key: str) -> str:
    """The `Sec-WebSocket-Accept` that answers the `Sec-WebSocket-Key` ``key`` (RFC 6455 s.4.2.2)."""
    return generate_accept_token(key.encode()).decode()


def _frame(opcode: Opcode, payload: bytes, masking: Masking | None = None) -> bytes:
    """One final frame. A client gives ``masking``: its frames are masked with 4 random bytes (RFC 6455 s.5.3)."""
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
    # One XOR of two large integers is many times faster in Python than one of each byte.
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def frame_text(data: bytes) -> bytes:
    """``data`` (UTF-8) as one text frame of a server. It has no mask, so all receivers get the same bytes."""
    return _frame(Opcode.TEXT, data)


class Frames:
    """One open WebSocket. After each input, call `next_event` until `NEED_DATA`, then write `data_to_send`.

    With ``masking`` it is the client, without the server. Methods that do not fit the state do nothing. A server that
    bounds what one peer makes it do calls `step`, `take_event` and `take_work` instead of `next_event`.
    """

    def __init__(self, masking: Masking | None = None) -> None:
        self.state = FrameState.OPEN
        self.dropped = False
        """Whether to abort the socket: no more bytes, no close frame."""
        self.failed_with: int | None = None
        """The code of the close frame that we sent because the peer broke a rule; None if it broke none."""
        self._masking = masking
        self._decoder = FrameDecoder(client=masking is not None)
        self._events: deque[FrameEvent] = deque()
        self._out = bytearray()
        self._eof = False
        self._told = False
        """Whether `Closed` is among the events: no other event may follow it."""
        self._in_message = False
        self._is_text = False
        self._is_fragmented = False
        self._message = bytearray()
        self._in_frame = False
        """Whether a part of a data frame has come, and the rest of the frame has not."""
        self._frames_of_message = 0
        self._bytes_of_message = 0
        self._counted = 0
        """The units of work of the current message that are in ``_work``, or were."""
        self._work = 0

    # -- inputs ---
    def receive_data(self, data: bytes) -> None:
        """Bytes from the socket; empty ``data`` means that the peer has closed its side."""
        if self._eof or self.state is FrameState.CLOSED:
            return
        self._eof = not data
        self._decoder.receive_bytes(data)

    def next_event(self) -> FrameEvent | NeedData:
        """The next event, or `NEED_DATA`."""
        while not self._events and self.step():
            pass
        return self._events.popleft() if self._events else NEED_DATA

    def step(self) -> bool:
        """Read one frame, or the part of it that has come: at most one event. Returns False if more data is needed."""
        if self.state is FrameState.CLOSED:
            return False
        try:
            frame = self._decoder.process_buffer()
        except ParseFailed:
            self._fail(_PROTOCOL_ERROR)
            return True
        is_too_big = self._announces_too_much(frame)
        if is_too_big:
            self._end_too_big()
        if frame is not None:
            self._receive(frame)
        elif self._eof:
            self._end(None)
        else:
            return is_too_big
        return True

    def take_event(self) -> FrameEvent | None:
        """The next event of the frames that were read, or None. It reads no frame."""
        return self._events.popleft() if self._events else None

    def take_work(self) -> int:
        """The units of work since the last call: 1 for each frame, and 1 for each KiB of a message after the first.

        Without messages that came in one part, whose receiver knows their size (`TextReceived.is_counted`).
        """
        work, self._work = self._work, 0
        return work

    def data_to_send(self) -> bytes:
        """Bytes to write to the socket, in order; each is returned once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def send_text(self, data: bytes) -> None:
        """Send ``data``, which is UTF-8, as one text frame."""
        self._send(Opcode.TEXT, data)

    def ping(self, payload: bytes) -> None:
        """Ask for a `PongReceived` with ``payload``, at most 125 bytes."""
        if len(payload) > _MAX_CONTROL:
            raise LocalProtocolError(
                f"the payload of a ping has {len(payload)} bytes; at most {_MAX_CONTROL} are allowed"
            )
        self._send(Opcode.PING, payload)

    def close(self, code: int) -> None:
        """Send a close frame with ``code``. `Closed` follows when the peer answers or its side ends."""
        if self.state is FrameState.OPEN:
            self._send(Opcode.CLOSE, struct.pack("!H", code))
            self._message.clear()
            self.state = FrameState.CLOSING

    def drop(self) -> None:
        """End the WebSocket without a close frame; `Closed` follows."""
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
        self.failed_with = code
        self._send(Opcode.CLOSE, struct.pack("!H", code))
        self._end(None)

    def _announces_too_much(self, part: Frame | None) -> bool:
        """Whether the length in the head of a frame passes the limit: the rest of such a frame is not waited for.

        ``part`` of the frame has just arrived, and is not in the message yet.
        """
        header = self._decoder.header
        if header is None or header.opcode.iscontrol() or self.state is not FrameState.OPEN:
            return False
        arrived = len(self._message) + (0 if part is None else len(part.payload))
        return arrived + header.payload_len - self._decoder.payload_consumed > MAX_MESSAGE

    def _end_too_big(self) -> None:
        """Fail with 1009. The user is told of the end at once.

        The socket remains open until the peer has answered: closing it while the rest of the message arrives would
        reset the connection, and the peer would never see the code.
        """
        self.failed_with = _TOO_BIG
        self._tell_end(None)
        self.close(_TOO_BIG)

    def _receive(self, frame: Frame) -> None:
        payload = bytes(frame.payload)  # type: ignore[arg-type]  # a `FrameDecoder` gives bytes, also for texts
        if frame.opcode.iscontrol():
            self._work += 1
        if frame.opcode is Opcode.CLOSE:
            self._receive_close(payload)
        elif frame.opcode is Opcode.PING:
            self._send(Opcode.PONG, payload)
            if self._masking is not None:
                self._events.append(PingReceived())
        elif frame.opcode is Opcode.PONG:
            if not self._told:  # after a message that was too large, frames may still come; see `_receive_part`
                self._events.append(PongReceived(payload))
        else:
            self._receive_part(frame, payload)

    def _receive_close(self, payload: bytes) -> None:
        code = _NO_STATUS
        if payload:
            code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 0
            # RFC 6455 s.7.4: 1005, 1006 and 1015 must not be in a frame; 1004 and others below 3000 have no meaning.
            if not (1000 <= code <= 1014 and code not in {1004, 1005, 1006}) and not 3000 <= code <= 4999:
                self._fail(_PROTOCOL_ERROR)
                return
            if not _is_utf8(payload[2:]):
                self._fail(_NOT_UTF8)
                return
        self._send(Opcode.CLOSE, struct.pack("!H", _NORMAL))  # nothing, if it answers a close frame of ours
        self._end(code)

    def _receive_part(self, frame: Frame, payload: bytes) -> None:
        """A piece of a message: a whole frame, or the part of it that has arrived. wsproto calls later parts
        continuations."""
        if (frame.opcode is Opcode.CONTINUATION) is not self._in_message:
            self._fail(_PROTOCOL_ERROR)
            return
        if not self._in_message:
            self._is_text = frame.opcode is Opcode.TEXT
            self._is_fragmented = not frame.message_finished
        is_whole = frame.frame_finished and frame.message_finished
        is_counted = self._count(frame, len(payload), is_whole=is_whole)
        self._in_message = not is_whole
        if self.state is FrameState.CLOSING:  # only the peer's close frame matters now
            self._work += 0 if is_counted else _units(1, len(payload))
            return
        self._message += payload
        if len(self._message) > MAX_MESSAGE:
            self._end_too_big()
        elif is_whole:
            data = bytes(self._message)
            self._message.clear()
            if _is_utf8(data):
                self._events.append(TextReceived(data, is_counted=is_counted))
            elif not self._is_text:  # the server answers it with `invalid_json`, as it does any text that is no JSON
                self._work += 0 if is_counted else _units(1, len(data))
                self._events.append(TextReceived(b"", is_counted=True))
            elif not self._is_fragmented:  # a fragmented one is discarded (signaling.md § 2)
                self._fail(_NOT_UTF8)

    def _count(self, frame: Frame, size: int, *, is_whole: bool) -> bool:
        """Count the work of a part when it comes: a message may never be whole. Returns whether its message counts."""
        is_only = is_whole and not self._in_message
        self._frames_of_message += not self._in_frame
        self._bytes_of_message += size
        self._in_frame = not frame.frame_finished
        if not is_only:
            units = _units(self._frames_of_message, self._bytes_of_message)
            self._work += units - self._counted
            self._counted = units
        if is_whole:
            self._frames_of_message = self._bytes_of_message = self._counted = 0
        return not is_only


def _units(frames: int, size: int) -> int:
    """The work of a message: 1 for each frame, and 1 for each KiB after the first."""
    return frames + max(0, size - 1) // 1024


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
