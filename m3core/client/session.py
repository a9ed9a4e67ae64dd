"""What `Conference`, `Publication` and `Subscription` share: one engine, its driver, its media engine, its listeners.

Not public. `Session.close` ends everything that the conference has started.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakSet

from m3core.client.driver import Driver
from m3core.client.loop import Backend, Tasks
from m3core.client.media import MediaEngine
from m3core.client.streams import EventStream
from m3core.client.transports import HttpTransport, SendSigned, WebSocketConnect
from m3core.conference.engine import Conference as Engine
from m3core.conference.events import Ended
from m3core.errors import LocalProtocolError
from m3core.io import CallId, PeerId
from m3core.messages import Command, UnknownCommand


class Session:
    """One conference engine at work in this event loop. Inputs go to the engine through ``driver``."""

    def __init__(
        self,
        engine: Engine,
        backend: Backend,
        tasks: Tasks,
        *,
        http: HttpTransport,
        connect: WebSocketConnect,
        send_signed: SendSigned | None,
        loopback: bool,
        observe: Callable[[Any], None] | None = None,
    ) -> None:
        self.engine = engine
        self.backend = backend
        self._observe = observe
        self.ended_detail = ""
        self._loopback = loopback
        # A program may drop an iterator of events without closing it: then nothing else must keep its queue alive.
        self._streams: WeakSet[EventStream[Any]] = WeakSet()
        self._closed = False
        self._readers: dict[PeerId, Callable[[], None]] = {}
        self._media_engine: MediaEngine | None = None
        self.driver = Driver(
            engine,
            backend,
            tasks,
            http=http,
            connect=connect,
            send_signed=send_signed,
            media=self.media,
            notify=self._notify,
        )

    async def call(self, give: Callable[[float], CallId]) -> object:
        """Give the engine a command, with the present time, and wait for its end."""
        return await self.driver.finished(self.driver.feed(give))

    def command(self, message: Command | UnknownCommand) -> Awaitable[object]:
        """Send a command; await its end."""
        return self.call(lambda now: self.engine.command(message, now))

    def listen(self, kinds: tuple[type, ...]) -> EventStream[Any]:
        """A new iterator of events. It begins with events for what is there already."""
        stream: EventStream[Any] = EventStream(self.backend, self._streams, kinds)
        for event in self.engine.present_events():
            stream.put(event)
        if self.engine.state.ended is not None:
            stream.end()
        return stream

    def media(self) -> MediaEngine:
        """The media engine; it is made and started at the first call.

        Importing it takes long: coroutines call `start_media` instead. Raises `LocalProtocolError` after `close`.
        """
        if self._media_engine is None:
            if self._closed:
                raise LocalProtocolError("the conference has ended; join again to send or receive media")
            self._media_engine = self.backend.media_factory()(self.driver.media_report, loopback=self._loopback)
            self._media_engine.start()
        return self._media_engine

    async def start_media(self) -> MediaEngine:
        """The media engine, imported in a thread: aiortc takes a fifth of a second."""
        await self.backend.in_thread(self.backend.media_factory)
        return self.media()

    def read_by(self, peer: PeerId, stop: Callable[[], None] | None) -> None:
        """Set the reader of the frames of ``peer``, or none. The ``stop`` of the reader before is called.

        A peer has one reader, because its queue gives each frame once.
        """
        before = self._readers.pop(peer, None)
        if before is not None:
            before()
        if stop is not None:
            self._readers[peer] = stop

    def is_read_by(self, peer: PeerId, stop: Callable[[], None]) -> bool:
        """Whether the reader with this ``stop`` still takes the frames of ``peer``."""
        return self._readers.get(peer) == stop

    async def close(self) -> None:
        """Leave the conference, and end everything that it has started. To be called with `Backend.shielded`."""
        try:
            if self.engine.state.ended is None:
                await self.call(self.engine.leave)
        finally:
            self._closed = True
            # The driver first: nothing may give the media engine commands while it closes.
            await self.driver.aclose()
            for stream in tuple(self._streams):
                stream.end()
            if self._media_engine is not None:
                await self.backend.in_thread(self._media_engine.close)

    def _notify(self, event: object) -> None:
        if isinstance(event, Ended):
            self.ended_detail = event.detail
        if self._observe is not None:
            self._observe(event)
        # A copy: a stream that overflows removes itself from the set.
        for stream in tuple(self._streams):
            stream.put(event)
            if isinstance(event, Ended):
                stream.end()
