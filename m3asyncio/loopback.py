"""127.0.0.1 as the only ICE candidate, for everything on one machine.

aioice never offers a loopback address. The function that lists the addresses is replaced, once in the process, by one
that asks which thread it runs in: every engine has a thread of its own, so the peers of others are not affected.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from aioice import ice

LOOPBACK: Final = "127.0.0.1"

_threads: Final[set[int]] = set()
_lock: Final = threading.Lock()
_installed: Final[list[Callable[..., list[str]]]] = []


def _get_host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    if threading.get_ident() in _threads:
        return [LOOPBACK]
    return _installed[0](use_ipv4=use_ipv4, use_ipv6=use_ipv6)


@contextmanager
def loopback_only() -> Iterator[None]:
    """Peers of the current thread offer 127.0.0.1 and nothing else, as long as this lasts."""
    thread = threading.get_ident()
    with _lock:
        if not _installed:
            _installed.append(ice.get_host_addresses)
            ice.get_host_addresses = _get_host_addresses
        _threads.add(thread)
    try:
        yield
    finally:
        with _lock:
            _threads.discard(thread)
