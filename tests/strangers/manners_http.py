"""HTTP/1.1 of the test controller, on plain streams: one request after the other, and upgrades to WebSockets."""

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
    """The head of a request; the body is filled in once it was read."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    body: bytes = b""

    @property
    def length(self) -> int:
        """Bytes of the body, as the head says."""
        return int(self.headers.get("content-length", "0"))


def parse(head: bytes) -> Request:
    """Parse a head, which ends with an empty line."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, path, headers, head)


def render(answer: Answer) -> bytes:
    """An answer with `content-length`."""
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines += [f"content-length: {len(answer.body)}"] if answer.status != HTTPStatus.NO_CONTENT else []
    return "\r\n".join([*lines, "", ""]).encode() + answer.body


def in_chunks(answer: bytes) -> bytes:
    """The same answer with chunks in place of `content-length` (RFC 9112 s.7.1)."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length:")]
    parts = (body, b"") if body else (b"",)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", b""]) + chunks


class Server:
    """The TCP connections of the controller."""

    def __init__(self, manners: Manners, room: Room) -> None:
        self.rest = Rest(room)
        self.requests: list[tuple[int, str, str]] = []
        self.count = 0
        """Connections that were accepted so far."""
        self.faults: list[Exception] = []
        """Exceptions: faults of this controller, or of what a client has sent."""
        self._manners = manners
        self._room = room
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, tls: ssl.SSLContext | None) -> int:
        """Listen at a free port of 127.0.0.1, and return it."""
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
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # the client's end, or ours
                await self._talk(self.count, reader, writer)
        except Exception as fault:  # noqa: BLE001 - `Controller.stop` raises it
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
                    pass  # the client may send more, and gets no answer
                return
            request.body = await reader.readexactly(request.length)
            writer.write(render(answer or self.rest.answer(request)))
            await writer.drain()
