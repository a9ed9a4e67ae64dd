"""The front between TCP connections and a controller: order, fan-out, timers, what is told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from containers import growth, sizes
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

import m3core.controller.front as front_module
from m3core.controller.front import Front
from m3core.controller.front_port import ControllerOutput, FrontOutput, HalfClose, Pause, Shut, Write
from m3core.controller.http import frame_text
from m3core.controller.sfu import SfuCommand
from m3core.io import (
    Accept,
    Close,
    ClosePeer,
    CommandId,
    ConnectionId,
    Headers,
    HttpReply,
    HttpResponse,
    MediaReport,
    Notify,
    PeerId,
    Ping,
    Reject,
    RequestId,
    SendText,
    Up,
)
from m3core.limits import HTTP_TIMEOUT

_PROTOCOL = "k3k-signaling-json-v1.0"
_GET = b"GET /v1/turn HTTP/1.1\r\nHost: a\r\n\r\n"
_A, _B, _C = ConnectionId(1), ConnectionId(2), ConnectionId(3)


class _Controller:
    """Records its inputs; ``react`` gives the outputs of each."""

    def __init__(self, react: Callable[[tuple[Any, ...]], list[ControllerOutput]] | None = None) -> None:
        self.inputs: list[tuple[Any, ...]] = []
        self.addresses: list[str] = []
        """The addresses of the clients of all requests and handshakes."""
        self.queue: list[ControllerOutput] = []
        self.react = react or (lambda _: [])
        self.deadline: float | None = None
        self.charged: dict[ConnectionId, int] = {}

    def _input(self, *values: Any) -> None:
        self.inputs.append(values)
        self.queue += self.react(values)

    def http_request(
        self,
        request: RequestId,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        now: float,
        address: str = "",
    ) -> None:
        self.addresses.append(address)
        self._input("http", request, method, target, body)

    def websocket_requested(
        self, connection: ConnectionId, target: str, headers: Headers, now: float, address: str = ""
    ) -> None:
        self.addresses.append(address)
        self._input("websocket", connection, target)

    def charge(self, connection: ConnectionId, units: int, now: float) -> None:
        self.charged[connection] = self.charged.get(connection, 0) + units
        self.queue += self.react(("charge", connection, units))

    def receive_text(self, connection: ConnectionId, data: bytes, now: float, *, is_charged: bool = False) -> None:
        self._input("text", connection, data)

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None:
        self._input("pong", connection, payload)

    def connection_lost(self, connection: ConnectionId, now: float, code: int | None = None) -> None:
        self._input("lost", connection, code)

    def sfu_report(self, report: MediaReport, now: float) -> None:
        self._input("sfu", report)

    def advance(self, now: float) -> None:
        self._input("advance", now)

    def shut_down(self, now: float) -> None:
        self._input("shut down", now)

    def outputs(self) -> Iterator[ControllerOutput]:
        while self.queue:
            yield self.queue.pop(0)

    def taken(self) -> list[tuple[Any, ...]]:
        inputs, self.inputs = self.inputs, []
        return inputs


def _willing(values: tuple[Any, ...]) -> list[ControllerOutput]:
    match values:
        case ("http", request, *_):
            return [HttpReply(request, HttpResponse(200, (), str(request).encode()))]
        case ("websocket", connection, _):
            return [Accept(connection, _PROTOCOL)]
    return []


def _deadline(front: Front) -> float | None:
    """A call, because mypy believes that a property keeps its value across one."""
    return front.deadline


def _catch_up(front: Front, now: float = 0.0) -> list[FrontOutput]:
    """Give all connections their turns."""
    outputs: list[FrontOutput] = []
    while (due := front.deadline) is not None and due <= now:
        front.advance(now)
        outputs += front.outputs()
    return outputs


def _client() -> ClientProtocol:
    client = ClientProtocol(
        parse_uri("ws://127.0.0.1/signaling"), subprotocols=[Subprotocol("ticket#x"), Subprotocol(_PROTOCOL)]
    )
    client.send_request(client.connect())
    return client


def _written(outputs: list[FrontOutput], connection: ConnectionId) -> bytes:
    return b"".join(output.data for output in outputs if isinstance(output, Write) and connection in output.connections)


def _exchange(front: Front, connection: ConnectionId, client: ClientProtocol, now: float = 0.0) -> list[FrontOutput]:
    """Carry bytes from the client to the front, and back."""
    for data in client.data_to_send():
        front.data_received(connection, data, now)
    outputs = list(front.outputs())
    if data := _written(outputs, connection):
        client.receive_data(data)
    return outputs


def _open(front: Front, controller: _Controller, *connections: ConnectionId) -> list[ClientProtocol]:
    clients = []
    for connection in connections:
        client = _client()
        front.connection_made(connection, 0.0)
        _exchange(front, connection, client)
        assert client.subprotocol == _PROTOCOL
        client.events_received()
        clients.append(client)
    controller.taken()
    return clients


def test_requests_and_keep_alive() -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    front.connection_made(_A, 0.0)
    for number in (1, 2):
        front.data_received(_A, _GET, 0.0)
        assert controller.taken() == [("http", number, "GET", "/v1/turn", b"")]
        assert _written(list(front.outputs()), _A).endswith(b"\r\n\r\n%d" % number)
    assert list(front.outputs()) == []


def test_pipelined_requests_are_answered_in_order() -> None:
    controller = _Controller()
    front = Front(controller)
    front.connection_made(_A, 0.0)
    front.data_received(_A, _GET * 3, 0.0)
    for number in (1, 2, 3):
        assert controller.inputs[-1][:2] == ("http", number)
        assert len(controller.taken()) == 1
        controller.queue.append(HttpReply(RequestId(number), HttpResponse(200, (), b"%d" % number)))
        front.sfu_report(Up(PeerId(1)), 0.0)
        assert controller.inputs.pop(0)[0] == "sfu"
        assert _written(list(front.outputs()), _A).endswith(b"\r\n\r\n%d" % number)
    assert controller.taken() == []


def test_a_request_byte_by_byte_and_an_answer_that_closes() -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    front.connection_made(_A, 0.0)
    for byte in b"GET / HTTP/1.0\r\n\r\n":
        front.data_received(_A, bytes((byte,)), 0.0)
    outputs = list(front.outputs())
    assert isinstance(outputs[0], Write)
    assert outputs[1:] == [HalfClose(_A)]
    front.data_received(_A, _GET, 0.0)
    front.connection_lost(_A, 0.0)
    assert [values[0] for values in controller.taken()] == ["http"]
    assert front.connections == 0


def test_an_answer_to_nobody_is_ignored() -> None:
    controller = _Controller()
    front = Front(controller)
    front.connection_made(_A, 0.0)
    front.data_received(_A, _GET, 0.0)
    front.connection_lost(_A, 0.0)
    reply = HttpResponse(200)
    controller.queue += [HttpReply(RequestId(1), reply), HttpReply(RequestId(9), reply), Accept(_A, "x"), Ping(_A, b"")]
    controller.queue += [Close(_B), Reject(_B, reply), SendText((_A, _B), b"x")]
    front.advance(0.0)
    assert list(front.outputs()) == []
    assert [values[0] for values in controller.taken()] == ["http", "advance"]


def test_commands_for_a_connection_that_is_no_websocket_are_ignored() -> None:
    controller = _Controller()
    front = Front(controller)
    front.connection_made(_A, 0.0)
    controller.queue += [
        Accept(_A, "x"),
        Ping(_A, b""),
        Close(_A),
        Reject(_A, HttpResponse(200)),
        SendText((_A,), b"x"),
    ]
    front.advance(0.0)
    assert list(front.outputs()) == []
    assert front.connections == 1


def test_a_refused_websocket() -> None:
    def refuse(values: tuple[Any, ...]) -> list[ControllerOutput]:
        return [Reject(values[1], HttpResponse(401))] if values[0] == "websocket" else []

    controller = _Controller(refuse)
    front = Front(controller)
    front.connection_made(_A, 0.0)
    client = _client()
    _exchange(front, _A, client)
    assert "401" in str(client.handshake_exc)
    front.connection_lost(_A, 0.0)
    assert controller.taken() == [("websocket", _A, "/signaling")]


def test_a_websocket_that_is_lost_before_its_answer() -> None:
    controller = _Controller()
    front = Front(controller)
    front.connection_made(_A, 0.0)
    _exchange(front, _A, _client())
    front.connection_lost(_A, 0.0)
    front.connection_lost(_A, 0.0)
    assert controller.taken() == [("websocket", _A, "/signaling"), ("lost", _A, None)]


def test_a_conversation_in_order() -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    (client,) = _open(front, controller, _A)
    client.send_text(b"one")
    client.send_ping(b"?")
    client.send_text(b"two")
    _exchange(front, _A, client)
    assert controller.taken() == [("text", _A, b"one"), ("text", _A, b"two")]
    assert client.events_received() == [Frame(Opcode.PONG, b"?")]
    controller.queue += [SendText((_A,), b"1"), Ping(_A, b"heartbeat"), SendText((_A,), b"2"), Close(_A, 1000)]
    front.advance(0.0)
    controller.taken()
    _exchange(front, _A, client)
    assert [frame.opcode for frame in client.events_received() if isinstance(frame, Frame)] == [
        Opcode.TEXT,
        Opcode.PING,
        Opcode.TEXT,
        Opcode.CLOSE,
    ]
    assert _exchange(front, _A, client) == [HalfClose(_A)]
    assert controller.taken() == [("pong", _A, b"heartbeat"), ("lost", _A, 1000)]


def test_fan_out_is_framed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    clients = _open(front, controller, _A, _B, _C)
    framed = []

    def counting(data: bytes) -> bytes:
        framed.append(data)
        return frame_text(data)

    monkeypatch.setattr(front_module, "frame_text", counting)
    front.connection_lost(_B, 0.0)
    controller.queue += [SendText((_A, _B, _C), b"news"), SendText((_B,), b"too late"), SendText((), b"")]
    front.advance(0.0)
    outputs = list(front.outputs())
    assert outputs == [Write((_A, _C), frame_text(b"news"))]
    assert framed == [b"news"]
    for client in (clients[0], clients[2]):
        client.receive_data(frame_text(b"news"))
        assert client.events_received() == [Frame(Opcode.TEXT, b"news")]


def test_what_is_not_for_sockets_is_passed_on_in_order() -> None:
    command = SfuCommand(CommandId(1), PeerId(1), ClosePeer())
    controller = _Controller(lambda values: [Notify("a"), command, Notify("b")] if values[0] == "sfu" else [])
    front = Front(controller)
    report = Up(PeerId(1))
    front.sfu_report(report, 0.0)
    assert controller.taken() == [("sfu", report)]
    assert list(front.outputs()) == [Notify("a"), command, Notify("b")]


class _Strict(_Controller):
    """Takes an input only after its outputs were taken, as every engine does."""

    def _input(self, *values: Any) -> None:
        assert not self.queue
        super()._input(*values)


def test_the_outputs_of_each_input_are_taken_before_the_next() -> None:
    """Two connections that are ready at the same time, and each kind of input."""
    controller = _Strict(lambda values: [*_willing(values), Notify(values[0])])
    front = Front(controller)
    clients = _open(front, controller, _A, _B)
    for client in clients:
        client.send_text(b"x")
        client.send_text(b"y")
    front.data_received(_A, b"".join(clients[0].data_to_send()), 0.0)
    front.data_received(_B, b"".join(clients[1].data_to_send()), 0.0)
    front.connection_made(_C, 0.0)
    front.data_received(_C, _GET, 0.0)
    front.sfu_report(Up(PeerId(1)), 0.0)
    front.advance(HTTP_TIMEOUT)
    front.connection_lost(_A, HTTP_TIMEOUT)
    front.shut_down(HTTP_TIMEOUT)
    kinds = ["text", "text", "text", "text", "http", "sfu", "advance", "lost", "shut down"]
    assert [values[0] for values in controller.taken()] == kinds
    assert [output.event for output in front.outputs() if isinstance(output, Notify)][-len(kinds) :] == kinds


def test_a_server_that_shuts_down() -> None:
    """The close frames of the controller are written, and HTTP connections are left to the driver."""
    controller = _Controller(lambda values: [Close(_A, 1001)] if values[0] == "shut down" else _willing(values))
    front = Front(controller)
    (client,) = _open(front, controller, _A)
    front.connection_made(_B, 0.0)
    front.shut_down(0.0)
    outputs = list(front.outputs())
    assert [output.connections for output in outputs if isinstance(output, Write)] == [(_A,)]
    client.receive_data(_written(outputs, _A))
    assert client.close_rcvd is not None
    assert client.close_rcvd.code == 1001


@pytest.mark.parametrize("ending", ["client closes", "client vanishes", "socket lost", "abort", "broken", "too long"])
def test_the_end_of_a_websocket_is_told_once(ending: str) -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    (client,) = _open(front, controller, _A)
    code: int | None = None
    shut: list[FrontOutput] = [HalfClose(_A)]
    later: list[FrontOutput] = []
    match ending:
        case "client closes":
            client.send_close(1001)
            code = 1001
        case "client vanishes":
            front.data_received(_A, b"", 0.0)
            shut = [Shut(_A, abort=False)]
        case "socket lost":
            front.connection_lost(_A, 0.0)
            shut = []
        case "abort":
            controller.queue += [Ping(_A, b"lost"), Close(_A), Close(_A)]
            front.sfu_report(Up(PeerId(1)), 0.0)
            controller.inputs.pop(0)
            shut = [Shut(_A, abort=True)]
        case "broken":
            front.data_received(_A, b"\xff\xff", 0.0)
        case "too long":
            for _ in range(17):
                client.send_continuation(b"x" * 65536, fin=False) if _ else client.send_text(b"x" * 65536, fin=False)
            shut, later = [], shut  # the client is given time to answer, and what it does is broken
    for data in client.data_to_send():
        front.data_received(_A, data, 0.0)
    outputs = [*front.outputs(), *_catch_up(front)]
    assert [output for output in outputs if isinstance(output, Shut | HalfClose)] == shut
    front.data_received(_A, b"more", 0.0)
    front.connection_lost(_A, 0.0)
    assert [values for values in controller.taken() if values[0] != "advance"] == [("lost", _A, code)]
    assert list(front.outputs()) == later
    assert front.connections == 0


def test_an_answer_of_the_controller_to_the_end_is_performed() -> None:
    def tell(values: tuple[Any, ...]) -> list[ControllerOutput]:
        return [SendText((_A, _B), b"left")] if values[0] == "lost" else _willing(values)

    controller = _Controller(tell)
    front = Front(controller)
    _open(front, controller, _A, _B)
    front.data_received(_A, b"", 0.0)
    assert list(front.outputs()) == [Write((_B,), frame_text(b"left")), Shut(_A, abort=False)]
    front.connection_lost(_B, 0.0)
    assert list(front.outputs()) == []


# -- anything ---
_UPGRADE = (
    b"GET /signaling HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_data = st.sampled_from([_GET, _UPGRADE, b"", b"\x81\x80abcd", b"\x88\x80abcd", b"\x89\x80abcd"]) | st.binary(
    max_size=30
)
_steps = st.tuples(st.sampled_from(["made", "data", "data", "data", "lost", "time", "close"]), st.integers(1, 3), _data)


@given(st.lists(_steps, max_size=40))
def test_any_inputs_are_survived(steps: list[tuple[str, int, bytes]]) -> None:
    controller = _Controller(_willing)
    front = Front(controller, max_connections=2)
    known: set[ConnectionId] = set()
    now, used = 0.0, 0
    ids = {1: ConnectionId(101), 2: ConnectionId(102), 3: ConnectionId(103)}
    for kind, number, data in steps:
        connection = ids[number]
        match kind:
            case "made" if connection not in known:
                used += 1
                ids[number] = connection = ConnectionId(1_000 + used)
                known.add(connection)
                front.connection_made(connection, now)
            case "data":
                front.data_received(connection, data, now)
            case "lost":
                front.connection_lost(connection, now)
                known.discard(connection)
            case "close":
                controller.queue.append(Close(connection, 1000))
                front.sfu_report(Up(PeerId(1)), now)
            case "time":
                now += 4.0
                front.advance(now)
        for output in front.outputs():
            if isinstance(output, Shut):
                known.discard(output.connection)
            elif isinstance(output, Write):
                assert known.issuperset(output.connections)
    for connection in list(known):
        front.connection_lost(connection, now)
    assert front.connections == 0
    begun = [values[1] for values in controller.inputs if values[0] == "websocket"]
    ended = [values[1] for values in controller.inputs if values[0] == "lost"]
    assert sorted(begun) == sorted(ended)


def test_a_refusal_of_an_open_websocket_is_ignored() -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    _open(front, controller, _A)
    controller.queue.append(Reject(_A, HttpResponse(401)))
    front.sfu_report(Up(PeerId(1)), 0.0)
    assert list(front.outputs()) == []
    assert front.connections == 1


def test_alarms_of_connections_that_are_gone_do_not_pile_up() -> None:
    front = Front(_Controller())
    front.connection_made(_A, 0.0)
    before = sizes(front)
    for number in range(1_000):
        front.connection_made(ConnectionId(10 + number), 1.0)
        front.connection_lost(ConnectionId(10 + number), 1.0)
    assert {path: by for path, by in growth(before, sizes(front)).items() if by > 200} == {}
    assert front.deadline == HTTP_TIMEOUT
    front.advance(HTTP_TIMEOUT)
    assert list(front.outputs()) == [Shut(_A, abort=False)]


@pytest.mark.parametrize("code", [None, 1000])
def test_texts_behind_the_one_that_made_the_controller_close_are_not_heard(code: int | None) -> None:
    def close(values: tuple[Any, ...]) -> list[ControllerOutput]:
        return [Close(values[1], code)] if values[0] == "text" else _willing(values)

    controller = _Controller(close)
    front = Front(controller)
    (client,) = _open(front, controller, _A)
    client.send_text(b"one")
    client.send_text(b"two")
    front.data_received(_A, b"".join(client.data_to_send()), 0.0)
    assert [values for values in controller.taken() if values[0] == "text"] == [("text", _A, b"one")]


def test_what_comes_while_a_request_is_answered_waits() -> None:
    controller = _Controller()
    front = Front(controller)
    front.connection_made(_A, 0.0)
    front.data_received(_A, _GET, 0.0)
    front.data_received(_A, _GET * 3_000, 0.0)
    assert list(front.outputs()) == [Pause(_A)]
    assert [values[:2] for values in controller.taken()] == [("http", 1)]
    controller.queue.append(HttpReply(RequestId(1), HttpResponse(200)))
    front.advance(0.0)
    assert [values[:2] for values in controller.taken()] == [("advance", 0.0), ("http", 2)]
