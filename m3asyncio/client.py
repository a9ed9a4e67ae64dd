"""What asyncio programs import to be in a conference: `join`, `Conference`, `Publication`, `Subscription`.

Thin: every rule is in `m3core.conference`; here are the awaits, and the objects that people hold.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from enum import Flag, auto
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload
from weakref import WeakSet

from m3asyncio.driver import Driver, unbroken
from m3asyncio.http import HttpxTransport
from m3asyncio.received import PeerStats, ReceivedMedia
from m3asyncio.streams import EventStream, FrameStream
from m3asyncio.transports import HttpTransport, WebSocketConnect
from m3asyncio.websocket import connect_websocket, is_local
from m3core.conference.engine import Conference as Engine
from m3core.conference.entrance import Entrance, GuestEntrance
from m3core.conference.events import ConferenceEvent, Ended
from m3core.conference.state import ConferenceState, EndReason, Participant
from m3core.errors import ConferenceEnded, LinkError, LocalProtocolError, M3Error, TransportError
from m3core.io import CallId, MediaReport, PeerId, RequestId
from m3core.media import AudioFrame, VideoFrame
from m3core.messages import Command, UnknownCommand
from m3core.rest.auth import GET_LOGIN
from m3core.rest.link import InviteLink, controller_candidates
from m3core.values import MediaSessionType, ParticipantId, Secret

if TYPE_CHECKING:
    from m3asyncio.account import Account
    from m3asyncio.media import MediaEngine
    from m3asyncio.source_base import Source

EventT = TypeVar("EventT")
VIDEO, SCREEN = MediaSessionType.VIDEO, MediaSessionType.SCREEN


class Receive(Flag):
    """What subscriptions ask for."""

    AUDIO = auto()
    VIDEO = auto()


AUDIO = Receive.AUDIO


def join(
    url: str,
    *,
    display_name: str,
    password: str | None = None,
    controller: str | None = None,
    receive: Receive = Receive.AUDIO | Receive.VIDEO,
    allow_private: bool = False,
    http: HttpTransport | None = None,
    connect: WebSocketConnect = connect_websocket,
) -> Joining:
    """Join as a guest: ``async with m3.join(url, display_name="Ada") as conference``.

    ``url`` is an invitation link; ``controller`` the controller's address where it cannot be told from the link.
    ``receive`` without `Receive.VIDEO` asks for streams without their video. Links into private networks are refused
    unless ``allow_private``. Raises `LinkError`, `ApiError`, `CallError`, `TransportError`.
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
        receive: Receive = Receive.AUDIO | Receive.VIDEO,
        http: HttpTransport | None = None,
        connect: WebSocketConnect = connect_websocket,
    ) -> None:
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
            conference = Conference(
                Engine(entrance, display_name=self._display_name),
                http=http,
                connect=self._connect,
                account=self._account,
                receive=self._receive,
                loopback=is_local(entrance.base_url),
            )
            undo.push_async_callback(conference._close)  # noqa: SLF001 - same module
            await conference._call(lambda engine, now: engine.start(now))  # noqa: SLF001
        except BaseException:
            await unbroken(undo.aclose())
            raise
        self._conference, self._undo = conference, undo
        return conference

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


async def _is_controller(http: HttpTransport, base_url: str) -> bool:
    """Whether a controller answers there; anything else, trouble included, means no."""
    try:
        GET_LOGIN.read(await http.request(GET_LOGIN.request(RequestId(0), base_url, None)))
    except M3Error:
        return False
    return True


