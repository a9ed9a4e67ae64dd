"""What both foreign clients share: REST calls, and a WebSocket whose messages are read in order and kept.

Nothing here imports our packages: the foreign clients must not share our bugs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Json = dict[str, Any]
T = TypeVar("T")


class Failure(Exception):
    """A foreign client gives up: with what the server sent, the real client would not work."""


class Bell:
    """Wakes all tasks that wait for a change."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        """Wake them: something has changed."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def until(self, find: Callable[[], T | None]) -> T:
        """Call ``find`` after each change until it returns something; return that."""
        while (found := find()) is None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
        return found


class Rest:
    """The HTTP client of one foreign client. ``calls``: method and path of its requests, in order."""

    def __init__(self, base_url: str, timeout: float) -> None:
        self._client = httpx.AsyncClient(base_url=f"{base_url}/v1", timeout=timeout, trust_env=False, verify=False)
        self.calls: list[str] = []

    async def ask(self, method: str, path: str, body: Json | None = None, bearer: str | None = None) -> Any:
        """The JSON of the answer; None if it has no body. Every 2xx is a success (rest.md § 1)."""
        self.calls.append(f"{method} {path}")
        headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        answer = await self._client.request(method, path, json=body, headers=headers)
        if not answer.is_success:
            raise Failure(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


class Wire:
    """One WebSocket. ``take`` gets each message; an exception of it ends the connection."""

    def __init__(self, bell: Bell, take: Callable[[str, Json], None]) -> None:
        self.log: list[tuple[str, Json]] = []
        """Namespace and payload of all messages that were received."""
        self.said: list[tuple[str, Json]] = []
        self.end: Exception | None = None
        """Why nothing more is received; None while the connection is open."""
        self._bell = bell
        self._take = take
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, base_url: str, path: str, protocol: str, ticket: str) -> str | None:
        """Connect, and offer ``protocol`` beside the ticket; return the sub-protocol that the server selected."""
        offered = [Subprotocol(protocol), Subprotocol(f"ticket#{ticket}")]
        url = base_url.replace("http", "ws", 1) + path
        # Browsers send no pings (signaling.md § 2), and the tests have their own time-outs.
        self._socket = await connect(url, subprotocols=offered, ping_interval=None, proxy=None, open_timeout=None)
        self._reading = asyncio.create_task(self._read(self._socket))
        return self._socket.subprotocol

    async def send(self, namespace: str, payload: Json) -> None:
        """Send a message."""
        assert self._socket is not None
        self.said.append((namespace, payload))
        try:
            await self._socket.send(json.dumps({"namespace": namespace, "payload": payload}))
        except ConnectionClosed as closed:
            raise Failure(f"the connection is closed: {closed}") from None

    async def find(self, find: Callable[[], T | None]) -> T:
        """As `Bell.until`, but raises what ended the connection, if that comes first."""

        def look() -> T | None:
            found = find()
            if found is None and self.end is not None:
                raise self.end
            return found

        return await self._bell.until(look)

    async def heard(self, namespace: str, message: str, since: int = 0, **fields: Any) -> Json:
        """Wait for such a payload after the first ``since`` messages; return the first one."""
        return await self.find(lambda: next(iter(self.all_heard(namespace, message, since, **fields)), None))

    def all_heard(self, namespace: str, message: str, since: int = 0, **fields: Any) -> Sequence[Json]:
        """All such payloads that were received so far."""
        wanted = {"message": message, **fields}
        return [
            payload
            for where, payload in self.log[since:]
            if where == namespace and all(payload.get(key) == value for key, value in wanted.items())
        ]

    async def close(self) -> None:
        """Leave, which is to close the WebSocket (signaling.md § 2)."""
        if self._socket is not None and self._reading is not None:
            await self._socket.close()
            await self._reading

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                told = json.loads(text)
                self.log.append((told["namespace"], told["payload"]))
                self._take(told["namespace"], told["payload"])
                self._bell.ring()
                # A browser runs what a message has set off before it delivers the next: let tasks that wait run here.
                await asyncio.sleep(0)
            self.end = Failure(f"the server closed: {socket.close_code}")
        except ConnectionClosed as closed:
            self.end = Failure(f"the connection broke: {closed}")
        except Exception as error:  # noqa: BLE001 - `find` raises it
            self.end = error
        self._bell.ring()
