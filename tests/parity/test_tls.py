"""One TLS context for everything, and none without TLS. test_trouble also tests whom it trusts."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE
from places import ADAPTERS, BACKENDS, served
from running import run
from tls_places import certificate, listening, tls, tls_front
from tls_visit import count_contexts

from m3asyncio import sources
from m3asyncio.http import HttpxTransport
from m3asyncio.tls import shared_context
from m3core.io import HttpRequest, RequestId

pytestmark = pytest.mark.usefixtures("nothing_is_left")
FOLDER = Path(__file__).parent
PROTOCOLS = ("ticket#x", "k3k-signaling-json-v1.0")
each_loop = pytest.mark.parametrize("loop", ADAPTERS)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The contexts that are made, in a process that has none; of each, whether in the loop's thread."""
    monkeypatch.setattr("m3asyncio.tls._made", [])
    monkeypatch.setattr(ssl.SSLContext, "__new__", ssl.SSLContext.__new__)  # undone at the end
    contexts: list[bool] = []
    count_contexts(contexts)
    return contexts


def visit(loop: str, link: str, **environment: str) -> list[bool]:
    """What `tls_visit` says of ten guests, in a process of its own."""
    process = subprocess.run(
        [sys.executable, str(FOLDER / "tls_visit.py"), loop, link, "10"],
        env={**os.environ, "PYTHONPATH": str(FOLDER.parents[1]), **environment},
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
        check=True,
    )
    return list(json.loads(process.stdout))


@each_loop
def test_conferences_over_http_make_no_tls_context(loop: str) -> None:
    with served(loop, sources.pattern()) as place:
        assert visit(loop, invitation(loop, place.base_url, place.owner)) == []


@each_loop
def test_conferences_over_https_share_one_made_in_a_thread(loop: str, tmp_path: Path) -> None:
    """HTTP and WebSocket both trust what SSL_CERT_FILE names."""
    nobody = certificate(tmp_path)
    with served(loop, sources.pattern()) as place:
        front = tls_front(nobody, int(place.base_url.rpartition(":")[2]))
        with place.portal.wrap_async_context_manager(front) as url:
            link = invitation(loop, place.base_url, place.owner).replace(place.base_url, url)
            assert visit(loop, link, SSL_CERT_FILE=str(nobody)) == [False]


def invitation(loop: str, base_url: str, owner: object) -> str:
    """A link of a new meeting."""
    links: list[str] = []

    async def scenario() -> None:
        async with ADAPTERS[loop].Account(base_url, owner) as account:
            links.append(await (await account.create_meeting(title="Visit")).invite())

    run(loop, scenario)
    return links[0]


async def refused(loop: str, url: str, reason: str) -> None:
    """``url`` cannot be reached for that reason, by HTTP or by WebSocket."""
    async with BACKENDS[loop].tasks() as tasks, aclosing(BACKENDS[loop].http(local=False)) as http:
        request = HttpRequest(RequestId(1), "GET", url)
        asking = http.request(request) if url.startswith("http") else tasks.connect(url, PROTOCOLS)
        with pytest.raises(ADAPTERS[loop].TransportError, match=reason):
            await asking


@pytest.mark.parametrize("scheme", ["https", "wss"])
@each_loop
def test_a_folder_of_authorities(
    loop: str, scheme: str, made: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only SSL_CERT_DIR is trusted: with an empty folder no certificate is."""

    async def scenario() -> None:
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "authorities"))
        with tls(tmp_path) as port:
            made.clear()  # the server's
            await refused(loop, f"{scheme}://127.0.0.1:{port}/", "certificate verify failed|self-signed certificate")
        assert made == [False]

    (tmp_path / "authorities").mkdir()
    run(loop, scenario)


@pytest.mark.parametrize("scheme", ["https", "wss"])
@each_loop
def test_certificates_that_cannot_be_read(
    loop: str, scheme: str, made: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
        with listening(lambda stream: None) as port:
            await refused(loop, f"{scheme}://127.0.0.1:{port}/", r"authorities could not be read \(FileNotFoundError\)")

    run(loop, scenario)


@pytest.mark.parametrize(
    ("loop", "variable", "url"),
    [
        ("asyncio", "http_proxy", "http://meet.example/"),
        ("asyncio", "all_proxy", "http://meet.example/"),
        ("asyncio", "https_proxy", "https://meet.example/"),
        ("asyncio", "https_proxy", "ws://meet.example/"),
        ("asyncio", "https_proxy", "wss://meet.example/"),
        ("trio", "http_proxy", "http://meet.example/"),
        ("trio", "https_proxy", "https://meet.example/"),
        ("trio", "https_proxy", "ws://meet.example/"),
        ("trio", "https_proxy", "wss://meet.example/"),
    ],
)
def test_a_proxy_is_spoken_to_with_the_context_of_all(
    loop: str, variable: str, url: str, made: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        with tls(tmp_path) as port:
            made.clear()  # the server's
            monkeypatch.setenv(variable, f"https://127.0.0.1:{port}")
            await refused(loop, url, "certificate")
        assert made == [False]

    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    run(loop, scenario)


@each_loop
def test_no_proxy_is_asked_of_this_machine_or_if_there_is_to_be_none(
    loop: str, made: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        with listening(lambda stream: stream.sendall(answer) if stream.recv(1 << 16) else None) as port:
            monkeypatch.setenv("http_proxy", "https://127.0.0.1:1")
            http = BACKENDS[loop].http(local=False)
            assert (await http.request(HttpRequest(RequestId(1), "GET", f"http://127.0.0.1:{port}/"))).status == 200
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
            assert (await http.request(HttpRequest(RequestId(1), "GET", "http://meet.example/"))).status == 200
            await http.aclose()
            monkeypatch.setenv("http_proxy", "https://127.0.0.1:1")
            monkeypatch.setenv("no_proxy", "*")
            await refused(loop, "http://meet.invalid/", "could not be reached")
        assert made == []

    run(loop, scenario)


@each_loop
def test_connections_without_tls_refuse_it(loop: str) -> None:
    """TLS is never asked of them; if it were, certificates would not go unchecked."""

    async def scenario() -> None:
        async with aclosing(HttpxTransport(BACKENDS[loop])) as http:
            with pytest.raises(ADAPTERS[loop].TransportError, match="could not be reached"):
                await http.request(HttpRequest(RequestId(1), "GET", "http://127.0.0.1:1/"))
            (pool,) = http._pools.values()
            assert isinstance(pool.client._transport, httpx.AsyncHTTPTransport)
            context = pool.client._transport._pool._ssl_context
            assert context is not None
            with pytest.raises(httpx.UnsupportedProtocol):  # the first that is asked of it, once connected
                context.set_alpn_protocols(["http/1.1"])

    run(loop, scenario)


@each_loop
def test_nobody_changes_the_context_that_threads_share(loop: str, made: list[bool]) -> None:
    async def scenario() -> None:
        context = await shared_context(BACKENDS[loop].in_thread)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        context.set_alpn_protocols(["h2"] * 99_999)  # too long to be set
        assert await shared_context(BACKENDS[loop].in_thread) is context

    run(loop, scenario)
    assert made == [False]
