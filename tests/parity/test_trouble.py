"""Faults of the network and of peers, on both loops: each raises one error of the library, with its reason."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import trio.testing
from places import ADAPTERS, BACKENDS, ServedPlace, served
from running import run
from tls_places import listening, tls

from m3asyncio import sources
from m3core.client.transports import HttpTransport
from m3core.conference.events import ConnectionLost
from m3core.io import HttpRequest, HttpResponse
from m3core.limits import KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT

pytestmark = pytest.mark.usefixtures("nothing_is_left")
CODE = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(params=ADAPTERS)
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def m3(loop: str) -> ModuleType:
    return ADAPTERS[loop]


@pytest.fixture
def place(loop: str) -> Iterator[ServedPlace]:
    with served(loop, sources.pattern(width=64, height=48)) as place:
        yield place


async def invited(m3: ModuleType, place: ServedPlace, **more: object) -> str:
    """A link that leads through the cable."""
    async with m3.Account(place.base_url, place.owner) as account:
        meeting = await account.create_meeting(title="Trouble", **more)
        return str(await meeting.invite(web_url=place.guest_url))


async def join(m3: ModuleType, link: str, **more: object) -> None:
    async with m3.join(link, display_name="Gus", **more):
        pytest.fail("got in")


# -- TLS ---
def test_a_certificate_that_nobody_signed(loop: str, m3: ModuleType, tmp_path: Path) -> None:
    async def scenario() -> None:
        with tls(tmp_path) as port:
            link = f"https://127.0.0.1:{port}/invite/{CODE}"
            with pytest.raises(m3.TransportError, match="certificate"):
                await join(m3, link)
            async with m3.Account(f"https://127.0.0.1:{port}", "token") as account:
                with pytest.raises(m3.TransportError, match="certificate"):
                    await account.me()

    run(loop, scenario)


class Elsewhere:
    """HTTP to a place, whatever address is asked for; the WebSocket will go to the address."""

    def __init__(self, http: HttpTransport, address: str, place: ServedPlace) -> None:
        self._http = http
        self._address = address
        self._place = place

    async def request(self, request: HttpRequest) -> HttpResponse:
        url = request.url.replace(self._address, self._place.base_url)
        return await self._http.request(HttpRequest(request.id, request.method, url, request.headers, request.body))

    async def aclose(self) -> None:
        await self._http.aclose()


def test_a_websocket_whose_certificate_nobody_signed(
    loop: str, m3: ModuleType, place: ServedPlace, tmp_path: Path
) -> None:
    async def scenario() -> None:
        with tls(tmp_path) as port:
            code = (await invited(m3, place)).rpartition("/")[2]
            http = Elsewhere(BACKENDS[loop].http(local=True), f"https://127.0.0.1:{port}", place)
            with pytest.raises(m3.TransportError, match="certificate"):
                await join(m3, f"https://127.0.0.1:{port}/invite/{code}", http=http)
            await http.aclose()

    run(loop, scenario)


# -- refusals ---
def says(data: bytes) -> Callable[[socket.socket], None]:
    """Read a request, and answer so."""

    def answer(stream: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.recv(1)
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(1 << 16):
            pass

    return answer


def test_an_http_error_is_an_api_error(loop: str, m3: ModuleType) -> None:
    async def scenario() -> None:
        answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 9\r\nconnection: close\r\n\r\n<h1>Oops!"
        with listening(says(answer)) as port:
            with pytest.raises(m3.ApiError) as caught:
                await join(m3, f"http://127.0.0.1:{port}/invite/{CODE}")
            assert caught.value.status == 500
        with pytest.raises(m3.TransportError, match="could not be reached"):
            await join(m3, f"http://127.0.0.1:{port}/invite/{CODE}")

    run(loop, scenario)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"])
def test_what_is_no_http_is_a_transport_error(loop: str, m3: ModuleType, answer: bytes) -> None:
    async def scenario() -> None:
        with listening(says(answer)) as port, pytest.raises(m3.TransportError, match="could not be reached"):
            await join(m3, f"http://127.0.0.1:{port}/invite/{CODE}")

    run(loop, scenario)


def test_refusals_say_why(loop: str, m3: ModuleType, place: ServedPlace) -> None:
    async def scenario() -> None:
        link = await invited(m3, place, password="swordfish")
        with pytest.raises(m3.ApiError) as caught:
            await join(m3, link, password="wrong")
        assert (caught.value.status, caught.value.code) == (401, "wrong_room_password")
        with pytest.raises(m3.ApiError) as caught:
            await join(m3, f"{place.base_url}/invite/{CODE}")
        assert caught.value.status in {401, 404}
        async with m3.Account(place.base_url, "not-the-token") as account:
            with pytest.raises(m3.AuthError, match="unauthorized"):
                await account.me()

    run(loop, scenario)


class Spender:
    """HTTP that gives every ticket twice; the second time the ticket is used already."""

    def __init__(self, http: HttpTransport) -> None:
        self._http = http
        self._tickets: list[HttpResponse] = []

    async def request(self, request: HttpRequest) -> HttpResponse:
        if not request.url.endswith("/start_invited"):
            return await self._http.request(request)
        if not self._tickets:
            self._tickets.append(await self._http.request(request))
        return self._tickets[0]

    async def aclose(self) -> None:
        await self._http.aclose()


def test_a_refused_ticket_is_an_api_error(loop: str, m3: ModuleType, place: ServedPlace) -> None:
    async def scenario() -> None:
        link = await invited(m3, place)
        http = Spender(BACKENDS[loop].http(local=True))
        async with m3.join(link, display_name="Gus", http=http):
            pass
        with pytest.raises(m3.ApiError) as caught:
            await join(m3, link, http=http)
        assert caught.value.code == "invalid_ticket"
        await http.aclose()

    run(loop, scenario)


def test_the_body_keeps_its_errors(loop: str, m3: ModuleType, place: ServedPlace) -> None:
    async def scenario() -> None:
        link = await invited(m3, place)
        for error in (ZeroDivisionError(), ExceptionGroup("the user's own", [ValueError()])):
            with pytest.raises(type(error)) as caught:
                await _cut_and_raise(m3, link, place, error)
            assert caught.value is error

    run(loop, scenario)


async def _cut_and_raise(m3: ModuleType, link: str, place: ServedPlace, error: Exception) -> None:
    async with m3.join(link, display_name="Gus") as guest, guest.events(m3.ConnectionLost) as lost:
        await place.cut()
        await anext(lost)
        raise error


# -- connections that die ---
def test_a_server_that_dies_in_the_middle_of_its_first_frame(loop: str, m3: ModuleType, place: ServedPlace) -> None:
    async def scenario() -> None:
        link = await invited(m3, place)
        place.cable.bite = b'{"namespace":"control"'
        with pytest.raises(m3.TransportError, match="before the room was entered"):
            await join(m3, link)

    run(loop, scenario)


@pytest.mark.usefixtures("soon")
def test_a_server_that_dies_in_the_middle_of_a_frame(loop: str, m3: ModuleType, place: ServedPlace) -> None:
    async def scenario() -> None:
        link = await invited(m3, place)
        async with m3.join(link, display_name="Gus") as guest, guest.events() as heard:
            place.cable.bite = b"half a frame"
            with pytest.raises(m3.TransportError, match="lost before the command was done"):
                await guest.chat("half a frame")
            kinds = []
            async for event in heard:
                kinds.append(type(event))
                if isinstance(event, m3.Resumed):
                    break
            assert kinds[-2:] == [m3.ConnectionLost, m3.Resumed]
            assert m3.PeerMisbehaved not in kinds
            await guest.chat("a whole one")

    run(loop, scenario)


@pytest.mark.usefixtures("soon")
def test_a_half_open_connection_is_noticed(
    loop: str, m3: ModuleType, place: ServedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        link = await invited(m3, place)
        async with m3.join(link, display_name="Gus") as guest, guest.events(m3.ConnectionLost, m3.Resumed) as told:
            with monkeypatch.context() as impatient:
                for name in ("KEEPALIVE_INTERVAL", "KEEPALIVE_TIMEOUT"):
                    impatient.setattr(f"m3core.conference.keepalive.{name}", 0.2)
                await guest.chat("hello")  # what comes back begins the shorter silence
                place.cable.frozen = True
                lost = await anext(told)
            assert isinstance(lost, m3.ConnectionLost)
            assert "the server sent nothing" in lost.detail
            place.cable.frozen = False
            resumed = await anext(told)
            assert isinstance(resumed, m3.Resumed)
            assert resumed.same_id

    run(loop, scenario)


def test_a_half_open_connection_is_noticed_when_it_is_due() -> None:
    """With a clock that stands still: after the keep-alive and its timeout, not before."""
    m3 = ADAPTERS["trio"]
    clock = trio.testing.MockClock()

    async def main(place: ServedPlace) -> None:
        link = await invited(m3, place)
        told: list[object] = []
        async with m3.join(link, display_name="Gus", observe=told.append) as guest:
            place.cable.frozen = True
            for step, lost in ((KEEPALIVE_INTERVAL, 0), (KEEPALIVE_TIMEOUT - 0.1, 0), (0.2, 1)):
                clock.jump(step)
                await trio.testing.wait_all_tasks_blocked(0.05)
                assert sum(isinstance(event, ConnectionLost) for event in told) == lost
        assert guest.ended is m3.EndReason.LEFT

    with served("trio", sources.pattern(width=64, height=48)) as somewhere:
        trio.run(main, somewhere, clock=clock)
