"""HTTP by httpx, which is the same on every event loop (see `m3core.client.transports`)."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self, cast
from urllib.request import getproxies

import httpx

from m3asyncio.tls import shared_context
from m3core.client.loop import Backend
from m3core.client.transports import trouble
from m3core.errors import LocalProtocolError, TransportError
from m3core.io import HttpRequest, HttpResponse
from m3core.limits import REQUEST_TIMEOUT
from m3core.rest.content import IDENTITY, check_coding, check_size
from m3core.rest.link import is_local


class HttpxTransport:
    """An `HttpTransport` with pools of connections. It uses the proxies of the environment.

    For addresses of this machine it uses none, and with ``local`` for no address at all.
    """

    def __init__(self, backend: Backend, *, local: bool = False) -> None:
        self._backend = backend
        self._local = local
        self._pools: dict[tuple[bool, bool], Pool] = {}
        self._retired: set[Pool] = set()
        self._closed = False

    async def request(self, request: HttpRequest) -> HttpResponse:
        pool = await self._pool(request.url)
        pool.users += 1
        try:
            async with self._backend.timeout(REQUEST_TIMEOUT):
                return await self._perform(pool, request)
        except TimeoutError:
            raise TransportError(
                f"the server did not answer within {REQUEST_TIMEOUT:g} s: it is slow or gone; try again"
            ) from None
        finally:
            pool.users -= 1
            if pool in self._retired and not pool.users:
                self._retired.discard(pool)
                await self._backend.shielded(pool.client.aclose())

    async def _perform(self, pool: Pool, request: HttpRequest) -> HttpResponse:
        body = bytearray()
        pieces = 0
        excess: TransportError | None = None
        headers = [*request.headers, *IDENTITY]
        try:
            async with pool.client.stream(
                request.method, request.url, headers=headers, content=request.body
            ) as response:
                if request.body and 400 <= response.status_code < 500:
                    self._retire(pool)  # the server may not have read the body
                received = tuple((name.lower(), value) for name, value in response.headers.items())
                check_coding(received)
                async for part in response.aiter_raw():
                    body += part
                    pieces += 1
                    try:
                        check_size(len(body), pieces)
                    except TransportError as error:
                        # Reading fails from here on, so that the generator ends in this task, and not by the
                        # garbage collector.
                        excess = error
                        await response.aclose()
                return HttpResponse(response.status_code, received, bytes(body))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise excess or trouble("the controller could not be reached", error) from None

    async def aclose(self) -> None:
        self._closed = True
        pools = (*self._pools.values(), *self._retired)
        self._pools.clear()
        self._retired.clear()
        for pool in pools:
            await pool.client.aclose()

    def _retire(self, pool: Pool) -> None:
        """Use ``pool`` for no further request. It is closed at the end of its last request.

        Some servers refuse a request without reading its body, and then answer nothing more on that connection (by
        RFC 9112 s.9.3 they should close it). httpx cannot close a single connection.
        """
        for key, current in list(self._pools.items()):
            if current is pool:
                del self._pools[key]
                self._retired.add(pool)

    async def _pool(self, url: str) -> Pool:
        """The pool for ``url``: there is one for each combination of proxies or none, TLS or none."""
        direct = self._local or is_local(url)
        secure = not url.startswith("http://")
        proxies = {} if direct else _https_proxies()
        context = await shared_context(self._backend.in_thread) if secure or proxies else None
        if self._closed:  # asked after the await above
            raise LocalProtocolError("this HTTP pool is closed; make a new one, and close it after all that use it")
        pool = self._pools.get((direct, secure))
        if pool is None:
            client = httpx.AsyncClient(
                follow_redirects=False,
                timeout=REQUEST_TIMEOUT,
                trust_env=not direct,
                verify=context or cast(ssl.SSLContext, _NoTls()),
                mounts={} if context is None else _mounts(proxies, context),
                # M3 has no cookies. A jar would keep those of every response, and a pool is shared by many accounts.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            )
            pool = self._pools[direct, secure] = Pool(client)
        return pool


class Pool:
    """A client of httpx, and how many requests use it now."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.users = 0


class HttpPool(HttpxTransport):
    """HTTP connections that many conferences and accounts of one event loop share, as their argument ``http``.

    Use it as an async context manager, or close it with `aclose`, after everything that uses it: those do not close it.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._backend.shielded(self.aclose())


class _NoTls:
    """Stands for the TLS context where no TLS is spoken. Without one, httpx would make its own, which takes 20 ms."""

    def set_alpn_protocols(self, _protocols: Iterable[str]) -> None:
        """The first method that a TLS connection calls: refuse."""
        raise httpx.UnsupportedProtocol("TLS on connections that are without")


def _https_proxies() -> dict[str, str]:
    """The proxies of the environment that are spoken to over TLS, by scheme, with the names of httpx."""
    found = getproxies()
    if "*" in (name.strip() for name in found.get("no", "").split(",")):
        return {}
    return {
        f"{scheme}://": url
        for scheme in ("http", "https", "all")
        if (url := found.get(scheme, "")).startswith("https:")
    }


def _mounts(proxies: dict[str, str], context: ssl.SSLContext) -> dict[str, httpx.AsyncBaseTransport]:
    """Transports through such proxies. httpx makes the same ones, but with a new TLS context for every connection."""
    return {
        scheme: httpx.AsyncHTTPTransport(verify=context, proxy=httpx.Proxy(url, ssl_context=context))
        for scheme, url in proxies.items()
    }
