"""Commands of `--commands` besides those of the protocol: waiting, publishing, leaving."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import anyio

from m3asyncio.cli.breakout_names import breakout_room
from m3asyncio.cli.catalogue import Catalogue
from m3asyncio.cli.from_json import WrongArgument
from m3asyncio.cli.jsonl import Plain, event_line, plain
from m3asyncio.cli.publishing import OwnStreams
from m3core import public
from m3core.client.conference import Conference
from m3core.conference.events import ConferenceEvent
from m3core.conference.state import ConferenceState, EndReason
from m3core.errors import ConferenceEnded
from m3core.values import MediaSessionType

MAX_QUEUED: Final = 1_000
"""Events that are kept for the next `wait`. The oldest are dropped."""


class EventQueue:
    """The events that no `wait` has seen yet."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._events: deque[dict[str, Plain]] = deque(maxlen=MAX_QUEUED)
        self._more = anyio.Event()
        self.is_over = anyio.Event()
        """Set when the conference has ended."""
        self._reason: EndReason | None = None

    def put(self, event: ConferenceEvent) -> None:
        """Keep an event, and wake a `wait`."""
        self._events.append(event_line(event, self._elapsed()))
        self._wake()

    def end(self, reason: EndReason | None) -> None:
        """The conference has ended, and no events will follow."""
        self._reason = reason
        self.is_over.set()
        self._wake()

    def _wake(self) -> None:
        more, self._more = self._more, anyio.Event()
        more.set()

    async def next(self, name: str, where: Mapping[str, object]) -> dict[str, Plain]:
        """The first event of the class ``name`` with fields as in ``where``. It and all before it are forgotten.

        Raises `ConferenceEnded` if the conference ends without such an event.
        """
        while True:
            while self._events:
                event = self._events.popleft()
                if event["event"] == name and all(_at(event, path) == value for path, value in where.items()):
                    return event
            if self.is_over.is_set():
                raise ConferenceEnded((self._reason or EndReason.LEFT).value, f"no {name} came before")
            await self._more.wait()


class Script:
    """Each public method is a command. Its docstring is the help, and its type hints are checked."""

    def __init__(self, conference: Conference, queue: EventQueue, streams: OwnStreams) -> None:
        self._conference = conference
        self._queue = queue
        self._streams = streams
        self.catalogue = Catalogue(conference, self)

    async def wait(
        self,
        event: str,
        where: Mapping[str, object] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - an argument of the line
    ) -> dict[str, Plain]:
        """Wait for an event of a class, with fields as in ``where``; what came since the last `wait` counts."""
        names = event_names()
        if event not in names:
            near = difflib.get_close_matches(event, names) or names
            raise WrongArgument(f"there is no event of this name; there is: {', '.join(near)}", "event")
        try:
            with anyio.fail_after(timeout):
                return await self._queue.next(event, where or {})
        except TimeoutError:
            # With a text of its own: that of anyio is empty.
            raise TimeoutError(f"no {event} within {timeout:g} s") from None

    async def sleep(self, seconds: float) -> None:
        """Do nothing for some seconds, or until the conference ends."""
        with anyio.move_on_after(seconds):
            await self._queue.is_over.wait()

    async def publish(self, source: str = "pattern") -> None:
        """Publish camera and microphone: a test pattern with a tone, or a media file."""
        await self._streams.publish(source)

    async def share_screen(self, source: str = "pattern") -> None:
        """Share the screen: a test pattern, or a media file."""
        await self._streams.share_screen(source)

    async def set_sending(
        self, audio: bool, video: bool, media_session_type: MediaSessionType = MediaSessionType.VIDEO
    ) -> None:
        """Mute or unmute the own tracks."""
        await self._streams.set_sending(media_session_type, audio=audio, video=video)

    async def unpublish(self, media_session_type: MediaSessionType = MediaSessionType.VIDEO) -> None:
        """Stop publishing, or sharing the screen."""
        await self._streams.unpublish(media_session_type)

    async def state(self) -> ConferenceState:
        """Everything that is known now: the participants, the chat, the poll that runs."""
        return self._conference.state

    async def help(self) -> dict[str, str]:
        """Every command with its arguments."""
        return {name: known.usage for name, known in self.catalogue.items()}

    async def switch_room(self, room: str | None = None) -> None:
        """Go into a breakout room, named by its name or id, or back into the main room (null)."""
        try:
            found = breakout_room(self._conference.state.breakout, room)
        except WrongArgument as error:
            raise error.within("room") from None
        await self._conference.switch_room(found)

    async def leave(self) -> None:
        """Leave the conference."""
        await self._conference.leave()


def event_names() -> list[str]:
    """The names of all classes of events, sorted."""
    kinds = [kind for kind in vars(public).values() if isinstance(kind, type) and issubclass(kind, ConferenceEvent)]
    return sorted(kind.__name__ for kind in kinds if kind is not ConferenceEvent)


def _at(event: Mapping[str, Plain], path: str) -> Plain:
    """The value at ``path``, such as ``participant.display_name``; None if there is none."""
    found: Plain = plain(event)
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
