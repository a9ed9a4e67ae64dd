"""`Conference`, which the user awaits. Every rule is in `m3core.conference`; this module only waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Flag, auto
from typing import Any, TypeVar, overload

from m3core.arguments import checks_arguments
from m3core.client.driver import closed
from m3core.client.media import MediaEngine, Source
from m3core.client.publication import Publication, Subscription
from m3core.client.session import Session
from m3core.client.streams import EventStream
from m3core.conference.commands import Commands
from m3core.conference.events import ConferenceEvent
from m3core.conference.state import ConferenceState, EndReason, Participant
from m3core.errors import ConferenceEnded, LocalProtocolError, M3Error
from m3core.io import PeerId
from m3core.messages import Command, UnknownCommand
from m3core.values import BreakoutRoomId, MediaSessionType, ParticipantId

EventT = TypeVar("EventT")


class Receive(Flag):
    """The kinds of media that subscriptions ask for."""

    AUDIO = auto()
    VIDEO = auto()


AUDIO, VIDEO = Receive.AUDIO, Receive.VIDEO


@checks_arguments
class Conference(Commands[Awaitable[object]]):
    """A conference that you are in. `join` and `Meeting.start` give one."""

    def __init__(self, session: Session, receive: Receive) -> None:
        super().__init__(session.command, lambda: session.engine.state)
        self._session = session
        self._receive = receive

    # -- state and events ---
    @property
    def state(self) -> ConferenceState:
        """Everything that is known at this moment, as frozen values."""
        return self._session.engine.state

    @property
    def own(self) -> Participant:
        """The own participant. Raises `LocalProtocolError` when it is not in the room."""
        own = self._session.engine.state.own
        if own is None:
            raise LocalProtocolError("you are not in the room, so that `own` has no value; join again")
        return own

    @property
    def ended(self) -> EndReason | None:
        """Why the conference has ended; None while it goes on."""
        return self._session.engine.state.ended

    @property
    def ended_detail(self) -> str:
        """More about the end, for people; empty while the conference goes on."""
        return self._session.ended_detail

    @overload
    def events(self) -> EventStream[ConferenceEvent]: ...
    @overload
    def events(self, kind: type[EventT], /) -> EventStream[EventT]: ...
    @overload
    def events(self, *kinds: type[ConferenceEvent]) -> EventStream[ConferenceEvent]: ...
    def events(self, *kinds: type) -> EventStream[Any]:
        """Listen to all events from now on, or to those of some classes.

        The first events tell what is there already: `ParticipantJoined` for each participant, `StreamStarted` for each
        stream. The iterator is independent of other iterators, holds at most `m3core.limits.MAX_EVENTS` events, and
        ends with the conference.
        """
        return self._session.listen(kinds)

    async def wait_for(
        self,
        kind: type[EventT],
        *,
        where: Callable[[EventT], bool] = lambda _: True,
        timeout: float | None = None,  # noqa: ASYNC109 - a deadline is part of what is asked
    ) -> EventT:
        """The next event of ``kind`` for which ``where`` holds; what is there already counts.

        Raises `TimeoutError` after ``timeout`` seconds and `ConferenceEnded` if the conference ends before.
        """
        async with self._session.backend.timeout(timeout), self.events(kind) as events:
            async for event in events:
                if where(event):
                    return event
        if self.ended is None:
            raise closed()
        raise ConferenceEnded(self.ended.value, self._session.ended_detail)

    # -- publishing ---
    async def publish(self, *, video: Source | None = None, audio: Source | None = None) -> Publication:
        """Publish camera and microphone; returns when the others see the stream. Raises `CallError`, `MediaError`."""
        return await self._publish(MediaSessionType.VIDEO, video, audio)

    async def share_screen(self, video: Source, *, audio: Source | None = None) -> Publication:
        """Publish a screen beside the camera. Returns and raises as `publish`."""
        return await self._publish(MediaSessionType.SCREEN, video, audio)

    async def _publish(self, kind: MediaSessionType, video: Source | None, audio: Source | None) -> Publication:
        media = await self._session.start_media()
        peer = self._session.engine.new_peer()
        publication = Publication(self._session, kind, peer, audio=audio is not None, video=video is not None)
        try:
            await self._session.backend.in_thread(lambda: media.set_sources(peer, video, audio))
            await self._session.call(
                lambda now: self._session.engine.publish(
                    kind, audio=audio is not None, video=video is not None, peer=peer, now=now
                )[0]
            )
        except BaseException:
            await self._session.backend.shielded(self._take_back(publication, peer, media))
            raise
        return publication

    async def _take_back(self, publication: Publication, peer: PeerId, media: MediaEngine) -> None:
        # The caller may be cancelled in the moment in which the call succeeds: then the stream is live.
        if self._session.engine.publications.of_peer(peer) is not None:
            with suppress(M3Error):
                await publication.stop()
        # Without `OpenPublisher` no peer has taken the sources, and nothing else would close them.
        await self._session.backend.in_thread(lambda: media.set_sources(peer))

    # -- receiving ---
    def subscribe(
        self, participant: Participant | ParticipantId, media_session_type: MediaSessionType = MediaSessionType.VIDEO
    ) -> Subscription:
        """Receive a stream: ``async with conference.subscribe(participant, kind) as stream``."""
        participant_id = participant if isinstance(participant, str) else participant.id
        with_video = Receive.VIDEO in self._receive
        return Subscription(self._session, participant_id, media_session_type, with_video=with_video)

    # -- other commands; the methods of `Commands` are awaited (hands, chat, polls ...) ---
    async def send(self, command: Command | UnknownCommand) -> object:
        """Send any command of `m3core.messages`; raises `CallRefused` if the server refuses it."""
        return await self._session.command(command)

    async def switch_room(self, room: BreakoutRoomId | None) -> None:
        """Go into a breakout room of `state.breakout`, or back into the main room (None).

        The own streams are published again in the new room. Subscriptions end, because other participants are there.
        Raises `ApiError` if there is no such room; you are then in the same room as before. Raises `CallRefused`
        (`no_breakout_rooms`) if the breakout rooms end while you enter; you are then in the main room, or in the same
        room as before.
        """
        await self._session.call(lambda now: self._session.engine.switch_room(room, now))

    async def leave(self) -> None:
        """Stop all streams and leave. Does nothing once the conference has ended."""
        await self._session.call(self._session.engine.leave)