class Conference:
    """A conference that we are in. Get one from `join` or `Meeting.start`."""

    def __init__(
        self,
        engine: Engine,
        *,
        http: HttpTransport,
        connect: WebSocketConnect,
        account: Account | None,
        receive: Receive,
        loopback: bool,
    ) -> None:
        self._engine = engine
        self._receive = receive
        self._loopback = loopback
        self._streams: WeakSet[EventStream[Any]] = WeakSet()
        self._closed = False
        self._media_engine: MediaEngine | None = None
        self.ended_detail = ""
        self._driver = Driver(
            engine,
            http=http,
            connect=connect,
            sign=None if account is None else account.perform,
            media=self._media,
            notify=self._notify,
        )

    # -- state and events ---
    @property
    def state(self) -> ConferenceState:
        """Everything at this moment, as frozen values."""
        return self._engine.state

    @property
    def own(self) -> Participant:
        """Ourselves."""
        own = self._engine.state.own
        if own is None:
            raise LocalProtocolError("not in the room")
        return own

    @property
    def ended(self) -> EndReason | None:
        """Why the conference is over; ``None`` while it is not."""
        return self._engine.state.ended

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
        stream: EventStream[Any] = EventStream(self._streams, kinds)
        for event in self._engine.present_events():
            stream.put(event)
        if self.ended is not None:
            stream.end()
        return stream

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
        raise ConferenceEnded(self.ended.value if self.ended else "closed", self.ended_detail)

    # -- publishing ---
    async def publish(self, *, video: Source | None = None, audio: Source | None = None) -> Publication:
        """Publish camera and microphone; returns when the others see it. Raises `CallError`, `MediaError`."""
        return await self._publish(VIDEO, video, audio)

    async def share_screen(self, video: Source, *, audio: Source | None = None) -> Publication:
        """Share a screen."""
        return await self._publish(SCREEN, video, audio)

    async def _publish(self, kind: MediaSessionType, video: Source | None, audio: Source | None) -> Publication:
        media = await self._start_media()
        peer = self._engine.new_peer()
        publication = Publication(self, kind, peer, audio=audio is not None, video=video is not None)
        try:
            await unbroken(asyncio.to_thread(media.set_sources, peer, video, audio))
            await self._call(
                lambda engine, now: engine.publish(
                    kind, audio=audio is not None, video=video is not None, peer=peer, now=now
                )[0]
            )
        except BaseException:
            if self._engine.publications.of_peer(peer) is not None:  # done in the moment of the cancellation
                with contextlib.suppress(M3Error):
                    await publication.stop()
            await unbroken(asyncio.to_thread(media.set_sources, peer))  # closes those that no peer has taken
            raise
        return publication

    # -- receiving ---
    def subscribe(
        self, participant: Participant | ParticipantId, media_session_type: MediaSessionType = VIDEO
    ) -> Subscription:
        """Receive a stream: ``async with conference.subscribe(participant, kind) as stream``."""
        participant_id = participant if isinstance(participant, str) else participant.id
        return Subscription(self, participant_id, media_session_type)

    # -- hands, and the rest ---
    async def raise_hand(self) -> None:
        """Raise the own hand."""
        await self._call(lambda engine, now: engine.raise_hand(now))

    async def lower_hand(self) -> None:
        """Lower the own hand."""
        await self._call(lambda engine, now: engine.lower_hand(now))

    async def send(self, command: Command | UnknownCommand) -> None:
        """Send any command of `m3core.messages`; raises `CallRefused` if the server refuses it."""
        await self._call(lambda engine, now: engine.command(command, now))

    async def leave(self) -> None:
        """Stop all streams and leave; a second time is harmless."""
        await self._call(lambda engine, now: engine.leave(now))

    # -- inside ---
    async def _call(self, give: Callable[[Engine, float], CallId]) -> object:
        return await self._driver.finished(self._driver.feed(lambda now: give(self._engine, now)))

    def _notify(self, event: object) -> None:
        if isinstance(event, Ended):
            self.ended_detail = event.detail
        for stream in tuple(self._streams):
            stream.put(event)
            if isinstance(event, Ended):
                stream.end()

    def _media(self) -> MediaEngine:
        """The media engine, started; `_start_media` has imported it where that may take long."""
        if self._media_engine is None:
            if self._closed:
                raise LocalProtocolError("the conference is over")
            from m3asyncio.media import MediaEngine

            self._media_engine = MediaEngine(self._driver.media_report, loopback=self._loopback)
            self._media_engine.start()
        return self._media_engine

    async def _start_media(self) -> MediaEngine:
        await asyncio.to_thread(_import_media)
        return self._media()

    async def _close(self) -> None:
        """Leave, and leave nothing behind."""
        try:
            if self.ended is None:
                await self.leave()
        finally:
            self._closed = True
            await self._driver.aclose()
            for stream in tuple(self._streams):
                stream.end()
            if self._media_engine is not None:
                await asyncio.to_thread(self._media_engine.close)


def _import_media() -> None:
    """aiortc takes a fifth of a second to import: not in the event loop."""
    try:
        import m3asyncio.media
    except ModuleNotFoundError as error:
        raise LocalProtocolError(f"media needs the extra m3-conference[media] (no module {error.name})") from None
    del m3asyncio


