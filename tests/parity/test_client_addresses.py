"""The addresses of clients over real sockets, on both loops: the server limits each, and believes only its proxies."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest
from places import ADAPTERS
from running import run

from m3core.controller.config import ControllerConfig
from m3core.limits import PASSWORD_GUESSES
from m3core.serving import Server

pytestmark = pytest.mark.usefixtures("nothing_is_left")
TEXT = b"PROXY TCP4 203.0.113.5 127.0.0.1 4711 80\r\n"
BINARY = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes((203, 0, 113, 5, 127, 0, 0, 1)) + b"\x12\x67\x00\x50"

Guess = Callable[..., Awaitable[int]]


@pytest.fixture(params=ADAPTERS)
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def _served(stack: AsyncExitStack, loop: str, host: str = "127.0.0.1", **config: Any) -> Guess:
    """Serve a room with the password `sesame`. Returns a function that guesses it; its result is the status."""
    settings = ControllerConfig(web_url="", **config)
    server: Server = await stack.enter_async_context(ADAPTERS[loop].serve(host, config=settings))
    async with server.account() as account:
        meeting = await account.create_meeting(title="T", password="sesame")
        code = (await meeting.invite()).rpartition("/")[2]

    async def guess(password: str, *, before: bytes = b"", **headers: str) -> int:
        body = json.dumps({"invite_code": code, "password": password}).encode()
        fields = {"host": "a", "content-type": "application/json", "content-length": str(len(body)), **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        request = f"POST /v1/rooms/{meeting.event.room.id}/start_invited HTTP/1.1\r\n{head}\r\n".encode()
        async with await anyio.connect_tcp(*server.address) as stream:
            await stream.send(before + request + body)
            return int((await stream.receive()).split()[1])

    return guess


def _serving(loop: str, scenario: Callable[[AsyncExitStack], Awaitable[None]]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            await scenario(stack)

    run(loop, main)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_address_of_the_socket_counts(loop: str, host: str) -> None:
    async def scenario(stack: AsyncExitStack) -> None:
        guess = await _served(stack, loop, host, limit_loopback=True)
        statuses = [await guess("wrong") for _ in range(PASSWORD_GUESSES)]
        assert statuses == [401] * PASSWORD_GUESSES
        assert await guess("sesame") == 429
        assert await guess("sesame", x_forwarded_for="203.0.113.5") == 429  # it is no proxy
        assert await guess("sesame", before=TEXT) == 400

    _serving(loop, scenario)


def test_loopback_has_no_limit(loop: str) -> None:
    async def scenario(stack: AsyncExitStack) -> None:
        guess = await _served(stack, loop)
        for _ in range(PASSWORD_GUESSES + 1):
            assert await guess("wrong") == 401

    _serving(loop, scenario)


def test_a_trusted_proxy_tells_the_addresses_of_its_clients(loop: str) -> None:
    async def scenario(stack: AsyncExitStack) -> None:
        guess = await _served(stack, loop, trusted_proxies=("127.0.0.0/8",))
        for number in range(PASSWORD_GUESSES):
            told = f"198.51.100.{number}, 203.0.113.5"  # the first is what the client says, to look like many
            assert await guess("wrong", x_forwarded_for=told) == 401
        assert await guess("sesame", x_forwarded_for="203.0.113.5") == 429
        assert await guess("sesame", before=TEXT) == 429
        assert await guess("sesame", before=BINARY) == 429
        assert await guess("sesame", x_forwarded_for="203.0.113.6") == 200
        assert await guess("sesame", before=TEXT.replace(b"203.0.113.5", b"203.0.113.6")) == 200

    _serving(loop, scenario)
