"""Servers with which no room is entered: a table of what they do, and how `join` ends then."""

from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Callable

from attrs import field, frozen
from odd_controller import (
    OddController,
    Say,
    close,
    frame,
    good_answer,
    hold,
    message,
    received,
    response,
    success,
    talk,
    text,
)

from m3core.limits import MAX_MESSAGE

REST_TIMES = ("m3core.conference.requests.REQUEST_TIMEOUT", "m3asyncio.http.REQUEST_TIMEOUT")
DISCOVERY_TIME = "m3core.rest.discovery.DISCOVERY_TIMEOUT"
CONNECT_TIMES = (
    "m3core.conference.life.CONNECT_TIMEOUT",
    "m3asyncio.websocket.CONNECT_TIMEOUT",
    "m3trio.websocket.CONNECT_TIMEOUT",
)
JOIN_TIME = "m3core.conference.life.JOIN_TIMEOUT"
OKAY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@frozen
class Refusal:
    """A server with which `join` ends in an error of this class, whose text has ``why`` in it."""

    name: str
    error: str
    why: str
    rest: Say | None = None
    upgrade: Say | None = None
    times: tuple[str, ...] = field(default=())
    """The limits that this server makes the client wait for: they are short here."""


# -- REST ---
def says(data: bytes) -> Say:
    """Answers every request with ``data``."""
    return lambda _controller, stream, _path: stream.sendall(data)


def repeats(first: bytes, piece: bytes) -> Say:
    """Answers with ``first``, then with ``piece`` until the client hangs up."""

    def say(_controller: OddController, stream: socket.socket, _path: str) -> None:
        stream.sendall(first)
        while True:
            stream.sendall(piece)

    return say


def drips(first: bytes) -> Say:
    """Answers with ``first``, then a blank each 20 ms."""

    def say(_controller: OddController, stream: socket.socket, _path: str) -> None:
        stream.sendall(first)
        stream.settimeout(0.02)
        while True:
            try:
                received(stream)
            except TimeoutError:
                stream.sendall(b" ")

    return say


def never(_controller: OddController, stream: socket.socket, _path: str) -> None:
    """Answers nothing."""
    hold(stream)


