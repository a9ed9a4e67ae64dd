"""Target: bytes of one TCP connection, whole and in pieces, against the front with a controller that answers."""

from __future__ import annotations

from collections.abc import Iterable

from fuzz_script import whole_and_cut

from m3core.controller.front import Front
from m3core.controller.front_port import ControllerOutput, Shut, Write
from m3core.io import Accept, Close, ConnectionId, Headers, HttpReply, HttpResponse, MediaReport, RequestId, SendText
from m3core.limits import MAX_WRITE_QUEUE

ONE = ConnectionId(1)
UPGRADE = (
    b"GET /signaling HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: k3k-signaling-json-v1.0\r\n\r\n"
)


class Echoing:
    """A controller that answers each request with its body, and each message with itself."""

    deadline = None

    def __init__(self) -> None:
        self._outputs: list[ControllerOutput] = []
        self.inputs: list[tuple[object, ...]] = []

    def http_request(
        self, request: RequestId, method: str, target: str, headers: Headers, body: bytes, now: float, address: str = ""
    ) -> None:
        self.inputs.append(("request", method, target, headers, body))
        self._outputs.append(HttpReply(request, HttpResponse(200, (), body)))

    def websocket_requested(
        self, connection: ConnectionId, target: str, headers: Headers, now: float, address: str = ""
    ) -> None:
        self.inputs.append(("websocket", target, headers))
        self._outputs.append(Accept(connection, "k3k-signaling-json-v1.0"))

    def charge(self, connection: ConnectionId, units: int, now: float) -> None: ...

    def receive_text(self, connection: ConnectionId, data: bytes, now: float, /, *, is_charged: bool = False) -> None:
        self.inputs.append(("text", data))
        self._outputs.append(SendText((connection,), data))
        if data == b"close":
            self._outputs.append(Close(connection, 1000))

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None:
        self.inputs.append(("pong", payload))

    def connection_lost(self, connection: ConnectionId, now: float, code: int | None = None) -> None:
        self.inputs.append(("lost", code))

    def sfu_report(self, report: MediaReport, now: float) -> None: ...

    def advance(self, now: float) -> None: ...

    def shut_down(self, now: float) -> None: ...

    def outputs(self) -> Iterable[ControllerOutput]:
        outputs, self._outputs = self._outputs, []
        return outputs


def run(pieces: Iterable[bytes]) -> tuple[list[tuple[object, ...]], bytes, Shut | None]:
    """What the controller was told, what the peer got, and how its connection ended."""
    controller = Echoing()
    front = Front(controller)
    front.connection_made(ONE, 0.0)
    written = bytearray()
    shut: Shut | None = None
    for piece in pieces:
        front.data_received(ONE, piece, 0.0)
        for _ in range(100_000):
            for output in front.outputs():
                assert shut is None, "an output follows the end of the connection"
                if isinstance(output, Write):
                    written += output.data
                elif isinstance(output, Shut):
                    shut = output
            if front.deadline is None or front.deadline > 0.0:
                break
            front.advance(0.0)  # the front has more to do in its next turn
    assert len(written) <= MAX_WRITE_QUEUE
    if shut is not None:
        assert front.connections == 0
    return controller.inputs, bytes(written), shut


def front(data: bytes) -> None:
    """The outcome does not depend on how the network cuts the bytes."""
    whole, cut, size = whole_and_cut(data, UPGRADE)
    assert run(whole) == run(cut), f"the outcome differs for pieces of {size} bytes"
