"""Where the parts of the client engine put what has to be done, and the drain contract that goes with it.

One input, then the drain: a second input before the first one's outputs were taken is an error, because order is data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from m3core.conference.events import ConferenceEvent
from m3core.errors import LocalProtocolError
from m3core.io import (
    CallDone,
    Close,
    CommandId,
    Connect,
    ConnectionId,
    HttpRequest,
    MediaCommand,
    MediaOperation,
    Notify,
    PeerId,
    Ping,
    SendText,
)
from m3core.messages import Command, UnknownCommand
from m3core.signaling import CLIENT, SignalingConnection

PING = b"m3"
"""What our pings say; nobody looks at it."""
Output = HttpRequest | Connect | SendText | Ping | Close | MediaCommand | Notify | CallDone


class Outbox:
    """The outputs of one client engine, and the connection that messages leave by."""

    def __init__(self) -> None:
        self._queue: deque[Output] = deque()
        self._last_peer = 0
        self._last_command = 0
        self._last_connection = 0
        self.connection: ConnectionId | None = None
        self.signaling = SignalingConnection(CLIENT)

    def check_drained(self) -> None:
        """Raises `LocalProtocolError` if outputs of the last input still wait."""
        if self._queue:
            raise LocalProtocolError("drain the outputs of an input before the next one")

    def drain(self) -> Iterator[Output]:
        """The outputs in order; each is given once."""
        while self._queue:
            yield self._queue.popleft()

    def put(self, output: Output) -> None:
        """Queue an output."""
        self._queue.append(output)

    def notify(self, *events: ConferenceEvent) -> None:
        """Tell the user."""
        self._queue.extend(Notify(event) for event in events)

    def send(self, message: Command | UnknownCommand) -> None:
        """Send a command; raises `LocalProtocolError` where the state tables forbid it."""
        connection = self._present()
        self._queue.append(SendText((connection,), self.signaling.send(message)))

    def media(self, peer: PeerId, operation: MediaOperation) -> CommandId:
        """Command the media engine."""
        self._last_command += 1
        command = CommandId(self._last_command)
        self._queue.append(MediaCommand(command, peer, operation))
        return command

    def new_peer(self) -> PeerId:
        """An id for a new peer of the media engine."""
        self._last_peer += 1
        return PeerId(self._last_peer)

    def connect(self, url: str, subprotocols: tuple[str, ...]) -> None:
        """Open the WebSocket."""
        self._last_connection += 1
        self.connection = ConnectionId(self._last_connection)
        self.signaling = SignalingConnection(CLIENT)
        self._queue.append(Connect(self.connection, url, subprotocols))

    def ping(self) -> None:
        """Send a WebSocket ping."""
        self._queue.append(Ping(self._present(), PING))

    def _present(self) -> ConnectionId:
        if self.connection is None:
            raise LocalProtocolError("not connected")
        return self.connection

    def drop(self) -> None:
        """Abort the WebSocket, if there is one, and know nothing more of it."""
        self.close(None)
        self.connection = None
        self.signaling.close()

    def close(self, code: int | None) -> None:
        """Close the WebSocket; ``None`` aborts it."""
        if self.connection is not None:
            self._queue.append(Close(self.connection, code))
