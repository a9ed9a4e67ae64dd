"""The TLS context of this process: one for HTTP and WebSockets, on every event loop and in every thread.

It holds the certificates of all authorities. Making it takes 20 ms and 700 KiB, longer than joining a whole conference
takes. So it is made once, in a thread, at the first connection that needs it.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

import httpx

from m3core.client.transports import trouble

InThread: TypeAlias = Callable[[Callable[[], ssl.SSLContext]], Awaitable[ssl.SSLContext]]
"""Runs a function that blocks in a thread, as `m3core.client.loop.Backend.in_thread` does."""

_lock: Final = threading.Lock()
_made: Final[list[ssl.SSLContext]] = []


async def shared_context(in_thread: InThread) -> ssl.SSLContext:
    """The context of this process. Raises `TransportError` when its certificates cannot be read."""
    try:
        return _made[0] if _made else await in_thread(_shared)
    except OSError as error:
        raise trouble("the certificates of the authorities could not be read", error) from None


def _shared() -> ssl.SSLContext:
    with _lock:
        if not _made:
            _made.append(_make())
        return _made[0]


def _make() -> ssl.SSLContext:
    """It trusts only what SSL_CERT_FILE or else SSL_CERT_DIR names; without them, certifi and the system."""
    context = httpx.create_ssl_context()
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    # httpcore sets the protocols again at each connection, while OpenSSL reads them without a lock in other threads.
    context.set_alpn_protocols = _as_they_are  # type: ignore[assignment, method-assign]
    return context


def _as_they_are(_protocols: Iterable[str]) -> None:
    """In place of `ssl.SSLContext.set_alpn_protocols`."""
