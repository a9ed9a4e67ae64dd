"""A conference as bytes: with the front of the controller, and with servers that do not speak HTTP or WebSocket."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from m3core.conference.engine import Conference
from m3core.conference.entrance import GuestEntrance, MemberEntrance
from m3core.conference.events import ConferenceJoined, ConnectionLost, Ended, PeerMisbehaved
from m3core.conference.http import HttpExchange, Origin, WebSocketExchange
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.state import EndReason, Phase
from m3core.conference.wire import Open, Shut, SocketId, Wire, WireOutput, Write
from m3core.controller import front, front_port
from m3core.errors import LocalProtocolError, TransportError
from m3core.frames import NEED_DATA, accept_token, frame_text
from m3core.io import Authorization, CallDone, Connect, ConnectionId, HttpRequest, MediaCommand, Notify
from m3core.limits import CLOSE_TIMEOUT, MAX_HTTP_BODY, MAX_MESSAGE, REQUEST_TIMEOUT
from m3core.testing import World, seeded_entropy
from m3core.testing.pair import BASE_URL
from m3core.values import InviteCode, MediaSessionType, RoomId

INVITE = InviteCode("9b1c8d8e-6a3e-4d5a-9c77-0d8e5a6a1f10")
ROOM = "1f9c0d2e-8f5b-4a53-8d3c-6f3d9f2b7c11"
TICKET = "t" * 64
PROTOCOL = "k3k-signaling-json-v1.0"


class Line:
    """A wire and its outputs, which are only collected. Sockets are numbers."""

    def __init__(self, base_url: str = BASE_URL, invite: InviteCode = INVITE) -> None:
        self.now = 1000.0
        self.conference = Conference(GuestEntrance(base_url=base_url, invite_code=invite), display_name="Ada")
        self.wire = Wire(self.conference, entropy=seeded_entropy())
        self.written: dict[SocketId, bytes] = {}
        self.shut: dict[SocketId, bool] = {}
        self.origins: dict[SocketId, Origin] = {}
        self.events: list[object] = []
        self.others: list[WireOutput] = []

    def give(self, give: Callable[[float], object]) -> None:
        give(self.now)
        for output in self.wire.outputs():
            match output:
                case Open(socket, origin):
                    self.origins[socket], self.written[socket] = origin, b""
                case Write(socket, data):
                    assert socket not in self.shut
                    self.written[socket] += data
                case Shut(socket, abort):
                    assert socket not in self.shut
                    self.shut[socket] = abort
                case Notify(event):
                    self.events.append(event)
                case _:
                    self.others.append(output)

    def data(self, socket: int, data: bytes) -> None:
        self.give(lambda now: self.wire.data_received(SocketId(socket), data, now))

    def lose(self, socket: int) -> None:
        self.give(lambda now: self.wire.socket_lost(SocketId(socket), now))

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.give(self.wire.advance)

    def of(self, kind: type) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def phase(self) -> Phase:
        return self.conference.phase


def answer(body: object, status: int = 200) -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def switching(request: bytes, **changes: str) -> bytes:
    """The answer to a WebSocket handshake."""
    key = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")).split()[1]
    headers = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-accept": accept_token(key.decode()),
        "sec-websocket-protocol": PROTOCOL,
    }
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return ("HTTP/1.1 101 Switching Protocols\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode()


def connecting() -> Line:
    """Go on until the handshake is sent, on socket 3."""
    line = Line()
    line.give(line.conference.start)
    line.data(1, answer({"ticket": TICKET, "room_id": ROOM, "password_required": False}))
    line.data(2, answer({"ticket": TICKET, "resumption": "r" * 64}))
    assert line.phase is Phase.CONNECTING
    return line


def opened() -> Line:
    """Go on until the WebSocket is open; the request for TURN servers is on socket 4."""
    line = connecting()
    line.data(3, switching(line.written[SocketId(3)]))
    assert line.phase is Phase.JOINING
    return line


class Pair(Line):
    """A wire against the front of a real controller, both in memory."""

    def __init__(self, piece: int) -> None:
        self.world = World()
        super().__init__(invite=self.world.invite_code)
        self.front = front.Front(self.world.controller)
        self.piece = piece
        self.down: dict[int, bytes] = {}
        self.sent: dict[int, int] = {}
        self.closed: set[int] = set()

    def run(self) -> None:
        """Carry bytes both ways, in pieces, until there are none."""
        moved = True
        while moved:
            moved = False
            for socket in list(self.written):
                number = ConnectionId(socket)
                if socket not in self.sent:
                    self.sent[socket] = 0
                    self.front.connection_made(number, self.now)
                data = self.written[socket][self.sent[socket] :][: self.piece]
                self.sent[socket] += len(data)
                if data:
                    self.front.data_received(number, data, self.now)
                elif socket in self.shut and socket not in self.closed:
                    self.closed.add(socket)
                    self.front.connection_lost(number, self.now)
                while (due := self.front.deadline) is not None and due <= self.now:
                    self.front.advance(self.now)  # the next turn of a connection
                for output in self.front.outputs():
                    assert isinstance(output, front_port.Write | front_port.HalfClose | front_port.Shut)
                    for receiver in output.connections if isinstance(output, front_port.Write) else ():
                        self.down[receiver] = self.down.get(receiver, b"") + output.data  # type: ignore[union-attr]
                back, self.down[socket] = (
                    self.down.get(socket, b"")[: self.piece],
                    self.down.get(socket, b"")[self.piece :],
                )
                if back:
                    self.data(socket, back)
                moved |= bool(data or back)


@pytest.mark.parametrize("piece", [1, 100, 1 << 20])
def test_a_conference_from_its_start_to_its_end_in_pieces(piece: int) -> None:
    line = Pair(piece)
    line.give(line.conference.start)
    line.run()
    assert line.phase is Phase.JOINED
    assert line.of(ConferenceJoined)
    line.give(lambda now: line.conference.commands(now).chat("hello"))
    line.run()
    (said,) = line.of(ChatMessage)
    assert isinstance(said, ChatMessage)
    assert said.content == "hello"
    line.now += 15.0
    line.front.advance(line.now)  # the heartbeat: a ping, which is answered without the conference
    line.run()
    line.give(line.conference.leave)
    line.run()
    assert line.conference.state.ended is EndReason.LEFT
    assert line.wire.is_over
    assert set(line.shut.values()) == {False}
    assert line.wire.deadline is None
    assert [done.error for done in line.others if isinstance(done, CallDone)] == [None] * 3


def test_what_is_said_to_the_server() -> None:
    line = connecting()
    assert line.origins[SocketId(1)] == Origin("127.0.0.1", 8080, tls=False)
    assert line.written[SocketId(1)].startswith(b"POST /v1/invite/verify HTTP/1.1\r\n")
    assert b"\r\nconnection: close\r\n" in line.written[SocketId(1)].lower()
    hello = line.written[SocketId(3)].lower()
    assert hello.startswith(b"get /signaling http/1.1\r\n")
    assert b"connection: close" not in hello
    assert repr(Write(SocketId(1), b"secret")) == "Write(socket=1, data=<6>)"


def test_a_second_input_before_the_drain_is_an_error() -> None:
    line = Line()
    line.conference.start(line.now)
    line.wire.outputs()
    line.wire.advance(line.now)
    with pytest.raises(LocalProtocolError, match="drain"):
        line.wire.advance(line.now)


def test_data_of_sockets_that_are_unknown_or_shut_is_ignored() -> None:
    line = connecting()
    for socket in (1, 77):
        line.data(socket, b"HTTP/1.1 200 OK\r\n\r\n")
        line.lose(socket)
    assert line.phase is Phase.CONNECTING


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"])
def test_an_answer_that_is_none_fails_the_request(data: bytes) -> None:
    line = Line()
    line.give(line.conference.start)
    line.data(1, data)
    line.data(1, b"")
    assert line.shut[SocketId(1)] is True
    assert line.conference.state.ended is EndReason.FAILED
    assert line.wire.is_over


def test_a_socket_that_cannot_be_opened_fails_the_request() -> None:
    line = Line()
    line.give(line.conference.start)
    line.lose(1)
    assert line.shut == {}
    (end,) = line.of(Ended)
    assert isinstance(end, Ended)
    assert "could not be reached" in end.detail


def test_a_request_that_is_not_answered_is_given_up() -> None:
    line = Line()
    line.give(line.conference.start)
    line.sleep(REQUEST_TIMEOUT)
    assert line.shut == {SocketId(1): True}
    assert line.wire.is_over


@pytest.mark.parametrize("url", ["http://", "ftp://a", "http://a:99999", "http://a b", "http://a\x00", "http://ä"])
def test_an_address_that_is_none_fails_in_the_conference(url: str) -> None:
    line = Line(base_url=url)
    line.give(line.conference.start)
    assert line.conference.state.ended is EndReason.FAILED
    assert line.wire.is_over


def test_a_websocket_whose_url_is_none_is_lost() -> None:
    line = Line()
    line.give(line.conference.start)
    line.data(1, answer({"ticket": TICKET, "room_id": ROOM, "password_required": False}))
    line.conference.life._entrance = GuestEntrance(base_url="https://a" + "b" * 300, invite_code=INVITE)
    wanted = Connect(ConnectionId(1), "wss://a b/signaling", ())
    line.conference.outbox.connection = ConnectionId(1)
    line.conference.outbox.put(wanted)
    line.give(lambda _now: None)
    assert line.conference.state.ended is EndReason.LOST


def test_requests_of_members_are_passed_on() -> None:
    line = Line()
    line.conference = Conference(MemberEntrance(base_url=BASE_URL, room_id=RoomId(ROOM)), display_name="Ada")
    line.wire = Wire(line.conference, entropy=seeded_entropy())
    line.give(line.conference.start)
    (request,) = line.others
    assert isinstance(request, HttpRequest)
    assert request.authorization is Authorization.ACCOUNT
    assert line.written == {}


# -- the WebSocket ---
@pytest.mark.parametrize(
    "changes",
    [
        {"sec_websocket_accept": "x"},
        {"sec_websocket_protocol": f"ticket#{TICKET}"},
        {"upgrade": "h2c"},
        {"connection": "close"},
        {"sec_websocket_extensions": "permessage-deflate"},
    ],
)
def test_a_handshake_that_is_none_is_a_lost_connection(changes: dict[str, str]) -> None:
    line = connecting()
    line.data(3, switching(line.written[SocketId(3)], **changes))
    assert line.conference.state.ended is EndReason.LOST
    assert SocketId(3) in line.shut


def test_a_refused_handshake_is_told_with_its_reason() -> None:
    line = connecting()
    line.data(3, answer({"code": "invalid_ticket", "message": ""}, 401))
    (end,) = line.of(Ended)
    assert isinstance(end, Ended)
    assert "401 invalid_ticket" in end.detail
    assert line.wire.is_over


@pytest.mark.parametrize("data", [b"", b"nonsense\r\n\r\n"])
def test_a_connection_that_ends_in_the_handshake(data: bytes) -> None:
    line = connecting()
    line.data(3, data)
    assert line.conference.state.ended is EndReason.LOST


def test_leaving_while_connecting_ends_at_once() -> None:
    line = connecting()
    line.give(line.conference.leave)
    assert line.shut[SocketId(3)] is True
    assert line.conference.state.ended is EndReason.LEFT
    assert line.wire.is_over


def test_messages_that_come_with_the_handshake_and_many_at_once() -> None:
    line = connecting()
    line.data(3, switching(line.written[SocketId(3)]) + frame_text(b"{}") + frame_text(b"[]"))
    assert len(line.of(PeerMisbehaved)) == 2


def test_a_server_that_hangs_up() -> None:
    line = opened()
    line.data(3, b"")
    assert line.conference.state.ended is EndReason.LOST
    assert line.shut == {SocketId(1): False, SocketId(2): False, SocketId(3): False, SocketId(4): True}


def test_a_socket_of_a_websocket_that_breaks() -> None:
    line = opened()
    line.lose(3)
    assert line.conference.state.ended is EndReason.LOST
    assert line.wire.is_over


def test_an_over_long_message_ends_the_connection() -> None:
    line = opened()
    line.data(3, frame_text(b" " * (MAX_MESSAGE + 1)))
    assert line.shut[SocketId(3)] is False  # once the close frame is written


def test_a_join_that_is_not_answered_is_aborted() -> None:
    line = opened()
    line.sleep(60.0)
    assert line.shut[SocketId(3)] is True
    assert line.wire.is_over


def test_a_close_that_is_not_answered_becomes_an_abort() -> None:
    line = opened()
    before = line.written[SocketId(3)]
    deep = b"[" * 2000
    line.data(3, frame_text(deep))  # passes a limit: the conference ends, and closes
    assert line.phase is Phase.ENDED
    assert line.written[SocketId(3)] != before
    assert not line.wire.is_over
    assert line.wire.deadline == line.now + CLOSE_TIMEOUT
    line.sleep(CLOSE_TIMEOUT)
    assert line.shut[SocketId(3)] is True
    assert line.wire.is_over


def test_a_lost_connection_is_opened_again_on_another_socket() -> None:
    line = Pair(1 << 20)
    line.give(line.conference.start)
    line.run()
    last = max(line.written)
    line.lose(3)
    line.closed.add(3)
    line.front.connection_lost(ConnectionId(3), line.now)
    assert line.of(ConnectionLost)
    line.written.pop(SocketId(3))
    assert line.wire.deadline is not None
    line.sleep(10.0)
    line.run()
    assert line.phase is Phase.JOINED
    assert max(line.written) > last


def test_a_silent_connection_is_pinged_where_there_is_no_echo() -> None:
    line = Pair(1 << 20)
    line.give(line.conference.start)
    line.run()
    line.conference.life.keepalive._has_echo = False
    before = len(line.written[SocketId(3)])
    line.sleep(13.0)
    assert len(line.written[SocketId(3)]) == before + 2 + 4 + 2
    line.run()  # the pong counts as a sign of life
    line.sleep(11.0)
    assert line.phase is Phase.JOINED


def test_pings_of_the_server_are_signs_of_life() -> None:
    line = Pair(1 << 20)
    line.give(line.conference.start)
    line.run()
    asks = line.conference.life.keepalive.deadline
    assert asks is not None
    line.sleep(10.0)
    line.data(SocketId(3), b"\x89\x09heartbeat")
    assert line.conference.life.keepalive.deadline == asks + 10.0


def test_media_commands_are_passed_on() -> None:
    line = Pair(1 << 20)
    line.give(line.conference.start)
    line.run()
    line.give(lambda now: line.conference.publish(MediaSessionType.VIDEO, audio=True, video=True, now=now))
    assert isinstance(line.others[-1], MediaCommand)


# -- exchanges by themselves ---
def test_informational_answers_are_skipped_but_not_for_ever() -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    exchange = HttpExchange("GET", "http://[::1]:8080")
    assert exchange.origin == Origin("::1", 8080, tls=False)
    assert exchange.data_to_send().startswith(b"GET / HTTP/1.1\r\n")
    assert exchange.data_to_send() == b""
    response = exchange.receive_data(hint + answer([1]))
    assert response is not None
    assert (response.status, response.body) == (200, b"[1]")
    assert ("content-type", "application/json") in response.headers
    with pytest.raises(TransportError, match="more than 20"):
        HttpExchange("GET", "http://a/").receive_data(hint * 21)


def test_a_body_that_ends_with_the_connection() -> None:
    exchange = HttpExchange("GET", "http://a/")
    assert exchange.receive_data(b"HTTP/1.1 200 OK\r\n\r\nab") is None
    response = exchange.receive_data(b"")
    assert response is not None
    assert response.body == b"ab"


def test_a_body_just_under_and_over() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    assert HttpExchange("GET", "http://a/").receive_data(head + b" " * MAX_HTTP_BODY) is None
    with pytest.raises(TransportError, match="longer"):
        HttpExchange("GET", "http://a/").receive_data(head + b" " * (MAX_HTTP_BODY + 1))


def test_where_tls_is_wanted() -> None:
    assert HttpExchange("GET", "https://m3.example/v1").origin == Origin("m3.example", 443, tls=True)
    assert HttpExchange("GET", "wss://m3.example:8443").origin == Origin("m3.example", 8443, tls=True)
    assert HttpExchange("GET", "ws://m3.example").origin == Origin("m3.example", 80, tls=False)


def test_requests_that_are_not_http() -> None:
    with pytest.raises(TransportError, match="not valid HTTP"):
        HttpExchange("GET", "http://a/", (("bad name", "x"),))


def test_a_websocket_that_is_not_open_sends_nothing() -> None:
    exchange = WebSocketExchange(Connect(ConnectionId(1), "ws://a/signaling", (PROTOCOL,)), seeded_entropy())
    exchange.data_to_send()
    exchange.send_text(b"x")
    exchange.ping(b"x")
    exchange.close(1000)
    assert exchange.data_to_send() == b""
    assert exchange.next_event() is NEED_DATA
    exchange.receive_data(b"")
    assert exchange.next_event() is not NEED_DATA
    exchange.receive_data(b"more")
    assert exchange.next_event() is NEED_DATA
