"""One TCP connection of the controller, sans-IO: HTTP/1.1, then, after an upgrade, WebSocket (RFC 6455).

Bytes in, events out; answers in, bytes out. It knows neither sockets nor clocks nor the meaning of requests. h11 parses
HTTP, and `m3core.frames` is the WebSocket.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from enum import Enum
from typing import Final, TypeAlias

import h11
from attrs import field, frozen

from m3core.controller.request_bytes import BAD_REQUEST, RequestBytes
from m3core.controller.request_head import body_length, check_head
from m3core.errors import LocalProtocolError
from m3core.frames import NEED_DATA as NEED_DATA
from m3core.frames import Closed as Closed
from m3core.frames import FrameEvent, Frames, FrameState, NeedData, accept_token
from m3core.frames import PongReceived as PongReceived
from m3core.frames import TextReceived as TextReceived
from m3core.frames import frame_text as frame_text
from m3core.io import Headers, HttpResponse
from m3core.limits import MAX_HTTP_HEAD, MAX_LINGERING
from m3core.rest.errors import Problem, RequestRefused, too_many_requests


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "idle"
    """Waits for the first byte of a request."""
    READING = "reading"
    """Waits for the rest of a request."""
    ANSWERING = "answering"
    """Waits for `reply`, `accept` or `reject`. Bytes that the client sends meanwhile are kept, up to a limit."""
    OPEN = "open"
    """Waits for WebSocket frames."""
    CLOSING = "closing"
    """Waits for the answer to our close frame."""
    LINGERING = "lingering"
    """Waits for the client to close its side, after the last answer or the end of a WebSocket. Our side is closed once
    all is written. A socket that is closed as a whole while bytes are unread is reset, and then the client may lose our
    last bytes (RFC 9112 s.9.6)."""
    DONE = "done"
    """Waits for nothing: close the socket once all is written, or at once if the connection was `dropped`."""


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
    """A valid WebSocket handshake; answer with `accept` or `reject`.

    ``protocols`` are the values of all `Sec-WebSocket-Protocol` fields, in order.
    """

    target: str = field(repr=False)
    headers: Headers = field(repr=False)
    protocols: tuple[str, ...] = field(repr=False)


ConnectionEvent: TypeAlias = Requested | WebSocketRequested | FrameEvent

_PHASES: Final = {FrameState.OPEN: Phase.OPEN, FrameState.CLOSING: Phase.CLOSING}


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


_NO_REQUEST: Final = h11.Request(method="GET", target="*", headers=[("host", "")])
_UPGRADE_REQUIRED: Final = Problem(426, "upgrade_required", headers=(("sec-websocket-version", "13"),))


class HttpConnection:
    """One TCP connection of the server. One input, then drain `next_event`, then write `data_to_send`.

    A server that bounds what one client makes it do calls `step`, `take_event` and `take_work` instead of `next_event`.

    Requests are answered one at a time; a client may send the next one early (up to `MAX_HTTP_HEAD` bytes of it). This
    class answers bad requests itself, with 400, 426, 431, 501 or 505, and ends the connection. Methods that do not fit
    the phase do nothing, because the request that they answer no longer exists.
    """

    def __init__(self) -> None:
        self.phase = Phase.IDLE
        self.dropped = False
        """The socket is to be aborted: no more bytes, no close frame."""
        self.cycle = 0
        """Counts answered requests: a timer belongs to one ``phase`` of one ``cycle``."""
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HTTP_HEAD)
        self._frames: Frames | None = None
        """The WebSocket, once there is one."""
        self._events: deque[ConnectionEvent] = deque()
        self._bytes = RequestBytes()
        """The bytes of the client that h11 has not got yet."""
        self._out = bytearray()
        self._eof = False
        self._dropped = 0
        """The bytes that came while the connection lingered."""
        self._request = _NO_REQUEST
        self._body = bytearray()
        self._key = ""
        self._work = 0
        self._part_of_kib = 0

    # -- inputs ---
    def receive_data(self, data: bytes) -> None:
        """Bytes from the socket; empty bytes mean that the client has closed its side."""
        if self._eof or self.phase is Phase.DONE:
            return
        self._eof = not data
        if self.phase is Phase.LINGERING:
            self._linger(len(data))
            return
        if self._frames is not None:
            self._frames.receive_data(data)
            return
        self._bytes.receive(data)
        if self.phase is Phase.ANSWERING:
            if len(self._bytes) > MAX_HTTP_HEAD:
                self._drop()
        elif data and self.phase is Phase.IDLE:
            self.phase = Phase.READING
        # Counted when they come: a client need not send the rest of a request.
        kib, self._part_of_kib = divmod(self._part_of_kib + len(data), 1024)
        self._work += kib

    def next_event(self) -> ConnectionEvent | NeedData:
        """What happened next, or `NEED_DATA`."""
        while (event := self.take_event()) is None:
            if not self.step():
                return NEED_DATA
        return event

    def step(self) -> bool:
        """Read one piece: a head, a chunk, a frame, or the part of it that has come. There is at most one event in it.

        Returns False if more data is needed, or an answer.
        """
        if self._frames is not None:
            has_read = self._frames.step()
            self._follow(self._frames)
            return has_read
        return self.phase in {Phase.IDLE, Phase.READING} and self._read_piece()

    def take_event(self) -> ConnectionEvent | None:
        """The next event of the pieces that were read, or None. It reads no piece."""
        if self._frames is not None:
            return self._frames.take_event()
        return self._events.popleft() if self._events else None

    def take_work(self) -> int:
        """The units of work since the last call: 1 for each request, chunk, frame and KiB, see also `Frames`."""
        work, self._work = self._work, 0
        return work if self._frames is None else work + self._frames.take_work()

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
        # Not both done: one side asked for `Connection: close`, or speaks HTTP/1.0 (RFC 9112 s.9.3).
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self._end()
            return
        self._http.start_next_cycle()
        self._request = _NO_REQUEST
        self._key = ""
        self.phase = Phase.READING if self._bytes else Phase.IDLE

    reject = reply
    """Refuse a WebSocket with a plain answer (signaling.md § 1)."""

    def _respond(self, response: HttpResponse) -> None:
        headers = [(name, value) for name, value in response.headers if name != "content-length"]
        if response.status not in {204, 304}:  # these have no body (RFC 9110 s.6.4.1)
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
        self._end()

    def _end(self) -> None:
        """All is said: wait for the end of the client's side, if it has not come yet."""
        self._bytes.take_all()
        self.phase = Phase.DONE if self._eof else Phase.LINGERING

    def _linger(self, size: int) -> None:
        """Drop ``size`` bytes that nobody reads any more; 0 is the end of the client's side."""
        self._dropped += size
        if self._dropped > MAX_LINGERING:
            self._drop()
        elif not size:
            self.phase = Phase.DONE

    def overload(self, seconds: int) -> None:
        """The client has used up its budget. A request is refused with 429, and a WebSocket is dropped.

        ``seconds``: when the client may try again.
        """
        if self._frames is not None:
            self._drop()
        elif self.phase not in {Phase.LINGERING, Phase.DONE}:
            self._events.clear()
            self._refuse(too_many_requests(seconds))

    def _read_piece(self) -> bool:
        try:
            event = self._next_part()
        except RequestRefused as refused:
            self._refuse(refused.problem)
            return True
        except h11.RemoteProtocolError as error:
            # Its text quotes the request, which may hold a ticket: only the status is passed on.
            self._refuse(Problem(error.error_status_hint, "bad_request"))
            return True
        problem = None
        if isinstance(event, h11.Request):
            self._work += 1
            self._request = event
            problem = self._check_head(event)
        elif isinstance(event, h11.Data):
            self._work += event.chunk_end  # h11 does not tell the start if the data comes later than the size
            self._body += event.data
        elif isinstance(event, h11.EndOfMessage):
            problem = self._deliver_request()
        elif isinstance(event, h11.ConnectionClosed):
            self.phase = Phase.DONE
        else:
            return False
        if problem is not None:
            self._refuse(problem)
        return True

    def _next_part(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event of h11, which gets its bytes only now: one piece at a time."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            piece = self._bytes.next_piece()
            if not piece and not self._eof:
                break
            self._http.receive_data(piece)
        return event

    def _check_head(self, request: h11.Request) -> Problem | None:
        problem = check_head(request)
        if problem is None:
            self._bytes.expect_body(body_length(request))
            if self._http.they_are_waiting_for_100_continue:  # only now: the body of a refused head never comes
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
        return problem

    def _deliver_request(self) -> Problem | None:
        request = self._request
        body = bytes(self._body)
        self._body.clear()
        self._bytes.expect_head()
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
        method, target = request.method.decode("ascii"), request.target.decode("ascii")
        if "websocket" in _tokens(headers, "upgrade") and "upgrade" in _tokens(headers, "connection"):
            keys = _values(headers, "sec-websocket-key")
            if method != "GET" or request.http_version == b"1.0" or not _is_key(keys):
                return BAD_REQUEST
            if _values(headers, "sec-websocket-version") != ("13",):  # RFC 6455 s.4.4: the answer names ours
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
        headers = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", accept_token(self._key)),
            ("sec-websocket-protocol", subprotocol),
        ]
        self._send(h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switching Protocols"))
        self._frames = Frames()
        # Frames may come in the same segment as the handshake, and the end of the stream before the answer to it.
        if early := self._bytes.take_all():
            self._frames.receive_data(early)
        if self._eof:
            self._frames.receive_data(b"")
        self.phase = Phase.OPEN

    def ping(self, payload: bytes) -> None:
        """Send a ping; a `PongReceived` with ``payload``, at most 125 bytes, is the answer."""
        if self._frames is not None:
            self._frames.ping(payload)
            self._follow(self._frames)

    def close(self, code: int | None) -> None:
        """Begin to close the WebSocket with ``code``; `Closed` follows. None drops the connection in any phase."""
        if code is None:
            self._drop()
        elif self._frames is not None:
            self._frames.close(code)
            self._follow(self._frames)

    def expire(self) -> None:
        """The client took too long. Between requests and inside one the connection is closed, later it is dropped."""
        if self.phase in {Phase.IDLE, Phase.READING}:
            self.phase = Phase.DONE
        else:
            self._drop()

    def _drop(self) -> None:
        if self._frames is not None and self.phase is not Phase.LINGERING:
            self._frames.drop()
            self._follow(self._frames)
        elif self.phase is not Phase.DONE:
            self.dropped = True
            self._out.clear()
            self.phase = Phase.DONE

    def _follow(self, frames: Frames) -> None:
        """Take over bytes and phase from the WebSocket."""
        if self.phase in {Phase.LINGERING, Phase.DONE}:
            return
        self._out += frames.data_to_send()
        if frames.dropped:
            self.dropped = True
            self._out.clear()
            self.phase = Phase.DONE
        elif frames.state is FrameState.CLOSED:
            self._end()
        else:
            self.phase = _PHASES[frames.state]
