"""One TCP connection: the upgrade to a WebSocket, its frames and limits, and hostile bytes."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from http_bytes import (
    BINARY,
    CLOSE,
    GET,
    PING,
    PONG,
    POST,
    PROTOCOL,
    TEXT,
    TOO_BIG,
    UPGRADE,
    bytewise,
    events_of,
    feed,
    framed,
    is_dropped,
    opened,
    phase_of,
    status_of,
)
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from m3core.controller.http import (
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
from m3core.limits import MAX_MESSAGE


# -- the upgrade ---
def test_the_upgrade() -> None:
    connection = HttpConnection()
    (event,) = feed(connection, *bytewise(UPGRADE))
    assert isinstance(event, WebSocketRequested)
    assert event.target == "/signaling"
    assert event.protocols == ("ticket#x, k3k-signaling-json-v1.0",)
    assert "ticket#x" not in repr(event)
    connection.accept(PROTOCOL)
    answer = connection.data_to_send()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer.replace(b"Sec-", b"sec-")
    assert b"k3k-signaling-json-v1.0" in answer
    assert b"ticket" not in answer
    connection.accept(PROTOCOL)
    connection.reply(HttpResponse(200))
    assert connection.data_to_send() == b""


def test_frames_that_come_with_the_upgrade() -> None:
    connection = HttpConnection()
    assert len(feed(connection, UPGRADE + framed(TEXT, b"a"))) == 1
    connection.receive_data(framed(TEXT, b"b"))
    connection.accept(PROTOCOL)
    assert events_of(connection) == [TextReceived(b"a"), TextReceived(b"b")]


def test_a_refused_upgrade_keeps_the_connection() -> None:
    connection = HttpConnection()
    feed(connection, UPGRADE)
    connection.reject(HttpResponse(401))
    assert status_of(connection.data_to_send()) == 401
    assert len(feed(connection, GET)) == 1
    connection.accept(PROTOCOL)
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
    assert feed(connection, UPGRADE.replace(old, new)) == []
    answer = connection.data_to_send()
    assert status_of(answer) == status
    assert (b"sec-websocket-version: 13" in answer.lower()) is (status == 426)
    assert phase_of(connection) is Phase.LINGERING


@pytest.mark.parametrize(("old", "new"), [(b"keep-alive, Upgrade", b"keep-alive"), (b": websocket", b": h2c")])
def test_what_is_no_upgrade_is_a_request(old: bytes, new: bytes) -> None:
    connection = HttpConnection()
    (event,) = feed(connection, UPGRADE.replace(old, new))
    assert isinstance(event, Requested)
    connection.reply(HttpResponse(404))
    assert len(feed(connection, GET)) == 1


def test_a_client_that_leaves_before_the_upgrade() -> None:
    connection = HttpConnection()
    feed(connection, UPGRADE, b"")
    connection.accept(PROTOCOL)
    assert events_of(connection) == [Closed(None)]
    assert phase_of(connection) is Phase.DONE


# -- frames ---
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_any_size(size: int, opcode: int) -> None:
    payload = b"x" * size
    data = framed(opcode, payload)
    assert feed(opened(), data) == [TextReceived(payload)]
    pieces = [*bytewise(data[:20]), data[20:]]
    assert feed(opened(), *filter(None, pieces)) == [TextReceived(payload)]


def test_frames_of_the_server() -> None:
    for size in (0, 125, 126, 65535, 65536):
        assert frame_text(b"x" * size) == framed(TEXT, b"x" * size, mask=None)


def test_fragments_with_control_frames_between() -> None:
    connection = opened()
    text = "Grüße".encode()
    pieces = [
        framed(TEXT, text[:3], fin=False),
        framed(PING, b"p"),
        framed(0, text[3:4], fin=False),
        framed(PONG, b"heartbeat"),
        framed(0, b"", fin=False),
        framed(0, text[4:]),
        framed(TEXT, b"next"),
    ]
    expected = [PongReceived(b"heartbeat"), TextReceived(text), TextReceived(b"next")]
    assert feed(connection, b"".join(pieces)) == expected
    assert connection.data_to_send() == framed(PONG, b"p", mask=None)
    assert feed(opened(), *bytewise(b"".join(pieces))) == expected


def test_message_size_just_under_and_over() -> None:
    part = b"x" * 65536
    for end, fits in ((b"", True), (b"x", False)):
        connection = opened()
        frames = [framed(TEXT, part, fin=False), *[framed(0, part, fin=False)] * 15, framed(0, end)]
        events = feed(connection, *frames)
        assert phase_of(connection) is (Phase.OPEN if fits else Phase.CLOSING)
        assert events == ([TextReceived(b"x" * MAX_MESSAGE)] if fits else [Closed(None)])
        assert connection.data_to_send() == (b"" if fits else TOO_BIG)
    assert feed(opened(), framed(TEXT, b"x" * MAX_MESSAGE)) == [TextReceived(b"x" * MAX_MESSAGE)]


def test_an_over_long_frame_is_over_while_it_arrives_and_its_rest_is_taken() -> None:
    """A socket that is closed with data unread is reset, and then the client may never see the code."""
    connection = opened()
    data = framed(TEXT, b"x" * (MAX_MESSAGE + 100_000))
    connection.receive_data(data[:-10_000])
    assert events_of(connection) == [Closed(None)]
    assert connection.data_to_send() == TOO_BIG
    assert feed(connection, data[-10_000:], framed(PONG, b"late"), framed(TEXT, b"late")) == []
    assert (phase_of(connection), is_dropped(connection)) == (Phase.CLOSING, False)
    assert feed(connection, framed(CLOSE, struct.pack("!H", 1009))) == []  # its end was told
    assert (phase_of(connection), is_dropped(connection)) == (Phase.LINGERING, False)


def test_text_that_is_not_utf8() -> None:
    fragmented = opened()
    frames = framed(TEXT, b"\xff", fin=False) + framed(0, b"a") + framed(TEXT, b"b")
    assert feed(fragmented, frames) == [TextReceived(b"b")]
    assert feed(opened(), framed(BINARY, b"\xff") + framed(TEXT, b"b")) == [
        TextReceived(b""),
        TextReceived(b"b"),
    ]
    single = opened()
    assert feed(single, framed(TEXT, b"\xff")) == [Closed(None)]
    assert single.data_to_send() == framed(CLOSE, struct.pack("!H", 1007), mask=None)
    assert (phase_of(single), is_dropped(single)) == (Phase.LINGERING, False)


@pytest.mark.parametrize(
    "data",
    [
        framed(TEXT, b"a", mask=None),
        b"\xc1" + framed(TEXT, b"a")[1:],
        b"\x83" + framed(TEXT, b"a")[1:],
        b"\x8b" + framed(TEXT, b"a")[1:],
        framed(0, b"a"),
        framed(TEXT, b"a", fin=False) + framed(TEXT, b"b"),
        framed(PING, b"a", fin=False),
        framed(PING, b"a" * 126),
        b"\x81\xfe\x00\x01",
        b"\x81\xff" + b"\xff" * 8,
        framed(CLOSE, b"\x03"),
        framed(CLOSE, struct.pack("!H", 999)),
        framed(CLOSE, struct.pack("!H", 1005)),
        framed(CLOSE, struct.pack("!H", 1015)),
        framed(CLOSE, struct.pack("!H", 2999)),
        framed(CLOSE, struct.pack("!H", 5000)),
    ],
)
def test_broken_frames_fail_the_connection(data: bytes) -> None:
    connection = opened()
    assert feed(connection, data + framed(TEXT, b"later")) == [Closed(None)]
    assert connection.data_to_send() == framed(CLOSE, struct.pack("!H", 1002), mask=None)
    assert phase_of(connection) is Phase.LINGERING
    closing = opened()
    closing.close(1000)
    closing.data_to_send()
    assert feed(closing, data) == [Closed(None)]
    assert closing.data_to_send() == b""


def test_a_close_reason_that_is_not_utf8() -> None:
    connection = opened()
    assert feed(connection, framed(CLOSE, struct.pack("!H", 1000) + b"\xff")) == [Closed(None)]
    assert connection.data_to_send() == framed(CLOSE, struct.pack("!H", 1007), mask=None)


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
    connection = opened()
    assert feed(connection, framed(TEXT, b"a") + framed(CLOSE, payload) + framed(TEXT, b"b")) == [
        TextReceived(b"a"),
        Closed(code),
    ]
    assert connection.data_to_send() == framed(CLOSE, struct.pack("!H", 1000), mask=None)
    assert (phase_of(connection), is_dropped(connection)) == (Phase.LINGERING, False)


def test_a_close_of_the_server() -> None:
    connection = opened()
    connection.close(1001)
    connection.close(1000)
    connection.ping(b"late")
    assert connection.data_to_send() == framed(CLOSE, struct.pack("!H", 1001), mask=None)
    late = framed(TEXT, b"a", fin=False) + framed(PING) + framed(0, b"b" * MAX_MESSAGE) + framed(TEXT, b"\xff")
    assert feed(connection, late) == []
    assert phase_of(connection) is Phase.CLOSING
    assert feed(connection, framed(CLOSE, struct.pack("!H", 1001))) == [Closed(1001)]
    assert connection.data_to_send() == b""
    assert phase_of(connection) is Phase.LINGERING


def test_an_abort_and_a_lost_connection() -> None:
    aborted = opened()
    aborted.ping(b"never sent")
    aborted.close(None)
    aborted.close(None)
    assert feed(aborted, framed(TEXT, b"a")) == [Closed(None)]
    assert (is_dropped(aborted), aborted.data_to_send()) == (True, b"")
    lost = opened()
    assert feed(lost, framed(TEXT, b"a")[:3], b"") == [Closed(None)]
    assert (is_dropped(lost), phase_of(lost)) == (False, Phase.DONE)


def test_pings_of_the_server() -> None:
    connection = opened()
    connection.ping(b"heartbeat")
    assert connection.data_to_send() == framed(PING, b"heartbeat", mask=None)
    assert feed(connection, framed(PONG, b"heartbeat")) == [PongReceived(b"heartbeat")]
    with pytest.raises(LocalProtocolError):
        connection.ping(b"x" * 126)


def test_what_is_no_websocket_is_neither_pinged_nor_closed() -> None:
    connection = HttpConnection()
    connection.ping(b"x")
    connection.close(1000)
    assert connection.data_to_send() == b""
    assert phase_of(connection) is Phase.IDLE


# -- any bytes ---
_frames = st.builds(
    framed,
    st.sampled_from([0, 1, 2, 8, 9, 10, 3]),
    st.binary(max_size=200),
    fin=st.booleans(),
    mask=st.sampled_from([b"\x00" * 4, b"abcd", None]),
)


@given(
    st.lists(st.sampled_from([GET, POST, UPGRADE, b"", b"\r\n"]) | st.binary(max_size=50) | _frames),
    st.sampled_from(["answer", "accept", "ignore"]),
)
def test_any_bytes_are_survived(pieces: list[bytes], reaction: str) -> None:
    connection = HttpConnection()
    closed = 0
    for piece in pieces:
        for event in feed(connection, piece):
            closed += isinstance(event, Closed)
            if reaction == "answer":
                connection.reply(HttpResponse(200, (), b"x"))
            elif reaction == "accept" and isinstance(event, WebSocketRequested):
                connection.accept(PROTOCOL)
    connection.close(None)
    closed += sum(isinstance(event, Closed) for event in events_of(connection))
    assert phase_of(connection) is Phase.DONE
    assert closed <= 1


@given(st.lists(_frames | st.binary(max_size=20)))
def test_any_frames_are_survived_and_end_in_one_close(pieces: list[bytes]) -> None:
    connection = opened()
    events = feed(connection, *pieces, b"")
    assert [event for event in events if isinstance(event, Closed)] == events[-1:]


# -- another implementation as the peer ---
def test_against_the_client_of_websockets() -> None:
    subprotocols = [Subprotocol("ticket#x"), Subprotocol(PROTOCOL)]
    client = ClientProtocol(parse_uri("ws://127.0.0.1/signaling"), subprotocols=subprotocols)
    server = HttpConnection()
    client.send_request(client.connect())

    def to_server() -> list[ConnectionEvent]:
        return feed(server, *(piece for piece in client.data_to_send() if piece))

    def to_client() -> list[Any]:
        client.receive_data(server.data_to_send())
        return client.events_received()

    (event,) = to_server()
    assert isinstance(event, WebSocketRequested)
    server.accept(PROTOCOL)
    (response,) = to_client()
    assert isinstance(response, Response)
    assert client.handshake_exc is None
    assert client.subprotocol == PROTOCOL

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
