"""127.0.0.1 as an ICE candidate, for conferences on one machine.

aioice never offers a loopback address. The function of aioice that lists the addresses is replaced, once in the
process, by one that looks which thread it runs in. Every engine has a thread of its own, so that peers of other users
of aioice are not affected.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final

from aioice import ice

LOOPBACK: Final = "127.0.0.1"


class Loopback(Enum):
    """Whether peers offer 127.0.0.1."""

    NEVER = "never"
    TOO = "too"
    """Beside the other addresses: the controller is on this machine, but its media server may be elsewhere."""
    ONLY = "only"
    """Without any other address."""


_threads: Final[dict[int, Loopback]] = {}
_lock: Final = threading.Lock()
_installed: Final[list[Callable[..., list[str]]]] = []


def _get_host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    loopback = _threads.get(threading.get_ident(), Loopback.NEVER)
    if loopback is Loopback.ONLY:
        return [LOOPBACK]
    own = [LOOPBACK] if loopback is Loopback.TOO else []
    return own + _installed[0](use_ipv4=use_ipv4, use_ipv6=use_ipv6)


@contextmanager
def offering(loopback: Loopback) -> Iterator[None]:
    """Within the block, peers of the current thread offer 127.0.0.1 as ``loopback`` says."""
    thread = threading.get_ident()
    with _lock:
        if not _installed:
            _installed.append(ice.get_host_addresses)
            ice.get_host_addresses = _get_host_addresses
        _threads[thread] = loopback
    try:
        yield
    finally:
        with _lock:
            del _threads[thread]
