"""What the tests of this folder share: controllers on an event loop of their own, and a cable that can be cut."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType

import anyio.to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import define, field

import m3asyncio
import m3trio
from m3asyncio.loop import BACKEND as ASYNCIO
from m3core.account import Tokens
from m3core.client.loop import Backend
from m3core.client.media import Source
from m3core.controller.config import User
from m3core.serving import Server
from m3core.values import UserId
from m3trio.loop import BACKEND as TRIO

ADAPTERS: dict[str, ModuleType] = {"asyncio": m3asyncio, "trio": m3trio}
BACKENDS: dict[str, Backend] = {"asyncio": ASYNCIO, "trio": TRIO}
OWNER = User(id=UserId("11111111-2222-4333-8444-555555555555"), email="olga@localhost", display_name="Olga")
TOKEN = "the-token-of-the-owner"


class Cable:
    """A TCP proxy in a thread, from `port` to ``target``. `cut` resets its connections."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._ours, self._theirs = socket.socketpair()
        self._selector.register(self._theirs, selectors.EVENT_READ)
        self._others: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self.frozen = False
        """When set, it passes nothing on, and neither end notices."""
        self.bite = b""
        """When set, the next data with these bytes is cut in their middle, and all connections are reset."""
        self._thread = threading.Thread(target=self._run, name="cable")
        self._thread.start()

    @property
    def count(self) -> int:
        """Connections that are open."""
        return len(self._others) // 2

    def cut(self) -> None:
        """Reset all connections."""
        with self._lock:
            for end in list(self._others):
                self._drop(end)

    def close(self) -> None:
        """Close the proxy."""
        self._ours.close()
        self._thread.join()
        self.cut()
        for one in (self._listener, self._theirs):
            one.close()
        self._selector.close()

    def _run(self) -> None:
        while True:
            ready = [key.fileobj for key, _ in self._selector.select(0.5)]
            for end in ready:
                if end is self._theirs:
                    return
                with self._lock:
                    if end is self._listener:
                        self._take()
                    elif isinstance(end, socket.socket) and end in self._others:
                        self._pass_on(end)

    def _take(self) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        self._others[near], self._others[far] = far, near
        for end in (near, far):
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end: socket.socket) -> None:
        other = self._others[end]
        try:
            data = end.recv(1 << 16)
            if self.frozen:
                return
            if self.bite and self.bite in data:
                data, self.bite = data[: data.index(self.bite) + len(self.bite) // 2], b""
                other.sendall(data)
                data = b""
            else:
                other.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(end)

    def _drop(self, end: socket.socket) -> None:
        other = self._others.pop(end, None)
        if other is not None:
            del self._others[other]
            for one in (end, other):
                self._selector.unregister(one)
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
                one.close()


@define
class ServedPlace:
    """A controller in a thread with an event loop of its own, see `m3core.testing.sockets.Place`."""

    portal: BlockingPortal
    adapter: ModuleType
    source: Source
    server: Server = field(init=False)
    cable: Cable = field(init=False)
    base_url: str = field(init=False)
    guest_url: str = field(init=False)
    owner: Tokens = field(init=False)
    _serving: AbstractContextManager[Server] = field(init=False)
    _port: int = 0

    def begin(self) -> None:
        """Serve at the port that was bound first."""
        serving = self.adapter.serve(port=self._port, owner=OWNER, owner_token=TOKEN)
        self._serving = self.portal.wrap_async_context_manager(serving)
        self.server = self._serving.__enter__()
        self.base_url, self.owner = self.server.base_url, self.server.owner
        self._port = int(self.base_url.rpartition(":")[2])

    def end(self) -> None:
        """Stop serving."""
        serving, self._serving = self._serving, nullcontext(self.server)
        serving.__exit__(None, None, None)

    async def cut(self) -> None:
        """Reset the connections of the cable."""
        self.cable.cut()

    async def restart(self) -> None:
        """Start another server, which knows the meetings of the old one, as if from a data base."""
        await anyio.to_thread.run_sync(self._restart)

    def _restart(self) -> None:
        old = self.server._controller.store
        self.end()
        self.begin()
        store = self.server._controller.store
        store.users.update(old.users)
        store.invites.update(old.invites)
        for event in old.events.values():
            store.add_event(event)


@contextmanager
def served(loop: str, source: Source) -> Iterator[ServedPlace]:
    """A controller of the adapter of ``loop``."""
    with start_blocking_portal(loop) as portal:
        place = ServedPlace(portal, ADAPTERS[loop], source)
        place.begin()
        place.cable = Cable(int(place.base_url.rpartition(":")[2]))
        place.guest_url = place.cable.url
        try:
            yield place
        finally:
            place.end()  # harmless if it has ended
            place.cable.close()
