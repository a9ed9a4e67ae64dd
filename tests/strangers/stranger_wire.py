"""What both strangers' programs stand on: REST calls, and a WebSocket whose messages are read in order and kept.

Nothing here is of this project's own packages: strangers' programs must not share our bugs.
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
    """A stranger's program gives up: with what it got from the server, its user is never in the meeting."""


class Bell:
    """Wakes all who wait for something to change."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        """Something has changed."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def until(self, find: Callable[[], T | None]) -> T:
        """What ``find`` finds, as soon as it does."""
        while (found := find()) is None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
        return found


class Rest:
    """One program's HTTP client. ``calls``: what it has asked, in order."""

    def __init__(self, base_url: str, timeout: float) -> None:
        self._client = httpx.AsyncClient(base_url=f"{base_url}/v1", timeout=timeout, trust_env=False, verify=False)
        self.calls: list[str] = []

    async def ask(self, method: str, path: str, body: Json | None = None, bearer: str | None = None) -> Any:
        """The answer's JSON, None if there is none; every 2xx will do (rest.md § 1)."""
        self.calls.append(f"{method} {path}")
        headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        answer = await self._client.request(method, path, json=body, headers=headers)
        if not answer.is_success:
            raise Failure(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    async def close(self) -> None:
        """End."""
        await self._client.aclose()


class Wire:
    """One WebSocket. ``take`` gets each message as it comes; what it raises breaks the program."""

    def __init__(self, bell: Bell, take: Callable[[str, Json], None]) -> None:
        self.log: list[tuple[str, Json]] = []
        """Everything heard: namespace and payload."""
        self.said: list[tuple[str, Json]] = []
        self.end: Exception | None = None
        """Why there is no more."""
        self._bell = bell
        self._take = take
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, base_url: str, path: str, protocol: str, ticket: str) -> str | None:
        """Connect, offering ``protocol`` and nothing else beside the ticket; what the server has selected."""
        offered = [Subprotocol(protocol), Subprotocol(f"ticket#{ticket}")]
        url = base_url.replace("http", "ws", 1) + path
        self._socket = await connect(url, subprotocols=offered, ping_interval=None, proxy=None, open_timeout=None)
        self._reading = asyncio.create_task(self._read(self._socket))
        return self._socket.subprotocol

    async def send(self, namespace: str, payload: Json) -> None:
        """Say something."""
        assert self._socket is not None
        self.said.append((namespace, payload))
        try:
            await self._socket.send(json.dumps({"namespace": namespace, "payload": payload}))
        except ConnectionClosed as closed:
            raise Failure(f"the connection is closed: {closed}") from None

    async def find(self, find: Callable[[], T | None]) -> T:
        """What ``find`` finds sooner or later; raises what ended the connection, if that comes first."""

        def look() -> T | None:
            found = find()
            if found is None and self.end is not None:
                raise self.end
            return found

        return await self._bell.until(look)

    async def heard(self, namespace: str, message: str, since: int = 0, **fields: Any) -> Json:
        """The first such payload that was heard after the first ``since`` messages."""
        return await self.find(lambda: next(iter(self.all_heard(namespace, message, since, **fields)), None))

    def all_heard(self, namespace: str, message: str, since: int = 0, **fields: Any) -> Sequence[Json]:
        """Those that have been heard."""
        wanted = {"message": message, **fields}
        return [
            payload
            for where, payload in self.log[since:]
            if where == namespace and all(payload.get(key) == value for key, value in wanted.items())
        ]

    async def close(self) -> None:
        """Leave: that is closing the socket (signaling.md § 2)."""
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
                # A browser finishes what a message has set off before it shows the next: so may whoever waits here.
                await asyncio.sleep(0)
            self.end = Failure(f"the server closed: {socket.close_code}")
        except ConnectionClosed as closed:
            self.end = Failure(f"the connection broke: {closed}")
        except Exception as error:  # noqa: BLE001 - whoever waits raises it
            self.end = error
        self._bell.ring()
