"""The queue of outputs that all parts of the client engine share, and the connection that messages are sent on.

The outputs of an input must be drained before the next input: their order matters, for example an answer must be on the
wire before remote candidates reach the peer.
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
"""The payload of our pings. Any payload would do: the engine takes every pong as a sign of life."""
Output = HttpRequest | Connect | SendText | Ping | Close | MediaCommand | Notify | CallDone


class Outbox:
    """The outputs of one client engine, the ids in them, and the present connection."""

    def __init__(self) -> None:
        self._queue: deque[Output] = deque()
        self._last_peer = 0
        self._last_command = 0
        self._last_connection = 0
        self.connection: ConnectionId | None = None
        self.signaling = SignalingConnection(CLIENT)

    def check_drained(self) -> None:
        """Raises `LocalProtocolError` if outputs of the last input were not drained."""
        if self._queue:
            raise LocalProtocolError("drain the outputs of an input before the next one")

    def drain(self) -> Iterator[Output]:
        """The outputs in order; each is given once."""
        while self._queue:
            yield self._queue.popleft()

    def put(self, output: Output) -> None:
        """Append an output."""
        self._queue.append(output)

    def notify(self, *events: ConferenceEvent) -> None:
        """Tell the user."""
        self._queue.extend(Notify(event) for event in events)

    def send(self, message: Command | UnknownCommand) -> None:
        """Send a command; raises `LocalProtocolError` where the state tables forbid it."""
        connection = self._present()
        self._queue.append(SendText((connection,), self.signaling.send(message)))

    def media(self, peer: PeerId, operation: MediaOperation) -> CommandId:
        """Give ``operation`` on ``peer`` to the media engine; its report carries the id that is returned."""
        self._last_command += 1
        command = CommandId(self._last_command)
        self._queue.append(MediaCommand(command, peer, operation))
        return command

    def new_peer(self) -> PeerId:
        """An id for a new peer of the media engine, never used before."""
        self._last_peer += 1
        return PeerId(self._last_peer)

    def connect(self, url: str, subprotocols: tuple[str, ...]) -> None:
        """Open a WebSocket; from now on it is the present connection."""
        self._last_connection += 1
        self.connection = ConnectionId(self._last_connection)
        self.signaling = SignalingConnection(CLIENT)
        self._queue.append(Connect(self.connection, url, subprotocols))

    def ping(self) -> None:
        """Send a WebSocket ping."""
        self._queue.append(Ping(self._present(), PING))

    def _present(self) -> ConnectionId:
        if self.connection is None:
            raise LocalProtocolError("there is no connection to the controller: join first, or wait for `Resumed`")
        return self.connection

    def drop(self) -> None:
        """Abort the WebSocket, if there is one. Whatever it still reports is ignored."""
        self.close(None)
        self.connection = None
        self.signaling.close()

    def close(self, code: int | None) -> None:
        """Close the WebSocket; ``None`` aborts it."""
        if self.connection is not None:
            self._queue.append(Close(self.connection, code))
