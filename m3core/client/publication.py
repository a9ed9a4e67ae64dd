"""The streams that a program holds: `Publication` of its own, `Subscription` to those of others."""

from __future__ import annotations

from typing import TypeVar

from m3core.client.media import ReceivedMedia, Source
from m3core.client.session import Session
from m3core.client.streams import FrameStream
from m3core.conference.engine import Conference as Engine
from m3core.errors import LocalProtocolError
from m3core.io import CallId, PeerId
from m3core.media import AudioFrame, PeerStats, VideoFrame
from m3core.values import MediaSessionType, ParticipantId

T = TypeVar("T")


class Publication:
    """A stream of ours that is live."""

    def __init__(self, session: Session, kind: MediaSessionType, peer: PeerId, *, audio: bool, video: bool) -> None:
        self._session = session
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
        media = self._session.media()
        await self._session.backend.in_thread(lambda: media.replace_source(self._peer, video, audio))

    async def stop(self) -> None:
        """End the stream."""
        kind = self.media_session_type
        await self._session.call(lambda engine, now: engine.unpublish(kind, now))

    @property
    def stats(self) -> PeerStats:
        """Frames and bytes sent."""
        return self._session.media().stats(self._peer)

    async def _set(self, audio: bool, video: bool, *, sending: bool) -> None:
        wanted = list(self._sending)
        for index, named in enumerate((audio, video)):
            if named and self._has[index]:
                wanted[index] = sending
        kind, (with_audio, with_video) = self.media_session_type, wanted

        def set_sending(engine: Engine, now: float) -> CallId:
            call = engine.set_sending(kind, audio=with_audio, video=with_video, now=now)
            self._sending = wanted  # not while reconnecting, which raises
            return call

        await self._session.call(set_sending)


class Subscription:
    """A stream of another participant; use it as an async context manager, and read its frames."""

    def __init__(
        self, session: Session, participant_id: ParticipantId, kind: MediaSessionType, *, with_video: bool
    ) -> None:
        self._session = session
        self._with_video = with_video
        self.participant_id = participant_id
        self.media_session_type = kind
        self._peer: PeerId | None = None
        self._received: ReceivedMedia | None = None
        self._video: FrameStream[VideoFrame] | None = None
        self._audio: FrameStream[AudioFrame] | None = None

    async def __aenter__(self) -> Subscription:
        media = await self._session.start_media()
        without_video = not self._with_video

        def subscribe(engine: Engine, now: float) -> CallId:
            call, peer = engine.subscribe(
                self.participant_id, self.media_session_type, without_video=without_video, now=now
            )
            self._peer = peer
            self._session.read_by(peer, self.detach)
            self._received = media.received(peer)
            self._video = FrameStream(self._session.backend, self._received.video)
            self._audio = FrameStream(self._session.backend, self._received.audio)
            return call

        try:
            await self._session.call(subscribe)
        except BaseException:  # refused, or cancelled
            self._park()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nobody reads it any more: the server is told to leave out the video (there is no unsubscribe)."""
        self._park()

    def detach(self) -> None:
        """Somebody else has taken the stream over, which broke and came back: whoever waits for frames is told so."""
        for stream in (self._video, self._audio):
            if stream is not None:
                stream.detach()

    def _park(self) -> None:
        peer, engine = self._peer, self._session.engine
        if peer is None or not self._session.is_read_by(peer, self.detach):
            return
        self._session.read_by(peer, None)
        if engine.subscriptions.of_peer(peer) is not None:
            self._session.feed(lambda engine, now: engine.park(self.participant_id, self.media_session_type, now))

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
        await self._session.call(
            lambda engine, now: engine.configure(who, kind, video=video, substream=substream, now=now)
        )

    @property
    def stats(self) -> PeerStats:
        """Frames and bytes received."""
        if self._peer is None:
            raise LocalProtocolError("enter the subscription first: async with conference.subscribe(...)")
        return self._session.media().stats(self._peer)

    @property
    def first_frame_at(self) -> float | None:
        """When the first picture was decoded, by `time.monotonic`."""
        return _entered(self._received).video.first_frame_at


def _entered(value: T | None) -> T:
    if value is None:
        raise LocalProtocolError("enter the subscription first: async with conference.subscribe(...)")
    return value
