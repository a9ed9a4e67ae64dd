"""One TCP connection of the controller, sans-IO: HTTP/1.1 (h11), then, after an upgrade, WebSocket (RFC 6455).

Bytes in, events out; answers in, bytes out. It knows neither sockets nor clocks nor what the requests mean.

h11 parses HTTP and wsproto parses frames. Messages are put together here and not by wsproto, because M3 discards a
fragmented text that is not UTF-8 instead of failing the connection, and drops an over-long one without a close frame
(signaling.md § 2); and because bytes that go to a JSON decoder need not become `str` on the way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections import deque
from enum import Enum
from typing import Final, TypeAlias

import h11
from attrs import field, frozen
from wsproto.frame_protocol import Frame, FrameDecoder, Opcode, ParseFailed

from m3core.errors import LocalProtocolError
from m3core.io import Headers, HttpResponse
from m3core.limits import MAX_HTTP_BODY, MAX_HTTP_HEAD, MAX_MESSAGE
from m3core.rest.errors import PAYLOAD_OVERFLOW, Problem

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_CONTROL: Final = 125
_NORMAL, _PROTOCOL_ERROR, _NO_STATUS, _NOT_UTF8 = 1000, 1002, 1005, 1007


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "idle"
    """The first byte of a request."""
    READING = "reading"
    """The rest of a request."""
    ANSWERING = "answering"
    """Our answer to a request. What the client sends meanwhile waits, up to a limit."""
    OPEN = "open"
    """WebSocket frames."""
    CLOSING = "closing"
    """The answer to our close frame."""
    DONE = "done"
    """Nothing: the socket is to be closed once all is written, or at once if the connection was `dropped`."""


class NeedData(Enum):
    """The type of `NEED_DATA`."""

    NEED_DATA = "need data"


NEED_DATA: Final = NeedData.NEED_DATA
"""There are no events until more data comes."""


def _size(data: bytes) -> str:
    return f"<{len(data)}>"


@frozen
class Requested:
    """A whole request; answer with `reply`. Header names are in lower case."""

    method: str
    target: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=_size)


@frozen
class WebSocketRequested:
    """A sound WebSocket handshake; answer with `accept` or `reject`. ``protocols``: all `Sec-WebSocket-Protocol`."""

    target: str = field(repr=False)
    headers: Headers = field(repr=False)
    protocols: tuple[str, ...] = field(repr=False)


@frozen
class TextReceived:
    """One whole message, in UTF-8."""

    data: bytes = field(repr=_size)


@frozen
class PongReceived:
    """The answer to a ping, or a pong out of the blue."""

    payload: bytes


@frozen
class Closed:
    """The WebSocket is over. ``code`` is that of the peer's close frame (1005: it had none), None without one."""

    code: int | None


ConnectionEvent: TypeAlias = Requested | WebSocketRequested | TextReceived | PongReceived | Closed


def _frame(opcode: Opcode, payload: bytes) -> bytes:
    size = len(payload)
    first = 0x80 | opcode
    if size <= _MAX_CONTROL:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def frame_text(data: bytes) -> bytes:
    """``data`` (UTF-8) as one text frame of a server: unmasked, and so the same bytes for every receiver."""
    return _frame(Opcode.TEXT, data)


def _tokens(headers: Headers, name: str) -> set[str]:
    return {token.strip().lower() for key, value in headers if key == name for token in value.split(",")}


def _values(headers: Headers, name: str) -> tuple[str, ...]:
    return tuple(value for key, value in headers if key == name)


