"""A controller in threads, on bare sockets, that behaves except where a test replaces what it does."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

ME, OTHER, ROOM = (f"437679f8-4adb-4ccc-b02d-fedbb5cf2b8{digit}" for digit in "bcd")
WHEN = "2026-01-01T00:00:00Z"
Say = Callable[["OddController", socket.socket, str], None]
"""Answers one request, whose path it gets; the connection is closed after it."""


class Gone(Exception):
    """The client has closed the connection."""


class OddController:
    """``rest`` answers REST requests, and ``upgrade`` the WebSocket handshakes, in the place of a good controller."""

    def __init__(self, rest: Say | None = None, upgrade: Say | None = None) -> None:
        self._rest = rest
        self._upgrade = upgrade or talk()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.link = f"http://127.0.0.1:{self.port}/invite/{ROOM}"
        self.heads: list[str] = []
        self.accepted = b""
        """The answer that completes the latest handshake."""
        self.visits = 0
        """Handshakes so far."""
        self._streams: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._run)]
        self._threads[0].start()

    def close(self) -> None:
        """Hang up, and wait for all threads."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for stream in list(self._streams):
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                stream, _ = self._listener.accept()
                self._streams.add(stream)
                self._threads.append(threading.Thread(target=self._serve, args=(stream,)))
                self._threads[-1].start()

    def _serve(self, stream: socket.socket) -> None:
        with suppress(OSError, Gone), stream:
            self._answer(stream)
        self._streams.discard(stream)

    def _answer(self, stream: socket.socket) -> None:
        head, rest = request_head(stream)
        self.heads.append(head)
        path = head.split(" ")[1]
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n"))
        }
        missing = int(fields.get("content-length", "0")) - len(rest)
        while missing > 0:
            missing -= len(received(stream))
        if "upgrade" in fields:
            self.visits += 1
            digest = hashlib.sha1((fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode())
            lines = (
                "HTTP/1.1 101 Switching Protocols",
                "upgrade: websocket",
                "connection: upgrade",
                f"sec-websocket-accept: {base64.b64encode(digest.digest()).decode()}",
                "sec-websocket-protocol: k3k-signaling-json-v1.0",
            )
            self.accepted = "\r\n".join((*lines, "", "")).encode()
            self._upgrade(self, stream, path)
        elif self._rest is not None:
            self._rest(self, stream, path)
        else:
            stream.sendall(good_answer(path))


@contextmanager
def odd_controller(rest: Say | None = None, upgrade: Say | None = None) -> Iterator[OddController]:
    """Such a controller, until the end of the block."""
    controller = OddController(rest, upgrade)
    try:
        yield controller
    finally:
        controller.close()


def received(stream: socket.socket) -> bytes:
    """What the client sends next. Raises `Gone`."""
    data = stream.recv(1 << 16)
    if not data:
        raise Gone
    return data


def hold(stream: socket.socket) -> None:
    """Read until the client closes the connection."""
    while True:
        received(stream)


def request_head(stream: socket.socket) -> tuple[str, bytes]:
    """The head of a request, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(stream)
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode(), rest


def response(body: bytes, *, status: str = "200 OK", more: str = "") -> bytes:
    """A whole response; ``more``: further header lines."""
    fields = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{more}"
    return f"HTTP/1.1 {status}\r\n{fields}\r\n".encode() + body


def good_answer(path: str) -> bytes:
    """What a good controller answers to a REST request."""
    if ".well-known" in path:
        return response(b"{}", status="404 Not Found")
    if path.endswith("/verify"):
        return response(json.dumps({"room_id": ROOM}).encode())
    if path.endswith("/start_invited"):
        return response(json.dumps({"ticket": "a" * 64, "resumption": "b" * 64}).encode())
    return response(b"[]") if "turn" in path else response(b"{}", status="404 Not Found")


# -- frames of a server, also wrong ones ---
def frame(opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, mask: bool = False) -> bytes:
    """One frame. A server must not set ``mask`` (RFC 6455 s.5.1); the mask is zero."""
    size, first, bit = len(payload), final << 7 | reserved << 4 | opcode, mask << 7
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + b"\0\0\0\0" * mask + payload


def text(data: str | bytes) -> bytes:
    """A text message."""
    return frame(1, data.encode() if isinstance(data, str) else data)


def close(code: int) -> bytes:
    """A close frame."""
    return frame(8, struct.pack("!H", code))


def message(namespace: str, kind: str, **payload: object) -> str:
    """A message of the signaling."""
    whole = {"namespace": namespace, "timestamp": WHEN, "payload": {"message": kind, **payload}}
    return json.dumps(whole, separators=(",", ":"))


def entry(participant: str = OTHER) -> dict[str, object]:
    """A participant as `join_success` lists it."""
    control = {
        "display_name": "x",
        "role": "guest",
        "participation_kind": "guest",
        "hand_is_up": False,
        "joined_at": WHEN,
        "hand_updated_at": WHEN,
    }
    return {"id": participant, "control": control}


def success(*participants: dict[str, object]) -> str:
    """`join_success` with other ``participants``."""
    chat = {
        "enabled": True,
        "room_history": [],
        "groups_history": [],
        "last_seen_timestamp_global": None,
        "last_seen_timestamps_private": {},
        "last_seen_timestamps_group": {},
    }
    people = list(participants)
    media = {"is_presenter": True}
    whole = {"id": ME, "display_name": "x", "role": "guest", "participants": people, "media": media, "chat": chat}
    return message("control", "join_success", **whole)


def chat_message(number: int) -> str:
    """A chat message with an id of its own."""
    where = {"source": OTHER, "content": "hello", "scope": "global"}
    return message("chat", "message_sent", id=f"437679f8-4adb-4ccc-b02d-{number:012x}", **where)


def talk(*first: bytes, in_room: bytes = b"", hangs_up: bool = False) -> Say:
    """Complete the handshake and let the client in, in all visits. In the first one send ``first`` instead.

    ``in_room`` follows in the first visit, once the client is inside.
    """

    def say(controller: OddController, stream: socket.socket, _path: str) -> None:
        visit = controller.visits
        stream.sendall(controller.accepted)
        received(stream)  # the join
        if visit > 1 or not first:
            stream.sendall(text(success(entry())))
        if visit == 1:
            stream.sendall(b"".join(first) + in_room)
            if hangs_up:
                return
        hold(stream)

    return say
