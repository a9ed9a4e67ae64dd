"""What a client may send over an open WebSocket, and what the server answers: one case is a row of a table.

Texts are echoes, which the server answers in every state: it sends the payload back (signaling.md § 15).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Final

from attrs import frozen
from http_bytes import BINARY, CLOSE, PING, PONG, TEXT, framed
from http_table import After

OPEN, CLOSED, WAITS = After.OPEN, After.CLOSED, After.WAITS
CONTINUATION: Final = 0
_FAILED: Final = 1002
_NOT_UTF8: Final = 1007


@frozen
class Echo:
    """An echo comes back."""

    x: str


@frozen
class Error:
    """The server sends an error message."""

    code: str


@frozen
class Pong:
    """The server answers a ping."""

    payload: bytes


@frozen
class Closing:
    """The server sends a close frame."""

    code: int


Answer = Echo | Error | Pong | Closing
ACCEPTED: Final = Closing(1000)
"""The answer to any close frame that is valid."""


@frozen
class FrameCase:
    """``answers`` are the frames of the server after ``data``, in order; ``source`` is where the rule stands."""

    name: str
    data: bytes
    answers: tuple[Answer, ...]
    after: After
    source: str


def echo(x: str, size: int = 0) -> bytes:
    """A message whose answer is `Echo(x)`, filled up with blanks to ``size`` bytes."""
    return json.dumps({"namespace": "echo", "payload": {"x": x}}, ensure_ascii=False).encode().ljust(size)


def text(x: str) -> bytes:
    """The same in one frame."""
    return framed(TEXT, echo(x))


PROBE: Final = text("probe")
A: Final = text("a")
PROBE_ANSWER: Final = Echo("probe")


def parts(*payloads: bytes, opcode: int = TEXT, between: bytes = b"") -> bytes:
    """One message in fragments, with the frames ``between`` them."""
    last = len(payloads) - 1
    return between.join(
        framed(CONTINUATION if index else opcode, payload, fin=index == last) for index, payload in enumerate(payloads)
    )


def reserved(bits: int, frame: bytes) -> bytes:
    """The frame with reserved ``bits`` set, from 1 to 7."""
    return bytes([frame[0] | bits << 4]) + frame[1:]


def long_length(opcode: int, payload: bytes, form: int, *, size: int | None = None) -> bytes:
    """A masked frame whose length has 16 bits (``form`` 126) or 64 (127), be that necessary or not."""
    length = struct.pack("!H" if form == 126 else "!Q", len(payload) if size is None else size)
    return bytes([0x80 | opcode, 0x80 | form]) + length + bytes(4) + payload


def closing(code: int, reason: bytes = b"") -> bytes:
    return framed(CLOSE, struct.pack("!H", code) + reason)


def failing(name: str, data: bytes, source: str, code: int = _FAILED) -> FrameCase:
    """A row whose connection fails, and takes nothing more."""
    return FrameCase(name, data + A, (Closing(code),), CLOSED, source)


HELLO: Final = echo("Grüße €😀\U0010ffff")
HALVES: Final = (HELLO[:30], HELLO[30:])
HELLO_BACK: Final = (Echo("Grüße €😀\U0010ffff"),)
_LENGTH: Final = "RFC 6455 s.5.2"
_BITS: Final = "RFC 6455 s.5.2"
_MASK: Final = "RFC 6455 s.5.1"
_FRAGMENTS: Final = "RFC 6455 s.5.4"
_CONTROL: Final = "RFC 6455 s.5.5"
_UTF8: Final = "RFC 6455 s.8.1"
_CODES: Final = "RFC 6455 s.7.4"


def _sizes() -> Iterator[FrameCase]:
    for size in (124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 100_000):
        yield FrameCase(f"a text of {size} bytes", framed(TEXT, echo("a", size)), (Echo("a"),), OPEN, _LENGTH)
    for size in (125, 126, 65_535, 65_536):
        data = framed(BINARY, echo("a", size))
        yield FrameCase(f"a binary message of {size} bytes", data, (Echo("a"),), OPEN, _LENGTH)
    for opcode, name in ((TEXT, "text"), (BINARY, "binary message")):
        yield FrameCase(f"an empty {name}", framed(opcode), (Error("invalid_json"),), OPEN, "RFC 6455 s.5.6")
        yield FrameCase(f"a {name} of one byte", framed(opcode, b"a"), (Error("invalid_json"),), OPEN, "RFC 6455 s.5.6")


def _lengths() -> Iterator[FrameCase]:
    for size, form in ((0, 126), (1, 126), (125, 126), (0, 127), (125, 127), (126, 127), (65_535, 127)):
        data = long_length(TEXT, b"x" * size, form)
        yield failing(f"a length of {size} in {16 if form == 126 else 64} bits", data, _LENGTH)
    for size, name in ((1 << 63, "2^63"), ((1 << 64) - 1, "2^64 - 1")):
        yield failing(f"a length of {name}", long_length(TEXT, b"", 127, size=size), _LENGTH)
    for opcode, name in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        for form in (126, 127):
            bits = 16 if form == 126 else 64
            yield failing(f"a {name} whose length has {bits} bits", long_length(opcode, b"", form), _CONTROL)
    shortest = long_length(TEXT, echo("a", 126), 126)
    yield FrameCase("126 bytes in 16 bits", shortest, (Echo("a"),), OPEN, _LENGTH)
    yield FrameCase("half a length of 16 bits", shortest[:3], (), WAITS, _LENGTH)
    yield FrameCase("half a length of 64 bits", long_length(TEXT, b"", 127, size=65_536)[:9], (), WAITS, _LENGTH)
    yield FrameCase("half a mask", A[:4], (), WAITS, _LENGTH)
    yield FrameCase("half a payload", A[:-1], (), WAITS, _LENGTH)


def _masks() -> Iterator[FrameCase]:
    for opcode, name in ((TEXT, "text"), (BINARY, "binary message"), (PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        yield failing(f"a {name} without a mask", framed(opcode, b"\x03\xe8", mask=None), _MASK)
    yield failing("an empty text without a mask", framed(TEXT, mask=None), _MASK)
    yield failing("a long text without a mask", framed(TEXT, echo("a", 70_000), mask=None), _MASK)
    second = framed(TEXT, HALVES[0], fin=False) + framed(CONTINUATION, HALVES[1], mask=None)
    yield failing("a second fragment without a mask", second, _MASK)
    for mask in (bytes(4), b"\xff" * 4, b"\0\0\0\1"):
        data = framed(TEXT, HELLO, mask=mask)
        yield FrameCase(f"a mask of {mask.hex()}", data, HELLO_BACK, OPEN, "RFC 6455 s.5.3")
    differing = framed(TEXT, HALVES[0], fin=False, mask=b"abcd") + framed(CONTINUATION, HALVES[1], mask=b"efgh")
    yield FrameCase("fragments with different masks", differing, HELLO_BACK, OPEN, "RFC 6455 s.5.3")


def _bits() -> Iterator[FrameCase]:
    for bits in range(1, 8):
        yield failing(f"a text with reserved bits {bits:03b}", reserved(bits, A), _BITS)
    for opcode, name in ((BINARY, "binary message"), (PING, "ping"), (PONG, "pong")):
        yield failing(f"a {name} with a reserved bit", reserved(4, framed(opcode)), _BITS)
    yield failing("a close with a reserved bit", reserved(4, closing(1000)), _BITS)
    yield failing("a first fragment with a reserved bit", reserved(4, parts(*HALVES)), _BITS)
    last = framed(TEXT, HALVES[0], fin=False) + reserved(1, framed(CONTINUATION, HALVES[1]))
    yield failing("a last fragment with a reserved bit", last, _BITS)
    yield failing("a long text with a reserved bit", reserved(4, framed(TEXT, echo("a", 70_000))), _BITS)


def _opcodes() -> Iterator[FrameCase]:
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield failing(f"opcode {opcode}", framed(opcode, b"a"), _LENGTH)
    for opcode in (3, 11):
        yield failing(f"a fragment with opcode {opcode}", framed(opcode, b"a", fin=False), _LENGTH)
    yield failing("opcode 3 within a message", framed(TEXT, HALVES[0], fin=False) + framed(3), _LENGTH)
    answered = (Echo("a"), Closing(_FAILED))
    yield FrameCase("opcode 3 behind a text", A + framed(3) + A, answered, CLOSED, _LENGTH)


def _fragments() -> Iterator[FrameCase]:
    halves = HALVES
    single = [HELLO[at : at + 1] for at in range(len(HELLO))]
    for name, data in (
        ("two fragments", parts(*halves)),
        ("fragments of one byte", parts(*single)),
        ("an empty first fragment", parts(b"", *halves)),
        ("an empty fragment in the middle", parts(halves[0], b"", halves[1])),
        ("an empty last fragment", parts(*halves, b"")),
        ("empty fragments everywhere", parts(b"", b"", halves[0], b"", b"", halves[1], b"", b"")),
        ("fragments of a binary message", parts(*halves, opcode=BINARY)),
        ("pongs between fragments", parts(*halves, b"", between=framed(PONG, b"?") * 2)),
    ):
        yield FrameCase(name, data, HELLO_BACK, OPEN, _FRAGMENTS)
    long = parts(echo("a", 70_000)[:65_536], b" " * 126, b" " * 125)
    yield FrameCase("fragments with lengths of all forms", long, (Echo("a"),), OPEN, _FRAGMENTS)
    yield FrameCase("only empty fragments", parts(b"", b"", b""), (Error("invalid_json"),), OPEN, _FRAGMENTS)
    yield FrameCase("a message without its end", framed(TEXT, echo("a"), fin=False), (), WAITS, _FRAGMENTS)
    pinged = parts(*halves, b"", between=framed(PING, b"1"))
    yield FrameCase("pings between fragments", pinged, (Pong(b"1"), Pong(b"1"), *HELLO_BACK), OPEN, _FRAGMENTS)
    many = parts(*single[:20], HELLO[20:], between=framed(PING, b"1"))
    yield FrameCase("many pings between fragments", many, (Pong(b"1"),) * 20 + HELLO_BACK, OPEN, _FRAGMENTS)
    ended = parts(*halves, between=closing(1000))
    yield FrameCase("a close between fragments", ended, (ACCEPTED,), CLOSED, _FRAGMENTS)
    twice = parts(*halves) + parts(*halves, opcode=BINARY)
    yield FrameCase("two messages in fragments", twice, HELLO_BACK * 2, OPEN, _FRAGMENTS)
    begun = framed(TEXT, halves[0], fin=False)
    for opcode, name in ((TEXT, "text"), (BINARY, "binary message")):
        yield failing(f"a {name} within a message", begun + framed(opcode, halves[1]), _FRAGMENTS)
        yield failing(f"a {name} that begins within another", begun + framed(opcode, fin=False), _FRAGMENTS)
    rest = framed(CONTINUATION, halves[1])
    yield failing("a fragment of no message", rest, _FRAGMENTS)
    yield failing("an empty fragment of no message", framed(CONTINUATION), _FRAGMENTS)
    yield failing("a fragment of no message that goes on", framed(CONTINUATION, b"a", fin=False), _FRAGMENTS)
    late = parts(*halves) + rest
    yield FrameCase("a fragment behind a message", late + A, (*HELLO_BACK, Closing(_FAILED)), CLOSED, _FRAGMENTS)
    whole = (Echo("a"), Closing(_FAILED))
    yield FrameCase("a fragment behind a whole text", A + rest + A, whole, CLOSED, _FRAGMENTS)
    for opcode, name in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        yield failing(f"a {name} in fragments", framed(opcode, fin=False) + framed(CONTINUATION), _CONTROL)
        yield failing(f"a {name} in fragments within a message", begun + framed(opcode, fin=False), _CONTROL)


def _pings() -> Iterator[FrameCase]:
    for payload in (b"", b"a", bytes(range(125))):
        name = f"a ping with {len(payload)} bytes"
        yield FrameCase(name, framed(PING, payload), (Pong(payload),), OPEN, "RFC 6455 s.5.5.2")
    numbered = tuple(b"%d" % number for number in range(10))
    answers = tuple(Pong(payload) for payload in numbered)
    yield FrameCase("ten pings", b"".join(framed(PING, each) for each in numbered), answers, OPEN, "RFC 6455 s.5.5.3")
    order = framed(PING, b"1") + A + framed(PING, b"2")
    yield FrameCase("a text between pings", order, (Pong(b"1"), Echo("a"), Pong(b"2")), OPEN, "RFC 6455 s.5.5.2")
    for payload in (b"", b"heartbeat", b"\xff" * 125):
        yield FrameCase(
            f"an unasked pong with {len(payload)} bytes", framed(PONG, payload), (), OPEN, "RFC 6455 s.5.5.3"
        )
    for opcode, name in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        yield failing(f"a {name} with 126 bytes", framed(opcode, b"\x03\xe8" + b"a" * 124), _CONTROL)
        yield failing(f"a {name} with 65,536 bytes", framed(opcode, b"\x03\xe8" + b"a" * 65_534), _CONTROL)


def _closes() -> Iterator[FrameCase]:
    yield FrameCase("a close without a code", framed(CLOSE) + A, (ACCEPTED,), CLOSED, "RFC 6455 s.5.5.1")
    yield failing("a close with half a code", framed(CLOSE, b"\x03"), "RFC 6455 s.5.5.1")
    for code in (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999):
        yield FrameCase(f"a close with {code}", closing(code) + A, (ACCEPTED,), CLOSED, _CODES)
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535):
        yield failing(f"a close with {code}", closing(code), _CODES)
    for reason, name in ((b"bye", "a reason"), ("ü€😀".encode(), "a reason in UTF-8"), (b"a" * 123, "a long reason")):
        yield FrameCase(f"a close with {name}", closing(1001, reason) + A, (ACCEPTED,), CLOSED, "RFC 6455 s.5.5.1")
    for reason, name in ((b"\xff", "that is not UTF-8"), ("€".encode()[:2], "that ends within a letter")):
        yield failing(f"a close with a reason {name}", closing(1000, reason), _UTF8, _NOT_UTF8)
    yield failing("a close with a bad code and a bad reason", closing(999, b"\xff"), _CODES)
    yield FrameCase("two closes", closing(1000) * 2, (ACCEPTED,), CLOSED, "RFC 6455 s.5.5.1")
    yield FrameCase("a ping behind a close", closing(1000) + framed(PING), (ACCEPTED,), CLOSED, "RFC 6455 s.5.5.1")
    yield FrameCase("what is broken behind a close", closing(1000) + b"\xff" * 9, (ACCEPTED,), CLOSED, "RFC 6455 s.1.4")
    yield FrameCase("a close behind a text", A + closing(1000), (Echo("a"), ACCEPTED), CLOSED, "RFC 6455 s.5.5.1")


BAD_UTF8: Final = {
    "a lone continuation byte": b"\x80",
    "the byte ff": b"\xff",
    "the byte fe": b"\xfe",
    "two bytes for NUL": b"\xc0\x80",
    "two bytes for a slash": b"\xc0\xaf",
    "three bytes for a slash": b"\xe0\x80\xaf",
    "four bytes for a slash": b"\xf0\x80\x80\xaf",
    "the first half of a surrogate pair": b"\xed\xa0\x80",
    "the second half of a surrogate pair": b"\xed\xbf\xbf",
    "a surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "more than U+10FFFF": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "a letter of two bytes without its end": b"\xc3",
    "a letter of three bytes without its end": b"\xe2\x82",
    "a letter of four bytes without its end": b"\xf0\x9f\x98",
    "a letter within a letter": b"\xe2\xc3\xbc\x82\xac",
}
"""None of these is a letter (RFC 3629 s.3, s.4)."""


def _utf8() -> Iterator[FrameCase]:
    for x in ("\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "\ufeff"):
        yield FrameCase(f"the letter U+{ord(x):04X}", text(x), (Echo(x),), OPEN, _UTF8)
    for at in range(len(HELLO) + 1):
        yield FrameCase(f"a text cut at byte {at}", parts(HELLO[:at], HELLO[at:]), HELLO_BACK, OPEN, _UTF8)
    before, behind = echo("?").split(b"?")
    for name, bad in BAD_UTF8.items():
        broken = before + bad + behind
        yield failing(f"{name}, in a text", framed(TEXT, broken), _UTF8, _NOT_UTF8)
        yield failing(f"{name}, at the end of a text", framed(TEXT, echo("a") + bad), _UTF8, _NOT_UTF8)
        # The server of April 2023 discards such messages (signaling.md § 2).
        fragments = parts(before, bad[:1], bad[1:] + behind)
        yield FrameCase(f"{name}, in fragments", fragments, (), OPEN, "signaling.md § 2")
        refused = (Error("invalid_json"),)
        yield FrameCase(f"{name}, in a binary message", framed(BINARY, broken), refused, OPEN, "RFC 6455 s.5.6")


FRAME_CASES: Final = (
    *_sizes(),
    *_lengths(),
    *_masks(),
    *_bits(),
    *_opcodes(),
    *_fragments(),
    *_pings(),
    *_closes(),
    *_utf8(),
)
