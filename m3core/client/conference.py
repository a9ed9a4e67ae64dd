"""A conference that one is in. Thin: every rule is in `m3core.conference`; here are the awaits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Flag, auto
from typing import Any, TypeVar, overload

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
    """What subscriptions ask for."""

    AUDIO = auto()
    VIDEO = auto()


AUDIO, VIDEO = Receive.AUDIO, Receive.VIDEO


class Conference(Commands[Awaitable[object]]):
    """A conference that we are in. Get one from `join` or `Meeting.start`."""

    def __init__(self, session: Session, receive: Receive) -> None:
        super().__init__(session.command, lambda: session.engine.state)
        self._session = session
        self._receive = receive

    # -- state and events ---
    @property
    def state(self) -> ConferenceState:
        """Everything at this moment, as frozen values."""
        return self._session.engine.state

    @property
    def own(self) -> Participant:
        """Ourselves."""
        own = self._session.engine.state.own
        if own is None:
            raise LocalProtocolError("not in the room")
        return own

    @property
    def ended(self) -> EndReason | None:
        """Why the conference is over; ``None`` while it is not."""
        return self._session.engine.state.ended

    @property
    def ended_detail(self) -> str:
        """More about the end, for people."""
        return self._session.ended_detail

    @overload
    def events(self) -> EventStream[ConferenceEvent]: ...
    @overload
    def events(self, kind: type[EventT], /) -> EventStream[EventT]: ...
    @overload
    def events(self, *kinds: type[ConferenceEvent]) -> EventStream[ConferenceEvent]: ...
    def events(self, *kinds: type) -> EventStream[Any]:
        """Listen from now on, to all events or those of some classes; what is there already comes first.

        (`ParticipantJoined` for everybody present, `StreamStarted` for every stream.) Independent of other iterators,
        bounded; ends with the conference.
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
        raise ConferenceEnded(self.ended.value if self.ended else "closed", self._session.ended_detail)

    # -- publishing ---
    async def publish(self, *, video: Source | None = None, audio: Source | None = None) -> Publication:
        """Publish camera and microphone; returns when the others see it. Raises `CallError`, `MediaError`."""
        return await self._publish(MediaSessionType.VIDEO, video, audio)

    async def share_screen(self, video: Source, *, audio: Source | None = None) -> Publication:
        """Share a screen."""
        return await self._publish(MediaSessionType.SCREEN, video, audio)

    async def _publish(self, kind: MediaSessionType, video: Source | None, audio: Source | None) -> Publication:
        media = await self._session.start_media()
        peer = self._session.engine.new_peer()
        publication = Publication(self._session, kind, peer, audio=audio is not None, video=video is not None)
        try:
            await self._session.backend.in_thread(lambda: media.set_sources(peer, video, audio))
            await self._session.call(
                lambda engine, now: engine.publish(
                    kind, audio=audio is not None, video=video is not None, peer=peer, now=now
                )[0]
            )
        except BaseException:
            await self._session.backend.shielded(self._take_back(publication, peer, media))
            raise
        return publication

    async def _take_back(self, publication: Publication, peer: PeerId, media: MediaEngine) -> None:
        if self._session.engine.publications.of_peer(peer) is not None:  # done in the moment of the cancellation
            with suppress(M3Error):
                await publication.stop()
        await self._session.backend.in_thread(lambda: media.set_sources(peer))  # closes those that no peer has taken

    # -- receiving ---
    def subscribe(
        self, participant: Participant | ParticipantId, media_session_type: MediaSessionType = MediaSessionType.VIDEO
    ) -> Subscription:
        """Receive a stream: ``async with conference.subscribe(participant, kind) as stream``."""
        participant_id = participant if isinstance(participant, str) else participant.id
        with_video = Receive.VIDEO in self._receive
        return Subscription(self._session, participant_id, media_session_type, with_video=with_video)

    # -- the rest: hands, chat, polls ... are those of `Commands`, awaited ---
    async def send(self, command: Command | UnknownCommand) -> object:
        """Send any command of `m3core.messages`; raises `CallRefused` if the server refuses it."""
        return await self._session.command(command)

    async def switch_room(self, room: BreakoutRoomId | None) -> None:
        """Go into a breakout room of `state.breakout`, or back into the main room (None).

        Our streams are published again there; subscriptions end, because the others are others. Raises `ApiError` if
        there is no such room: then we are where we were. Raises `CallRefused` (`no_breakout_rooms`) if it is over when
        we come in: then we are in the main room, or where we were.
        """
        await self._session.call(lambda engine, now: engine.switch_room(room, now))

    async def leave(self) -> None:
        """Stop all streams and leave; a second time is harmless."""
        await self._session.call(lambda engine, now: engine.leave(now))
