"""The WebSocket of all loops, on a stream of the test: what it writes, and when it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from house import in_loop
from wsproto.utilities import generate_accept_token

from m3asyncio.loop import BACKEND
from m3core.client.transports import WebSocketRefused
from m3core.client.tunnel import Proxy
from m3core.client.websocket import StreamWebSocket, connect
from m3core.conference.http import Origin
from m3core.errors import TransportError

PROTOCOLS = ("ticket#" + "T" * 64, "k3k-signaling-json-v1.0")


class Line:
    """A network of one connection. What the server says is put into ``incoming``; ``free`` lets the client write."""

    def __init__(self, proxy: Proxy | None = None) -> None:
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.free = asyncio.Event()
        self.free.set()
        self.written: list[bytes] = []
        self.opened: list[tuple[str, int]] = []
        self.secured: list[str] = []
        self.reads = 0
        self.closed = False
        self._proxy = proxy

    def proxy(self, origin: Origin) -> Proxy | None:
        return self._proxy

    async def open(self, host: str, port: int) -> Line:
        self.opened.append((host, port))
        return self

    async def start_tls(self, host: str) -> None:
        self.secured.append(host)

    async def receive(self) -> bytes:
        self.reads += 1
        return b"" if self.closed else await self.incoming.get()

    async def send(self, data: bytes) -> None:
        await self.free.wait()
        self.written.append(data)

    async def close(self) -> None:
        self.closed = True
        self.incoming.put_nowait(b"")

    def accept(self) -> None:
        """Complete the handshake that was written."""
        (key,) = fields(self.written[-1], b"sec-websocket-key")
        self.incoming.put_nowait(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-protocol: "
            b"k3k-signaling-json-v1.0\r\nsec-websocket-accept: " + generate_accept_token(key) + b"\r\n\r\n"
        )


def fields(head: bytes, name: bytes) -> Iterator[bytes]:
    """The values of a field of a request."""
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name + b":"):
            yield line.partition(b":")[2].strip()


async def until_written(line: Line, count: int) -> None:
    while len(line.written) < count:
        await asyncio.sleep(0)


async def opened(line: Line, url: str = "ws://meet.example/signaling") -> StreamWebSocket:
    """A WebSocket on ``line``."""
    opening = asyncio.create_task(connect(BACKEND, line, url, PROTOCOLS))
    await until_written(line, 1)
    line.accept()
    return await opening


async def settle() -> None:
    """Let all tasks run until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


@in_loop
async def test_nothing_is_read_while_pongs_cannot_be_written() -> None:
    """Pongs would pile up for a server that only sends pings."""
    line = Line()
    socket = await opened(line)
    line.free.clear()
    reading = asyncio.ensure_future(anext(socket.messages()))
    for _ in range(100):
        line.incoming.put_nowait(b"\x89\x00" * 1_000)
    reads = line.reads
    await settle()
    assert line.reads == reads + 1
    line.free.set()
    line.incoming.put_nowait(b"\x81\x02{}")
    assert await reading == b"{}"
    assert sum(map(len, line.written[1:])) == 100 * 1_000 * 6
    await socket.close(None)


@in_loop
async def test_others_run_while_much_is_read() -> None:
    line = Line()
    socket = await opened(line)
    turns: list[int] = []
    pings: list[int] = []
    socket.on_ping = lambda: pings.append(0)

    async def bystander() -> None:
        while True:
            turns.append(0)
            await asyncio.sleep(0)

    standing = asyncio.create_task(bystander())
    for _ in range(2):
        line.incoming.put_nowait(b"\x89\x00" * 6_400 + b"\x81\x02{}")
    messages = socket.messages()
    assert await anext(messages) == await anext(messages) == b"{}"
    assert len(turns) >= 200
    assert len(pings) == 2  # one for each read
    standing.cancel()
    await asyncio.gather(standing, return_exceptions=True)
    await messages.aclose()
    await socket.close(None)


@in_loop
async def test_one_task_writes_at_a_time() -> None:
    line = Line()
    socket = await opened(line)
    line.free.clear()
    sending = [asyncio.create_task(socket.send(b'"%d"' % number)) for number in range(3)]
    await settle()
    assert len(line.written) == 1
    line.free.set()
    await asyncio.gather(*sending)
    assert [frame[0] for frame in line.written[1:]] == [0x81] * (len(line.written) - 1)
    assert sum(map(len, line.written[1:])) == 3 * 9
    await socket.close(None)


