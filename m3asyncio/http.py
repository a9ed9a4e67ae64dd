"""HTTP by httpx, which is the same on every event loop (see `m3core.client.transports`)."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from types import TracebackType
from typing import Self, cast
from urllib.request import getproxies

import httpx

from m3asyncio.tls import shared_context
from m3core.client.loop import Backend
from m3core.client.transports import trouble
from m3core.errors import LocalProtocolError, TransportError
from m3core.io import HttpRequest, HttpResponse
from m3core.limits import MAX_HTTP_BODY, REQUEST_TIMEOUT
from m3core.rest.link import is_local


class HttpxTransport:
    """Pools of connections. Proxies of the environment are asked, but not for this machine; if ``local``, never."""

    def __init__(self, backend: Backend, *, local: bool = False) -> None:
        self._backend = backend
        self._local = local
        self._pools: dict[tuple[bool, bool], Pool] = {}
        self._retired: set[Pool] = set()
        self._closed = False

    async def request(self, request: HttpRequest) -> HttpResponse:
        """One request; a body beyond the limit is not read."""
        pool = await self._pool(request.url)
        body = b""
        pool.users += 1
        try:
            async with pool.client.stream(
                request.method, request.url, headers=list(request.headers), content=request.body
            ) as response:
                if request.body and 400 <= response.status_code < 500:
                    self._retire(pool)
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MAX_HTTP_BODY:
                        await response.aclose()  # reading fails from here on: no generator is left half-way
                headers = tuple((name.lower(), value) for name, value in response.headers.items())
                return HttpResponse(response.status_code, headers, body)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            if len(body) > MAX_HTTP_BODY:
                raise TransportError(f"the response is longer than {MAX_HTTP_BODY} bytes") from None
            raise trouble("the controller could not be reached", error) from None
        finally:
            pool.users -= 1
            if pool in self._retired and not pool.users:
                self._retired.discard(pool)
                await self._backend.shielded(pool.client.aclose())

    async def aclose(self) -> None:
        """Close all connections."""
        self._closed = True
        pools = (*self._pools.values(), *self._retired)
        self._pools.clear()
        self._retired.clear()
        for pool in pools:
            await pool.client.aclose()

    def _retire(self, pool: Pool) -> None:
        """Others follow ``pool``, which is closed when the last one has finished with it.

        There are servers that refuse a request without having read its body, and hear nothing more on that connection
        (RFC 9112 s.9.3 would have them close it). httpx has no way to close one connection alone.
        """
        for key, current in list(self._pools.items()):
            if current is pool:
                del self._pools[key]
                self._retired.add(pool)

    async def _pool(self, url: str) -> Pool:
        """The pool for ``url``: one that goes through proxies or not, one that speaks TLS or not."""
        direct = self._local or is_local(url)
        secure = not url.startswith("http://")
        proxies = {} if direct else _https_proxies()
        context = await shared_context(self._backend.in_thread) if secure or proxies else None
        if self._closed:
            raise LocalProtocolError("the HTTP pool is closed")
        pool = self._pools.get((direct, secure))
        if pool is None:
            client = httpx.AsyncClient(
                follow_redirects=False,
                timeout=REQUEST_TIMEOUT,
                trust_env=not direct,
                verify=context or cast(ssl.SSLContext, _NoTls()),
                mounts={} if context is None else _mounts(proxies, context),
            )
            pool = self._pools[direct, secure] = Pool(client)
        return pool


class Pool:
    """Connections, and how many requests they are used for now."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.users = 0


class HttpPool(HttpxTransport):
    """HTTP connections that many conferences and accounts of one event loop share, as their ``http=``.

    Use it as an async context manager, or close it with `aclose`, after all that use it: they leave it open.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._backend.shielded(self.aclose())


class _NoTls:
    """In place of a TLS context where no TLS is spoken. httpx makes one of its own, were there nothing."""

    def set_alpn_protocols(self, _protocols: Iterable[str]) -> None:
        """What is asked of a context first of all."""
        raise httpx.UnsupportedProtocol("TLS on connections that are without")


def _https_proxies() -> dict[str, str]:
    """Proxies of the environment that are spoken to by TLS, for each scheme as httpx names them."""
    found = getproxies()
    if "*" in (name.strip() for name in found.get("no", "").split(",")):
        return {}
    return {
        f"{scheme}://": url
        for scheme in ("http", "https", "all")
        if (url := found.get(scheme, "")).startswith("https:")
    }


def _mounts(proxies: dict[str, str], context: ssl.SSLContext) -> dict[str, httpx.AsyncBaseTransport]:
    """What httpx makes of such proxies itself, but that every connection to one gets a context of its own."""
    return {
        scheme: httpx.AsyncHTTPTransport(verify=context, proxy=httpx.Proxy(url, ssl_context=context))
        for scheme, url in proxies.items()
    }
