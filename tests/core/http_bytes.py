"""Bytes as a client sends them to the controller, and what one connection makes of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from m3core.controller.http import (
    NEED_DATA,
    ConnectionEvent,
    HttpConnection,
    Phase,
)

PROTOCOL = "k3k-signaling-json-v1.0"
UPGRADE = (
    b"GET /signaling HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ticket#x, k3k-signaling-json-v1.0\r\n\r\n"
)
GET = b"GET /v1/turn?a=b HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
TOO_BIG = b"\x88\x02\x03\xf1"
"""A close frame with 1009."""


def framed(opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bytes | None = b"\x01\x02\x03\x04") -> bytes:
    head = bytes([fin << 7 | opcode])
    masked = 0x80 if mask is not None else 0
    if len(payload) < 126:
        head += bytes([masked | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", masked | 126, len(payload))
    else:
        head += struct.pack("!BQ", masked | 127, len(payload))
    if mask is None:
        return head + payload
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    size = len(payload)
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def events_of(connection: HttpConnection) -> list[ConnectionEvent]:
    events: list[ConnectionEvent] = []
    while (event := connection.next_event()) is not NEED_DATA:
        events.append(event)
    return events


def feed(connection: HttpConnection, *pieces: bytes) -> list[ConnectionEvent]:
    events = []
    for piece in pieces:
        connection.receive_data(piece)
        events += events_of(connection)
    return events


def bytewise(data: bytes) -> Iterable[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def opened() -> HttpConnection:
    connection = HttpConnection()
    feed(connection, UPGRADE)
    connection.accept(PROTOCOL)
    connection.data_to_send()
    assert phase_of(connection) is Phase.OPEN
    return connection


def phase_of(connection: HttpConnection) -> Phase:
    """A call, because mypy believes that an attribute keeps its value across one."""
    return connection.phase


def is_dropped(connection: HttpConnection) -> bool:
    return connection.dropped


def status_of(data: bytes) -> int:
    return int(data.split(b" ", 2)[1])
