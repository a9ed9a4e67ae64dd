"""Target: bytes of a server, whole and in pieces, against the guard of clients, with both libraries behind it."""

from __future__ import annotations

from collections.abc import Iterable

from fuzz_script import whole_and_cut
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from m3core.guard import Guard
from m3core.limits import MAX_MESSAGE

PROTOCOL = "k3k-signaling-json-v1.0"
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n"
    b"sec-websocket-protocol: " + PROTOCOL.encode() + b"\r\n\r\n"
)


def run(pieces: Iterable[bytes]) -> tuple[Guard, bytes]:
    """A guard after these inputs, and what it passed on."""
    guard = Guard((PROTOCOL,))
    passed = b"".join(map(guard.receive, pieces))
    assert guard.receive(b"") == b"" or not guard.violation
    return guard, passed


def by_wsproto(data: bytes, *, is_closed: bool) -> list[bytes]:
    """The messages in ``data``. Fails if wsproto takes a frame for wrong."""
    connection = Connection(ConnectionType.CLIENT)
    connection.receive_data(data)
    messages: list[bytes] = []
    message = b""
    for event in connection.events():
        if isinstance(event, TextMessage | BytesMessage):
            message += event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
            if event.message_finished:
                messages.append(message)
                message = b""
        elif isinstance(event, CloseConnection):
            assert is_closed
            break
    return messages


def by_websockets(data: bytes, *, is_closed: bool) -> list[bytes]:
    """The messages in ``data``. Raises if `websockets` takes a frame for wrong."""
    protocol = ClientProtocol(parse_uri("ws://a"), state=State.OPEN, max_size=MAX_MESSAGE)
    protocol.receive_data(data)
    if protocol.parser_exc is not None and not is_closed:  # it wants no close frame between fragments
        raise protocol.parser_exc
    messages: list[bytes] = []
    message = b""
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            message += frame.data
            if frame.fin:
                messages.append(message)
                message = b""
    return messages


def guard(data: bytes) -> None:
    """The verdict does not depend on how the network cuts the bytes, and no library disagrees with what passes."""
    in_one, in_pieces, size = whole_and_cut(data, ACCEPTED)
    whole, passed = run(in_one)
    cut, passed_in_pieces = run(in_pieces)
    assert whole.violation == cut.violation, f"the verdict differs for pieces of {size} bytes"
    assert whole.is_answered == cut.is_answered
    assert whole.frames.close_code == cut.frames.close_code
    if passed.startswith(b"HTTP/1.1 101 \r\n"):
        head = passed.index(b"\r\n\r\n") + 4
        is_closed = whole.frames.close_code is not None
        messages = by_wsproto(passed[head:], is_closed=is_closed)
        for got in (passed[head:], passed_in_pieces[head:]):
            assert by_websockets(got, is_closed=is_closed) == messages
