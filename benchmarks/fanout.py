"""Fan-out of one message to N receivers through the controller's front: encoded and framed once, or for each.

CPU of the front alone, no sockets. Prints deliveries per second and the ratio, which is what may be quoted: medians of
rounds that alternate, so that a noisy machine hits both ways alike. Run: ``python benchmarks/fanout.py``.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from m3core.controller.front import ControllerOutput, Front
from m3core.io import Accept, ConnectionId, Headers, MediaReport, RequestId, SendText

RECEIVERS: Final = 50
MESSAGES: Final = 200
ROUNDS: Final = 15
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
    """Accepts every WebSocket, and puts out what it is told to."""

    deadline: float | None = None

    def __init__(self) -> None:
        self.queue: list[ControllerOutput] = []

    def http_request(
        self, request: RequestId, method: str, target: str, headers: Headers, body: bytes, now: float
    ) -> None: ...

    def websocket_requested(self, connection: ConnectionId, _target: str, _headers: Headers, _now: float) -> None:
        self.queue.append(Accept(connection, "k3k-signaling-json-v1.0"))

    def receive_text(self, connection: ConnectionId, data: bytes, now: float) -> None: ...

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None: ...

    def connection_lost(self, connection: ConnectionId, now: float, code: int | None = None) -> None: ...

    def sfu_report(self, report: MediaReport, now: float) -> None: ...

    def advance(self, now: float) -> None: ...

    def outputs(self) -> Iterator[ControllerOutput]:
        queue, self.queue = self.queue, []
        return iter(queue)


def _timed(act: Callable[[], None]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    controller = _Controller()
    front = Front(controller)
    receivers = tuple(ConnectionId(number) for number in range(RECEIVERS))
    for connection in receivers:
        front.connection_made(connection, 0.0)
        front.data_received(connection, _UPGRADE, 0.0)
    list(front.outputs())

    def once() -> None:
        for _ in range(MESSAGES):
            controller.queue.append(SendText(receivers, msgspec.json.encode(_UPDATE)))
            front.advance(0.0)
            for _write in front.outputs():
                pass

    def each(encode: Callable[[object], bytes]) -> None:
        for _ in range(MESSAGES):
            controller.queue += [SendText((connection,), encode(_UPDATE)) for connection in receivers]
            front.advance(0.0)
            for _write in front.outputs():
                pass

    ways: dict[str, Callable[[], None]] = {
        "json for each receiver": lambda: each(lambda message: json.dumps(message).encode()),
        "msgspec for each receiver": lambda: each(msgspec.json.encode),
        "encoded and framed once": once,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            times[name].append(_timed(way))
    base = statistics.median(times["json for each receiver"])
    print(f"{RECEIVERS} receivers, {len(msgspec.json.encode(_UPDATE))} bytes")
    for name, samples in times.items():
        median = statistics.median(samples)
        print(f"{name:26} {MESSAGES * RECEIVERS / median:12,.0f} deliveries/s   x {base / median:.1f}")


if __name__ == "__main__":
    main()
