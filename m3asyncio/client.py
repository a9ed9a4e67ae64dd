"""What is bound to asyncio of the names that users import; all others are in `m3core.client`."""

from __future__ import annotations

from m3asyncio.loop import BACKEND
from m3core.client import account
from m3core.client.joining import Door

join = Door(BACKEND).join


class Account(account.Account):
    __doc__ = account.Account.__doc__
    backend = BACKEND
