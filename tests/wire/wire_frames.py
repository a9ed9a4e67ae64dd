"""The side of a client: the upgrade to a WebSocket, and what the frames of the server say."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from http_bytes import CLOSE, PONG, PROTOCOL, TEXT
from websocket_table import Answer, Closing, Echo, Error, Pong


def upgrade(ticket: str) -> bytes:
    """The request for a WebSocket."""
    return (
        "GET /signaling HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {PROTOCOL}, ticket#{ticket}\r\n\r\n"
    ).encode()


def answers(data: bytes) -> tuple[Answer, ...]:
    """The frames of the server, all whole, behind the answer to the upgrade."""
    head, end, frames = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    assert end
    return tuple(_answer(opcode, payload) for opcode, payload in _frames(frames))


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        assert data[0] & 0xF0 == 0x80, "the frames of our server are whole messages without reserved bits"
        size, begin = data[1], 2
        if size == 126:
            size, begin = struct.unpack("!H", data[2:4])[0], 4
        assert len(data) >= begin + size
        yield data[0] & 0x0F, data[begin : begin + size]
        data = data[begin + size :]


def _answer(opcode: int, payload: bytes) -> Answer:
    if opcode == PONG:
        return Pong(payload)
    if opcode == CLOSE:
        return Closing(int.from_bytes(payload, "big"))
    assert opcode == TEXT
    message = json.loads(payload)["payload"]
    return Error(message["error"]) if "error" in message else Echo(message["x"])
