"""HTTP/1.1 of the controller of the tests, on bare streams: a request at a time, and upgrades to WebSockets."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from manners_rest import Answer, Rest
from manners_room import Room
from manners_socket import Socket
from manners_switches import Manners


@dataclass
class Request:
    """One head, and the body once it was read."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    body: bytes = b""

    @property
    def length(self) -> int:
        """Of the body."""
        return int(self.headers.get("content-length", "0"))


def parse(head: bytes) -> Request:
    """A head that ends with an empty line."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, path, headers, head)


def render(answer: Answer) -> bytes:
    """An answer that says how long it is."""
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines += [f"content-length: {len(answer.body)}"] if answer.status != HTTPStatus.NO_CONTENT else []
    return "\r\n".join([*lines, "", ""]).encode() + answer.body


def in_chunks(answer: bytes) -> bytes:
    """The same, without saying how long it is."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length:")]
    parts = (body, b"") if body else (b"",)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", b""]) + chunks


class Server:
    """Its TCP connections."""

    def __init__(self, manners: Manners, room: Room) -> None:
        self.rest = Rest(room)
        self.requests: list[tuple[int, str, str]] = []
        self.count = 0
        """Connections so far."""
        self.faults: list[Exception] = []
        """Of ours, or of what a client has said."""
        self._manners = manners
        self._room = room
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, tls: ssl.SSLContext | None) -> int:
        """The port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def aclose(self) -> None:
        """End all connections at once."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._room.aclose()
        await asyncio.sleep(0)  # transports that were aborted close their sockets in the next round of the loop

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.count += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # it ends either way
                await self._talk(self.count, reader, writer)
        except Exception as fault:  # noqa: BLE001 - raised when all is over
            self.faults.append(fault)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            self._room.ring()

    async def _talk(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = parse(await reader.readuntil(b"\r\n\r\n"))
            self.requests.append((number, request.method, request.path))
            self._room.ring()
            if request.headers.get("upgrade", "").lower() == "websocket":
                await Socket(self._manners, self._room, reader, writer).run(request.raw)
                return
            answer = self.rest.refuse(request)
            if answer is not None and request.length and self._manners.answers_before_body:
                refusal = render(answer)
                writer.write(in_chunks(refusal) if self._manners.answers_in_chunks else refusal)
                while await reader.read(1 << 16):
                    pass  # whatever it says, it is not heard
                return
            request.body = await reader.readexactly(request.length)
            writer.write(render(answer or self.rest.answer(request)))
            await writer.drain()