def resets(_controller: OddController, stream: socket.socket, _path: str) -> None:
    """Breaks the connection: the client gets a reset, and no end of the stream."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def only_start(answer: bytes) -> Say:
    """Behaves until the client asks for a ticket; ``answer`` is the answer to that."""

    def say(_controller: OddController, stream: socket.socket, path: str) -> None:
        stream.sendall(answer if path.endswith("/start_invited") else good_answer(path))

    return say


def packed(layers: int) -> bytes:
    """A response whose body is 16 MiB of blanks below that many layers of gzip."""
    body = b" " * (16 << 20)
    for _ in range(layers):
        body = gzip.compress(body)
    return response(body, more=f"content-encoding: {', '.join(['gzip'] * layers)}\r\n")


REST = [
    Refusal(
        "a body without end",
        "TransportError",
        "longer than",
        repeats(OKAY + b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
    ),
    Refusal(
        "a body of many small chunks",
        "TransportError",
        "pieces",
        repeats(OKAY + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 1_000),
    ),
    Refusal(
        "a body that comes by the byte",
        "TransportError",
        "did not answer within",
        drips(OKAY + b"content-length: 1000000\r\n\r\n"),
        times=(*REST_TIMES, DISCOVERY_TIME),
    ),
    Refusal(
        "a chunk length without end",
        "TransportError",
        "could not be reached",
        repeats(OKAY + b"transfer-encoding: chunked\r\n\r\n", b"0" * 65536),
    ),
    Refusal(
        "trailers without end",
        "TransportError",
        "could not be reached",
        repeats(OKAY + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x: " + b"a" * 1000 + b"\r\n"),
    ),
    Refusal(
        "a head without end",
        "TransportError",
        "could not be reached",
        repeats(b"HTTP/1.1 200 OK\r\n", b"x: " + b"a" * 1000 + b"\r\n"),
    ),
    Refusal(
        "a status line without end", "TransportError", "could not be reached", repeats(b"HTTP/1.1 200 ", b"a" * 65536)
    ),
    Refusal(
        "informational responses without end",
        "TransportError",
        "did not answer within",
        repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10),
        times=(*REST_TIMES, DISCOVERY_TIME),
    ),
    Refusal(
        "a redirect",
        "ApiError",
        "redirects",
        says(response(b"", status="302 Found", more="location: http://127.0.0.1:1/\r\n")),
    ),
    Refusal("no answer", "TransportError", "did not answer within", never, times=(*REST_TIMES, DISCOVERY_TIME)),
    Refusal("a connection that is closed", "TransportError", "could not be reached", says(b"")),
    Refusal("a page", "MalformedMessage", "not JSON", says(response(b"<html>"))),
    Refusal("NaN", "MalformedMessage", "NaN", says(response(b'{"room_id": NaN}'))),
    Refusal("deep JSON", "LimitExceeded", "nesting", says(response(b"[" * 100_000))),
    Refusal("a path for an id", "MalformedMessage", "UUID", says(response(b'{"room_id": "../../x"}'))),
    Refusal("no body", "MalformedMessage", "not JSON", says(response(b""))),
    Refusal(
        "another protocol",
        "TransportError",
        "could not be reached",
        says(b"HTTP/1.1 101 No\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    ),
    Refusal("one layer of gzip", "TransportError", "compressed", says(packed(1))),
    Refusal("three layers of gzip", "TransportError", "compressed", says(packed(3))),
    Refusal(
        "an unknown coding of an error",
        "TransportError",
        "compressed",
        says(response(b"{}", status="400 No", more="content-encoding: br\r\n")),
    ),
    Refusal(
        "a ticket that is none",
        "RemoteProtocolError",
        "no usable ticket",
        only_start(response(b'{"ticket":"' + b"a,b" * 21 + b'a","resumption":"b"}')),
    ),
]


# -- the handshake of the WebSocket ---
def answers(change: Callable[[bytes], bytes]) -> Say:
    """Completes the handshake, except for what ``change`` does to the answer."""

    def say(controller: OddController, stream: socket.socket, _path: str) -> None:
        stream.sendall(change(controller.accepted))
        hold(stream)

    return say


def by_the_byte(controller: OddController, stream: socket.socket, _path: str) -> None:
    """Completes the handshake, a byte each 20 ms."""
    stream.settimeout(0.02)
    for position in range(len(controller.accepted)):
        try:
            received(stream)
        except TimeoutError:
            stream.sendall(controller.accepted[position : position + 1])


PROTOCOL = b"sec-websocket-protocol: k3k-signaling-json-v1.0\r\n"
HANDSHAKES = [
    Refusal("no answer to the handshake", "CallTimedOut|TransportError", "within", upgrade=never, times=CONNECT_TIMES),
    Refusal("an answer by the byte", "CallTimedOut|TransportError", "within", upgrade=by_the_byte, times=CONNECT_TIMES),
    Refusal("hangs up", "TransportError", "is cut off", upgrade=says(b"")),
    Refusal("resets the connection", "TransportError", "is cut off", upgrade=resets),
    Refusal("an answer without upgrade", "ApiError", "HTTP 200", upgrade=says(response(b""))),
    Refusal(
        "a redirect of the WebSocket",
        "ApiError",
        "redirects",
        upgrade=says(response(b"", status="302 Found", more="location: ws://127.0.0.1:1/\r\n")),
    ),
    Refusal(
        "a refusal without end",
        "TransportError",
        "longer than",
        upgrade=repeats(b"HTTP/1.1 401 No\r\ncontent-length: 1000000000\r\n\r\n", b"x" * 65536),
    ),
    Refusal(
        "a page of a proxy, without a length",
        "ApiError",
        "HTTP 403",
        upgrade=says(b"HTTP/1.0 403 No\r\ncontent-type: text/html\r\n\r\n<html>"),
    ),
    Refusal("another way to end lines", "TransportError", "not HTTP", upgrade=answers(lambda good: good[:30] + b"\n")),
    Refusal("a refusal in gzip", "TransportError", "compressed", upgrade=says(packed(3))),
    Refusal(
        "a wrong key",
        "TransportError",
        "no WebSocket handshake",
        upgrade=answers(lambda good: good.replace(b"accept: ", b"accept: x")),
    ),
    Refusal(
        "the ticket as subprotocol",
        "TransportError",
        "subprotocols",
        upgrade=answers(lambda good: good.replace(b"k3k-signaling-json-v1.0", b"ticket#" + b"a" * 64)),
    ),
    Refusal(
        "two subprotocols",
        "TransportError",
        "subprotocols",
        upgrade=answers(lambda good: good.replace(PROTOCOL, b"sec-websocket-protocol: ticket#a\r\n" + PROTOCOL)),
    ),
    Refusal(
        "no subprotocol", "TransportError", "subprotocols", upgrade=answers(lambda good: good.replace(PROTOCOL, b""))
    ),
    Refusal(
        "an extension",
        "TransportError",
        "extension",
        upgrade=answers(
            lambda good: good.replace(PROTOCOL, PROTOCOL + b"sec-websocket-extensions: permessage-deflate\r\n")
        ),
    ),
    Refusal(
        "a handshake without end",
        "TransportError",
        "is cut off",
        upgrade=repeats(b"HTTP/1.1 101 x\r\n", b"x: " + b"a" * 1000 + b"\r\n"),
    ),
    Refusal(
        "informational responses before the handshake",
        "TransportError",
        "informational responses",
        upgrade=repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ),
]

# -- the answer to `join` ---
TOO_LONG = b"\x81\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big")
BEFORE = "before the room was entered"
JOINS = [
    Refusal("no answer to join", "CallTimedOut", "join got no answer", upgrade=talk(b""), times=(JOIN_TIME,)),
    Refusal("hangs up after join", "TransportError", BEFORE, upgrade=talk(b"", hangs_up=True)),
    Refusal("a close frame", "TransportError", "server closed", upgrade=talk(close(1000))),
    Refusal(
        "a masked answer", "TransportError", "broke the rules", upgrade=talk(frame(1, success().encode(), mask=True))
    ),
    Refusal(
        "a masked frame together with the handshake",
        "TransportError",
        "broke the rules",
        upgrade=answers(lambda good: good + frame(1, b"{}", mask=True)),
    ),
    Refusal("a reserved bit", "TransportError", "broke the rules", upgrade=talk(frame(1, b"{}", reserved=4))),
    Refusal("a frame of 4 EiB", "TransportError", "more than", upgrade=talk(b"\x81\x7f\x40" + b"\0" * 7)),
    Refusal("a text that is too long", "TransportError", "more than", upgrade=talk(TOO_LONG)),
    Refusal("a text that is not UTF-8", "TransportError", "not UTF-8", upgrade=talk(text(b"\xff\xfe"))),
    Refusal("a deep message", "TransportError", "nesting", upgrade=talk(text("[" * 1000))),
    Refusal(
        "blocked",
        "CallRefused",
        "participant_limit_reached",
        upgrade=talk(text(message("control", "join_blocked", reason="participant_limit_reached"))),
    ),
    Refusal(
        "an error",
        "CallRefused",
        "invalid_username",
        upgrade=talk(text(message("control", "error", error="invalid_username"))),
    ),
]

REFUSALS = [*REST, *HANDSHAKES, *JOINS]
