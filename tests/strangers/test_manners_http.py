"""Our HTTP client and a server that refuses before it has read the body, and then reads nothing on that connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest
from manners import Controller, Manners, controller
from manners_clients import ADAPTERS, BACKENDS, each_loop, run
from tls_places import certificate

from m3core.account import Tokens
from m3core.client.transports import HttpTransport
from m3core.io import HttpRequest, HttpResponse, RequestId
from m3core.values import Secret

pytestmark = pytest.mark.usefixtures("nothing_is_left")
JSON = ("content-type", "application/json")
NEW = ("authorization", "Bearer new")
OLD = ("authorization", "Bearer old")
BODY = b'{"title":"","description":""}'


@pytest.fixture(autouse=True)
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a time-out: a client that sends a request where the server does not read waits for ever."""
    monkeypatch.setattr("m3asyncio.http.REQUEST_TIMEOUT", 1e6)


class Caller:
    """Sends requests over one transport to one controller."""

    def __init__(self, http: HttpTransport, there: Controller) -> None:
        self._http = http
        self._there = there

    async def ask(self, method: str, path: str, *headers: tuple[str, str], body: bytes = b"") -> HttpResponse:
        url = f"{self._there.base_url}/v1{path}"
        return await self._http.request(HttpRequest(RequestId(1), method, url, headers, body))

    async def status(self, method: str, path: str, *headers: tuple[str, str], body: bytes = b"") -> int:
        return (await self.ask(method, path, *headers, body=body)).status


@asynccontextmanager
async def calling(loop: str, there: Controller) -> AsyncIterator[Caller]:
    async with aclosing(BACKENDS[loop].http(local=True)) as http:
        yield Caller(http, there)


@pytest.mark.parametrize("tls", [False, True])
@each_loop
def test_a_login_after_a_token_expired(loop: str, tls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request with a body is answered with 401; the login that follows uses another connection."""
    m3 = ADAPTERS[loop]
    path = certificate(tmp_path) if tls else None
    if path is not None:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        monkeypatch.setattr("m3asyncio.tls._made", [])

    async def refresh() -> Tokens:
        return Tokens(Secret("new"), id_token=Secret("id"))

    async def scenario(there: Controller) -> None:
        async with m3.Account(there.base_url, "old", refresh=refresh) as account:
            await account.me()
            there.expire("old")
            for title in ("One", "Two"):
                await account.create_meeting(title=title)
        assert there.requests == [
            (1, "GET", "/.well-known/opentalk/api"),
            (1, "POST", "/v1/auth/login"),
            (1, "GET", "/v1/users/me"),
            (1, "POST", "/v1/events"),
            (2, "POST", "/v1/auth/login"),
            (2, "POST", "/v1/events"),
            (2, "POST", "/v1/events"),
        ]

    with controller(Manners(answers_before_body=True), certificate=path) as there:
        run(loop, lambda: scenario(there))


@pytest.mark.parametrize("chunks", [False, True])
@each_loop
def test_refusals_with_and_without_a_body(loop: str, chunks: bool) -> None:
    """401, 403 without a body, and 400 `invalid_content_type`."""

    async def scenario(there: Controller) -> None:
        there.expire("old")
        async with calling(loop, there) as caller:
            assert await caller.status("POST", "/events", JSON, OLD, body=b"{}") == 401
            assert await caller.status("POST", "/rooms/another/start", JSON, NEW, body=b"{}") == 403
            refused = await caller.ask("POST", "/events", NEW, body=b"{}")
            assert (refused.status, b"invalid_content_type" in refused.body) == (400, True)
            assert await caller.status("GET", "/auth/login") == 200
        assert there.connections == 4

    with controller(Manners(answers_before_body=True, answers_in_chunks=chunks)) as there:
        run(loop, lambda: scenario(there))


@each_loop
def test_other_answers_keep_the_connection(loop: str) -> None:
    """Successes, and refusals of requests that have no body."""

    async def scenario(there: Controller) -> None:
        there.expire("old")
        async with calling(loop, there) as caller:
            for _ in range(3):
                assert await caller.status("GET", "/users/me", NEW) == 200
                assert await caller.status("POST", "/events", JSON, NEW, body=BODY) == 200
                assert await caller.status("GET", "/turn") == 204
                assert await caller.status("GET", "/users/me", OLD) == 401
        assert there.connections == 1

    with controller(Manners(answers_before_body=True)) as there:
        run(loop, lambda: scenario(there))


@each_loop
def test_many_at_once(loop: str) -> None:
    async def scenario(there: Controller) -> None:
        there.expire("old")
        async with calling(loop, there) as caller, anyio.create_task_group() as tasks:
            for number in range(30):
                token = OLD if number % 3 else NEW
                tasks.start_soon(partial(caller.ask, "POST", "/events", JSON, token, body=BODY))
                tasks.start_soon(caller.ask, "GET", "/users/me", token)

    with controller(Manners(answers_before_body=True)) as there:
        run(loop, lambda: scenario(there))
