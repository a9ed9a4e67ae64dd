"""What asyncio programs import to be in a conference: `join`, `Conference`, `Publication`, `Subscription`.

Thin: every rule is in `m3core.conference`; here are the awaits, and the objects that people hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import random
from collections.abc import Awaitable, Callable
from enum import Flag, auto
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from m3asyncio.driver import unbroken
from m3asyncio.http import HttpxTransport
from m3asyncio.media_streams import Publication, Subscription
from m3asyncio.session import Session
from m3asyncio.streams import EventStream
from m3asyncio.transports import HttpTransport, WebSocketConnect
from m3asyncio.websocket import connect_websocket, is_local
from m3core.conference.commands import Commands
from m3core.conference.engine import Conference as Engine
from m3core.conference.entrance import Entrance, GuestEntrance
from m3core.conference.events import ConferenceEvent
from m3core.conference.state import ConferenceState, EndReason, Participant
from m3core.errors import ConferenceEnded, LinkError, LocalProtocolError, M3Error
from m3core.io import RequestId
from m3core.messages import Command, UnknownCommand
from m3core.rest.auth import GET_LOGIN
from m3core.rest.link import InviteLink, controller_candidates
from m3core.values import MediaSessionType, ParticipantId, Secret

if TYPE_CHECKING:
    from m3asyncio.account import Account
    from m3asyncio.source_base import Source

EventT = TypeVar("EventT")


class Receive(Flag):
    """What subscriptions ask for."""

    AUDIO = auto()
    VIDEO = auto()


AUDIO, VIDEO = Receive.AUDIO, Receive.VIDEO


def join(
    url: str,
    *,
    display_name: str,
    password: str | None = None,
    controller: str | None = None,
    receive: Receive = AUDIO | VIDEO,
    allow_private: bool = False,
    http: HttpTransport | None = None,
    connect: WebSocketConnect = connect_websocket,
    observe: Callable[[ConferenceEvent], None] | None = None,
) -> Joining:
    """Join as a guest: ``async with m3.join(url, display_name="Ada") as conference``.

    ``url`` is an invitation link; ``controller`` the controller's address where it cannot be told from the link.
    ``receive`` without `VIDEO` asks for streams without their video. Links into private networks are refused
    unless ``allow_private``. ``observe`` is called with every event as it happens, those before we are in the room
    included (`WaitingRoomEntered`); it must be quick, and not raise.

    Raises `LinkError`, `ApiError`, `CallError`, `TransportError`.
    """
    link = InviteLink.parse(url, controller=controller, allow_private=allow_private)
    return Joining(
        display_name,
        link=link,
        password=None if password is None else Secret(password),
        controller=controller,
        receive=receive,
        http=http,
        connect=connect,
        observe=observe,
    )


class Joining:
    """A conference that is about to be joined: an async context manager."""

    def __init__(
        self,
        display_name: str,
        *,
        link: InviteLink | None = None,
        entrance: Entrance | None = None,
        password: Secret | None = None,
        controller: str | None = None,
        account: Account | None = None,
        receive: Receive = AUDIO | VIDEO,
        http: HttpTransport | None = None,
        connect: WebSocketConnect = connect_websocket,
        observe: Callable[[ConferenceEvent], None] | None = None,
    ) -> None:
        self._observe = observe
        self._display_name = display_name
        self._link = link
        self._entrance = entrance
        self._password = password
        self._controller = controller
        self._account = account
        self._receive = receive
        self._http = http
        self._connect = connect
        self._conference: Conference | None = None
        self._undo = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Conference:
        if self._conference is not None:
            raise LocalProtocolError("one conference is joined by it already")
        undo = contextlib.AsyncExitStack()
        try:
            http = self._http
            if http is None:
                http = HttpxTransport(local=self._is_local())
                undo.push_async_callback(http.aclose)
            entrance = self._entrance or await self._find(http)
            session = Session(
                Engine(
                    entrance,
                    display_name=self._display_name,
                    jitter=random.random,
                    utc_at_zero=_utc_at_zero(),
                ),
                http=http,
                connect=self._connect,
                account=self._account,
                loopback=is_local(entrance.base_url),
                observe=self._observe,
            )
            undo.push_async_callback(session.close)
            await session.call(lambda engine, now: engine.start(now))
        except BaseException:
            await unbroken(undo.aclose())
            raise
        self._conference, self._undo = Conference(session, self._receive), undo
        return self._conference

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        conference, self._conference = self._conference, None
        if conference is None:
            return
        ended = conference.ended
        await unbroken(self._undo.aclose())
        if error is None and ended is not None and ended is not EndReason.LEFT:
            raise ConferenceEnded(ended.value, conference.ended_detail)

    def _is_local(self) -> bool:
        """Whether the controller is on this machine, so that no proxy is asked."""
        link = "" if self._link is None else self._link.origin
        return is_local(self._entrance.base_url if self._entrance is not None else self._controller or link)

    async def _find(self, http: HttpTransport) -> GuestEntrance:
        """The controller of the link (design: given, own origin, `controller.` + host)."""
        link = self._link
        if link is None:
            raise LocalProtocolError("join needs a link or an entrance")
        for candidate in controller_candidates(link, self._controller):
            if not candidate.probe or await _is_controller(http, candidate.base_url):
                return GuestEntrance(base_url=candidate.base_url, invite_code=link.invite_code, password=self._password)
        raise LinkError("no controller was found for the link; name it with controller=")


def _utc_at_zero() -> dt.datetime:
    """What the calendar said when the clock of this event loop was 0."""
    return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=asyncio.get_running_loop().time())


async def _is_controller(http: HttpTransport, base_url: str) -> bool:
    """Whether a controller answers there; anything else, trouble included, means no."""
    try:
        GET_LOGIN.read(await http.request(GET_LOGIN.request(RequestId(0), base_url, None)))
    except M3Error:
        return False
    return True


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
        async with asyncio.timeout(timeout), self.events(kind) as events:
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
            await unbroken(asyncio.to_thread(media.set_sources, peer, video, audio))
            await self._session.call(
                lambda engine, now: engine.publish(
                    kind, audio=audio is not None, video=video is not None, peer=peer, now=now
                )[0]
            )
        except BaseException:
            if self._session.engine.publications.of_peer(peer) is not None:  # done in the moment of the cancellation
                with contextlib.suppress(M3Error):
                    await publication.stop()
            await unbroken(asyncio.to_thread(media.set_sources, peer))  # closes those that no peer has taken
            raise
        return publication

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

    async def leave(self) -> None:
        """Stop all streams and leave; a second time is harmless."""
        await self._session.call(lambda engine, now: engine.leave(now))


__all__ = ["AUDIO", "VIDEO", "Conference", "Joining", "Publication", "Receive", "Subscription", "join"]
