"""Where the demo happens: its clock, its live timeline, its checks, and the people in it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final, TypeVar

import anyio
import anyio.lowlevel
from attrs import define, field

from m3asyncio.cli.demo_place import Place
from m3asyncio.cli.demo_wire import RECEIVED, SENT, Note, WireLog
from m3asyncio.cli.output import STYLES, Output
from m3asyncio.cli.wording import sentence
from m3core.client.conference import Conference
from m3core.client.loop import Backend, Signal
from m3core.client.publication import Publication, Subscription
from m3core.conference.events import ConferenceEvent, ConferenceJoined, Ended

EventT = TypeVar("EventT")
T = TypeVar("T")
PATIENCE: Final = 15.0
"""Seconds that anything of the demo may take before it counts as failed."""
_HEARD: Final = frozenset({"joined", "update", "left", "focus_update", "speaker_updated", "webrtc_down"})
"""Messages about the others: told as what a person sees, not as part of what the person does."""


class DemoFailed(Exception):
    """The demo cannot go on; the failed check is noted."""


@define
class Check:
    """Something that must hold."""

    name: str
    ok: bool
    detail: str = ""


class Stage:
    """Notes what happens and prints it while it does."""

    def __init__(self, output: Output) -> None:
        self.log = WireLog()
        self.checks: list[Check] = []
        self._output = output
        self._start = time.monotonic()
        self._doing: dict[str, _Doing] = {}
        self._styles: dict[str, str] = {}
        self.log.listener = self._noted

    def line(self, who: str, what: str, wire: str = "") -> None:
        """One line of the timeline."""
        style = self._styles.setdefault(who, STYLES[len(self._styles) % len(STYLES)])
        at = f"{f'+{time.monotonic() - self._start:.2f} s':>9}  "
        self._output.line((at, "dim"), (f"{who:<7}", style), f"{what:<42}", (f"  {wire}" if wire else "", "dim"))

    def check(self, name: str, ok: bool, detail: str = "") -> None:
        """Note a check; a failed one is told at once."""
        self.checks.append(Check(name, ok, detail))
        if not ok:
            self._output.line(("FAILED ", "bold red"), name, f": {detail}" if detail else "")

    def must(self, name: str, ok: bool, detail: str = "") -> None:
        """A check without which the demo cannot go on."""
        self.check(name, ok, detail)
        if not ok:
            raise DemoFailed

    @property
    def ok(self) -> bool:
        """Whether all checks held."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @asynccontextmanager
    async def step(self, who: str, what: str, *, sends: str = "") -> AsyncIterator[None]:
        """Something that a person does; told when done, or as soon as the message ``sends`` leaves.

        What some messages bring about is seen by others before their sender can be sure that nobody refuses.
        """
        doing = self._doing[who] = _Doing(what, sends)
        try:
            with anyio.fail_after(PATIENCE):
                yield
                if sends:
                    await doing.told.wait()  # queued, and on its way out
        except TimeoutError:
            self.check(f"{who} {what}", ok=False, detail=f"not done within {PATIENCE:g} s")
            raise DemoFailed from None
        finally:
            del self._doing[who]
        if not doing.told.is_set():
            self.line(who, what, _summary(doing.notes))

    def _noted(self, note: Note) -> None:
        doing = self._doing.get(note.who)
        if doing is None or doing.told.is_set() or note.name.rpartition(".")[2] in _HEARD:
            return
        doing.notes.append(note)
        if note.arrow == SENT and doing.sends and note.name.endswith(doing.sends):
            doing.told.set()
            self.line(note.who, doing.what, _summary(doing.notes))


@define
class _Doing:
    """A step under way."""

    what: str
    sends: str
    notes: list[Note] = field(factory=list)
    told: anyio.Event = field(factory=anyio.Event)


def _summary(notes: list[Note]) -> str:
    """``→ publish, 2 sdp_candidate ← sdp_answer``: runs of one direction, repeated messages counted."""
    runs: list[tuple[str, Counter[str]]] = []
    for note in notes:
        if note.arrow == RECEIVED and note.name.isdigit():
            continue  # an HTTP status says no more than that the step succeeded
        if not runs or runs[-1][0] != note.arrow:
            runs.append((note.arrow, Counter()))
        runs[-1][1][note.label] += 1
    return "  ".join(
        f"{arrow} " + ", ".join(f"{count}x {label}" if count > 1 else label for label, count in labels.items())
        for arrow, labels in runs
    )


class Seat:
    """One person in the conference, in the loop of ``place``. ``home``: the backend of the demo's own."""

    def __init__(self, name: str, stage: Stage, place: Place, home: Backend) -> None:
        self.name = name
        self.stage = stage
        self.place = place
        self.home = home
        self.camera: Publication | None = None
        self._conference: Conference | None = None
        self._stack: AsyncExitStack | None = None
        self._leaving: anyio.Event | None = None
        self._seen: list[ConferenceEvent] = []
        self._changed = Signal(home)

    @property
    def conference(self) -> Conference:
        """What it knows may be read anywhere; what it does is done in `place`."""
        if self._conference is None:
            raise AssertionError
        return self._conference

    @property
    def id(self) -> str:
        """The participant id."""
        return self.conference.own.id

    # -- in the loop of the place ---
    async def sit(self, enter: Callable[[AsyncExitStack], Awaitable[Conference]], joined: Callable[[], object]) -> None:
        """Be in the conference from ``enter`` until `get_up`; ``joined`` is told once in it."""
        async with AsyncExitStack() as outer:
            self._conference = await enter(outer)
            self._leaving = anyio.Event()
            async with anyio.create_task_group() as tasks, AsyncExitStack() as self._stack:
                tasks.start_soon(self._listen, self._conference)
                self.place.tell(joined)
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
            self.place.tell(partial(self._note, event))

    # -- in the loop of the demo ---
    def _note(self, event: ConferenceEvent) -> None:
        """Tell what happens to the others."""
        text = sentence(event)
        if text and not isinstance(event, (ConferenceJoined, Ended)):
            self.stage.line(self.name, f"sees: {text}")
        self._seen.append(event)
        self._changed.set()

    async def does(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something to the conference."""
        return await self.place.do(work)

    async def sees(self, kind: type[EventT], what: str, where: Callable[[EventT], bool] = lambda _: True) -> None:
        """Wait until such an event was seen, now or before; a check of the demo."""
        try:
            with anyio.fail_after(PATIENCE):
                while not any(isinstance(event, kind) and where(event) for event in self._seen):
                    await self._changed.wait()
                    await anyio.lowlevel.checkpoint_if_cancelled()  # see `StreamProbe._wait`
        except TimeoutError:
            self.stage.must(f"{self.name} sees {what}", ok=False, detail=f"not within {PATIENCE:g} s")
        self.stage.check(f"{self.name} sees {what}", ok=True)


__all__ = ["PATIENCE", "RECEIVED", "SENT", "Check", "DemoFailed", "Seat", "Stage"]