def _is_key(values: tuple[str, ...]) -> bool:
    """Whether there is one `Sec-WebSocket-Key`: 16 bytes in base64 (RFC 6455 s.4.1)."""
    try:
        return len(values) == 1 and len(base64.b64decode(values[0], validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


_BAD_REQUEST: Final = Problem(400, "bad_request")
_NO_REQUEST: Final = h11.Request(method="GET", target="*", headers=[("host", "")])
_UPGRADE_REQUIRED: Final = Problem(426, "upgrade_required", headers=(("sec-websocket-version", "13"),))
_HEAD_TOO_LARGE: Final = Problem(431, "bad_request")


class HttpConnection:
    """One TCP connection of the server. One input, then drain `next_event`, then write `data_to_send`.

    Requests are answered one at a time; a client may send the next one early (up to `MAX_HTTP_HEAD` bytes of it).
    Bad requests are answered with 400, 426 or 431 here, and end the connection. Methods that do not fit the phase do
    nothing: what they answer is gone.
    """

    def __init__(self) -> None:
        self.phase = Phase.IDLE
        self.dropped = False
        """The socket is to be aborted: no more bytes, no close frame."""
        self.cycle = 0
        """Counts answered requests; with ``phase`` it tells whether a timer is still about the same thing."""
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HTTP_HEAD)
        self._frames = FrameDecoder(client=False)
        self._events: deque[ConnectionEvent] = deque()
        self._out = bytearray()
        self._eof = False
        self._early = 0
        self._request = _NO_REQUEST
        self._body = bytearray()
        self._key = ""
        self._in_message = False
        self._is_text = False
        self._is_fragmented = False
        self._message = bytearray()

    # -- inputs ---
    def receive_data(self, data: bytes) -> None:
        """Bytes from the socket; none at all means that the client has closed its side."""
        if self._eof or self.phase is Phase.DONE:
            return
        self._eof = not data
        if self.phase in {Phase.OPEN, Phase.CLOSING}:
            self._frames.receive_bytes(data)
            return
        if self.phase is Phase.ANSWERING:
            self._early += len(data)
            if self._early > MAX_HTTP_HEAD:
                self._drop()
                return
        elif data and self.phase is Phase.IDLE:
            self.phase = Phase.READING
        self._http.receive_data(data)

    def next_event(self) -> ConnectionEvent | NeedData:
        """What happened next, or `NEED_DATA`."""
        if not self._events:
            if self.phase in {Phase.IDLE, Phase.READING}:
                self._read_request()
            elif self.phase in {Phase.OPEN, Phase.CLOSING}:
                self._read_frames()
        return self._events.popleft() if self._events else NEED_DATA

    def data_to_send(self) -> bytes:
        """What is to be written to the socket, in order; each byte is given once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    # -- HTTP ---
    def reply(self, response: HttpResponse) -> None:
        """Answer the request. Raises `LocalProtocolError` for headers that HTTP does not allow."""
        if self.phase is not Phase.ANSWERING:
            return
        self._respond(response)
        self.cycle += 1
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self.phase = Phase.DONE
            return
        self._http.start_next_cycle()
        self._request = _NO_REQUEST
        self._key = ""
        self._early = len(self._http.trailing_data[0])
        self.phase = Phase.READING if self._early else Phase.IDLE

    reject = reply
    """Refuse a WebSocket with a plain answer (signaling.md § 1)."""

    def _respond(self, response: HttpResponse) -> None:
        headers = [(name, value) for name, value in response.headers if name != "content-length"]
        if response.status not in {204, 304}:
            headers.append(("content-length", str(len(response.body))))
        try:
            self._send(h11.Response(status_code=response.status, headers=headers))
            if response.status not in {204, 304} and self._request.method != b"HEAD":
                self._send(h11.Data(data=response.body))
            self._send(h11.EndOfMessage())
        except h11.LocalProtocolError as error:
            raise LocalProtocolError(f"this answer is not HTTP: {error}") from None

    def _send(self, event: h11.Response | h11.InformationalResponse | h11.Data | h11.EndOfMessage) -> None:
        self._out += self._http.send(event) or b""

    def _refuse(self, problem: Problem) -> None:
        answer = problem.with_header("connection", "close").response()
        self._respond(answer)
        self.phase = Phase.DONE

    def _read_request(self) -> None:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse(Problem(error.error_status_hint, "bad_request"))
                return
            if isinstance(event, h11.Request):
                self._request = event
                problem = self._check_head(event)
            elif isinstance(event, h11.Data):
                self._body += event.data
                problem = PAYLOAD_OVERFLOW if len(self._body) > MAX_HTTP_BODY else None
            elif isinstance(event, h11.EndOfMessage):
                problem = self._deliver_request()
                if problem is None:
                    return
            else:
                if isinstance(event, h11.ConnectionClosed):
                    self.phase = Phase.DONE
                return
            if problem is not None:
                self._refuse(problem)
                return

    def _check_head(self, request: h11.Request) -> Problem | None:
        names = [name for name, _ in request.headers]
        size = (
            len(request.method) + len(request.target) + sum(len(name) + len(value) for name, value in request.headers)
        )
        if size > MAX_HTTP_HEAD:  # h11 limits heads that come in pieces; this one came whole
            return _HEAD_TOO_LARGE
        if request.method == b"CONNECT" or (b"transfer-encoding" in names and b"content-length" in names):
            return _BAD_REQUEST  # two lengths are how requests are smuggled past a proxy, RFC 9112 s.6.1
        length = dict(request.headers).get(b"content-length", b"0")
        if int(length) > MAX_HTTP_BODY:
            return PAYLOAD_OVERFLOW
        if self._http.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))
        return None

    def _deliver_request(self) -> Problem | None:
        request = self._request
        body = bytes(self._body)
        self._body.clear()
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
        method, target = request.method.decode("ascii"), request.target.decode("ascii")
        if "websocket" in _tokens(headers, "upgrade") and "upgrade" in _tokens(headers, "connection"):
            keys = _values(headers, "sec-websocket-key")
            if method != "GET" or request.http_version != b"1.1" or not _is_key(keys):
                return _BAD_REQUEST
            if _values(headers, "sec-websocket-version") != ("13",):
                return _UPGRADE_REQUIRED
            self._key = keys[0]
            protocols = _values(headers, "sec-websocket-protocol")
            self._events.append(WebSocketRequested(target, headers, protocols))
        else:
            self._events.append(Requested(method, target, headers, body))
        self.phase = Phase.ANSWERING
        return None

    # -- WebSocket ---
    def accept(self, subprotocol: str) -> None:
        """Complete the WebSocket handshake with ``subprotocol``."""
        if self.phase is not Phase.ANSWERING or not self._key:
            return
        digest = hashlib.sha1(self._key.encode() + _GUID, usedforsecurity=False).digest()
        headers = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", base64.b64encode(digest).decode()),
            ("sec-websocket-protocol", subprotocol),
        ]
        self._send(h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switching Protocols"))
        self._frames.receive_bytes(self._http.trailing_data[0])
        self.phase = Phase.OPEN

    def ping(self, payload: bytes) -> None:
        """Ask for a `PongReceived` with ``payload``, at most 125 bytes."""
        if len(payload) > _MAX_CONTROL:
            raise LocalProtocolError("a ping has at most 125 bytes")
        if self.phase is Phase.OPEN:
            self._out += _frame(Opcode.PING, payload)

    def close(self, code: int | None) -> None:
        """Begin to close the WebSocket with ``code``; `Closed` follows. None drops the connection, HTTP or not."""
        if code is None:
            self._drop()
        elif self.phase is Phase.OPEN:
            self._out += _frame(Opcode.CLOSE, struct.pack("!H", code))
            self._message.clear()
            self.phase = Phase.CLOSING

    def expire(self) -> None:
        """The client let too much time pass: end the connection, as gently as its phase allows."""
        if self.phase in {Phase.IDLE, Phase.READING}:
            self.phase = Phase.DONE
        else:
            self._drop()

    def _drop(self) -> None:
        if self.phase is Phase.DONE:
            return
        self.dropped = True
        self._out.clear()
        self._end(None)

    def _end(self, code: int | None) -> None:
        if self.phase in {Phase.OPEN, Phase.CLOSING}:
            self._events.append(Closed(code))
        self._message.clear()
        self.phase = Phase.DONE

    def _fail(self, code: int) -> None:
        if self.phase is Phase.OPEN:
            self._out += _frame(Opcode.CLOSE, struct.pack("!H", code))
        self._end(None)

    def _read_frames(self) -> None:
        while self.phase in {Phase.OPEN, Phase.CLOSING} and not self._events:
            try:
                frame = self._frames.process_buffer()
            except ParseFailed:
                self._fail(_PROTOCOL_ERROR)
                return
            if frame is None:
                if self._eof:
                    self._end(None)
                return
            payload = bytes(frame.payload)  # type: ignore[arg-type]  # a decoder of frames alone gives bytes
            if frame.opcode is Opcode.CLOSE:
                self._receive_close(payload)
            elif frame.opcode is Opcode.PING:
                if self.phase is Phase.OPEN:
                    self._out += _frame(Opcode.PONG, payload)
            elif frame.opcode is Opcode.PONG:
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
        if self.phase is Phase.OPEN:
            self._out += _frame(Opcode.CLOSE, struct.pack("!H", _NORMAL))
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
        if self.phase is Phase.CLOSING:
            return
        self._message += payload
        if len(self._message) > MAX_MESSAGE:
            self._drop()
        elif is_whole:
            data = bytes(self._message)
            self._message.clear()
            if _is_utf8(data):
                self._events.append(TextReceived(data))
            elif self._is_text and not self._is_fragmented:
                self._fail(_NOT_UTF8)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
