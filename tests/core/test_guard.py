"""What a server may send on a WebSocket before a library sees it: each case whole, byte by byte and in pieces of 7."""

from __future__ import annotations

import pytest

from m3core.frame_guard import BROKEN_FRAME, NOT_UTF8, TOO_LONG, TOO_MANY_EMPTY, TOO_MANY_FRAGMENTS, FrameGuard
from m3core.guard import LONG_REFUSAL, Guard
from m3core.handshake import NO_HANDSHAKE
from m3core.limits import (
    MAX_EMPTY_FRAMES,
    MAX_FRAGMENTS,
    MAX_HANDSHAKE_HEAD,
    MAX_HANDSHAKE_LINE,
    MAX_HANDSHAKE_REFUSAL,
    MAX_HTTP_HEAD_LINES,
    MAX_INFORMATIONAL,
    MAX_MESSAGE,
)
from m3core.rest.content import NOT_HTTP, TOO_MANY_INFORMATIONAL

OFFERED = ("ticket#" + "T" * 64, "k3k-signaling-json-v1.0", "opentalk-signaling-json-v1.0")
FIELDS = (
    b"upgrade: websocket\r\nconnection: keep-alive, Upgrade\r\nsec-websocket-accept: x\r\n"
    b"sec-websocket-protocol: k3k-signaling-json-v1.0\r\n"
)
HEAD = b"HTTP/1.1 101 \r\n" + FIELDS + b"\r\n"
"""A good answer, as the library gets it."""
SIZES = (1, 7, 1 << 30)


def received(guard: Guard | FrameGuard, data: bytes, size: int) -> bytes:
    """What the library gets of ``data``, which comes in pieces of ``size`` bytes."""
    return b"".join(guard.receive(data[at : at + size]) for at in range(0, len(data), size))


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, more: int = 0) -> bytes:
    """A frame of a server; ``more``: bits to set in its first two bytes."""
    size = len(payload)
    length = (
        bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2) if size < 1 << 16 else b"\x7f" + size.to_bytes(8)
    )
    first = (final << 15 | opcode << 8 | length[0]) | more
    return first.to_bytes(2) + length[1:] + payload


def announced(opcode: int, size: int) -> bytes:
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8)


# -- the handshake ---
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\n" + FIELDS + b"\r\n", HEAD),
        (b"HTTP/1.1 101\r\n" + FIELDS + b"\r\n", HEAD),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nsec-websocket-protocol: x\r\n\r\n" + HEAD, HEAD),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_INFORMATIONAL + HEAD, HEAD),
        (HEAD + frame(1, b"{}"), HEAD + frame(1, b"{}")),
        (
            HEAD[:-2] + b"x: y\r\n" * (MAX_HTTP_HEAD_LINES - 4) + b"\r\n",
            HEAD[:-2] + b"x: y\r\n" * (MAX_HTTP_HEAD_LINES - 4) + b"\r\n",
        ),
        (
            HEAD[:-2] + b"x:" + b" " * (MAX_HANDSHAKE_LINE - 4) + b"\r\n\r\n",
            HEAD[:-2] + b"x:" + b" " * (MAX_HANDSHAKE_LINE - 4) + b"\r\n\r\n",
        ),
        (b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno", b"HTTP/1.1 401 \r\ncontent-length: 2\r\n\r\nno"),
        (
            b"HTTP/1.1 401 No\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 401 \r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (b"HTTP/1.1 304 No\r\n\r\n", b"HTTP/1.1 304 \r\n\r\n"),
        (b"HTTP/1.0 403 No\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.1 403 \r\ncontent-length: 0\r\n\r\n"),
    ],
)
def test_answers_that_pass(sent: bytes, passed: bytes, size: int) -> None:
    guard = Guard(OFFERED)
    assert received(guard, sent, size) == passed
    assert guard.violation == ""
    assert guard.is_answered
    assert guard.receive(b"") == b""
    assert guard.violation == ""


@pytest.mark.parametrize("size", SIZES)
def test_a_refusal_that_the_end_of_the_connection_ends_gets_a_length(size: int) -> None:
    """haproxy has such pages for 503, and trio-websocket would never see the end of one."""
    guard = Guard(OFFERED)
    assert received(guard, b"HTTP/1.0 503 No\r\nretry-after: 5\r\n\r\n<html>", size) == b""
    assert guard.receive(b"") == b"HTTP/1.1 503 \r\nretry-after: 5\r\ncontent-length: 6\r\n\r\n<html>"
    assert guard.receive(b"") == b""
    assert guard.violation == ""


