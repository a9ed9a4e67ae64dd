"""The two ports of the front: the engine that it drives, and what its own driver performs for its sockets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeAlias

from attrs import field, frozen

from m3core.controller.sfu import SfuCommand
from m3core.io import (
    Accept,
    Close,
    ConnectionId,
    Headers,
    HttpReply,
    MediaReport,
    Notify,
    Ping,
    Reject,
    RequestId,
    SendText,
)

ControllerOutput: TypeAlias = HttpReply | Accept | Reject | SendText | Ping | Close | SfuCommand | Notify


class ControllerEngine(Protocol):
    """What the front needs of a controller: an engine of whole requests and messages."""

    @property
    def deadline(self) -> float | None:
        """When `advance` is due; None: not at all."""

    def http_request(
        self,
        request: RequestId,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        now: float,
        address: str = "",
        /,
    ) -> None:
        """A REST request; answer with `HttpReply(request)`. ``address`` is that of the client; empty: not known."""

    def websocket_requested(
        self, connection: ConnectionId, target: str, headers: Headers, now: float, address: str = "", /
    ) -> None:
        """A WebSocket handshake of a client at ``address``; answer with `Accept` or `Reject`."""

    def charge(self, connection: ConnectionId, units: int, now: float, /) -> None:
        """A WebSocket caused work that no message tells of: pings, pongs, parts of messages (`Frames.take_work`).

        The outputs may close it.
        """

    def receive_text(self, connection: ConnectionId, data: bytes, now: float, /, *, is_charged: bool = False) -> None:
        """One message of an accepted WebSocket. ``is_charged``: `charge` was called for it already."""

    def pong(self, connection: ConnectionId, payload: bytes, now: float, /) -> None:
        """The answer to a ping."""

    def connection_lost(self, connection: ConnectionId, now: float, code: int | None = None, /) -> None:
        """The WebSocket is over, whoever ended it. Called once, but not after a `Reject`."""

    def sfu_report(self, report: MediaReport, now: float, /) -> None:
        """A report of the media server."""

    def advance(self, now: float, /) -> None:
        """Time has passed."""

    def shut_down(self, now: float, /) -> None:
        """The server stops: end all sessions."""

    def outputs(self) -> Iterable[ControllerOutput]:
        """All outputs since the last call, in order. They must be taken before the next input."""


@frozen
class Write:
    """Write ``data`` to each of ``connections``."""

    connections: tuple[ConnectionId, ...]
    data: bytes = field(repr=lambda data: f"<{len(data)}>")


@frozen
class Shut:
    """Close the TCP connection once all is written, or with ``abort`` at once. No output for it follows."""

    connection: ConnectionId
    abort: bool


@frozen
class HalfClose:
    """Close our side of the TCP connection once all is written, and go on reading. Later `Shut` follows, no `Write`."""

    connection: ConnectionId


@frozen
class Pause:
    """Read nothing more from this connection until `Resume`. What was read already may still be given to the front."""

    connection: ConnectionId


@frozen
class Resume:
    """Read from this connection again."""

    connection: ConnectionId


FrontOutput: TypeAlias = Write | HalfClose | Shut | Pause | Resume | SfuCommand | Notify
