"""The event loop that a command runs on, as a value: `--loop`.

All modules of this package are written for anyio, and take from an adapter only what is named here. This is the one
module of m3asyncio that imports m3trio, and only if `--loop` asks for it (a contract of import-linter says so).
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from m3core.client.account import Account
from m3core.client.joining import Joiner
from m3core.client.loop import Backend

if TYPE_CHECKING:
    from m3core.controller.config import ControllerConfig, User
    from m3core.serving import Server


class Serve(Protocol):
    """`m3core.serving.Host.serve`, as far as the commands use it."""

    def __call__(
        self,
        host: str = ...,
        port: int = ...,
        *,
        public_url: str | None = ...,
        web_url: str | None = ...,
        owner: User | None = ...,
        owner_token: str | None = ...,
        config: ControllerConfig | None = ...,
    ) -> AbstractAsyncContextManager[Server]:
        """Run a controller."""
        ...


@frozen
class Adapter:
    """What the commands take from ``m3asyncio`` or ``m3trio``."""

    loop: str
    """The name of the event loop, which is also anyio's name of its backend."""
    backend: Backend
    account: type[Account]

    @property
    def joiner(self) -> Joiner:
        """The function `join`, for guests, on this loop."""
        return Joiner(self.backend)

    @property
    def serve(self) -> Serve:
        """The function `serve` on this loop. It is imported here, because only `demo` and `serve` need its extra."""
        if self.loop == "trio":
            import m3trio.server

            return m3trio.server.serve
        import m3asyncio.server

        return m3asyncio.server.serve


def adapter(loop: str) -> Adapter:
    """The adapter for ``asyncio`` or ``trio``. Its extra must be installed."""
    if loop == "trio":
        import m3trio.client
        import m3trio.loop

        return Adapter(loop, m3trio.loop.BACKEND, m3trio.client.Account)
    import m3asyncio.client
    import m3asyncio.loop

    return Adapter(loop, m3asyncio.loop.BACKEND, m3asyncio.client.Account)
