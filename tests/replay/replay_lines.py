"""TCP connections of the clients in a recording, and HTTP requests on them. It uses h11, and none of our packages."""

from __future__ import annotations

import json
from typing import Any, Protocol

import h11


class Line(Protocol):
    """The client's end of one TCP connection."""

    def received(self, data: bytes) -> None:
        """``data`` came from the server."""
        ...

    def lost(self) -> None:
        """The connection ended, or the server closed its side. Called once."""
        ...


class Network(Protocol):
    """What opens connections. ``host`` is that of the server."""

    host: str

    def connect(self, line: Line) -> None:
        """Open a connection for ``line``, which may write before it is open."""
        ...

    def write(self, line: Line, data: bytes) -> None:
        """Send ``data``; does nothing when the connection has ended."""
        ...

    def close(self, line: Line) -> None:
        """Close our side of the connection."""
        ...

    def abort(self, line: Line) -> None:
        """Reset the connection; `lost` is not called."""
        ...


class Request(Line):
    """One HTTP request on a connection of its own."""

    def __init__(self, network: Network, method: str, path: str, token: str | None, body: Any) -> None:
        self.is_answered = False
        self.status = 0
        self._network = network
        self._http = h11.Connection(h11.CLIENT)
        self._body = b""
        content = b"" if body is None else json.dumps(body).encode()
        headers = [("Host", network.host), ("Connection", "close"), ("Content-Length", str(len(content)))]
        if body is not None:
            headers.append(("Content-Type", "application/json"))
        if token is not None:
            headers.append(("Authorization", f"Bearer {token}"))
        network.connect(self)
        for event in (h11.Request(method=method, target=path, headers=headers), h11.Data(content), h11.EndOfMessage()):
            if data := self._http.send(event):
                network.write(self, data)

    def received(self, data: bytes) -> None:
        self._http.receive_data(data)
        self._take()

    def lost(self) -> None:
        self._http.receive_data(b"")
        self._take()
        self._network.close(self)

    def _take(self) -> None:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Response):
                self.status = event.status_code
            elif isinstance(event, h11.Data):
                self._body += bytes(event.data)
            else:
                if isinstance(event, h11.EndOfMessage):
                    self.is_answered = True
                return

    @property
    def answer(self) -> Any:
        """The JSON of the answer; None if there is none."""
        return json_or_none(self._body)


def json_or_none(body: bytes | bytearray | None) -> Any:
    """The parsed body; None if it is no JSON."""
    try:
        return json.loads(bytes(body or b""))
    except ValueError:
        return None
