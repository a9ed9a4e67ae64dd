"""Checks what a server sends on a WebSocket before a library sees it, sans-IO: the handshake, then frames.

An adapter passes all bytes of the server through a `Guard`. If the server breaks a rule, no further bytes reach the
library, and ``violation`` says why the adapter has to abort the connection.
"""

from __future__ import annotations

import re
from typing import Final

from m3core import handshake
from m3core.errors import TransportError
from m3core.frame_guard import FrameGuard
from m3core.io import Headers
from m3core.limits import (
    MAX_HANDSHAKE_HEAD,
    MAX_HANDSHAKE_LINE,
    MAX_HANDSHAKE_REFUSAL,
    MAX_HTTP_HEAD_LINES,
    MAX_INFORMATIONAL,
)
from m3core.rest.content import NOT_HTTP, TOO_MANY_INFORMATIONAL, check_coding

LONG_REFUSAL: Final = f"the response of the server is longer than {MAX_HANDSHAKE_REFUSAL} bytes"
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [\t -~\x80-\xff]*)?")
_FIELD: Final = re.compile(rb"([-!#$%&'*+.^_`|~0-9A-Za-z]+):[\t ]*([\t -~\x80-\xff]*?)[\t ]*")
_SWITCHING: Final = 101
_WITHOUT_BODY: Final = frozenset({204, 304})


class Guard:
    """The bytes of a server on one connection. ``offered``: the subprotocols that the client offers.

    `receive` returns what the library may have of its input. The library itself checks `Sec-WebSocket-Accept`.
    """

    def __init__(self, offered: tuple[str, ...]) -> None:
        self.frames = FrameGuard()
        """The part of the connection after the handshake."""
        self.is_answered = False
        """Whether the library has got the head of an answer to the handshake."""
        self._violation = ""
        self._offered = offered
        self._line = bytearray()
        """A line of a head that is not complete yet."""
        self._head: list[bytes] = []
        """The lines of the current head, without its status line."""
        self._head_size = 0
        self._status = 0
        self._fields: list[tuple[str, str]] = []
        self._informational = 0
        self._is_refused = False
        self._body_size = 0
        self._until_end: bytearray | None = None
        """The body so far of a refusal that the end of the connection ends; None if the head says the length."""

    @property
    def violation(self) -> str:
        """What the server did wrong, for people; empty as long as it did nothing wrong."""
        return self._violation or self.frames.violation

    def receive(self, data: bytes) -> bytes:
        """Check ``data``; ``b""`` means that the server has closed its side, or that the connection is broken."""
        if self.violation:
            return b""
        if not data:
            return self._end()
        if self.is_answered and not self._is_refused:
            return self.frames.receive(data)
        if self._is_refused:
            return self._read_refusal(data)
        return self._read_head(data)

    def _end(self) -> bytes:
        if not self.is_answered and not self._is_refused:
            self._violation = NOT_HTTP
        elif self._until_end is not None:
            body, self._until_end = bytes(self._until_end), None
            self._head.append(b"content-length: %d\r\n" % len(body))
            return self._whole_head() + body
        return b""

    def _read_head(self, data: bytes) -> bytes:
        self._line += data
        at = 0
        while end := self._line.find(b"\n", at) + 1:
            self._take_line(bytes(self._line[at:end]))
            at = end
            if self._violation:
                return b""
            if self.is_answered or self._is_refused:
                rest = bytes(self._line[at:])
                self._line.clear()
                if self._is_refused:
                    head = b"" if self._until_end is not None else self._whole_head()
                    return head + self._read_refusal(rest)
                return self._whole_head() + self.frames.receive(rest)
        del self._line[:at]
        if len(self._line) >= MAX_HANDSHAKE_LINE:
            self._violation = NOT_HTTP
        return b""

    def _take_line(self, line: bytes) -> None:
        self._head_size += len(line)
        is_too_long = len(line) > MAX_HANDSHAKE_LINE or self._head_size > MAX_HANDSHAKE_HEAD
        # A bare LF would end a line for some libraries, and not for others.
        if is_too_long or not line.endswith(b"\r\n"):
            self._violation = NOT_HTTP
        elif not self._status:
            self._take_status(line[:-2])
        elif line == b"\r\n":
            self._take_head()
        elif len(self._head) < MAX_HTTP_HEAD_LINES and (field := _FIELD.fullmatch(line[:-2])):
            self._head.append(line)
            self._fields.append((field[1].decode().lower(), field[2].decode("latin-1")))
        else:
            self._violation = NOT_HTTP

    def _take_status(self, line: bytes) -> None:
        match = _STATUS.fullmatch(line)
        if match is None:
            self._violation = NOT_HTTP
        elif match[1] == b"0" and int(match[2]) == _SWITCHING:  # HTTP/1.0 has no Upgrade (RFC 9110 s.7.8)
            self._violation = handshake.NO_HANDSHAKE
        else:
            self._status = int(match[2])

    def _take_head(self) -> None:
        if self._status == _SWITCHING:
            self._violation = handshake.why_not_open(tuple(self._fields), self._offered)
            self.is_answered = not self._violation
        elif self._status < 200:
            # Some libraries take an informational response for the answer. So none of them sees one.
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL:
                self._violation = TOO_MANY_INFORMATIONAL
            self._status = self._head_size = 0
            self._head.clear()
            self._fields.clear()
        else:
            self._refuse(tuple(self._fields))

    def _refuse(self, fields: Headers) -> None:
        self._is_refused = True
        try:
            check_coding(fields)
        except TransportError as error:
            self._violation = str(error)
        names = {name for name, _ in fields}
        if self._status not in _WITHOUT_BODY and not names & {"content-length", "transfer-encoding"}:
            # Proxies of HTTP/1.0 send such pages. trio-websocket would wait for a length, although the server hangs up.
            self._until_end = bytearray()

    def _whole_head(self) -> bytes:
        """The head for the library, which may know neither HTTP/1.0 nor a status line without a reason."""
        self.is_answered = True
        return b"HTTP/1.1 %d \r\n%b\r\n" % (self._status, b"".join(self._head))

    def _read_refusal(self, data: bytes) -> bytes:
        room = MAX_HANDSHAKE_REFUSAL - self._body_size
        self._body_size += len(data)
        if len(data) > room:
            self._violation = LONG_REFUSAL
        if self._until_end is None:
            return data[:room]
        self._until_end += data[:room]
        return b""