def without(name: bytes) -> bytes:
    return b"".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(name))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"\r\n" + HEAD, NOT_HTTP),
        (b"HTTP/2 101 x\r\n", NOT_HTTP),
        (b"HTTP/1.1 099 x\r\n", NOT_HTTP),
        (b"HTTP/1.1 600 x\r\n", NOT_HTTP),
        (b"HTTP/1.1 1011 x\r\n", NOT_HTTP),
        (b"HTTP/1.1  101 x\r\n", NOT_HTTP),
        (b"HTTP/1.1 101 \0\r\n", NOT_HTTP),
        (b"GET / HTTP/1.1\r\n", NOT_HTTP),
        (b"\x15\x03\x01\x00\x02\x02\x46\n", NOT_HTTP),
        (HEAD.replace(b"\r\n", b"\n"), NOT_HTTP),
        (b"HTTP/1.1 101 xx\n", NOT_HTTP),
        (b"HTTP/1.1 101 x\r\nx: ab\n", NOT_HTTP),
        (b"HTTP/1.1 101 x\r\nx: a\rb\r\n", NOT_HTTP),
        (b"HTTP/1.1 101 x\r\nx: a\r\n folded\r\n", NOT_HTTP),
        (b"HTTP/1.1 101 x\r\nx : a\r\n", NOT_HTTP),
        (b"HTTP/1.1 101 x\r\n: a\r\n", NOT_HTTP),
        (b"HTTP/1.1 101 x\r\nnothing\r\n", NOT_HTTP),
        (b"HTTP/1.1 101 x\r\nx: \0\r\n", NOT_HTTP),
        (b"HTTP/1.1 101 " + b"x" * MAX_HANDSHAKE_LINE, NOT_HTTP),
        (b"HTTP/1.1 101 x\r\nx:" + b" " * (MAX_HANDSHAKE_LINE - 3) + b"\r\n", NOT_HTTP),
        (b"HTTP/1.1 101 x\r\n" + (b"x: " + b"y" * 1_000 + b"\r\n") * (MAX_HANDSHAKE_HEAD // 1_000 + 1), NOT_HTTP),
        (b"HTTP/1.1 101 x\r\n" + b"x: y\r\n" * (MAX_HTTP_HEAD_LINES + 1), NOT_HTTP),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INFORMATIONAL + 1), TOO_MANY_INFORMATIONAL),
        (HEAD.replace(b"1.1", b"1.0"), NO_HANDSHAKE),
        (without(b"upgrade"), NO_HANDSHAKE),
        (without(b"connection"), NO_HANDSHAKE),
        (HEAD.replace(b"websocket\r", b"h2c\r"), NO_HANDSHAKE),
        (without(b"sec-websocket-protocol"), "subprotocols"),
        (HEAD.replace(b"k3k-signaling-json-v1.0", OFFERED[0].encode()), "subprotocols"),
        (HEAD.replace(b"k3k-signaling-json-v1.0", b"chat"), "subprotocols"),
        (HEAD.replace(b"sec-websocket-protocol:", b"sec-websocket-protocol: x\r\nsec-websocket-protocol:"), "subprot"),
        (HEAD[:-2] + b"sec-websocket-extensions: x\r\n\r\n", "extension"),
        (b"HTTP/1.1 401 No\r\ncontent-encoding: gzip\r\n\r\n", "compressed"),
        (b"HTTP/1.1 401 No\r\ncontent-length: 1\r\n\r\n" + b"x" * (MAX_HANDSHAKE_REFUSAL + 1), LONG_REFUSAL),
        (b"HTTP/1.1 401 No\r\n\r\n" + b"x" * (MAX_HANDSHAKE_REFUSAL + 1), LONG_REFUSAL),
    ],
)
def test_answers_that_do_not_pass(sent: bytes, why: str, size: int) -> None:
    guard = Guard(OFFERED)
    passed = received(guard, sent, size)
    assert why in guard.violation
    assert len(passed) <= MAX_HANDSHAKE_REFUSAL + 100
    assert guard.receive(HEAD) == guard.receive(b"") == b""


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 1", b"HTTP/1.1 101 x\r\nupgrade: websocket\r\n", HEAD[:-1]])
def test_an_answer_that_is_cut_off(sent: bytes) -> None:
    guard = Guard(OFFERED)
    assert received(guard, sent, 7) == b""
    assert guard.violation == ""
    assert guard.receive(b"") == b""
    assert guard.violation == NOT_HTTP


