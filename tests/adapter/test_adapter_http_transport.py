"""The transport with httpx: everything but a response is a `TransportError`, and redirects are not followed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from house import in_loop

import m3asyncio as m3
from m3asyncio.http import HttpxTransport
from m3asyncio.loop import BACKEND
from m3core.io import HttpRequest, RequestId
from m3core.limits import MAX_HTTP_BODY
from m3core.rest.link import is_local


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that gives one answer to everything, and the heads that it got."""
    heads: list[bytes] = []
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            return

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        busy.add(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
        await asyncio.gather(*busy)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"x" * (MAX_HTTP_BODY + 1),
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope",
    ],
)
@in_loop
async def test_answers_that_are_none(answer: bytes) -> None:
    async with answering(answer) as (base, _heads):
        transport = HttpxTransport(BACKEND, local=True)
        with pytest.raises(m3.TransportError) as caught:
            await transport.request(HttpRequest(RequestId(1), "GET", base))
        assert "nope" not in str(caught.value)
        await transport.aclose()


@in_loop
async def test_redirects_are_answers() -> None:
    async with (
        answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as (elsewhere, stolen),
        answering(f"HTTP/1.1 307 Go\r\nlocation: {elsewhere}/\r\ncontent-length: 0\r\n\r\n".encode()) as (base, heads),
    ):
        async with m3.Account(base, "canary") as account:
            with pytest.raises(m3.AuthError, match="307"):
                await account.me()
        assert len(heads) == 2  # where the API is, and the login
        assert stolen == []


@pytest.mark.parametrize("status", [301, 302, 307])
@in_loop
async def test_a_ticket_does_not_follow_a_redirect(status: int) -> None:
    from m3asyncio.websocket import connect_websocket
    from m3core.client.transports import WebSocketRefused

    async with (
        answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as (elsewhere, stolen),
        answering(f"HTTP/1.1 {status} Go\r\nlocation: {elsewhere}/\r\ncontent-length: 0\r\n\r\n".encode()) as (base, _),
    ):
        with pytest.raises(WebSocketRefused) as caught:
            await connect_websocket(base.replace("http", "ws"), ("ticket#x", "k3k-signaling-json-v1.0"))
        assert caught.value.status == status
        assert ("location", f"{elsewhere}/") in caught.value.headers
        assert stolen == []


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:80", True),
        ("ws://127.9.9.9/x", True),
        ("http://[::1]:80", True),
        ("http://localhost", True),
        ("https://meet.example", False),
        ("https://localhost.example", False),
        ("https://10.0.0.1", False),
        ("", False),
    ],
)
def test_what_is_this_machine(url: str, local: bool) -> None:
    assert is_local(url) is local


@in_loop
async def test_a_request_has_a_deadline_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx has one for each read, and a server that sends a byte now and then never passes it."""
    monkeypatch.setattr("m3asyncio.http.REQUEST_TIMEOUT", 0.1)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while not writer.is_closing() and not reader.at_eof():
            writer.write(b" ")
            await asyncio.sleep(0.01)
        writer.close()
        hung_up.set()

    hung_up = asyncio.Event()
    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        transport = HttpxTransport(BACKEND, local=True)
        with pytest.raises(m3.TransportError, match="did not answer within"):
            await transport.request(HttpRequest(RequestId(1), "GET", f"http://127.0.0.1:{port}"))
        await transport.aclose()
        await hung_up.wait()
