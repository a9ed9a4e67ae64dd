"""Cuts the bytes of HTTP requests into pieces for h11: a head, the line of a chunk, a part of a body, trailers.

h11 takes lines that end in a bare LF, folded lines, and control characters behind the size of a chunk, and its limits
depend on how the bytes arrive. Where a server and the proxy before it disagree on the end of a request, a client can
smuggle another one past the proxy (RFC 9112 s.11.2). Here such lines are refused, and what becomes of a request depends
on its bytes only. h11 refuses what else is wrong, such as a CR or NUL within a line.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from m3core.limits import MAX_HTTP_BODY, MAX_HTTP_CHUNK_LINE, MAX_HTTP_HEAD, MAX_HTTP_HEAD_LINES
from m3core.rest.errors import PAYLOAD_OVERFLOW, Problem, RequestRefused

BAD_REQUEST: Final = Problem(400, "bad_request")
_TOO_LARGE: Final = Problem(431, "bad_request")
_CRLF: Final = b"\r\n"
_FIRST: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z\r]")
"""The first byte of a request: of the method, a token (RFC 9112 s.3.1), or of an empty line before it. What begins with
another byte is no HTTP, such as TLS, and may never have a line's end to wait for."""
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n\0]*)?[ \t]*\r\n")


class _Part(Enum):
    """What the next byte belongs to."""

    HEAD = "head"
    BODY = "body"
    CHUNK_LINE = "the line before a chunk"
    CHUNK = "chunk"
    TRAILERS = "trailers"


class RequestBytes:
    """The bytes of one connection that no request has used yet. Where a request begins, its head is expected."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._part = _Part.HEAD
        self._left = 0
        """Bytes until the end of the body, or of the chunk and its CR LF."""
        self._announced = 0
        """The sizes of all chunks of the body together."""
        self._line = 0
        """Where the first line that is not whole yet begins."""
        self._searched = 0
        """Up to here that line has no end."""
        self._count = 0
        """The whole lines of this head, or of these trailers."""
        self._had_empty_line = False

    def __len__(self) -> int:
        return len(self._bytes)

    def receive(self, data: bytes) -> None:
        """More bytes."""
        self._bytes += data

    def expect_body(self, length: int | None) -> None:
        """What follows the head is a body of ``length`` bytes, or with None in chunks."""
        self._left = length or 0
        self._announced = 0
        self._part = _Part.CHUNK_LINE if length is None else _Part.BODY

    def expect_head(self) -> None:
        """The request is over."""
        self._part = _Part.HEAD
        self._had_empty_line = False

    def take_all(self) -> bytes:
        """All bytes that wait."""
        return self._take(len(self._bytes))

    def next_piece(self) -> bytes:
        """The next piece, or no bytes if it is not whole yet. Raises `RequestRefused`."""
        match self._part:
            case _Part.HEAD | _Part.TRAILERS:
                return self._next_lines()
            case _Part.CHUNK_LINE:
                return self._next_chunk_line()
        piece = self._take(min(self._left, len(self._bytes)))
        self._left -= len(piece)
        if self._part is _Part.CHUNK and not self._left:
            self._part = _Part.CHUNK_LINE
        return piece

    def _take(self, size: int) -> bytes:
        piece = bytes(self._bytes[:size])
        del self._bytes[:size]
        self._line = self._searched = self._count = 0
        return piece

    def _next_line(self, limit: int, beyond: Problem) -> bytes:
        """The next line, which remains among the bytes, or no bytes. ``limit`` is for all lines of this piece."""
        end = self._bytes.find(b"\n", self._searched) + 1
        self._searched = end or len(self._bytes)
        if self._searched > limit:
            raise RequestRefused(beyond)
        line = bytes(self._bytes[self._line : end])
        self._line = end or self._line
        return line

    def _next_lines(self) -> bytes:
        if self._part is _Part.HEAD and self._bytes and not _FIRST.match(self._bytes):
            raise RequestRefused(BAD_REQUEST)
        while line := self._next_line(MAX_HTTP_HEAD, _TOO_LARGE):
            if line == _CRLF:
                # An empty line before a request is ignored, once: old clients send it after a body (RFC 9112 s.2.2).
                if self._part is _Part.HEAD and not self._count and not self._had_empty_line:
                    self._had_empty_line = True
                    self._take(len(line))
                    return self._next_lines()
                return self._take(self._line)
            # A line that begins with a blank continues the one before (RFC 9112 s.5.2), or is a field where none may be
            # (s.2.2).
            if not line.endswith(_CRLF) or line[:1] in b" \t":
                raise RequestRefused(BAD_REQUEST)
            self._count += 1
            if self._count > MAX_HTTP_HEAD_LINES:
                raise RequestRefused(_TOO_LARGE)
        return b""

    def _next_chunk_line(self) -> bytes:
        line = self._next_line(MAX_HTTP_CHUNK_LINE, BAD_REQUEST)
        if not line:
            return b""
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise RequestRefused(BAD_REQUEST)
        size = int(match[1], 16)
        self._announced += size
        if self._announced > MAX_HTTP_BODY:
            raise RequestRefused(PAYLOAD_OVERFLOW)
        self._left = size + len(_CRLF)
        self._part = _Part.CHUNK if size else _Part.TRAILERS
        return self._take(len(line))
