"""One TCP connection of a client, sans-IO: one HTTP/1.1 exchange, or a WebSocket that begins as one (RFC 6455).

Bytes go in, responses and events come out. h11 parses HTTP, and `m3core.frames` is the WebSocket. The caller adds TLS.
"""

from __future__ import annotations

import base64
import re
from typing import Final, TypeAlias

import h11
from attrs import frozen

from m3core import handshake
from m3core.errors import TransportError
from m3core.frame_guard import BROKEN_FRAME, NOT_UTF8, TOO_LONG
from m3core.frames import NEED_DATA, Closed, FrameEvent, Frames, Masking, NeedData, accept_token
from m3core.io import Connect, Headers, HttpRequest, HttpResponse
from m3core.limits import MAX_HTTP_HEAD, MAX_INFORMATIONAL
from m3core.rest.content import IDENTITY, NOT_HTTP, TOO_MANY_INFORMATIONAL, check_coding, check_size

_URL: Final = re.compile(r"(http|ws)(s?)://((\[[0-9a-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?)(/[!-~]*)?", re.ASCII)
_SWITCHING: Final = 101
_FAILURES: Final = {1002: BROKEN_FRAME, 1007: NOT_UTF8, 1009: TOO_LONG}
"""What `Frames.failed_with` means in a client."""


@frozen
class Origin:
    """Where to open a TCP connection. ``host`` is a name or an address, without brackets; ``tls``: with TLS."""

    host: str
    port: int
    tls: bool


class HttpExchange:
    """One request and its response, on a connection of its own.

    Raises `TransportError` if ``url`` is no URL or the request is not valid HTTP.
    """

    def __init__(self, method: str, url: str, headers: Headers = (), body: bytes = b"") -> None:
        parts = _URL.fullmatch(url)
        if parts is None or int(parts[5] or 1) not in range(1, 65536):
            raise TransportError(
                "the address of the controller is not an http or ws URL: check the link or the base URL"
            )
        _, secure, authority, host, port, target = parts.groups()
        self.origin = Origin(host.strip("[]"), int(port or (443 if secure else 80)), bool(secure))
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HTTP_HEAD)
        self._status = 0
        self._headers: Headers = ()
        self._body = bytearray()
        self._pieces = 0
        self._informed = 0
        is_upgrade = any(name == "upgrade" for name, _ in headers)
        # The server closes after the response, which ends the connection; an upgrade has its own Connection field.
        own = [("host", authority)] if is_upgrade else [("host", authority), ("connection", "close")]
        own += IDENTITY
        if method != "GET":  # a request that may have content says its length, also 0 (RFC 9110 s.8.6)
            own.append(("content-length", str(len(body))))
        try:
            request = h11.Request(method=method, target=target or "/", headers=[*own, *headers])
            parts_of_it = (request, h11.Data(data=body), h11.EndOfMessage())
            self._out = b"".join(self._http.send(part) or b"" for part in parts_of_it)
        except h11.LocalProtocolError as error:
            raise TransportError(f"this request is not valid HTTP: {error}") from None

    @classmethod
    def of(cls, request: HttpRequest) -> HttpExchange:
        """The exchange that performs ``request``."""
        return cls(request.method, request.url, request.headers, request.body)

    def data_to_send(self) -> bytes:
        """The bytes to write to the socket; each byte is given once."""
        data, self._out = self._out, b""
        return data

    def receive_data(self, data: bytes) -> HttpResponse | None:
        """Take bytes from the socket, or ``b""`` when the server has closed it. Gives the response once it is whole.

        A successful upgrade gives the response 101. Raises `TransportError` if the server does not speak HTTP, or if
        its response is too long.
        """
        try:
            self._http.receive_data(data)
            return self._read()
        except h11.RemoteProtocolError:
            raise TransportError(NOT_HTTP) from None

    @property
    def trailing_data(self) -> bytes:
        """The bytes that came after a response 101: frames of the WebSocket."""
        return self._http.trailing_data[0]

    def _read(self) -> HttpResponse | None:
        while True:
            event = self._http.next_event()
            match event:
                case h11.InformationalResponse(status_code=101):
                    return HttpResponse(_SWITCHING, _headers(event))
                case h11.InformationalResponse():
                    self._informed += 1
                    if self._informed > MAX_INFORMATIONAL:
                        raise TransportError(TOO_MANY_INFORMATIONAL)
                case h11.Response():
                    self._status, self._headers = event.status_code, _headers(event)
                    check_coding(self._headers)
                case h11.Data():
                    self._body += event.data
                    self._pieces += 1
                    check_size(len(self._body), self._pieces)
                case h11.EndOfMessage():
                    return HttpResponse(self._status, self._headers, bytes(self._body))
                case _:
                    return None


