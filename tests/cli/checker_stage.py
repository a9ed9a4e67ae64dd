"""The stage and the participants of the checked conference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

import anyio
from checker_wire import Note

from m3asyncio.cli.demo_loop import EventLoop
from m3asyncio.cli.demo_stage import Stage
from m3asyncio.cli.output import Output
from m3asyncio.cli.wording import sentence
from m3core.client.conference import Conference
from m3core.client.loop import Backend
from m3core.client.publication import Publication, Subscription
from m3core.conference.events import ConferenceEvent, ConferenceJoined, Ended

EventT = TypeVar("EventT")
T = TypeVar("T")


class CheckedStage(Stage):
    """The stage of the demo, with notes of all messages on the wire."""

    def __init__(self, output: Output, home: Backend) -> None:
        super().__init__(output, home)
        self.notes: list[Note] = []


class Seat:
    """A participant whose conference lives in the event loop of ``loop``."""

    def __init__(self, name: str, stage: CheckedStage, loop: EventLoop) -> None:
        self.name = name
        self.stage = stage
        self.loop = loop
        self.camera: Publication | None = None
        self._conference: Conference | None = None
        self._stack: AsyncExitStack | None = None
        self._leaving: anyio.Event | None = None
        self._seen: list[ConferenceEvent] = []

    @property
    def conference(self) -> Conference:
        """The conference, once it is joined. Its commands belong into `does`."""
        if self._conference is None:
            raise AssertionError
        return self._conference

    @property
    def id(self) -> str:
        """Its participant id."""
        return self.conference.own.id

    # -- in the event loop of the loop ---
    async def sit(self, enter: Callable[[AsyncExitStack], Awaitable[Conference]], joined: Callable[[], object]) -> None:
        """Be in the conference from ``enter`` until `get_up`; ``joined`` is called in the loop of the stage."""
        async with AsyncExitStack() as outer:
            self._conference = await enter(outer)
            self._leaving = anyio.Event()
            async with anyio.create_task_group() as tasks, AsyncExitStack() as self._stack:
                tasks.start_soon(self._listen, self._conference)
                self.loop.tell(joined)
                await self._leaving.wait()
                if self._conference.ended is None:
                    tasks.cancel_scope.cancel()

    async def get_up(self) -> None:
        """End `sit`."""
        if self._leaving is not None:
            self._leaving.set()

    async def subscribe(self, subscription: Subscription) -> None:
        """Receive a stream until the end."""
        if self._stack is not None:
            await self._stack.enter_async_context(subscription)

    async def _listen(self, conference: Conference) -> None:
        async for event in conference.events():
            self.loop.tell(partial(self._note, event))

    # -- in the event loop of the stage ---
    def _note(self, event: ConferenceEvent) -> None:
        text = sentence(event)
        if text and not isinstance(event, (ConferenceJoined, Ended)):
            self.stage.line(self.name, f"sees: {text}")
        self._seen.append(event)
        self.stage.changed.set()

    async def does(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await ``work()`` in the event loop of the loop."""
        return await self.loop.do(work)

    async def sees(self, kind: type[EventT], what: str, where: Callable[[EventT], bool] = lambda _: True) -> None:
        """Wait until an event of this class, for which ``where`` holds, has happened, now or before; a check."""
        await self.stage.until(
            f"{self.name} sees {what}",
            lambda: any(isinstance(event, kind) and where(event) for event in self._seen),
        )
