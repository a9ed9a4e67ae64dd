"""A TCP connection through an HTTP proxy (RFC 9110 s.9.3.6)."""

from __future__ import annotations

import base64
from typing import Protocol

import h11
from attrs import field, frozen

from m3core.conference.http import Origin
from m3core.errors import TransportError
from m3core.limits import MAX_HTTP_HEAD


@frozen
class Proxy:
    """An HTTP proxy, with which the client speaks TLS if ``origin`` says so."""

    origin: Origin
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


class _Stream(Protocol):
    async def receive(self) -> bytes: ...

    async def send(self, data: bytes) -> None: ...


async def open_tunnel(stream: _Stream, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy at the other end of ``stream`` for a connection to ``origin``. Raises `TransportError`."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HTTP_HEAD)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    authority = f"{host}:{origin.port}"
    headers = [("host", authority)]
    if proxy.user is not None:
        credentials = base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()
        headers.append(("proxy-authorization", f"Basic {credentials}"))
    parts = (h11.Request(method="CONNECT", target=authority, headers=headers), h11.EndOfMessage())
    await stream.send(b"".join(http.send(part) or b"" for part in parts))
    status = await _status(stream, http)
    if not 200 <= status < 300:
        raise TransportError(
            f"the proxy of the environment does not connect to the server (HTTP {status}): change the variable that "
            f"names it (https_proxy for example), or add the server to no_proxy"
        )


async def _status(stream: _Stream, http: h11.Connection) -> int:
    """The status of the proxy's response."""
    try:
        while (event := http.next_event()) is h11.NEED_DATA:
            http.receive_data(await stream.receive())
    except h11.RemoteProtocolError:
        event = None
    # A proxy has nothing to say before its response, and the server says nothing before the client does.
    if isinstance(event, h11.Response) and (event.status_code >= 300 or http.trailing_data[0] == b""):
        return event.status_code
    raise TransportError(
        "the proxy of the environment does not speak HTTP, or hung up: change the variable that names it "
        "(https_proxy for example)"
    )
