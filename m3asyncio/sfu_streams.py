"""Media of one publisher on its way to the subscribers of the embedded SFU: encoded and passed through, or decoded.

Everything here runs in the loop of the SFU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from fractions import Fraction
from functools import partial
from typing import Any, Final, TypeAlias

import av
from aiortc import MediaStreamTrack, RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError

from m3asyncio import aiortc_private
from m3asyncio.aiortc_private import ArrivedPacket, EncodedFrame
from m3asyncio.av_frames import AUDIO_CLOCK, VIDEO_CLOCK, samples_of
from m3core.controller.budget import Budget
from m3core.limits import KEYFRAME_REQUEST_RATE, MAX_KEYFRAME_REQUESTS, MAX_RETRANSMISSIONS
from m3core.media import RequestLimiter, audio_level

MAX_QUEUE: Final = {"video": 60, "audio": 100}
"""Frames that may wait for one subscriber, about 2 s of them. They wait only when its sender is stuck."""
_GAP: Final = {"video": 3000, "audio": 960}
"""One frame, in ticks of the RTP clock: the step between the connections of a publisher."""
_RTP_WRAP: Final = 1 << 32

Media: TypeAlias = "av.Packet[Any] | av.AudioFrame | av.VideoFrame"
Arrived: TypeAlias = Callable[[int | None], None]
Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], object]


class RelayTrack(MediaStreamTrack):
    """What one subscriber is sent of one kind.

    A decoder can begin only with a keyframe: after every gap the track sends nothing until the next one.
    """

    def __init__(self, source: RelaySource) -> None:
        super().__init__()
        self.kind = source.kind
        self.enabled = True
        self._source = source
        self._queue: asyncio.Queue[Media | None] = asyncio.Queue()
        self._needs_keyframe = True
        self._asked = False
        now = asyncio.get_running_loop().time()
        self._requests = Budget(now, size=MAX_KEYFRAME_REQUESTS, rate=KEYFRAME_REQUEST_RATE)
        self._request: asyncio.TimerHandle | None = None
        self._retransmissions = Budget(now, size=MAX_RETRANSMISSIONS, rate=MAX_RETRANSMISSIONS)
        self.frames = 0
        self.bytes = 0
        self.dropped = 0
        source.tracks.add(self)

    async def recv(self) -> Media:
        if not self._asked:
            # aiortc calls it as soon as the subscriber is up. A keyframe that comes before would be lost.
            self._asked = True
            self.restart()
        media = await self._queue.get() if self.readyState == "live" else None
        if media is None:
            raise MediaStreamError
        self.frames += 1
        self.bytes += media.size if isinstance(media, av.Packet) else 0
        return media

    def push(self, media: Media, *, keyframe: bool) -> None:
        """Queue ``media``, unless the subscriber could not decode it."""
        if not self.enabled or not self._asked:
            return
        if self._queue.qsize() >= MAX_QUEUE[self.kind]:
            # Old pictures are of no use to a subscriber that is stuck, and without some of them the others are not.
            self.dropped += self._queue.qsize()
            while not self._queue.empty():
                self._queue.get_nowait()
            self.restart()
        if self._needs_keyframe and not keyframe:
            return
        self._needs_keyframe = False
        self._queue.put_nowait(media)

    def restart(self) -> None:
        """Send nothing until the next keyframe, and ask the publisher for one."""
        self._needs_keyframe = True
        self.request_keyframe()

    def request_keyframe(self) -> None:
        """The subscriber needs a keyframe. Of requests that come too fast one is carried out later."""
        if self._request is not None:
            return
        loop = asyncio.get_running_loop()
        delay = self._requests.wait(loop.time())
        if delay > 0:
            self._request = loop.call_later(delay, self._request_now)
        else:
            self._request_now()

    def _request_now(self) -> None:
        self._request = None
        self._requests.take(asyncio.get_running_loop().time())
        self._source.request_keyframe()

    def may_retransmit(self) -> bool:
        """Whether one more lost packet may be sent again. Counts it if so."""
        return self._retransmissions.take(asyncio.get_running_loop().time())

    def enable(self, enabled: bool) -> None:
        """Send, or stop to send."""
        if enabled and not self.enabled:
            self.restart()  # the subscriber lacks the pictures that were not sent
        self.enabled = enabled

    def stop(self) -> None:
        self._source.tracks.discard(self)
        if self._request is not None:
            self._request.cancel()
        super().stop()
        self._queue.put_nowait(None)  # wakes `recv`


class RelaySource:
    """One kind of media of one publisher. It outlives the peer connection of the publisher.

    So subscriptions go on when the publisher restarts ICE or comes back. Their timestamps rise through all of that.
    """

    def __init__(self, kind: str, spawn: Spawn) -> None:
        self.kind = kind
        self.tracks: set[RelayTrack] = set()
        self.relaying = True
        self.frames = 0
        self.bytes = 0
        self._spawn = spawn
        self._receiver: RTCRtpReceiver | None = None
        self._limiter = RequestLimiter()
        self._clock: Fraction = VIDEO_CLOCK if kind == "video" else AUDIO_CLOCK
        self._offset: int | None = 0
        """What is added to timestamps of the present connection; None: to be found with its first frame."""
        self._last = 0
        """The latest timestamp that was sent."""
        self._origin: int | None = None
        self._sequence: int | None = None
        self._ssrc: int | None = None

    def attach(self, receiver: RTCRtpReceiver, arrived: Arrived, *, encoded: bool) -> None:
        """Relay what ``receiver`` gets, in place of the receiver before. To be called before anything arrives.

        ``arrived`` is called for every packet (or decoded frame), with its level in dB below full scale if it has one.
        """
        if receiver is self._receiver:  # a renegotiation of the same connection
            return
        self._receiver = receiver
        self._restart_clock()
        if encoded:
            aiortc_private.take_encoded_frames(receiver, partial(self._encoded_frame, receiver))
            aiortc_private.watch_packets(receiver, partial(self._packet, receiver, arrived))
        else:
            self._spawn(self._relay_decoded(receiver, arrived))

    def _restart_clock(self) -> None:
        """The timestamps of the publisher begin anew. Those that are sent go on from the latest."""
        self._offset = None if self._last else 0
        self._origin = self._sequence = self._ssrc = None

    def set_relaying(self, relaying: bool) -> None:
        """Relay, or stop to relay (a publisher that is muted, media.md § 1)."""
        resumed = relaying and not self.relaying
        self.relaying = relaying
        if resumed:
            for track in self.tracks:
                track.restart()

    def request_keyframe(self) -> None:
        """Ask the publisher for a keyframe, at most once in each `m3core.limits.KEYFRAME_INTERVAL`.

        Keyframes are large: many subscribers that lose packets must not make the publisher send nothing else.
        """
        if self.kind != "video" or self._receiver is None or not aiortc_private.available():
            return
        loop = asyncio.get_running_loop()
        delay = self._limiter.request(loop.time())
        if delay == 0.0:
            self._spawn(aiortc_private.request_keyframe(self._receiver))
        elif delay is not None:
            loop.call_later(delay, self._request_due)

    def _request_due(self) -> None:
        self._limiter.sent()
        if self._receiver is not None:
            self._spawn(aiortc_private.request_keyframe(self._receiver))

    def close(self) -> None:
        """End the tracks of all subscribers."""
        self._receiver = None
        for track in list(self.tracks):
            track.stop()

    def _packet(self, receiver: RTCRtpReceiver, arrived: Arrived, packet: ArrivedPacket) -> None:
        if receiver is not self._receiver:  # the old connection of the publisher, which is being closed
            return
        arrived(packet.level)
        if self.kind == "audio" and packet.payload:
            # Audio is taken before the jitter buffer of aiortc, which loses more than the network does (measured).
            if packet.ssrc != self._ssrc:
                self._restart_clock()
                self._ssrc = packet.ssrc
            if self._sequence is not None and (packet.sequence_number - self._sequence - 1) & 0xFFFF >= 0x8000:
                return  # late or doubled: sequence numbers wrap at 16 bits (RFC 3550 s.5.1)
            self._sequence = packet.sequence_number
            if self._origin is None:
                self._origin = packet.timestamp
            self._send(packet.payload, (packet.timestamp - self._origin) % _RTP_WRAP, keyframe=True)

    def _encoded_frame(self, receiver: RTCRtpReceiver, frame: EncodedFrame) -> None:
        if self.kind == "video" and frame.data and receiver is self._receiver:
            # The first bit of a VP8 frame is 0 in keyframes (RFC 6386 s.9.1).
            self._send(frame.data, frame.timestamp, keyframe=not frame.data[0] & 1)

    def _send(self, data: bytes, timestamp: int, *, keyframe: bool) -> None:
        self.frames += 1
        self.bytes += len(data)
        if self._offset is None:
            self._offset = self._last + _GAP[self.kind] - timestamp
        self._last = max(self._last, timestamp + self._offset)
        if not self.relaying or not self.tracks:  # only counted
            return
        packet = av.Packet(data)
        packet.pts = timestamp + self._offset
        packet.time_base = self._clock
        self._push(packet, keyframe=keyframe)

    def _push(self, media: Media, *, keyframe: bool) -> None:
        for track in list(self.tracks):
            track.push(media, keyframe=keyframe)

    async def _relay_decoded(self, receiver: RTCRtpReceiver, arrived: Arrived) -> None:
        """Relay with public names only: media is decoded here, and encoded again for each subscriber."""
        try:
            while True:
                frame = await receiver.track.recv()
                if receiver is self._receiver and isinstance(frame, av.AudioFrame | av.VideoFrame):
                    self._decoded_frame(frame, arrived)
        except MediaStreamError:
            pass

    def _decoded_frame(self, frame: av.AudioFrame | av.VideoFrame, arrived: Arrived) -> None:
        self.frames += 1
        arrived(-round(audio_level(samples_of(frame))) if isinstance(frame, av.AudioFrame) else None)
        timestamp = frame.pts or 0
        if self._offset is None:
            self._offset = self._last + _GAP[self.kind] - timestamp
        frame.pts = timestamp + self._offset
        self._last = max(self._last, frame.pts)
        if self.relaying:
            self._push(frame, keyframe=True)
