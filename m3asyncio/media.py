"""The media engine of a client: aiortc in a thread of its own, usable from any event loop or none.

It performs the `MediaCommand`s of `m3core.conference` and answers with `MediaReport`s, called in its thread. Received
tracks are always drained; a consumer of their frames attaches to `MediaEngine.received`.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from m3asyncio import aiortc_private
from m3asyncio.av_frames import audio_frame, video_frame
from m3asyncio.connection import Connection, Report, prefer_codecs
from m3asyncio.inputs import Opened
from m3asyncio.loopback import Loopback
from m3asyncio.peers import PeerHost
from m3asyncio.received import ReceivedMedia
from m3asyncio.sources import Source
from m3asyncio.tracks import AudioTrack, SendTrack, VideoTrack
from m3core.errors import M3Error, MediaError, WrongValue
from m3core.io import (
    AddCandidates,
    ApplyAnswer,
    ClosePeer,
    Described,
    Failed,
    MediaCommand,
    OpenPublisher,
    OpenSubscriber,
    PeerId,
    SetSending,
)
from m3core.media import KindStats, PeerStats

STATS_INTERVAL: Final = 1.0
"""Seconds between two readings of the counters that aiortc keeps."""


class _Peer:
    """One peer of the engine. ``tracks`` are the tracks that are sent, by kind."""

    def __init__(self, connection: Connection, received: ReceivedMedia) -> None:
        self.connection = connection
        self.received = received
        self.tracks: dict[str, SendTrack] = {}
        self.bytes_before: dict[str, int] = {}
        """Sent by the peer connections before this one."""
        self.bytes_sent: dict[str, int] = {}

    def follow(self, before: _Peer) -> tuple[Opened | None, Opened | None]:
        """Take over the counters and the sources of a peer connection that is closed. Returns (video, audio)."""
        self.bytes_before, self.bytes_sent = dict(before.bytes_sent), dict(before.bytes_sent)
        video, audio = before.tracks.get("video"), before.tracks.get("audio")
        return (None if video is None else video.release(), None if audio is None else audio.release())


class MediaEngine(PeerHost[MediaCommand]):
    """Sends and receives the media of a client.

    ``report`` is called with each `MediaReport`, in the engine's thread, and must only hand it over. With ``loopback``
    127.0.0.1 is offered beside the addresses of this machine.
    """

    def __init__(self, report: Report, *, loopback: bool = False) -> None:
        super().__init__("m3-media", report, loopback=Loopback.TOO if loopback else Loopback.NEVER)
        self._connections: dict[PeerId, _Peer] = {}
        self._shared = threading.Lock()
        self._sources: dict[PeerId, tuple[Opened | None, Opened | None]] = {}
        self._received: dict[PeerId, ReceivedMedia] = {}

    # -- from any thread ---
    def set_sources(self, peer: PeerId, video: Source | None = None, audio: Source | None = None) -> None:
        """Set what ``peer`` will send, before its `OpenPublisher`. Without a source, close those that were set.

        Opens the sources, which may block. Raises `MediaError` when one cannot be opened, `LocalProtocolError` when it
        lacks the wanted kind. One source for both kinds is opened once.
        """
        opened = _open(video, audio)
        with self._shared:
            before = self._sources.pop(peer, ())
            self._sources[peer] = opened
        _close_all(*before)

    def replace_source(self, peer: PeerId, video: Source | None = None, audio: Source | None = None) -> None:
        """Send other sources from now on; None leaves a kind as it is. Nothing is renegotiated.

        A kind that the publication does not have is ignored. Blocks and raises as `set_sources` does.
        """
        opened = _open(video, audio)
        self._thread.call(lambda: self._replace(peer, *opened))

    def received(self, peer: PeerId) -> ReceivedMedia:
        """What ``peer`` receives; to be called before its `OpenSubscriber`, or while the peer is open."""
        with self._shared:
            return self._received.setdefault(peer, ReceivedMedia())

    def stats(self, peer: PeerId) -> PeerStats:
        """The counters of ``peer``; all 0 when there is no such peer."""
        entry = self._connections.get(peer)
        return PeerStats() if entry is None else PeerStats(_stats(entry, "video"), _stats(entry, "audio"))

    # -- in the engine's thread ---
    def _begin(self) -> None:
        self._thread.spawn(self._read_counters())

    async def _perform(self, command: MediaCommand) -> None:
        match command.operation:
            case OpenPublisher() | OpenSubscriber() as operation:
                await self._open(command, operation)
            case ApplyAnswer(sdp):
                await self._peer(command.peer).connection.remote_answer(sdp)
            case AddCandidates() as operation:
                await self._peer(command.peer).connection.add_candidates(operation)
            case SetSending(audio, video):
                for kind, sending in (("audio", audio), ("video", video)):
                    if (track := self._peer(command.peer).tracks.get(kind)) is not None:
                        track.muted = not sending
            case ClosePeer():
                await self._close(command.peer)

    async def _open(self, command: MediaCommand, operation: OpenPublisher | OpenSubscriber) -> None:
        before = self._connections.get(command.peer)
        if before is not None:
            await before.connection.close()  # the peer begins anew; the old connection reports nothing any more
        offerer = isinstance(operation, OpenPublisher)
        connection = self._connection_of(command.peer, operation.ice_servers, offerer=offerer)
        peer = self._connections[command.peer] = _Peer(connection, self.received(command.peer))
        connection.on_down = lambda: self._down(peer)
        try:
            if isinstance(operation, OpenPublisher):
                sdp = await self._publish(command.peer, peer, operation, before)
            else:
                sdp = await self._subscribe(peer, operation)
        except BaseException:
            await self._close(command.peer)
            raise
        self._report(Described(command.id, command.peer, sdp))
        connection.trickle()  # candidates must come after the description that they belong to

    async def _publish(self, peer_id: PeerId, peer: _Peer, operation: OpenPublisher, before: _Peer | None) -> str:
        kept = (None, None) if before is None else peer.follow(before)
        with self._shared:
            given = self._sources.pop(peer_id, None)
        if given is not None:  # other sources were set meanwhile
            _close_all(*kept)
        video, audio = given or kept

        def failed(error: M3Error) -> None:
            self._report(Failed(None, peer_id, str(error)))

        if operation.audio:
            peer.tracks["audio"] = AudioTrack(audio, failed)
        if operation.video:
            peer.tracks["video"] = VideoTrack(video, failed)
        for kind, track in peer.tracks.items():
            if before is not None and (old := before.tracks.get(kind)) is not None:
                track.muted, track.frames = old.muted, old.frames
            track.on("ended", lambda: self._track_ended(peer_id, peer))
            prefer_codecs(peer.connection.pc.addTransceiver(track, direction="sendonly"))
        if not peer.tracks:
            raise WrongValue("there is nothing to publish: name a source of audio or video")
        return await peer.connection.offer()

    async def _subscribe(self, peer: _Peer, operation: OpenSubscriber) -> str:
        connection = peer.connection
        connection.pc.on("track", lambda track: self._thread.spawn(_drain(track, peer.received)))
        await connection.remote_offer(operation.offer)
        if aiortc_private.available():
            for receiver in connection.pc.getReceivers():
                if receiver.track is not None:
                    aiortc_private.watch_packets(receiver, _counter(peer.received, receiver.track.kind))
        return await connection.answer()

    def _peer(self, peer: PeerId) -> _Peer:
        try:
            return self._connections[peer]
        except KeyError:
            raise MediaError("there is no such peer") from None

    def _replace(self, peer: PeerId, video: Opened | None, audio: Opened | None) -> None:
        entry = self._connections.get(peer)
        for kind, opened in (("video", video), ("audio", audio)):
            track = None if entry is None else entry.tracks.get(kind)
            if opened is not None and track is not None:
                track.replace(opened)
            elif opened is not None:
                opened.close(video=kind == "video", audio=kind == "audio")

    def _track_ended(self, peer_id: PeerId, peer: _Peer) -> None:
        # When aiortc cannot encode a frame, it ends the track and writes to the log. Nothing else tells of it. A track
        # also ends with its connection, which is reported by `Down`.
        if peer.connection.flowing:
            self._report(Failed(None, peer_id, "the encoder failed"))

    def _down(self, peer: _Peer) -> None:
        # The peer may begin anew: its sources and its queues of frames are kept until `ClosePeer`.
        self._thread.spawn(peer.connection.close())

    def _peers(self) -> list[PeerId]:
        return list({*self._connections, *self._sources})

    def _has(self, peer: PeerId) -> bool:
        return peer in self._connections

    async def _close(self, peer: PeerId) -> None:
        with self._shared:
            _close_all(*self._sources.pop(peer, ()))
            received = self._received.pop(peer, None)
        entry = self._connections.pop(peer, None)
        if entry is not None:
            await _shut(entry)
        if received is not None:
            received.end()

    async def _read_counters(self) -> None:
        while True:
            await asyncio.sleep(STATS_INTERVAL)
            for peer in [peer for peer in self._connections.values() if peer.tracks and peer.connection.up]:
                for sender in peer.connection.pc.getSenders():
                    for stats in (await sender.getStats()).values():
                        if stats.type == "outbound-rtp":
                            peer.bytes_sent[stats.kind] = peer.bytes_before.get(stats.kind, 0) + stats.bytesSent


async def _shut(peer: _Peer) -> None:
    await peer.connection.close()
    # aiortc does not stop tracks that it has not begun to send. Stopped before the connection, they would make its
    # `close` hang.
    for track in peer.tracks.values():
        track.close()


async def _drain(track: MediaStreamTrack, received: ReceivedMedia) -> None:
    """Take every frame, wanted or not: the queue of aiortc has no limit."""
    timeline = (received.video if track.kind == "video" else received.audio).timeline
    timeline.begin()
    try:
        while True:
            frame = await track.recv()
            if isinstance(frame, av.VideoFrame):
                received.video.put(video_frame(frame, timeline.at(frame.time or 0.0)))
            elif isinstance(frame, av.AudioFrame):
                received.audio.put(audio_frame(frame, timeline.at(frame.time or 0.0)))
    except MediaStreamError:
        pass  # the peer may begin anew: the queues end with `ClosePeer`


def _counter(received: ReceivedMedia, kind: str) -> aiortc_private.Watch:
    track = received.video if kind == "video" else received.audio

    def count(packet: aiortc_private.ArrivedPacket) -> None:
        track.bytes += len(packet.payload)

    return count


def _open(video: Source | None, audio: Source | None) -> tuple[Opened | None, Opened | None]:
    if video is not None and video is audio:
        both = video.open(video=True, audio=True)
        return both, both
    opened = None if video is None else video.open(video=True, audio=False)
    try:
        return opened, None if audio is None else audio.open(video=False, audio=True)
    except M3Error:
        _close_all(opened)
        raise


def _close_all(*sources: Opened | None) -> None:
    for source in sources:
        if source is not None:
            source.close()


def _stats(peer: _Peer, kind: str) -> KindStats:
    track = peer.tracks.get(kind)
    received = peer.received.video if kind == "video" else peer.received.audio
    return KindStats(
        frames_sent=0 if track is None else track.frames,
        bytes_sent=peer.bytes_sent.get(kind, 0),
        frames_received=received.frames,
        bytes_received=received.bytes,
        frames_dropped=received.dropped,
    )
