"""The public names that are bound to asyncio. All others are the same for every event loop (`m3core.public`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from m3asyncio import http
from m3asyncio.loop import BACKEND
from m3core.client import account
from m3core.client.joining import Joiner

T = TypeVar("T")
join = Joiner(BACKEND).join


def run(main: Callable[..., Coroutine[Any, Any, T]], *args: object) -> T:
    """Run ``main(*args)`` in a new event loop and return its result; `m3trio.run` does the same on trio."""
    return asyncio.run(main(*args))


class Account(account.Account):
    __doc__ = account.Account.__doc__
    backend = BACKEND


class HttpPool(http.HttpPool):
    __doc__ = http.HttpPool.__doc__

    def __init__(self) -> None:
        super().__init__(BACKEND)
