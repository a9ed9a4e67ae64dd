"""A test controller that behaves as a real one does: each kind of behaviour is a switch. It shares no code with ours.

    with controller(Manners(leaves_tcp_open=True)) as there:
        async with m3.join(there.link, display_name="Ada") as ada:   # on either loop: the controller has its own thread
            there.say("Ada", "chat", {"message": "message_sent", ...})

The switches are the fields of `Manners`. The defaults are easy for clients. What happens at a moment that the test
chooses is a method of `Controller`: `say`, `ping`, `close`, `cut`, `crash`, `open_breakouts`, `restart_sfu`, ... Its
REST calls are those that our clients make (`manners_rest`), its feature level is 0.3 (`manners_room`). Its media server
sends descriptions without a peer behind them (`manners_script`), or relays by aiortc (`manners_sfu`). Clients without
media of their own: ``Joiner(StagedBackend(BACKENDS[loop])).join(there.link, display_name="Ada")``.

Any thread may call the methods; they return when the work is done. `until` waits for what a client will do. A coroutine
awaits `seen` instead.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
from manners_http import Server
from manners_room import Room
from manners_switches import Down, Json, Manners, Sfu
from patience import PATIENCE

__all__ = ["Controller", "Down", "Manners", "Sfu", "controller"]
T = TypeVar("T")


class Controller:
    """A running controller. ``room`` and ``server`` belong to its thread: read them by `do` and `until`."""

    def __init__(self, manners: Manners, clock: Callable[[], float]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="manners")
        self._changed = threading.Condition()
        self.manners = manners
        self.room = Room(manners, clock, self._ring)
        self.server = Server(manners, self.room)
        self.base_url = ""

    @property
    def link(self) -> str:
        """An invitation for guests."""
        return f"{self.base_url}/invite/{self.room.invite}"

    # -- running it ---
    def start(self, tls: ssl.SSLContext | None) -> None:
        """Listen at 127.0.0.1."""
        self._thread.start()
        port = self.await_(self.server.listen(tls))
        self.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.server.rest.base_url = self.base_url

    def stop(self) -> None:
        """Close all connections and end the thread; raise what went wrong in it."""
        self.await_(self.server.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self.server.faults:
            raise ExceptionGroup("errors in the test controller, or in what a client sent", self.server.faults)

    def _ring(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def await_(self, work: Any) -> Any:
        """Run a coroutine in the loop of the controller; block until it ends."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def do(self, function: Callable[[], T]) -> T:
        """Call ``function`` in the thread of the controller; block until it returns."""

        async def call() -> T:
            return function()

        result: T = self.await_(call())
        return result

    def until(self, find: Callable[[], T | None]) -> T:
        """Call ``find`` in the thread of the controller until it returns something; block until then."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if (found := self.do(find)) is not None:  # without the lock: the other thread takes it in `_ring`
                return found
            with self._changed:
                self._changed.wait(0.05)  # a time-out, since `_ring` may have run between `do` and here
            assert time.monotonic() < deadline

    async def seen(self, find: Callable[[], T | None]) -> T:
        """As `until`, for coroutines on either loop."""
        return await anyio.to_thread.run_sync(self.until, find)

    # -- what clients have done ---
    @property
    def requests(self) -> list[tuple[int, str, str]]:
        """Number of the connection, method and path of each HTTP request, upgrades to WebSockets included."""
        return self.do(lambda: list(self.server.requests))

    @property
    def connections(self) -> int:
        """TCP connections that were accepted so far."""
        return self.do(lambda: self.server.count)

    def heard(self, name: str) -> list[tuple[str, Json]]:
        """Namespace and payload of all messages that a participant has sent, over all its connections."""
        return self.do(lambda: list(self.room.person(name).heard))

    def people(self) -> list[str]:
        """The names of those who are in the room, or whom the controller still believes to be there after a crash."""
        return self.do(lambda: [person.name for person in self.room.people.values() if person.is_in])

    def id_of(self, name: str) -> str:
        """The id of the latest participant of that name."""
        return self.do(lambda: self.room.person(name).id)

    # -- what happens to them ---
    def say(self, name: str, namespace: str, payload: Json) -> None:
        """Send any message to one participant, even with `Manners.pings_only`."""
        self.do(lambda: self.room.person(name).say(namespace, payload))

    def say_all(self, namespace: str, payload: Json) -> None:
        """Send any message to all in the room."""
        self.do(lambda: self.room.tell_all(namespace, payload))

    def ping(self, name: str) -> None:
        """Send a ping with the payload `heartbeat` (signaling.md § 2)."""
        self.do(lambda: self.room.person(name).wire().ping())

    def close(self, name: str, code: int = 1000) -> None:
        """Send a close frame. `Manners.leaves_tcp_open` says whether the controller closes TCP afterwards."""
        self.do(lambda: self.room.person(name).wire().close(code))

    def kick(self, name: str) -> None:
        """Send `kicked`, and a close frame."""
        self.do(lambda: self.room.kick(self.room.person(name)))

    def accept(self, name: str) -> None:
        """Accept somebody from the waiting room."""
        self.do(lambda: self.room.accept(self.room.person(name)))

    def cut(self, name: str) -> None:
        """Reset the TCP connection of a participant."""
        self.do(lambda: self.room.person(name).wire().abort())

    def crash(self) -> None:
        """Reset all connections. Who was in the room remains listed for ever, and their streams are dead."""
        self.do(self.room.crash)

    def open_breakouts(self, *names: str, seconds: float | None = None) -> list[str]:
        """Send `started` to all; return the ids of the rooms. They expire after ``seconds``."""
        return self.do(lambda: self.room.open_breakouts(names, seconds))

    def release_downs(self) -> None:
        """Send each `webrtc_down` that is held back."""
        self.do(self.room.media.release_downs)

    def restart_sfu(self) -> None:
        """End all streams, and send `webrtc_down` to all who had one."""
        self.await_(self.room.media.restart())

    def expire(self, token: str) -> None:
        """Refuse this access token from now on."""
        self.do(lambda: self.server.rest.expired.add(token))


@contextmanager
def controller(
    manners: Manners | None = None, *, certificate: Path | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Controller]:
    """Run a controller. ``certificate`` (with its key, PEM) switches TLS on; ``clock`` measures `session_running`."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    manners = manners or Manners()
    with ExitStack() as stack:
        if manners.sfu is Sfu.RELAY:
            from stranger_media import loopback  # here, since the import of aiortc takes a moment

            stack.enter_context(loopback())
        there = Controller(manners, clock)
        there.start(tls)
        stack.callback(there.stop)
        yield there
