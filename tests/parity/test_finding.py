"""How a link leads to its controller, on both loops and over sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType

import anyio
import pytest
from places import ADAPTERS, BACKENDS, ServedPlace, served
from running import run
from tls_places import listening

from m3asyncio import sources
from m3core.client.transports import HttpTransport
from m3core.io import HttpRequest, HttpResponse

pytestmark = pytest.mark.usefixtures("nothing_is_left")
DOCUMENTS = ["/.well-known/opentalk/client", "/.well-known/opentalk/api"]


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


async def invited(m3: ModuleType, place: ServedPlace) -> str:
    async with m3.Account(place.base_url, place.owner) as account:
        return str(await (await account.create_meeting(title="Found")).invite())


def web_server(documents: Mapping[str, object]) -> Callable[[socket.socket], None]:
    """Answers one request: with a document, or that there is none."""

    def answer(stream: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.recv(1)
        path = head.split()[1].decode()
        body = json.dumps(documents.get(path)).encode()
        status = b"200 OK" if path in documents else b"404 Not Found"
        lines = (b"HTTP/1.1 " + status, b"content-length: %d" % len(body), b"connection: close", b"", body)
        stream.sendall(b"\r\n".join(lines))

    return answer


class Watched:
    """HTTP whose paths are noted. ``silent`` never gets an answer; ``before`` is called before it is asked for."""

    def __init__(self, http: HttpTransport, silent: str = "", before: Callable[[], None] = lambda: None) -> None:
        self.paths: list[str] = []
        self._http = http
        self._silent = silent
        self._before = before
        if silent == DOCUMENTS[0]:
            before()

    async def request(self, request: HttpRequest) -> HttpResponse:
        path = "/" + request.url.partition("://")[2].partition("/")[2]
        self.paths.append(path)
        if path == self._silent:
            await anyio.sleep_forever()
        response = await self._http.request(request)
        if (path, self._silent) == (DOCUMENTS[0], DOCUMENTS[1]):
            self._before()
        return response

    async def aclose(self) -> None:
        await self._http.aclose()


async def join(
    m3: ModuleType, loop: str, link: str, silent: str = "", before: Callable[[], None] = lambda: None
) -> list[str]:
    """Be in the conference of ``link``; the paths that were asked until then, without ids."""
    http = Watched(BACKENDS[loop].http(local=True), silent, before)
    try:
        async with m3.join(link, display_name="Gus", http=http) as guest:
            assert guest.own.display_name == "Gus"
            asked = list(http.paths)
    finally:
        await http.aclose()
    return [path for path in asked if "start" not in path and "turn" not in path]


def test_two_requests_are_made_before_all_others(loop: str, m3: ModuleType, place: ServedPlace) -> None:
    async def scenario() -> None:
        link = await invited(m3, place)
        assert await join(m3, loop, link) == [*DOCUMENTS, "/v1/invite/verify"]

    run(loop, scenario)


def test_the_web_server_of_a_link_names_the_controller(loop: str, m3: ModuleType, place: ServedPlace) -> None:
    async def scenario() -> None:
        code = (await invited(m3, place)).rpartition("/")[2]
        with listening(web_server({DOCUMENTS[0]: {"opentalk_controller": {"base_url": place.base_url}}})) as port:
            link = f"http://127.0.0.1:{port}/invite/{code}"
            assert await join(m3, loop, link) == [*DOCUMENTS, "/v1/invite/verify"]

    run(loop, scenario)


def test_a_controller_names_its_api(loop: str, m3: ModuleType, place: ServedPlace) -> None:
    """Guests and accounts ask the address that they were given, and use the API that it names."""

    async def scenario() -> None:
        api = {DOCUMENTS[1]: {"opentalk_api": {"v1": {"base_url": f"{place.base_url}/v1"}}}}
        with listening(web_server(api)) as port:
            async with m3.Account(f"http://127.0.0.1:{port}", place.owner) as account:
                me = await account.me()
                assert me.id
            code = (await invited(m3, place)).rpartition("/")[2]
            http = Watched(BACKENDS[loop].http(local=True))
            with pytest.raises(m3.ApiError) as caught:  # its own signalling is not there
                async with m3.join(f"http://127.0.0.1:{port}/invite/{code}", display_name="Gus", http=http):
                    pytest.fail("got in")
            assert caught.value.status == 404
            assert caught.value.what == "the WebSocket handshake"
            await http.aclose()

    run(loop, scenario)


@pytest.mark.parametrize(
    ("silent", "asked"),
    [(DOCUMENTS[0], [DOCUMENTS[0]]), (DOCUMENTS[1], DOCUMENTS)],
)
def test_a_server_that_is_silent_costs_little(
    loop: str, m3: ModuleType, place: ServedPlace, monkeypatch: pytest.MonkeyPatch, silent: str, asked: list[str]
) -> None:
    def be_quick() -> None:
        monkeypatch.setattr("m3core.rest.discovery.DISCOVERY_TIMEOUT", 0.05)

    async def scenario() -> None:
        link = await invited(m3, place)
        assert await join(m3, loop, link, silent, be_quick) == [*asked, "/v1/invite/verify"]

    run(loop, scenario)


def test_a_socket_that_was_silent_is_not_used_again(loop: str, m3: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.rest.discovery.DISCOVERY_TIMEOUT", 0.05)

    def answer(stream: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.recv(1)
        if DOCUMENTS[0].encode() in head:
            stream.recv(1)  # until the client has had enough of it
        else:
            stream.sendall(b'HTTP/1.1 404 No\r\ncontent-length: 16\r\nconnection: close\r\n\r\n{"code": "gone"}')

    async def scenario() -> None:
        with listening(answer) as port, pytest.raises(m3.ApiError) as caught:
            await join(m3, loop, f"http://127.0.0.1:{port}/invite/11111111-2222-4333-8444-555555555555")
        assert (caught.value.status, caught.value.code) == (404, "gone")

    run(loop, scenario)


def test_an_account_goes_on_without_an_answer(
    loop: str, m3: ModuleType, place: ServedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m3core.account.DISCOVERY_TIMEOUT", 0.05)

    async def scenario() -> None:
        http = Watched(BACKENDS[loop].http(local=True), DOCUMENTS[1])
        async with m3.Account(place.base_url, place.owner, http=http) as account:
            assert (await account.me()).id
        assert http.paths == [DOCUMENTS[1], "/v1/auth/login", "/v1/users/me"]
        await http.aclose()

    run(loop, scenario)
