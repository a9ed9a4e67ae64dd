"""Transports that take notes of what a participant of the checked conference sends and receives."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from m3core.client.transports import HttpTransport, WebSocket, WebSocketConnect, WrappedWebSocket
from m3core.io import HttpRequest, HttpResponse

SENT: Final = "→"
RECEIVED: Final = "←"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@frozen
class Note:
    """One message on the wire. It never has a ticket, a token, or a session description."""

    who: str
    arrow: str
    name: str
    """`GET /v1/turn`, `signaling`, or a message: `control.join`."""
    media_session_type: str = ""
    facts: tuple[tuple[str, object], ...] = ()
    """Plain values of the message that steps ask for."""


class Scribe:
    """Appends to ``notes`` what one participant sends and receives, in the event loop that ``tell`` reaches."""

    def __init__(self, notes: list[Note], who: str, tell: Callable[[Callable[[], object]], None]) -> None:
        self._notes = notes
        self._who = who
        self._tell = tell

    def add(
        self,
        arrow: str,
        name: str,
        media_session_type: str = "",
        facts: tuple[tuple[str, object], ...] = (),
    ) -> None:
        """Note a message."""
        note = Note(self._who, arrow, name, media_session_type, facts)
        self._tell(lambda: self._notes.append(note))

    def message(self, arrow: str, data: bytes) -> None:
        """Note a WebSocket message."""
        message = json.loads(data)
        payload = message["payload"]
        name = payload.get("action") or payload.get("message") or "?"
        facts = {**payload, **payload.get("media_session_state", {}), **payload.get("configuration", {})}
        told = tuple((key, value) for key, value in facts.items() if value is None or isinstance(value, bool))
        told += tuple((key, facts[key]) for key in ("kind", "focus", "id", "target") if isinstance(facts.get(key), str))
        told += tuple((f"has_{key}", True) for key in ("video", "screen") if key in payload.get("media", {}))
        self.add(arrow, f"{message['namespace']}.{name}", payload.get("media_session_type", ""), told)


class NotingHttp:
    """HTTP, with notes of each request (its path, ids left out)."""

    def __init__(self, inner: HttpTransport, scribe: Scribe) -> None:
        self._inner = inner
        self._scribe = scribe

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Perform and note."""
        name = f"{request.method} {_ID.sub('<id>', urlsplit(request.url).path)}"
        self._scribe.add(SENT, name)
        response = await self._inner.request(request)
        self._scribe.add(RECEIVED, f"{response.status}", "", (("to", name),))
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()


class _NotingWebSocket(WrappedWebSocket):
    """A WebSocket, with notes of each message."""

    def __init__(self, inner: WebSocket, scribe: Scribe) -> None:
        super().__init__(inner)
        self._scribe = scribe

    async def send(self, data: bytes) -> None:
        """Send and note."""
        self._scribe.message(SENT, data)
        await super().send(data)

    async def messages(self) -> AsyncIterator[bytes]:
        """The messages, noted before anybody sees them."""
        async for data in super().messages():
            self._scribe.message(RECEIVED, data)
            yield data

    async def close(self, code: int | None) -> None:
        """Close or abort."""
        if code is not None:
            self._scribe.add(SENT, "WebSocket close", "", (("code", code),))
        await super().close(code)


def noting_connect(connect: WebSocketConnect, scribe: Scribe) -> WebSocketConnect:
    """A `transports.WebSocketConnect` that takes notes."""

    async def noting(url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        ticket = any(name.startswith("ticket#") for name in subprotocols)
        scribe.add(SENT, f"WebSocket {urlsplit(url).path}", "", (("ticket", ticket),))
        return _NotingWebSocket(await connect(url, subprotocols), scribe)

    return noting
