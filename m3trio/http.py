"""HTTP by httpx on trio (see `m3core.client.transports`)."""

from __future__ import annotations

import httpx

from m3core.client.transports import trouble
from m3core.errors import TransportError
from m3core.io import HttpRequest, HttpResponse
from m3core.limits import MAX_HTTP_BODY, REQUEST_TIMEOUT


class HttpxTransport:
    """One pool of connections. ``local``: the controller is on this machine, so no proxy is asked."""

    def __init__(self, *, local: bool = False) -> None:
        self._client = httpx.AsyncClient(follow_redirects=False, timeout=REQUEST_TIMEOUT, trust_env=not local)

    async def request(self, request: HttpRequest) -> HttpResponse:
        """One request; a body beyond the limit is not read."""
        body = b""
        try:
            async with self._client.stream(
                request.method, request.url, headers=list(request.headers), content=request.body
            ) as response:
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

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()
