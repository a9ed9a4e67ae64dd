"""Cameras, microphones and peer connections of the foreign clients: aiortc without our code, at 127.0.0.1."""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aioice.ice
import numpy as np
import pytest
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from stranger_wire import Bell, Json

SIZE: Final = (64, 48)
PICTURES: Final = 10
"""Pictures in a second."""
RATE: Final = 48_000
CHUNK: Final = RATE // 50
TOLERANCE: Final = 12.0
"""By how much a codec may change a grey."""


@contextmanager
def loopback() -> Iterator[None]:
    """Let aioice offer 127.0.0.1 as its only candidate; by default it never offers that address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
        yield


class Camera(MediaStreamTrack):
    """Pictures of one grey. Each sender has its own, so that a test can tell whose picture it received."""

    kind = "video"

    def __init__(self, grey: int) -> None:
        super().__init__()
        width, height = SIZE
        picture = VideoFrame.from_ndarray(np.full((height, width), grey, np.uint8), format="gray")
        self._picture = picture.reformat(format="yuv420p")
        self._count = 0

    async def recv(self) -> VideoFrame:
        await asyncio.sleep(1 / PICTURES if self._count else 0)
        frame = VideoFrame.from_ndarray(self._picture.to_ndarray(), format="yuv420p")
        frame.pts, frame.time_base = self._count, fractions.Fraction(1, PICTURES)
        self._count += 1
        return frame


class Microphone(MediaStreamTrack):
    """A tone of 500 Hz."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        wave = np.sin(np.arange(CHUNK) * 2 * np.pi * 500 / RATE) * 12_000
        self._samples = wave.astype(np.int16).reshape(1, CHUNK)
        self._count = 0

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(CHUNK / RATE if self._count else 0)
        frame = AudioFrame.from_ndarray(self._samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._count * CHUNK, fractions.Fraction(1, RATE)
        self._count += 1
        return frame


class Received:
    """What was received of one stream, decoded."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self.greys: list[float] = []
        """The mean grey of each picture."""
        self.loudness: list[int] = []
        """The largest sample of each chunk of sound."""

    async def watch(self, track: MediaStreamTrack) -> None:
        """Receive until the track ends."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame):
                self.greys.append(float(frame.to_ndarray(format="gray").mean()))
            elif isinstance(frame, AudioFrame):
                self.loudness.append(int(np.abs(frame.to_ndarray()).max()))
            self._bell.ring()

    def shows(self, grey: int, since: int = 0) -> bool:
        """Whether a picture of this grey came after the first ``since`` pictures."""
        return any(abs(one - grey) < TOLERANCE for one in self.greys[since:])

    def sounds(self, since: int = 0) -> bool:
        """Whether a tone came after the first ``since`` chunks."""
        return any(loudness > 3_000 for loudness in self.loudness[since:])


class Peer:
    """One peer connection to the media server. It trickles its candidates, as browsers do."""

    def __init__(self, bell: Bell) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.received = Received(bell)
        self._watching: list[asyncio.Task[None]] = []
        self.pc.on("track", self._receive)

    def _receive(self, track: MediaStreamTrack) -> None:
        self._watching.append(asyncio.create_task(self.received.watch(track)))

    async def offer(self, *tracks: MediaStreamTrack) -> tuple[str, list[Json]]:
        """An offer to publish: the description without candidates, and the candidates."""
        for track in tracks:
            self.pc.addTransceiver(track, direction="sendonly")
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return split(self.pc.localDescription.sdp)

    async def take_answer(self, sdp: str) -> None:
        """Apply the answer of the server."""
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def take_offer(self, sdp: str) -> None:
        """Apply the offer of the server."""
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))

    async def answer(self) -> tuple[str, list[Json]]:
        """The answer to the server's offer: the description without candidates, and the candidates."""
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return split(self.pc.localDescription.sdp)

    async def close(self) -> None:
        """Close the peer connection; signaling does not learn of it."""
        await self.pc.close()
        for watching in self._watching:
            watching.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)


def split(sdp: str) -> tuple[str, list[Json]]:
    """A description without its candidates, and the candidates as objects of JavaScript (RTCIceCandidateInit)."""
    kept: list[str] = []
    candidates: list[Json] = []
    index, mid = -1, ""
    for line in sdp.splitlines():
        index += line.startswith("m=")
        if line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:")
        if line.startswith("a=candidate:"):
            candidates.append({"candidate": line.removeprefix("a="), "sdpMLineIndex": index})
        elif not line.startswith("a=end-of-candidates"):
            kept.append(line)
        for candidate in candidates:
            if candidate["sdpMLineIndex"] == index:
                candidate["sdpMid"] = mid
    return "\r\n".join([*kept, ""]), candidates