class Publication:
    """A stream of ours that is live."""

    def __init__(
        self, conference: Conference, kind: MediaSessionType, peer: PeerId, *, audio: bool, video: bool
    ) -> None:
        self._conference = conference
        self.media_session_type = kind
        self._peer = peer
        self._has = (audio, video)
        self._sending = [audio, video]

    async def mute(self, *, audio: bool = True, video: bool = True) -> None:
        """Stop sending the named tracks; nothing is renegotiated."""
        await self._set(audio, video, sending=False)

    async def unmute(self, *, audio: bool = True, video: bool = True) -> None:
        """Send the named tracks again."""
        await self._set(audio, video, sending=True)

    async def replace(self, *, video: Source | None = None, audio: Source | None = None) -> None:
        """Send from other sources from now on."""
        media = self._conference._media()  # noqa: SLF001 - one module
        await asyncio.to_thread(media.replace_source, self._peer, video, audio)

    async def stop(self) -> None:
        """End the stream."""
        kind = self.media_session_type
        await self._conference._call(lambda engine, now: engine.unpublish(kind, now))  # noqa: SLF001

    @property
    def stats(self) -> PeerStats:
        """Frames and bytes sent."""
        return self._conference._media().stats(self._peer)  # noqa: SLF001

    async def _set(self, audio: bool, video: bool, *, sending: bool) -> None:
        for index, named in enumerate((audio, video)):
            if named and self._has[index]:
                self._sending[index] = sending
        kind, (with_audio, with_video) = self.media_session_type, self._sending
        await self._conference._call(  # noqa: SLF001
            lambda engine, now: engine.set_sending(kind, audio=with_audio, video=with_video, now=now)
        )


class Subscription:
    """A stream of another participant; use it as an async context manager, and read its frames."""

    def __init__(self, conference: Conference, participant_id: ParticipantId, kind: MediaSessionType) -> None:
        self._conference = conference
        self.participant_id = participant_id
        self.media_session_type = kind
        self._peer: PeerId | None = None
        self._received: ReceivedMedia | None = None
        self._video: FrameStream[VideoFrame] | None = None
        self._audio: FrameStream[AudioFrame] | None = None

    async def __aenter__(self) -> Subscription:
        conference = self._conference
        media = await conference._start_media()  # noqa: SLF001 - one module
        without_video = Receive.VIDEO not in conference._receive  # noqa: SLF001

        def subscribe(engine: Engine, now: float) -> CallId:
            call, peer = engine.subscribe(
                self.participant_id, self.media_session_type, without_video=without_video, now=now
            )
            self._peer = peer
            self._received = media.received(peer)
            self._video = FrameStream(self._received.video)
            self._audio = FrameStream(self._received.audio)
            return call

        try:
            await conference._call(subscribe)  # noqa: SLF001
        except asyncio.CancelledError:
            self._park()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nobody reads it any more: the server is told to leave out the video (there is no unsubscribe)."""
        self._park()

    def _park(self) -> None:
        for stream in (self._video, self._audio):
            if stream is not None:
                stream.detach()
        conference = self._conference
        conference._driver.feed(  # noqa: SLF001
            lambda now: conference._engine.park(self.participant_id, self.media_session_type, now)  # noqa: SLF001
        )

    @property
    def video(self) -> FrameStream[VideoFrame]:
        """The decoded pictures."""
        return _entered(self._video)

    @property
    def audio(self) -> FrameStream[AudioFrame]:
        """The decoded sound."""
        return _entered(self._audio)

    async def configure(self, *, video: bool | None = None, substream: int | None = None) -> None:
        """Leave out or resume the video, or choose a layer (0 low, 1 medium, 2 high)."""
        who, kind = self.participant_id, self.media_session_type
        await self._conference._call(  # noqa: SLF001
            lambda engine, now: engine.configure(who, kind, video=video, substream=substream, now=now)
        )

    @property
    def stats(self) -> PeerStats:
        """Frames and bytes received."""
        if self._peer is None:
            raise LocalProtocolError("enter the subscription first: async with conference.subscribe(...)")
        return self._conference._media().stats(self._peer)  # noqa: SLF001

    @property
    def first_frame_at(self) -> float | None:
        """When the first picture was decoded, by `time.monotonic`."""
        return _entered(self._received).video.first_frame_at


def _entered(value: EventT | None) -> EventT:
    if value is None:
        raise LocalProtocolError("enter the subscription first: async with conference.subscribe(...)")
    return value


__all__ = [
    "AUDIO",
    "SCREEN",
    "VIDEO",
    "Conference",
    "Joining",
    "MediaReport",
    "Publication",
    "Receive",
    "Subscription",
    "TransportError",
    "join",
]