# -- frames ---
GOOD = [
    frame(1, b"{}"),
    frame(1),
    frame(2, b"\xff"),
    frame(1, b"x" * 126) + frame(1, b"x" * 70_000),
    frame(1, "ä€😀".encode()),
    frame(1, b"\xc3", final=False) + frame(0, b"\xa4"),
    frame(1, b"\xf0\x9f", final=False) + frame(0, b"\x98", final=False) + frame(0, b"\x80"),
    frame(1, b"", final=False) + frame(0),
    frame(1, b"{", final=False) + frame(9, b"p") + frame(0, b"}"),
    frame(2, b"\xff", final=False) + frame(0, b"\xff") + frame(1, b"{}"),
    frame(1, b"", final=False) + frame(0, b"x", final=False) * (MAX_FRAGMENTS - 2) + frame(0, b"x") + frame(1, b"x"),
    frame(1, b"x" * MAX_MESSAGE) + frame(1, b"x"),
    frame(1, b"x" * (MAX_MESSAGE - 1), final=False) + frame(9, b"p" * 125) + frame(0, b"x"),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sent", GOOD)
def test_frames_that_pass(sent: bytes, size: int) -> None:
    guard = FrameGuard()
    assert received(guard, sent, size) == sent
    assert guard.violation == ""
    assert guard.close_code is None


BAD = [
    *((frame(1, b"{}", more=bit << 8), BROKEN_FRAME) for bit in (0x10, 0x20, 0x40)),
    (frame(1, b"", more=0x80), BROKEN_FRAME),
    *((frame(opcode, b"{}"), BROKEN_FRAME) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    *((frame(opcode, b"", final=False), BROKEN_FRAME) for opcode in (8, 9, 10)),
    *((frame(opcode, b"x" * 126), BROKEN_FRAME) for opcode in (8, 9, 10)),
    *((bytes((0x80 | opcode, 126)), BROKEN_FRAME) for opcode in (8, 9, 10)),
    (b"\x81\x7e\x00\x7d", BROKEN_FRAME),
    (b"\x81\x7f" + (65_535).to_bytes(8), BROKEN_FRAME),
    (frame(0, b"{}"), BROKEN_FRAME),
    (frame(1, b"{", final=False) + frame(1, b"}"), BROKEN_FRAME),
    (frame(1, b"{", final=False) + frame(2, b"}"), BROKEN_FRAME),
    (frame(1, b"{", final=False) + frame(0, b"}") + frame(0, b"}"), BROKEN_FRAME),
    (announced(1, MAX_MESSAGE + 1), TOO_LONG),
    (announced(1, 1 << 62), TOO_LONG),
    (announced(1, (1 << 64) - 1), TOO_LONG),
    (frame(1, b"x", final=False) + announced(0, MAX_MESSAGE), TOO_LONG),
    (frame(1, b"\xff"), NOT_UTF8),
    (frame(1, b"\xc3"), NOT_UTF8),
    (frame(1, b"\xed\xa0\x80"), NOT_UTF8),
    (frame(1, b"\xc3", final=False) + frame(0), NOT_UTF8),
    (frame(1, b"\xc3", final=False) + frame(0, b"\x28"), NOT_UTF8),
    (frame(1, b"\xff", final=False), NOT_UTF8),
    (frame(8, b"\x03"), BROKEN_FRAME),
    *((frame(8, code.to_bytes(2)), BROKEN_FRAME) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000)),
    (frame(8, b"\x03\xe8\xff"), NOT_UTF8),
    (frame(1, b"x", final=False) + frame(0, b"x", final=False) * MAX_FRAGMENTS, TOO_MANY_FRAGMENTS),
    (frame(9) * (MAX_EMPTY_FRAMES + 1), TOO_MANY_EMPTY),
    (frame(10) * (MAX_EMPTY_FRAMES + 1), TOO_MANY_EMPTY),
    (frame(1, b"", final=False) + frame(0, b"", final=False) * (MAX_EMPTY_FRAMES + 1), TOO_MANY_EMPTY),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("sent", "why"), BAD)
def test_frames_that_do_not_pass(sent: bytes, why: str, size: int) -> None:
    guard = FrameGuard()
    first = frame(1, b'"first"')
    passed = received(guard, first + sent, size)
    assert guard.violation == why
    assert passed.startswith(first)  # what came before counts
    assert guard.receive(first) == b""
    assert guard.close_code is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"", 1005), *((code.to_bytes(2) + "ä".encode(), code) for code in (1000, 1001, 1003, 1014, 3000, 4999))],
)
def test_nothing_follows_a_close_frame(payload: bytes, code: int, size: int) -> None:
    guard = FrameGuard()
    assert received(guard, frame(1, b"{}") + frame(8, payload) + frame(3) + frame(1, b"{}"), size) == (
        frame(1, b"{}") + frame(8, payload)
    )
    assert (guard.close_code, guard.violation) == (code, "")


def test_one_ping_of_each_input_is_answered() -> None:
    guard = FrameGuard()
    inputs = [
        frame(9, b"a") + frame(1, b"1") + frame(9, b"b") + frame(9, b"c") + frame(1, b"2"),
        frame(1, b"3"),
        frame(9, b"d") + b"\x89",
    ]
    assert [(guard.receive(sent), guard.is_pinged) for sent in inputs] == [
        (frame(1, b"1") + frame(9, b"c") + frame(1, b"2"), True),
        (frame(1, b"3"), False),
        (frame(9, b"d"), True),
    ]


def test_only_pongs_that_somebody_waits_for_pass() -> None:
    guard = FrameGuard()
    guard.awaited.add(b"a")
    assert guard.receive(frame(10, b"b") + frame(10, b"a") + frame(10)) == frame(10, b"a")
    assert not guard.is_pinged


def test_empty_fragments_do_not_pass() -> None:
    guard = FrameGuard()
    empty = frame(0, b"", final=False)
    first = frame(1, b"", final=False)
    assert guard.receive(first + empty * 100 + frame(0, b"{}") + first + empty + frame(0)) == (
        first + frame(0, b"{}") + first + frame(0)
    )


def test_a_message_between_empty_frames_starts_the_count_anew() -> None:
    guard = FrameGuard()
    for _ in range(3):
        guard.receive(frame(9) * MAX_EMPTY_FRAMES + frame(1, b"{}"))
    assert guard.violation == ""
