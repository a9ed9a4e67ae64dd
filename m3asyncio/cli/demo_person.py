"""A participant of the demo: joins, receives every stream, and knows what events tell of the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

import anyio

from m3asyncio import StreamStarted
from m3asyncio.cli.demo_loop import EventLoop
from m3asyncio.cli.demo_stage import Stage
from m3asyncio.cli.demo_streams import WatchedStream
from m3asyncio.cli.receiver import ReceivedStream, Receiver
from m3asyncio.cli.wording import sentence
from m3core.client.conference import Conference
from m3core.conference.events import ConferenceEvent, ConferenceJoined, Ended
from m3core.conference.state import Participant
from m3core.media import VideoFrame

T = TypeVar("T")


class Person:
    """A participant whose conference runs in ``loop``. ``streams`` are those of both participants."""

    def __init__(self, name: str, stage: Stage, loop: EventLoop, streams: Iterable[WatchedStream]) -> None:
        self.name = name
        self._stage = stage
        self._loop = loop
        self._streams = {(one.sender, one.kind): one for one in streams if one.receiver == name}
        self._conference: Conference | None = None
        self._others: dict[str, Participant] = {}

    @property
    def conference(self) -> Conference:
        """The conference, once it is joined. Its commands are for `does` only."""
        if self._conference is None:
            raise AssertionError
        return self._conference

    # -- in the event loop of the participant ---
    async def attend(
        self, enter: Callable[[], AbstractAsyncContextManager[Conference]], joined: Callable[[], object]
    ) -> None:
        """Be in the conference until it ends. ``joined`` is called in the loop of the demo."""
        async with enter() as conference, anyio.create_task_group() as tasks:
            self._conference = conference
            self._loop.tell(joined)
            receiver = Receiver(conference, first_frame=self._first_frame, each_frame=self._frame)
            async for event in conference.events():
                self._loop.tell(partial(self._note, event))
                if isinstance(event, StreamStarted):
                    tasks.start_soon(receiver.receive, event.participant, event.media_session_type)
        for trouble in receiver.troubles:
            self._loop.tell(partial(self._stage.check, f"{self.name} receives every stream", ok=False, detail=trouble))

    def _first_frame(self, stream: ReceivedStream) -> None:
        what = f"sees the first picture of {stream.sender}'s {stream.kind.value}"
        self._loop.tell(partial(self._stage.line, self.name, what, f"after {stream.first_frame_s or 0:.2f} s"))

    def _frame(self, stream: ReceivedStream, frame: VideoFrame) -> None:
        self._streams[stream.sender, stream.kind].see(stream, frame)
        self._loop.tell(self._stage.changed.set)

    # -- in the event loop of the demo ---
    def _note(self, event: ConferenceEvent) -> None:
        text = sentence(event)
        if text and not isinstance(event, (ConferenceJoined, Ended)):  # the demo's own steps say these
            self._stage.line(self.name, f"is told: {text}")
        who = getattr(event, "participant", None)
        if isinstance(who, Participant):
            self._others[who.display_name] = who
        self._stage.changed.set()

    async def does(self, what: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do something to the conference, as a step of the demo."""
        async with self._stage.step(self.name, what):
            return await self._loop.do(work)

    async def sees(self, other: Person, what: str, holds: Callable[[Participant], bool]) -> None:
        """Wait until ``holds`` is true of the other, as events tell of them."""
        others = self._others
        await self._stage.until(
            f"{self.name} sees {other.name} {what}", lambda: other.name in others and holds(others[other.name])
        )
