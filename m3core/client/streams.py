"""Iterators of events and of frames. Each is independent of the others, bounded, and ends with the conference."""

from __future__ import annotations

from collections import deque
from collections.abc import MutableSet
from typing import Generic, TypeVar

from m3core.client.loop import Backend, Signal
from m3core.client.media import ReceivedTrack
from m3core.errors import EventsOverflow
from m3core.limits import MAX_EVENTS

T = TypeVar("T")


class EventStream(Generic[T]):
    """An iterator of events. When its consumer stalls, it raises `EventsOverflow`; other iterators go on.

    It is also an async context manager, which stops listening at the end of its block.
    """

    def __init__(
        self,
        backend: Backend,
        streams: MutableSet[EventStream[T]],
        kinds: tuple[type, ...],
        limit: int = MAX_EVENTS,
    ) -> None:
        self._streams = streams
        self._kinds = kinds
        self._limit = limit
        self._waiting: deque[T] = deque()
        self._changed = Signal(backend)
        self._overflown = False
        self._ended = False
        streams.add(self)

    def put(self, event: T) -> None:
        """Queue ``event`` if it is of one of the wanted classes."""
        if self._overflown or (self._kinds and not isinstance(event, self._kinds)):
            return
        if len(self._waiting) >= self._limit:
            self._overflown = True
            self._streams.discard(self)
        else:
            self._waiting.append(event)
        self._changed.set()

    def end(self) -> None:
        """End the iterator after the events that wait."""
        self._ended = True
        self._changed.set()

    def close(self) -> None:
        """Stop listening; events that wait are dropped."""
        self._streams.discard(self)
        self._waiting.clear()
        self.end()

    def __aiter__(self) -> EventStream[T]:
        return self

    async def __anext__(self) -> T:
        while not self._waiting:
            if self._overflown:  # only after the events that were queued in time
                raise EventsOverflow(self._limit)
            if self._ended:
                self._streams.discard(self)
                raise StopAsyncIteration
            await self._changed.wait()
        return self._waiting.popleft()

    async def __aenter__(self) -> EventStream[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class FrameStream(Generic[T]):
    """The frames of one received track: an async iterator that ends with the stream.

    When the consumer is too slow, the oldest frames are dropped; ``dropped`` counts them.
    """

    def __init__(self, backend: Backend, track: ReceivedTrack[T]) -> None:
        self._backend = backend
        self._track = track
        self._portal = backend.portal()
        self._changed = Signal(backend)
        self._attached = False
        self._detached = False

    @property
    def dropped(self) -> int:
        """How many frames were dropped."""
        return self._track.dropped

    def __aiter__(self) -> FrameStream[T]:
        self._attach()
        return self

    def _attach(self) -> None:
        if not self._attached and not self._detached:
            self._attached = True
            self._track.attach(lambda: self._portal(self._changed.set))

    async def __anext__(self) -> T:
        self._attach()
        # On a busy machine the next frame is always there: without a checkpoint no other task would run. It comes
        # before the frame is taken, so that a cancellation loses no frame.
        await self._backend.checkpoint()
        while not self._detached:
            ended = self._track.ended  # asked before `pop`: the last frame may come between the two
            frame = self._track.pop()
            if frame is not None:
                return frame
            if ended:
                break
            await self._changed.wait()
        raise StopAsyncIteration

    def detach(self) -> None:
        """End the iterator: another consumer takes the frames from now on."""
        self._track.attach(None)
        self._detached = True
        self._changed.set()
