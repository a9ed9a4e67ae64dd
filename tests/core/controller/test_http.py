"""One TCP connection: HTTP as a client may send it, WebSocket frames, limits, hostile bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from m3core.controller.http import (
    NEED_DATA,
    Closed,
    ConnectionEvent,
    HttpConnection,
    Phase,
    PongReceived,
    Requested,
    TextReceived,
    WebSocketRequested,
    frame_text,
)
from m3core.errors import LocalProtocolError
from m3core.io import HttpResponse
from m3core.limits import MAX_HTTP_BODY, MAX_HTTP_HEAD, MAX_MESSAGE

_PROTOCOL = "k3k-signaling-json-v1.0"
_UPGRADE = (
    b"GET /signaling HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ticket#x, k3k-signaling-json-v1.0\r\n\r\n"
)
_GET = b"GET /v1/turn?a=b HTTP/1.1\r\nHost: a\r\n\r\n"
_POST = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_TOO_BIG = b"\x88\x02\x03\xf1"
"""A close frame with 1009."""


def _frame(opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bytes | None = b"\x01\x02\x03\x04") -> bytes:
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


def _events(connection: HttpConnection) -> list[ConnectionEvent]:
    events: list[ConnectionEvent] = []
    while (event := connection.next_event()) is not NEED_DATA:
        events.append(event)
    return events


def _feed(connection: HttpConnection, *pieces: bytes) -> list[ConnectionEvent]:
    events = []
    for piece in pieces:
        connection.receive_data(piece)
        events += _events(connection)
    return events


def _bytewise(data: bytes) -> Iterable[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def _open() -> HttpConnection:
    connection = HttpConnection()
    _feed(connection, _UPGRADE)
    connection.accept(_PROTOCOL)
    connection.data_to_send()
    assert _phase(connection) is Phase.OPEN
    return connection


def _phase(connection: HttpConnection) -> Phase:
    """A call, because mypy believes that an attribute keeps its value across one."""
    return connection.phase


def _dropped(connection: HttpConnection) -> bool:
    return connection.dropped


def _status(data: bytes) -> int:
    return int(data.split(b" ", 2)[1])


# -- HTTP ---
@pytest.mark.parametrize("whole", [True, False])
def test_requests_whole_and_byte_by_byte(whole: bool) -> None:
    connection = HttpConnection()
    for data, expected in ((_GET, ("GET", "/v1/turn?a=b", b"")), (_POST, ("POST", "/v1/events", b"{}"))):
        assert _phase(connection) is Phase.IDLE
        (event,) = _feed(connection, *([data] if whole else _bytewise(data)))
        assert isinstance(event, Requested)
        assert (event.method, event.target, event.body) == expected
        assert ("host", "a") in event.headers
        assert repr(event) == f"Requested(method={event.method!r}, body=<{len(event.body)}>)"
        assert _phase(connection) is Phase.ANSWERING
        connection.reply(HttpResponse(200, (("content-type", "application/json"),), b"[]"))
        answer = connection.data_to_send()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"content-length: 2\r\n" in answer
        assert answer.endswith(b"\r\n\r\n[]")
        assert connection.data_to_send() == b""
    assert connection.cycle == 2


def test_pipelined_requests_are_answered_one_at_a_time() -> None:
    connection = HttpConnection()
    (first,) = _feed(connection, _GET + _POST + _GET[:10])
    assert isinstance(first, Requested)
    connection.reply(HttpResponse(204))
    assert _phase(connection) is Phase.READING
    (second,) = _events(connection)
    assert isinstance(second, Requested)
    assert second.body == b"{}"
    connection.reply(HttpResponse(204))
    assert _events(connection) == []
    (third,) = _feed(connection, _GET[10:])
    assert isinstance(third, Requested)
    assert connection.data_to_send().count(b"HTTP/1.1 204") == 2


def test_early_bytes_just_under_and_over() -> None:
    connection = HttpConnection()
    _feed(connection, _GET, b"x" * MAX_HTTP_HEAD)
    assert not _dropped(connection)
    _feed(connection, b"x")
    assert _dropped(connection)
    assert _phase(connection) is Phase.DONE
    connection.reply(HttpResponse(200))
    assert connection.data_to_send() == b""


def test_what_is_left_over_from_a_request_counts_for_the_next() -> None:
    connection = HttpConnection()
    _feed(connection, _GET, _GET + b"x" * (MAX_HTTP_HEAD - len(_GET)))
    connection.reply(HttpResponse(204))
    assert len(_events(connection)) == 1
    _feed(connection, b"x" * (len(_GET)))
    assert _dropped(connection)


def test_chunked_bodies() -> None:
    connection = HttpConnection()
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    (event,) = _feed(connection, *_bytewise(head + b"2\r\n{}\r\n1\r\n \r\n0\r\n\r\n"))
    assert isinstance(event, Requested)
    assert event.body == b"{} "


def test_a_client_may_wait_for_the_server_to_want_its_body() -> None:
    connection = HttpConnection()
    head, _, body = _POST.replace(b"Host: a", b"Host: a\r\nExpect: 100-continue").partition(b"\r\n\r\n")
    assert _feed(connection, head + b"\r\n\r\n") == []
    assert connection.data_to_send().startswith(b"HTTP/1.1 100 ")
    assert len(_feed(connection, body)) == 1


@pytest.mark.parametrize("method", [b"HEAD", b"OPTIONS", b"DELETE", b"PATCH"])
def test_other_methods(method: bytes) -> None:
    connection = HttpConnection()
    (event,) = _feed(connection, _GET.replace(b"GET", method))
    assert isinstance(event, Requested)
    assert event.method == method.decode()
    connection.reply(HttpResponse(200, (("content-length", "99"),), b"[]"))
    answer = connection.data_to_send()
    assert b"content-length: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\n") is (method == b"HEAD")
    assert len(_feed(connection, _GET)) == 1


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_have_no_body(status: int) -> None:
    connection = HttpConnection()
    _feed(connection, _GET)
    connection.reply(HttpResponse(status))
    assert b"content-length" not in connection.data_to_send()
    assert len(_feed(connection, _GET)) == 1


@pytest.mark.parametrize("head", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"])
def test_connections_that_end_with_their_request(head: bytes) -> None:
    connection = HttpConnection()
    assert len(_feed(connection, head)) == 1
    connection.reply(HttpResponse(204))
    assert (_phase(connection), _dropped(connection)) == (Phase.DONE, False)
    assert _feed(connection, _GET, b"") == []


def test_a_client_that_closes_its_side() -> None:
    idle = HttpConnection()
    assert _feed(idle, b"") == []
    assert (_phase(idle), idle.data_to_send()) == (Phase.DONE, b"")

    reading = HttpConnection()
    assert _feed(reading, _GET[:9], b"") == []
    assert (_phase(reading), _dropped(reading)) == (Phase.DONE, False)

    answering = HttpConnection()
    assert len(_feed(answering, _GET, b"", b"")) == 1
    answering.reply(HttpResponse(200))
    assert _status(answering.data_to_send()) == 200
    assert _events(answering) == []
    assert _phase(answering) is Phase.DONE


def _head(extra: bytes, line: bytes = b"POST / HTTP/1.1") -> bytes:
    return line + b"\r\nHost: a\r\n" + extra + b"\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (_head(b"x y: z\r\n"), 400),
        (_head(b"Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        (_head(b"Content-Length: -1\r\n"), 400),
        (_head(b"Content-Length: +1\r\n"), 400),
        (_head(b"Content-Length: 1_0\r\n"), 400),
        (_head(b"Content-Length : 1\r\n"), 400),
        (_head(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n", 400),
        (_head(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + b"0\r\n\r\n", 400),
        (_head(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 501),
        (_head(b"Transfer-Encoding: identity\r\n"), 501),
        (_head(b"Transfer-Encoding: \x0bchunked\r\n"), 400),
        (_head(b"Transfer-Encoding: chunked\r\n") + b"x\r\n", 400),
        (_head(b"Transfer-Encoding: chunked\r\n") + b"1\r\nabc\r\n", 400),
        (_head(b"", b"CONNECT a:1 HTTP/1.1"), 400),
        (_head(b"Content-Length: 1048577\r\n"), 400),
        (_head(b"Content-Length: 9" + b"0" * 18 + b"\r\n"), 400),
        (_head(b"Content-Length: 9" + b"0" * 30 + b"\r\n"), 400),
        (_head(b"x: " + b"y" * MAX_HTTP_HEAD + b"\r\n"), 431),
        (b"GET /" + b"x" * MAX_HTTP_HEAD, 431),
        (_head(b"x: " + b"y" * MAX_HTTP_HEAD), 431),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_bad_requests_end_the_connection(data: bytes, status: int, whole: bool) -> None:
    connection = HttpConnection()
    pieces = [data] if whole else [data[at : at + 100] for at in range(0, len(data), 100)]
    assert _feed(connection, *pieces, _GET) == []
    answer = connection.data_to_send()
    assert _status(answer) == status
    assert b"connection: close" in answer.lower()
    assert (_phase(connection), _dropped(connection)) == (Phase.DONE, False)


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("chunked", [True, False])
def test_body_size_just_under_and_over(method: str, chunked: bool) -> None:
    for size in (MAX_HTTP_BODY, MAX_HTTP_BODY + 1):
        connection = HttpConnection()
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        head = f"{method} / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode()
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size) if chunked else b"x" * size
        events = _feed(connection, head, *(body[at : at + 65536] for at in range(0, len(body), 65536)))
        if size == MAX_HTTP_BODY:
            assert len(events) == 1
            continue
        assert events == []
        answer = connection.data_to_send()
        assert _status(answer) == 400
        if method == "POST":
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "payload_overflow"
        assert _phase(connection) is Phase.DONE


def test_answers_that_are_not_http() -> None:
    for response in (HttpResponse(200, (("a", "b\r\nc: d"),)), HttpResponse(99), HttpResponse(200, (("a b", "c"),))):
        connection = HttpConnection()
        _feed(connection, _GET)
        with pytest.raises(LocalProtocolError):
            connection.reply(response)


def test_expiry() -> None:
    for data, phase in ((b"", Phase.IDLE), (_GET[:5], Phase.READING)):
        connection = HttpConnection()
        if data:
            _feed(connection, data)
        assert _phase(connection) is phase
        connection.expire()
        assert (_phase(connection), _dropped(connection)) == (Phase.DONE, False)
    closing = _open()
    closing.close(1001)
    closing.expire()
    closing.expire()
    assert _dropped(closing)
    assert _events(closing) == [Closed(None)]
    assert closing.data_to_send() == b""


# -- the upgrade ---
def test_the_upgrade() -> None:
    connection = HttpConnection()
    (event,) = _feed(connection, *_bytewise(_UPGRADE))
    assert isinstance(event, WebSocketRequested)
    assert event.target == "/signaling"
    assert event.protocols == ("ticket#x, k3k-signaling-json-v1.0",)
    assert "ticket#x" not in repr(event)
    connection.accept(_PROTOCOL)
    answer = connection.data_to_send()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer.replace(b"Sec-", b"sec-")
    assert b"k3k-signaling-json-v1.0" in answer
    assert b"ticket" not in answer
    connection.accept(_PROTOCOL)
    connection.reply(HttpResponse(200))
    assert connection.data_to_send() == b""


def test_frames_that_come_with_the_upgrade() -> None:
    connection = HttpConnection()
    assert len(_feed(connection, _UPGRADE + _frame(_TEXT, b"a"))) == 1
    connection.receive_data(_frame(_TEXT, b"b"))
    connection.accept(_PROTOCOL)
    assert _events(connection) == [TextReceived(b"a"), TextReceived(b"b")]


def test_a_refused_upgrade_keeps_the_connection() -> None:
    connection = HttpConnection()
    _feed(connection, _UPGRADE)
    connection.reject(HttpResponse(401))
    assert _status(connection.data_to_send()) == 401
    assert len(_feed(connection, _GET)) == 1
    connection.accept(_PROTOCOL)
    assert connection.data_to_send() == b""


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"Version: 13", b"Version: 8", 426),
        (b"Sec-WebSocket-Version: 13\r\n", b"", 426),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhl", 400),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"!", 400),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"\xff", 400),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"", 400),
        (b"GET", b"POST", 400),
        (b"HTTP/1.1", b"HTTP/1.0", 400),
    ],
)
def test_bad_upgrades(old: bytes, new: bytes, status: int) -> None:
    connection = HttpConnection()
    assert _feed(connection, _UPGRADE.replace(old, new)) == []
    answer = connection.data_to_send()
    assert _status(answer) == status
    assert (b"sec-websocket-version: 13" in answer.lower()) is (status == 426)
    assert _phase(connection) is Phase.DONE


@pytest.mark.parametrize(("old", "new"), [(b"keep-alive, Upgrade", b"keep-alive"), (b": websocket", b": h2c")])
def test_what_is_no_upgrade_is_a_request(old: bytes, new: bytes) -> None:
    connection = HttpConnection()
    (event,) = _feed(connection, _UPGRADE.replace(old, new))
    assert isinstance(event, Requested)
    connection.reply(HttpResponse(404))
    assert len(_feed(connection, _GET)) == 1


def test_a_client_that_leaves_before_the_upgrade() -> None:
    connection = HttpConnection()
    _feed(connection, _UPGRADE, b"")
    connection.accept(_PROTOCOL)
    assert _events(connection) == [Closed(None)]
    assert _phase(connection) is Phase.DONE


# -- frames ---
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536])
@pytest.mark.parametrize("opcode", [_TEXT, _BINARY])
def test_messages_of_any_size(size: int, opcode: int) -> None:
    payload = b"x" * size
    data = _frame(opcode, payload)
    assert _feed(_open(), data) == [TextReceived(payload)]
    pieces = [*_bytewise(data[:20]), data[20:]]
    assert _feed(_open(), *filter(None, pieces)) == [TextReceived(payload)]


def test_frames_of_the_server() -> None:
    for size in (0, 125, 126, 65535, 65536):
        assert frame_text(b"x" * size) == _frame(_TEXT, b"x" * size, mask=None)


def test_fragments_with_control_frames_between() -> None:
    connection = _open()
    text = "Grüße".encode()
    pieces = [
        _frame(_TEXT, text[:3], fin=False),
        _frame(_PING, b"p"),
        _frame(0, text[3:4], fin=False),
        _frame(_PONG, b"heartbeat"),
        _frame(0, b"", fin=False),
        _frame(0, text[4:]),
        _frame(_TEXT, b"next"),
    ]
    expected = [PongReceived(b"heartbeat"), TextReceived(text), TextReceived(b"next")]
    assert _feed(connection, b"".join(pieces)) == expected
    assert connection.data_to_send() == _frame(_PONG, b"p", mask=None)
    assert _feed(_open(), *_bytewise(b"".join(pieces))) == expected


def test_message_size_just_under_and_over() -> None:
    part = b"x" * 65536
    for end, fits in ((b"", True), (b"x", False)):
        connection = _open()
        frames = [_frame(_TEXT, part, fin=False), *[_frame(0, part, fin=False)] * 15, _frame(0, end)]
        events = _feed(connection, *frames)
        assert _phase(connection) is (Phase.OPEN if fits else Phase.CLOSING)
        assert events == ([TextReceived(b"x" * MAX_MESSAGE)] if fits else [Closed(None)])
        assert connection.data_to_send() == (b"" if fits else _TOO_BIG)
    assert _feed(_open(), _frame(_TEXT, b"x" * MAX_MESSAGE)) == [TextReceived(b"x" * MAX_MESSAGE)]


def test_an_over_long_frame_is_over_while_it_arrives_and_its_rest_is_taken() -> None:
    """A socket that is closed with data unread is reset, and then the client may never see the code."""
    connection = _open()
    data = _frame(_TEXT, b"x" * (MAX_MESSAGE + 100_000))
    connection.receive_data(data[:-10_000])
    assert _events(connection) == [Closed(None)]
    assert connection.data_to_send() == _TOO_BIG
    assert _feed(connection, data[-10_000:], _frame(_PONG, b"late"), _frame(_TEXT, b"late")) == []
    assert (_phase(connection), _dropped(connection)) == (Phase.CLOSING, False)
    assert _feed(connection, _frame(_CLOSE, struct.pack("!H", 1009))) == []  # its end was told
    assert (_phase(connection), _dropped(connection)) == (Phase.DONE, False)


def test_text_that_is_not_utf8() -> None:
    fragmented = _open()
    frames = _frame(_TEXT, b"\xff", fin=False) + _frame(0, b"a") + _frame(_TEXT, b"b")
    assert _feed(fragmented, frames) == [TextReceived(b"b")]
    assert _feed(_open(), _frame(_BINARY, b"\xff") + _frame(_TEXT, b"b")) == [TextReceived(b""), TextReceived(b"b")]
    single = _open()
    assert _feed(single, _frame(_TEXT, b"\xff")) == [Closed(None)]
    assert single.data_to_send() == _frame(_CLOSE, struct.pack("!H", 1007), mask=None)
    assert (_phase(single), _dropped(single)) == (Phase.DONE, False)


@pytest.mark.parametrize(
    "data",
    [
        _frame(_TEXT, b"a", mask=None),
        b"\xc1" + _frame(_TEXT, b"a")[1:],
        b"\x83" + _frame(_TEXT, b"a")[1:],
        b"\x8b" + _frame(_TEXT, b"a")[1:],
        _frame(0, b"a"),
        _frame(_TEXT, b"a", fin=False) + _frame(_TEXT, b"b"),
        _frame(_PING, b"a", fin=False),
        _frame(_PING, b"a" * 126),
        b"\x81\xfe\x00\x01",
        b"\x81\xff" + b"\xff" * 8,
        _frame(_CLOSE, b"\x03"),
        _frame(_CLOSE, struct.pack("!H", 999)),
        _frame(_CLOSE, struct.pack("!H", 1005)),
        _frame(_CLOSE, struct.pack("!H", 1015)),
        _frame(_CLOSE, struct.pack("!H", 2999)),
        _frame(_CLOSE, struct.pack("!H", 5000)),
    ],
)
def test_broken_frames_fail_the_connection(data: bytes) -> None:
    connection = _open()
    assert _feed(connection, data + _frame(_TEXT, b"later")) == [Closed(None)]
    assert connection.data_to_send() == _frame(_CLOSE, struct.pack("!H", 1002), mask=None)
    assert _phase(connection) is Phase.DONE
    closing = _open()
    closing.close(1000)
    closing.data_to_send()
    assert _feed(closing, data) == [Closed(None)]
    assert closing.data_to_send() == b""


def test_a_close_reason_that_is_not_utf8() -> None:
    connection = _open()
    assert _feed(connection, _frame(_CLOSE, struct.pack("!H", 1000) + b"\xff")) == [Closed(None)]
    assert connection.data_to_send() == _frame(_CLOSE, struct.pack("!H", 1007), mask=None)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", 1005),
        (struct.pack("!H", 1000), 1000),
        (struct.pack("!H", 1001) + "ü".encode(), 1001),
        (struct.pack("!H", 1014), 1014),
        (struct.pack("!H", 4999), 4999),
    ],
)
def test_closes_of_the_client_are_answered(payload: bytes, code: int) -> None:
    connection = _open()
    assert _feed(connection, _frame(_TEXT, b"a") + _frame(_CLOSE, payload) + _frame(_TEXT, b"b")) == [
        TextReceived(b"a"),
        Closed(code),
    ]
    assert connection.data_to_send() == _frame(_CLOSE, struct.pack("!H", 1000), mask=None)
    assert (_phase(connection), _dropped(connection)) == (Phase.DONE, False)


def test_a_close_of_the_server() -> None:
    connection = _open()
    connection.close(1001)
    connection.close(1000)
    connection.ping(b"late")
    assert connection.data_to_send() == _frame(_CLOSE, struct.pack("!H", 1001), mask=None)
    late = _frame(_TEXT, b"a", fin=False) + _frame(_PING) + _frame(0, b"b" * MAX_MESSAGE) + _frame(_TEXT, b"\xff")
    assert _feed(connection, late) == []
    assert _phase(connection) is Phase.CLOSING
    assert _feed(connection, _frame(_CLOSE, struct.pack("!H", 1001))) == [Closed(1001)]
    assert connection.data_to_send() == b""
    assert _phase(connection) is Phase.DONE


def test_an_abort_and_a_lost_connection() -> None:
    aborted = _open()
    aborted.ping(b"never sent")
    aborted.close(None)
    aborted.close(None)
    assert _feed(aborted, _frame(_TEXT, b"a")) == [Closed(None)]
    assert (_dropped(aborted), aborted.data_to_send()) == (True, b"")
    lost = _open()
    assert _feed(lost, _frame(_TEXT, b"a")[:3], b"") == [Closed(None)]
    assert (_dropped(lost), _phase(lost)) == (False, Phase.DONE)


def test_pings_of_the_server() -> None:
    connection = _open()
    connection.ping(b"heartbeat")
    assert connection.data_to_send() == _frame(_PING, b"heartbeat", mask=None)
    assert _feed(connection, _frame(_PONG, b"heartbeat")) == [PongReceived(b"heartbeat")]
    with pytest.raises(LocalProtocolError):
        connection.ping(b"x" * 126)


def test_what_is_no_websocket_is_neither_pinged_nor_closed() -> None:
    connection = HttpConnection()
    connection.ping(b"x")
    connection.close(1000)
    assert connection.data_to_send() == b""
    assert _phase(connection) is Phase.IDLE


# -- any bytes ---
_frames = st.builds(
    _frame,
    st.sampled_from([0, 1, 2, 8, 9, 10, 3]),
    st.binary(max_size=200),
    fin=st.booleans(),
    mask=st.sampled_from([b"\x00" * 4, b"abcd", None]),
)


@given(
    st.lists(st.sampled_from([_GET, _POST, _UPGRADE, b"", b"\r\n"]) | st.binary(max_size=50) | _frames),
    st.sampled_from(["answer", "accept", "ignore"]),
)
def test_any_bytes_are_survived(pieces: list[bytes], reaction: str) -> None:
    connection = HttpConnection()
    closed = 0
    for piece in pieces:
        for event in _feed(connection, piece):
            closed += isinstance(event, Closed)
            if reaction == "answer":
                connection.reply(HttpResponse(200, (), b"x"))
            elif reaction == "accept" and isinstance(event, WebSocketRequested):
                connection.accept(_PROTOCOL)
    connection.close(None)
    closed += sum(isinstance(event, Closed) for event in _events(connection))
    assert _phase(connection) is Phase.DONE
    assert closed <= 1


@given(st.lists(_frames | st.binary(max_size=20)))
def test_any_frames_are_survived_and_end_in_one_close(pieces: list[bytes]) -> None:
    connection = _open()
    events = _feed(connection, *pieces, b"")
    assert [event for event in events if isinstance(event, Closed)] == events[-1:]


# -- another implementation as the peer ---
def test_against_the_client_of_websockets() -> None:
    subprotocols = [Subprotocol("ticket#x"), Subprotocol(_PROTOCOL)]
    client = ClientProtocol(parse_uri("ws://127.0.0.1/signaling"), subprotocols=subprotocols)
    server = HttpConnection()
    client.send_request(client.connect())

    def to_server() -> list[ConnectionEvent]:
        return _feed(server, *(piece for piece in client.data_to_send() if piece))

    def to_client() -> list[Any]:
        client.receive_data(server.data_to_send())
        return client.events_received()

    (event,) = to_server()
    assert isinstance(event, WebSocketRequested)
    server.accept(_PROTOCOL)
    (response,) = to_client()
    assert isinstance(response, Response)
    assert client.handshake_exc is None
    assert client.subprotocol == _PROTOCOL

    client.send_text("Grüße".encode())
    client.send_text(b"a", fin=False)
    client.send_continuation(b"b", fin=True)
    assert to_server() == [TextReceived("Grüße".encode()), TextReceived(b"ab")]
    client.send_ping(b"?")
    assert to_server() == []
    assert to_client() == [Frame(Opcode.PONG, b"?")]
    server.ping(b"heartbeat")
    to_client()
    assert to_server() == [PongReceived(b"heartbeat")]
    for size in (0, 125, 126, 65535, 65536):
        client.receive_data(frame_text(b"x" * size))
        assert client.events_received() == [Frame(Opcode.TEXT, b"x" * size)]
    server.close(1000)
    to_client()
    assert to_server() == [Closed(1000)]
    client.receive_eof()
    assert client.close_code == 1000
