"""Joins that fail: each refusal raises its own error, and leaves nothing behind."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from house import free_port, house, in_loop

import m3asyncio as m3
from m3asyncio.loop import connect_websocket
from m3core.client.websocket import StreamWebSocket
from m3core.io import HttpRequest, HttpResponse

CODE = "11111111-2222-4333-8444-555555555555"
REFUSED_LINKS = [
    "",
    "meet.example/invite/" + CODE,
    f"https://good@evil.example/invite/{CODE}",
    f"https://good\\@evil.example/invite/{CODE}",
    f"//evil.example/invite/{CODE}",
    f"http://meet.example/invite/{CODE}",
    f"ftp://meet.example/invite/{CODE}",
    f"https://169.254.169.254/invite/{CODE}",
    f"https://10.0.0.1/invite/{CODE}",
    f"https://0x7f.1/invite/{CODE}",
    f"https://[::ffff:127.0.0.1]/invite/{CODE}",
    f"https://meet.example:99999/invite/{CODE}",
    f"https://meet.example/invite/{CODE}#top",
    f"https://meet.example/invite/{CODE}\r\nX: y",
    "https://meet.example/invite/not-a-code",
    "https://meet.example/invite/../../admin",
    f"https://meet.example/room/{CODE}",
]


@pytest.mark.parametrize("link", REFUSED_LINKS)
def test_links_that_are_not_trusted(link: str) -> None:
    with pytest.raises(m3.LinkError) as caught:
        m3.join(link, display_name="Gus")
    assert not link or link not in str(caught.value)


def test_a_loopback_link_of_a_controller_elsewhere() -> None:
    with pytest.raises(m3.LinkError, match="another"):
        m3.join(f"http://127.0.0.1/invite/{CODE}", display_name="Gus", controller="https://controller.example")


class Nowhere:
    """HTTP that records its requests and answers them itself."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.asked: list[str] = []
        self.answer = answer

    async def request(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(f"{request.method} {request.url}")
        return self.answer(request)

    async def aclose(self) -> None:
        pytest.fail("a transport of the user's is the user's to close")


def _unreachable(_request: HttpRequest) -> HttpResponse:
    raise m3.TransportError("unplugged")


def _web_page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, (("content-type", "text/html"),), b"<html>")


def _provider(request: HttpRequest) -> HttpResponse:
    if request.url.endswith("/v1/auth/login"):
        return HttpResponse(200, (("content-type", "application/json"),), b'{"oidc":{"name":"default","url":""}}')
    return HttpResponse(404, (), b'{"code":"not_found"}')


def _told(request: HttpRequest) -> HttpResponse:
    documents = {
        "https://meet.example/.well-known/opentalk/client": b'{"opentalk_controller":{"base_url":"https://ot.example/a/"}}',
        "https://ot.example/a/.well-known/opentalk/api": b'{"opentalk_api":{"v1":{"base_url":"https://api.example/1"}}}',
    }
    body = documents.get(request.url)
    return HttpResponse(404) if body is None else HttpResponse(200, (), body)


CLIENT, API, LOGIN = "/.well-known/opentalk/client", "/.well-known/opentalk/api", "/v1/auth/login"


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (_unreachable, [f"meet.example{CLIENT}", f"meet.example{LOGIN}", "controller.meet.example/v1"]),
        (
            _web_page,
            [f"meet.example{CLIENT}", f"meet.example{API}", f"meet.example{LOGIN}", "controller.meet.example/v1"],
        ),
        (_provider, [f"meet.example{CLIENT}", f"meet.example{API}", f"meet.example{LOGIN}", "meet.example/v1"]),
        (_told, [f"meet.example{CLIENT}", f"ot.example/a{API}", "api.example/1"]),
    ],
)
@in_loop
async def test_where_the_controller_of_a_link_is_sought(
    answer: Callable[[HttpRequest], HttpResponse], asked: list[str]
) -> None:
    http = Nowhere(answer)
    with pytest.raises((m3.TransportError, m3.ApiError, m3.RemoteProtocolError)):
        async with m3.join(f"https://meet.example/invite/{CODE}", display_name="Gus", http=http):
            pytest.fail("joined nowhere")
    *sought, api = asked
    assert http.asked == [*(f"GET https://{url}" for url in sought), f"POST https://{api}/invite/verify"]


@in_loop
async def test_a_controller_that_is_named_is_not_sought() -> None:
    http = Nowhere(_unreachable)
    joining = m3.join(
        f"https://meet.example/invite/{CODE}", display_name="Gus", controller="https://10.0.0.1:8443", http=http
    )
    with pytest.raises(m3.TransportError, match="unplugged"):
        await joining.__aenter__()
    there = "https://10.0.0.1:8443"
    assert http.asked == [f"GET {there}{API}", f"POST {there}/v1/invite/verify"]


