"""A server that is busy (429, 503), on both loops: the client waits, and what the user asked for succeeds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from types import ModuleType
from typing import Any

import pytest
from places import ADAPTERS, BACKENDS, ServedPlace, served
from running import run

from m3asyncio import sources
from m3core.client.transports import HttpTransport, WebSocketRefused
from m3core.io import HttpRequest, HttpResponse
from m3core.rest import busy

pytestmark = pytest.mark.usefixtures("nothing_is_left")
JSON = ("content-type", "application/json")


@pytest.fixture(params=ADAPTERS)
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def m3(loop: str) -> ModuleType:
    return ADAPTERS[loop]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server that says `Retry-After: 0` wait for so short a time only."""
    monkeypatch.setattr(busy, "RECONNECT_MIN", 0.01)


class Busy:
    """HTTP to a server that refuses the first request for each URL with ``status``, and answers the next."""

    def __init__(self, http: HttpTransport, status: int, told: str = "0") -> None:
        self._http = http
        self._answer = HttpResponse(status, (JSON, ("retry-after", told)), b'{"code": "too_many_requests"}')
        self.refused: list[str] = []
        self.asked: list[str] = []
        self.is_open: Callable[[str], bool] = lambda _: False

    async def request(self, request: HttpRequest) -> HttpResponse:
        path = request.url.partition("://")[2].partition("/")[2]
        self.asked.append(path)
        if path not in self.refused and not self.is_open(path):
            self.refused.append(path)
            return self._answer
        return await self._http.request(request)

    async def aclose(self) -> None:
        await self._http.aclose()


def _run(loop: str, scenario: Callable[[AsyncExitStack], Awaitable[None]]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            await scenario(stack)

    run(loop, main)


@pytest.fixture
def place(loop: str) -> Any:
    with served(loop, sources.pattern(width=64, height=48)) as place:
        yield place


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("status", [429, 503])
def test_requests_of_an_account_and_a_join_wait_for_a_busy_server(
    loop: str, m3: ModuleType, place: ServedPlace, status: int
) -> None:
    async def scenario(stack: AsyncExitStack) -> None:
        own = await stack.enter_async_context(aclosing(BACKENDS[loop].http(local=True)))
        http = Busy(own, status)
        async with m3.Account(place.base_url, place.owner, http=http) as account:
            await account.me()
            meeting = await account.create_meeting(title="Busy")
            link = await meeting.invite()
            room = meeting.event.room.id
            events: list[object] = []
            async with meeting.start(display_name="Olga", http=http, observe=events.append) as conference:
                assert conference.state.room_id == room
            assert [type(event) for event in events[:2]] == [m3.ServerBusy, m3.ConferenceJoined]
            events.clear()
            guest = Busy(own, status)
            async with m3.join(link, display_name="Gus", http=guest, observe=events.append) as conference:
                assert conference.state.room_id == room
            assert [type(event) for event in events[:3]] == [m3.ServerBusy, m3.ServerBusy, m3.ConferenceJoined]
        owner = {"v1/auth/login", "v1/users/me", "v1/events", f"v1/rooms/{room}/invites", f"v1/rooms/{room}/start"}
        assert owner <= set(http.refused)
        assert {"v1/invite/verify", f"v1/rooms/{room}/start_invited"} <= set(guest.refused)
        assert guest.asked.count(".well-known/opentalk/client") == 2

    _run(loop, scenario)


@pytest.mark.usefixtures("short")
def test_a_refused_handshake_waits(loop: str, m3: ModuleType, place: ServedPlace) -> None:
    async def scenario() -> None:
        refused: list[str] = []

        async with m3.Account(place.base_url, place.owner) as account:
            meeting = await account.create_meeting(title="Busy")
            async with BACKENDS[loop].tasks() as tasks:

                async def connect(url: str, subprotocols: tuple[str, ...]) -> Any:
                    if not refused:
                        refused.append(subprotocols[0])
                        raise WebSocketRefused(503, b"", (("retry-after", "0"),))
                    assert subprotocols[0] not in refused  # another ticket
                    return await tasks.connect(url, subprotocols)

                async with meeting.start(display_name="Olga", connect=connect) as conference:
                    assert conference.own.display_name == "Olga"
        assert len(refused) == 1

    run(loop, scenario)


def test_an_account_that_is_closed_does_not_wait_on(
    loop: str, m3: ModuleType, place: ServedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("MAX_RETRY_AFTER", "BUSY_PATIENCE"):
        monkeypatch.setattr(busy, limit, 86_400.0)

    async def scenario(stack: AsyncExitStack) -> None:
        backend = BACKENDS[loop]
        http = Busy(await stack.enter_async_context(aclosing(backend.http(local=True))), 429, "86400")
        http.is_open = lambda path: path != "v1/users/me"
        account = m3.Account(place.base_url, place.owner, http=http)
        ended = backend.event()
        errors: list[Exception] = []

        async def ask() -> None:
            try:
                await account.me()
            except m3.LocalProtocolError as error:
                errors.append(error)
            ended.set()

        async with backend.tasks() as tasks:
            tasks.spawn(ask())
            while not http.refused:
                await backend.checkpoint()
            await account.aclose()
            await ended.wait()
        assert "closed" in str(errors)

    _run(loop, scenario)
