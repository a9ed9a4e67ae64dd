"""Every row of both tables against a served controller, on both loops: whole, and in random pieces."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from anyio.from_thread import start_blocking_portal
from attrs import frozen
from http_bytes import TEXT, framed
from http_table import HTTP_CASES, PROBE, After
from patience import PATIENCE
from places import ADAPTERS
from websocket_table import FRAME_CASES, Closing
from websocket_table import PROBE as ECHO
from websocket_table import PROBE_ANSWER as ECHOED
from wire import Pieces, cut, statuses
from wire_frames import answers, upgrade

from m3core.limits import MAX_HTTP_HEAD

pytestmark = pytest.mark.usefixtures("nothing_is_left")
PIECES = (Pieces.WHOLE, Pieces.RANDOM)


@frozen
class Place:
    """A served controller, and the request whose answer is a ticket."""

    address: tuple[str, int]
    start: bytes

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(self.address, timeout=PATIENCE) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield line

    def ticket(self) -> str:
        """A new ticket of a guest."""
        with self.connected() as line:
            line.sendall(self.start)
            body = rest(line).partition(b"\r\n\r\n")[2]
        return str(json.loads(body)["ticket"])


def rest(line: socket.socket) -> bytes:
    """All that the server sends until it closes its side."""
    received = bytearray()
    while data := line.recv(1 << 16):
        received += data
    return bytes(received)


def upgraded(line: socket.socket, ticket: str) -> bytes:
    """The answer of the server, after which ``line`` is a WebSocket."""
    line.sendall(upgrade(ticket))
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += line.recv(1 << 16)
    return received


@pytest.fixture(params=ADAPTERS)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr("m3core.controller.front.CLOSE_TIMEOUT", PATIENCE)  # a slow client is no fault of the server
    m3 = ADAPTERS[request.param]
    with (
        start_blocking_portal(request.param) as portal,
        portal.wrap_async_context_manager(m3.serve()) as server,
    ):

        async def invite() -> tuple[str, str]:
            async with m3.Account(server.base_url, server.owner) as account:
                meeting = await account.create_meeting(title="Wire")
                return str(meeting.event.room.id), str(await meeting.invite())

        room, link = portal.call(invite)
        body = json.dumps({"invite_code": link.rpartition("/")[2]})
        head = f"POST /v1/rooms/{room}/start_invited HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        yield Place(server.address, (head + fields + body).encode())


@pytest.mark.parametrize("pieces", PIECES)
def test_rows_of_http(place: Place, pieces: Pieces) -> None:
    wrong = {}
    for case in HTTP_CASES:
        with place.connected() as line:
            for piece in cut(case.data, pieces):
                line.sendall(piece)
            expected = case.statuses
            if case.after is not After.WAITS:
                line.sendall(PROBE)
            if case.after is After.OPEN:
                expected = (*expected, 200)
            if case.after is not After.CLOSED:
                line.shutdown(socket.SHUT_WR)
            found = statuses(rest(line))
        # The end of the client in the middle of a body is an error, too.
        if found != expected and not (case.after is After.WAITS and found == (*expected, 400)):
            wrong[case.name] = found
    assert wrong == {}


@pytest.mark.parametrize("pieces", PIECES)
def test_rows_of_frames(place: Place, pieces: Pieces) -> None:
    wrong = {}
    for case in FRAME_CASES:
        with place.connected() as line:
            received = upgraded(line, place.ticket())
            for piece in cut(case.data, pieces):
                line.sendall(piece)
            expected = case.answers
            if case.after is not After.WAITS:
                line.sendall(ECHO)
            if case.after is After.OPEN:
                expected = (*expected, ECHOED)
            if case.after is not After.CLOSED:
                line.shutdown(socket.SHUT_WR)
            found = answers(received + rest(line))
        if found != expected:
            wrong[case.name] = found
    assert wrong == {}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nx: " + b"y" * MAX_HTTP_HEAD, 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n?\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ],
)
def test_a_refusal_reaches_a_client_that_still_sends(place: Place, data: bytes, status: int) -> None:
    """Without the time in which the server reads on, its system would reset the connection."""
    with place.connected() as line:
        line.sendall(data)
        line.sendall(b"z" * 2_000_000)
        line.shutdown(socket.SHUT_WR)
        answer = rest(line)
    assert statuses(answer) == (status,)
    assert answer.endswith(b"}")


def test_a_close_code_reaches_a_client_that_still_sends(place: Place) -> None:
    with place.connected() as line:
        received = upgraded(line, place.ticket())
        line.sendall(framed(TEXT, mask=None))
        line.sendall(b"z" * 2_000_000)
        line.shutdown(socket.SHUT_WR)
        assert answers(received + rest(line)) == (Closing(1002),)


def test_the_end_of_the_server_does_not_wait_for_clients_that_linger(place: Place) -> None:
    with place.connected() as refused, place.connected() as failed:
        refused.sendall(b"?")
        assert statuses(rest(refused)) == (400,)
        received = upgraded(failed, place.ticket())
        failed.sendall(b"\xff\xff")
        assert answers(received + rest(failed)) == (Closing(1002),)
