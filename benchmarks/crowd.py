"""Many plain clients of one server, in this process: sockets that write frames and count what comes."""

from __future__ import annotations

import base64
import json
import re
import selectors
import socket
import struct
from typing import Any, Final

from benchmarks.served import Running

_ON_ONE_CONNECTION: Final = 100
"""Requests. The server closes connections that ask for too much."""
_PING: Final = b"\x89\x09heartbeat"
_PONG: Final = b"\x8a\x89\0\0\0\0heartbeat"


def frame(namespace: str, **payload: object) -> bytes:
    """A WebSocket frame with one command, masked with zeros."""
    data = json.dumps({"namespace": namespace, "payload": payload}).encode()
    size = bytes((0x80 | len(data),)) if len(data) < 126 else struct.pack("!BH", 0x80 | 126, len(data))
    return b"\x81" + size + b"\0\0\0\0" + data


class Crowd:
    """The connections to one server."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._sockets: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._tails: dict[socket.socket, bytes] = {}

    def connect(self, many: int) -> None:
        """Open connections without a handshake, for the bare server."""
        for _ in range(many):
            self._add(self._connection())

    def come(self, many: int) -> None:
        """Open WebSockets to the meeting, which have not joined."""
        for first in range(0, many, _ON_ONE_CONNECTION):
            with self._connection() as http:
                room = _post(http, "/invite/verify", {"invite_code": self._server.code})["room_id"]
                for _ in range(first, min(first + _ON_ONE_CONNECTION, many)):
                    wanted = {"invite_code": self._server.code, "breakout_room": None}
                    self._add(self._upgraded(_post(http, f"/rooms/{room}/start_invited", wanted)["ticket"]))

    def write(self, which: int, data: bytes) -> None:
        """Let one connection send."""
        self._sockets[which % len(self._sockets)].sendall(data)

    def join(self) -> None:
        """Let all join at once, and wait until each has heard of each."""
        for number, each in enumerate(self._sockets):
            each.sendall(frame("control", action="join", display_name=f"Guest {number}"))
        many = len(self._sockets)
        self.hear(b'"message":"joined"', many * (many - 1) // 2)

    def hear(self, mark: bytes, times: int) -> None:
        """Read until ``mark`` has come so often, at all connections together. Pings are answered."""
        longest = max(len(mark), len(_PING)) - 1
        while times > 0:
            for key, _ in self._selector.select():
                connection = key.fileobj
                if not isinstance(connection, socket.socket):
                    continue
                data = connection.recv(1 << 20)
                if not data:
                    raise AssertionError("the server has closed a connection")
                tail = self._tails[connection]
                seen = tail + data
                times -= seen.count(mark) - tail.count(mark)
                if seen.count(_PING) > tail.count(_PING):
                    connection.sendall(_PONG)
                self._tails[connection] = seen[-longest:]
        if times:
            raise AssertionError(f"{-times} messages too many")

    def close(self) -> None:
        """Close all connections."""
        for each in self._sockets:
            each.close()
        self._selector.close()

    def _connection(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._server.port))

    def _add(self, connection: socket.socket) -> None:
        self._sockets.append(connection)
        self._tails[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ)

    def _upgraded(self, ticket: str) -> socket.socket:
        connection = self._connection()
        key = base64.b64encode(bytes(16)).decode()
        connection.sendall(
            "GET /signaling HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: ticket#{ticket}, opentalk-signaling-json-v1.0\r\n\r\n".encode()
        )
        head, _ = _head(connection)
        if b" 101 " not in head:
            raise AssertionError("the server does not take the ticket")
        return connection


def _head(connection: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 16)
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _post(connection: socket.socket, path: str, body: object) -> Any:
    data = json.dumps(body).encode()
    connection.sendall(
        f"POST /v1{path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n".encode()
        + data
    )
    head, rest = _head(connection)
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    while found is not None and len(rest) < int(found[1]):
        rest += connection.recv(1 << 16)
    return json.loads(rest)
