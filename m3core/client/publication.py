"""Streams: `Publication`, a stream that this program sends, and `Subscription`, a stream of another participant."""

from __future__ import annotations

from typing import TypeVar

from m3core.arguments import checks_arguments
from m3core.client.media import ReceivedMedia, Source
from m3core.client.session import Session
from m3core.client.streams import FrameStream
from m3core.errors import LocalProtocolError
from m3core.io import CallId, PeerId
from m3core.media import AudioFrame, PeerStats, VideoFrame
from m3core.values import MediaSessionType, ParticipantId

T = TypeVar("T")


@checks_arguments
class Publication:
    """A stream that this program sends. `Conference.publish` and `Conference.share_screen` give one."""

    def __init__(self, session: Session, kind: MediaSessionType, peer: PeerId, *, audio: bool, video: bool) -> None:
        self._session = session
        self.media_session_type = kind
        self._peer = peer
        self._has = (audio, video)
        self._sending = [audio, video]

    async def mute(self, *, audio: bool = True, video: bool = True) -> None:
        """Send black or silence in place of the named tracks; nothing is renegotiated.

        Raises `LocalProtocolError` while the conference reconnects.
        """
        await self._set(audio, video, sending=False)

    async def unmute(self, *, audio: bool = True, video: bool = True) -> None:
        """Send the named tracks again. Raises as `mute`."""
        await self._set(audio, video, sending=True)

    async def replace(self, *, video: Source | None = None, audio: Source | None = None) -> None:
        """Send from other sources from now on; None leaves a track as it is. Nothing is renegotiated.

        Raises `MediaError` when a source cannot be opened, `LocalProtocolError` when it lacks the kind.
        """
        media = self._session.media()
        await self._session.backend.in_thread(lambda: media.replace_source(self._peer, video, audio))

    async def stop(self) -> None:
        """End the stream; the server tells the others that it has stopped."""
        await self._session.call(lambda now: self._session.engine.unpublish(self.media_session_type, now))

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

        def set_sending(now: float) -> CallId:
            call = self._session.engine.set_sending(kind, audio=with_audio, video=with_video, now=now)
            # Only after the engine has taken the command: it raises while the conference reconnects.
            self._sending = wanted
            return call

        await self._session.call(set_sending)


@checks_arguments
class Subscription:
    """A stream of another participant: an async context manager, in whose block its frames can be read.

    It subscribes at the start of the block. M3 has no unsubscribe, so that the end of the block parks the subscription:
    the server is told to leave out the video (media.md § 4.4).
    """

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

        def subscribe(now: float) -> CallId:
            call, peer = self._session.engine.subscribe(
                self.participant_id, self.media_session_type, without_video=without_video, now=now
            )
            self._peer = peer
            self._session.read_by(peer, self.detach)
            # Within the same input as the subscribe: the driver performs `OpenSubscriber` after this function returns,
            # and before it the media engine must be asked for the queue of its frames.
            self._received = media.received(peer)
            self._video = FrameStream(self._session.backend, self._received.video)
            self._audio = FrameStream(self._session.backend, self._received.audio)
            return call

        try:
            await self._session.call(subscribe)
        except BaseException:  # refused, or the caller was cancelled
            self._park()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._park()

    def detach(self) -> None:
        """End the iterators of frames, because another `Subscription` now reads the same stream."""
        for stream in (self._video, self._audio):
            if stream is not None:
                stream.detach()

    def _park(self) -> None:
        peer, engine = self._peer, self._session.engine
        # A later `Subscription` to the same stream reads the same peer; it must go on.
        if peer is None or not self._session.is_read_by(peer, self.detach):
            return
        self._session.read_by(peer, None)
        if engine.subscriptions.of_peer(peer) is not None:
            self._session.driver.feed(lambda now: engine.park(self.participant_id, self.media_session_type, now))

    @property
    def video(self) -> FrameStream[VideoFrame]:
        """The decoded pictures."""
        return _entered(self._video)

    @property
    def audio(self) -> FrameStream[AudioFrame]:
        """The decoded sound."""
        return _entered(self._audio)

    async def configure(self, *, video: bool | None = None, substream: int | None = None) -> None:
        """Leave out or resume the video, or choose a layer of the simulcast: 0 low, 1 medium, 2 high."""
        who, kind = self.participant_id, self.media_session_type
        await self._session.call(
            lambda now: self._session.engine.configure(who, kind, video=video, substream=substream, now=now)
        )

    @property
    def stats(self) -> PeerStats:
        """Frames and bytes received."""
        if self._peer is None:
            raise LocalProtocolError("enter the subscription first: async with conference.subscribe(...)")
        return self._session.media().stats(self._peer)

    @property
    def first_frame_at(self) -> float | None:
        """When the first picture was decoded, in seconds of `time.monotonic`; None before."""
        return _entered(self._received).video.first_frame_at


def _entered(value: T | None) -> T:
    if value is None:
        raise LocalProtocolError("enter the subscription first: async with conference.subscribe(...)")
    return value
