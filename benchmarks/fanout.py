"""Fan-out of one message to N receivers through the controller's front: encoded and framed once, or for each receiver.

It measures only the CPU time of the front; there are no sockets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from benchmarks.timing import Comparison, compare
from m3core.controller.front import Front
from m3core.controller.front_port import ControllerOutput, FrontOutput, Write
from m3core.io import Accept, ConnectionId, Headers, MediaReport, RequestId, SendText

RECEIVERS: Final = 50
_UPGRADE: Final = (
    b"GET /signaling HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_UPDATE: Final = {
    "namespace": "control",
    "timestamp": "2024-03-05T09:20:11Z",
    "payload": {
        "message": "update",
        "id": "84a1c872-94bb-4b7d-b841-bc59eb4a0e0a",
        "control": {
            "display_name": "Ada Lovell",
            "role": "user",
            "avatar_url": "https://example.org/avatar/5bfcf2d8e394674550332640d72db509",
            "participation_kind": "user",
            "hand_is_up": True,
            "joined_at": "2024-03-05T09:20:11.004512345Z",
            "left_at": None,
        },
        "media": {"video": {"video": True, "audio": False}},
    },
}


class _Controller:
    """Accepts every WebSocket, and has the outputs that the benchmark puts into ``queue``."""

    deadline: float | None = None

    def __init__(self) -> None:
        self.queue: list[ControllerOutput] = []

    def http_request(
        self, request: RequestId, method: str, target: str, headers: Headers, body: bytes, now: float, address: str = ""
    ) -> None: ...

    def websocket_requested(
        self, connection: ConnectionId, _target: str, _headers: Headers, _now: float, _address: str = ""
    ) -> None:
        self.queue.append(Accept(connection, "k3k-signaling-json-v1.0"))

    def charge(self, connection: ConnectionId, units: int, now: float) -> None: ...

    def receive_text(self, connection: ConnectionId, data: bytes, now: float, *, is_charged: bool = False) -> None: ...

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None: ...

    def connection_lost(self, connection: ConnectionId, now: float, code: int | None = None) -> None: ...

    def sfu_report(self, report: MediaReport, now: float) -> None: ...

    def advance(self, now: float) -> None: ...

    def shut_down(self, now: float) -> None: ...

    def outputs(self) -> Iterator[ControllerOutput]:
        queue, self.queue = self.queue, []
        return iter(queue)


def _written(outputs: list[FrontOutput]) -> list[tuple[ConnectionId, bytes]]:
    """The bytes for each connection."""
    return [(each, output.data) for output in outputs if isinstance(output, Write) for each in output.connections]


def run(rounds: int = 31) -> tuple[Comparison, ...]:
    """All comparisons. It first checks that every receiver gets the same bytes both ways."""
    controller = _Controller()
    front = Front(controller)
    receivers = tuple(ConnectionId(number) for number in range(RECEIVERS))
    for connection in receivers:
        front.connection_made(connection, 0.0)
        front.data_received(connection, _UPGRADE, 0.0)
    list(front.outputs())

    def delivered() -> list[FrontOutput]:
        front.advance(0.0)
        return list(front.outputs())

    def once() -> list[FrontOutput]:
        controller.queue.append(SendText(receivers, msgspec.json.encode(_UPDATE)))
        return delivered()

    def each(encode: Callable[[object], bytes]) -> Callable[[], list[FrontOutput]]:
        def work() -> list[FrontOutput]:
            controller.queue += [SendText((connection,), encode(_UPDATE)) for connection in receivers]
            return delivered()

        return work

    written = _written(once())
    if len(written) != RECEIVERS or written != _written(each(msgspec.json.encode)()):
        raise AssertionError("the two ways do not deliver the same")
    name = f"fan-out to {RECEIVERS}, encoded and framed once"
    by_json, by_msgspec = each(lambda message: json.dumps(message).encode()), each(msgspec.json.encode)
    return (
        compare(name, once, "json for each receiver", by_json, rounds=rounds, target=2.5),
        compare(name, once, "msgspec for each receiver", by_msgspec, rounds=rounds),
    )
