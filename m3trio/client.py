"""The public names that are bound to trio. All others are the same for every event loop (`m3core.public`)."""

from __future__ import annotations

from trio import run as run

from m3asyncio import http
from m3core.client import account
from m3core.client.joining import Joiner
from m3trio.loop import BACKEND

join = Joiner(BACKEND).join


class Account(account.Account):
    __doc__ = account.Account.__doc__
    backend = BACKEND


class HttpPool(http.HttpPool):
    __doc__ = http.HttpPool.__doc__

    def __init__(self) -> None:
        super().__init__(BACKEND)
