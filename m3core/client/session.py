"""What `Conference`, `Publication` and `Subscription` share: one engine, its driver, its media engine, its listeners.

Not public. Owns the life of all four: whatever a conference started ends in `close`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from m3core.client.driver import Driver
from m3core.client.loop import Backend, Tasks
from m3core.client.media import MediaEngine
from m3core.client.streams import EventStream
from m3core.client.transports import HttpTransport, WebSocketConnect
from m3core.conference.engine import Conference as Engine
from m3core.conference.events import Ended
from m3core.errors import LocalProtocolError
from m3core.io import CallId, PeerId
from m3core.messages import Command, UnknownCommand

if TYPE_CHECKING:
    from m3core.client.account import Account

T = TypeVar("T")


class Session:
    """One conference engine at work in this event loop."""

    def __init__(
        self,
        engine: Engine,
        backend: Backend,
        tasks: Tasks,
        *,
        http: HttpTransport,
        connect: WebSocketConnect,
        account: Account | None,
        loopback: bool,
        observe: Callable[[Any], None] | None = None,
    ) -> None:
        self.engine = engine
        self.backend = backend
        self._observe = observe
        self.ended_detail = ""
        self._loopback = loopback
        self._streams: WeakSet[EventStream[Any]] = WeakSet()
        self._closed = False
        self._readers: dict[PeerId, Callable[[], None]] = {}
        self._media_engine: MediaEngine | None = None
        self._driver = Driver(
            engine,
            backend,
            tasks,
            http=http,
            connect=connect,
            sign=None if account is None else account.perform,
            media=self.media,
            notify=self._notify,
        )

    def feed(self, give: Callable[[Engine, float], T]) -> T:
        """Give the engine one input."""
        return self._driver.feed(lambda now: give(self.engine, now))

    async def call(self, give: Callable[[Engine, float], CallId]) -> object:
        """Give the engine a command and wait for its end."""
        return await self._driver.finished(self.feed(give))

    def command(self, message: Command | UnknownCommand) -> Awaitable[object]:
        """Send a command; await its end."""
        return self.call(lambda engine, now: engine.command(message, now))

    def listen(self, kinds: tuple[type, ...]) -> EventStream[Any]:
        """A new consumer of events; it begins with what is there already."""
        stream: EventStream[Any] = EventStream(self.backend, self._streams, kinds)
        for event in self.engine.present_events():
            stream.put(event)
        if self.engine.state.ended is not None:
            stream.end()
        return stream

    def media(self) -> MediaEngine:
        """The media engine, started; `start_media` has imported it where that may take long."""
        if self._media_engine is None:
            if self._closed:
                raise LocalProtocolError("the conference is over")
            self._media_engine = self.backend.media_factory()(self._driver.media_report, loopback=self._loopback)
            self._media_engine.start()
        return self._media_engine

    async def start_media(self) -> MediaEngine:
        """The media engine, imported in a thread: aiortc takes a fifth of a second."""
        await self.backend.in_thread(self.backend.media_factory)
        return self.media()

    def read_by(self, peer: PeerId, stop: Callable[[], None] | None) -> None:
        """Somebody else, or nobody, reads what ``peer`` receives from now on; who did so is told by their ``stop``."""
        before = self._readers.pop(peer, None)
        if before is not None:
            before()
        if stop is not None:
            self._readers[peer] = stop

    def is_read_by(self, peer: PeerId, stop: Callable[[], None]) -> bool:
        """Whether that is still so."""
        return self._readers.get(peer) == stop

    async def close(self) -> None:
        """Leave, and leave nothing behind. To be shielded."""
        try:
            if self.engine.state.ended is None:
                await self.call(lambda engine, now: engine.leave(now))
        finally:
            self._closed = True
            await self._driver.aclose()
            for stream in tuple(self._streams):
                stream.end()
            if self._media_engine is not None:
                await self.backend.in_thread(self._media_engine.close)

    def _notify(self, event: object) -> None:
        if isinstance(event, Ended):
            self.ended_detail = event.detail
        if self._observe is not None:
            self._observe(event)
        for stream in tuple(self._streams):
            stream.put(event)
            if isinstance(event, Ended):
                stream.end()