@in_loop
async def test_no_link_leads_into_a_private_network_by_way_of_its_server() -> None:
    def inwards(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, (), b'{"opentalk_controller":{"base_url":"https://10.0.0.1"}}')

    http = Nowhere(inwards)
    with pytest.raises(m3.LinkError, match="allow_private=True"):
        await m3.join(f"https://meet.example/invite/{CODE}", display_name="Gus", http=http).__aenter__()
    assert http.asked == [f"GET https://meet.example{CLIENT}"]


@in_loop
async def test_passwords() -> None:
    async with house(password="swordfish") as here:
        for password in (None, "", "wrong"):
            with pytest.raises(m3.ApiError) as caught:
                async with m3.join(here.link, display_name="Gus", password=password):
                    pytest.fail("joined without the password")
            assert (caught.value.status, caught.value.code) == (401, "wrong_room_password")
        async with m3.join(here.link, display_name="Gus", password="swordfish") as guest:
            assert guest.own.display_name == "Gus"


@in_loop
async def test_invitations_and_rooms_that_are_not_known() -> None:
    async with house() as here, house() as other:
        for link in (
            f"{here.server.base_url}/invite/{CODE}",
            other.link.replace(other.server.base_url, here.server.base_url),
        ):
            with pytest.raises(m3.ApiError) as caught:
                async with m3.join(link, display_name="Gus"):
                    pytest.fail("joined with a code that is not known")
            assert (caught.value.status, caught.value.code) == (404, "not_found")
        with pytest.raises(m3.ApiError) as caught:  # the right link, at the wrong controller
            async with m3.join(here.link, display_name="Gus", controller=other.server.base_url):
                pytest.fail("joined at another controller")
        assert caught.value.status == 404
        async with m3.join(
            here.link.replace("127.0.0.1", "localhost"), display_name="Gus", controller=here.server.base_url
        ) as guest:
            assert guest.own.display_name == "Gus"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "\N{LATIN SMALL LETTER E WITH ACUTE}" * 51])
@in_loop
async def test_display_names_that_the_server_refuses(name: str) -> None:
    async with house() as here:
        with pytest.raises(m3.CallRefused) as caught:
            async with m3.join(here.link, display_name=name):
                pytest.fail("joined with that name")
        assert caught.value.code == "invalid_username"


@in_loop
async def test_a_controller_that_is_dead() -> None:
    base = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(m3.TransportError, match="could not be reached"):
        async with m3.join(f"{base}/invite/{CODE}", display_name="Gus"):
            pytest.fail("joined the dead")
    async with m3.Account(base, "token") as account:
        with pytest.raises(m3.TransportError):
            await account.me()


@in_loop
async def test_a_controller_that_dies_between_rest_and_websocket() -> None:
    async with house() as here:
        other = f"ws://127.0.0.1:{free_port()}"

        async def elsewhere(_url: str, subprotocols: tuple[str, ...]) -> StreamWebSocket:
            return await connect_websocket(f"{other}/signaling", subprotocols)

        with pytest.raises(m3.TransportError):
            async with m3.join(here.link, display_name="Gus", connect=elsewhere):
                pytest.fail("joined the dead")


@in_loop
async def test_a_ticket_that_is_used_already() -> None:
    async with house() as here:

        async def twice(url: str, subprotocols: tuple[str, ...]) -> StreamWebSocket:
            await (await connect_websocket(url, subprotocols)).close(1000)
            return await connect_websocket(url, subprotocols)

        with pytest.raises(m3.ApiError) as caught:
            async with m3.join(here.link, display_name="Gus", connect=twice):
                pytest.fail("joined with a used ticket")
        assert (caught.value.status, caught.value.code) == (401, "invalid_ticket")


@in_loop
async def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.conference.life.CONNECT_TIMEOUT", 0.05)
    async with house() as here:
        silent = socket.create_server(("127.0.0.1", 0))  # the system accepts connections, which are never read
        port = silent.getsockname()[1]

        async def elsewhere(_url: str, subprotocols: tuple[str, ...]) -> StreamWebSocket:
            return await connect_websocket(f"ws://127.0.0.1:{port}/signaling", subprotocols)

        with pytest.raises(m3.CallTimedOut, match="connect"):
            async with m3.join(here.link, display_name="Gus", connect=elsewhere):
                pytest.fail("joined a server that never answers")
        silent.close()