def _headers(event: h11.Response | h11.InformationalResponse) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)


@frozen
class Opened:
    """The handshake succeeded: the WebSocket is open."""


@frozen
class Refused:
    """The server answered the handshake with a plain HTTP response (signaling.md § 1)."""

    response: HttpResponse


WebSocketEvent: TypeAlias = Opened | Refused | FrameEvent


class WebSocketExchange:
    """One WebSocket of a client. One input, then drain `next_event`, then write `data_to_send`.

    ``entropy`` gives that many random bytes (`os.urandom`), for the key of the handshake and for the masks of frames.
    Raises `TransportError` if the URL of ``wanted`` is no URL.
    """

    def __init__(self, wanted: Connect, entropy: Masking) -> None:
        key = base64.b64encode(entropy(16)).decode()
        self._accept = accept_token(key)
        self._offered = wanted.subprotocols
        self._entropy = entropy
        headers = (
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", key),
            ("sec-websocket-protocol", ", ".join(wanted.subprotocols)),
        )
        self._exchange = HttpExchange("GET", wanted.url, headers)
        self._frames: Frames | None = None
        self._first: Opened | Refused | Closed | None = None
        self._is_refused = False
        self._failure = ""
        self.origin = self._exchange.origin

    @property
    def is_open(self) -> bool:
        """Whether the handshake has succeeded; it remains true after a close."""
        return self._frames is not None

    @property
    def dropped(self) -> bool:
        """Whether to abort the socket instead of closing it: nothing more will be written."""
        return self._frames is not None and self._frames.dropped

    @property
    def failure(self) -> str:
        """Why we ended the WebSocket, as text for people: the server broke a rule. Empty otherwise."""
        code = None if self._frames is None else self._frames.failed_with
        return self._failure if code is None else _FAILURES[code]

    # -- inputs ---
    def receive_data(self, data: bytes) -> None:
        """Take bytes from the socket, or ``b""`` when the server has closed it."""
        if self._frames is not None:
            self._frames.receive_data(data)
        elif not self._is_refused:
            try:
                response = self._exchange.receive_data(data)
            except TransportError as error:
                self._fail(str(error))
            else:
                self._answered(response)

    def next_event(self) -> WebSocketEvent | NeedData:
        """The next event, or `NEED_DATA` when all are taken."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return NEED_DATA if self._frames is None else self._frames.next_event()

    def data_to_send(self) -> bytes:
        """The bytes to write to the socket, in order; each byte is given once."""
        return self._exchange.data_to_send() if self._frames is None else self._frames.data_to_send()

    def send_text(self, data: bytes) -> None:
        """Send a message, in UTF-8. It does nothing before the handshake has succeeded and after the close."""
        if self._frames is not None:
            self._frames.send_text(data)

    def ping(self, payload: bytes) -> None:
        """Ask for a `PongReceived` with ``payload``, at most 125 bytes."""
        if self._frames is not None:
            self._frames.ping(payload)

    def close(self, code: int) -> None:
        """Begin to close with ``code``; `Closed` follows."""
        if self._frames is not None:
            self._frames.close(code)

    # -- inside ---
    def _answered(self, response: HttpResponse | None) -> None:
        if response is None:
            return
        if response.status != _SWITCHING:
            self._first, self._is_refused = Refused(response), True
        elif failure := handshake.why_not_open(response.headers, self._offered, self._accept):
            self._fail(failure)
        else:
            self._first, self._frames = Opened(), Frames(self._entropy)
            if early := self._exchange.trailing_data:  # a server may send frames in the same segment as its response
                self._frames.receive_data(early)

    def _fail(self, why: str) -> None:
        self._first, self._is_refused, self._failure = Closed(None), True, why