@in_loop
async def test_nothing_follows_half_a_frame() -> None:
    line = Line()
    socket = await opened(line)
    line.free.clear()
    sending = asyncio.create_task(socket.send(b"{}"))
    await settle()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    line.free.set()
    for more in (socket.send(b"{}"), socket.ping(b"x")):
        with pytest.raises(TransportError):
            await more
    await socket.close(1000)
    assert len(line.written) == 1


@in_loop
async def test_a_pong_answers_earlier_pings_too() -> None:
    line = Line()
    socket = await opened(line)
    reading = asyncio.ensure_future(anext(socket.messages()))
    pings = [asyncio.create_task(socket.ping(payload)) for payload in (b"a", b"b", b"c")]
    await settle()
    line.incoming.put_nowait(b"\x8a\x01x" + b"\x8a\x01b")
    await asyncio.gather(*pings[:2])
    assert not pings[2].done()
    await socket.close(None)
    with pytest.raises(TransportError, match="no pong will come"):
        await pings[2]
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@in_loop
async def test_the_close_of_the_server_is_answered_before_the_end() -> None:
    line = Line()
    socket = await opened(line)
    line.incoming.put_nowait(b"\x88\x02\x03\xe9")
    assert [data async for data in socket.messages()] == []
    assert socket.close_code == 1001
    assert [frame[0] for frame in line.written[1:]] == [0x88]
    await socket.close(1000)
    assert len(line.written) == 2
    assert line.closed


@pytest.mark.parametrize("code", [1000, 4000])
@in_loop
async def test_a_close_needs_no_other_reader(code: int) -> None:
    line = Line()
    socket = await opened(line)
    closing = asyncio.create_task(socket.close(code))
    await until_written(line, 2)
    line.incoming.put_nowait(b"\x88\x02" + code.to_bytes(2, "big"))
    line.incoming.put_nowait(b"")
    await closing
    assert socket.close_code == code
    assert line.closed


@in_loop
async def test_a_refused_connection_is_closed() -> None:
    line = Line()
    opening = asyncio.create_task(connect(BACKEND, line, "ws://meet.example/", PROTOCOLS))
    await until_written(line, 1)
    line.incoming.put_nowait(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n")
    with pytest.raises(WebSocketRefused):
        await opening
    assert line.closed


PROXY = Proxy(Origin("proxy.example", 3128, tls=True), "ada", "s3cret")


@in_loop
async def test_a_proxy_is_asked_for_a_tunnel() -> None:
    line = Line(PROXY)
    opening = asyncio.create_task(connect(BACKEND, line, "wss://meet.example/signaling", PROTOCOLS))
    await until_written(line, 1)
    assert line.opened == [("proxy.example", 3128)]
    assert line.secured == ["proxy.example"]
    assert line.written[0].startswith(b"CONNECT meet.example:443 HTTP/1.1\r\n")
    assert list(fields(line.written[0], b"host")) == [b"meet.example:443"]
    assert list(fields(line.written[0], b"proxy-authorization")) == [b"Basic YWRhOnMzY3JldA=="]
    assert b"ticket" not in line.written[0]
    assert "s3cret" not in repr(PROXY)
    line.incoming.put_nowait(b"HTTP/1.1 200 Yes\r\n\r\n")
    await until_written(line, 2)
    assert line.secured == ["proxy.example", "meet.example"]
    line.accept()
    await (await opening).close(None)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 407 No\r\ncontent-length: 2\r\n\r\nno", r"HTTP 407"),
        (b"HTTP/1.1 200 Yes\r\n\r\nand more", "does not speak HTTP"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "does not speak HTTP"),
        (b"x: " + b"a" * 40_000, "does not speak HTTP"),
        (b"", "does not speak HTTP"),
    ],
)
@in_loop
async def test_a_proxy_that_makes_no_tunnel(answer: bytes, why: str) -> None:
    line = Line(PROXY)
    opening = asyncio.create_task(connect(BACKEND, line, "ws://meet.example/", PROTOCOLS))
    await until_written(line, 1)
    line.incoming.put_nowait(answer)
    with pytest.raises(TransportError, match=why):
        await opening
    assert len(line.written) == 1
    assert line.closed
