"""What a slow subscriber, a late packet and a new publisher connection do to relayed media."""

from __future__ import annotations

import asyncio

import av
import pytest
from aiortc.mediastreams import MediaStreamError
from media_helpers import in_loop

from m3asyncio import aiortc_private
from m3asyncio.aiortc_private import ArrivedPacket
from m3asyncio.sfu import SLOW_LOST, EmbeddedSfu, _Publisher, _Subscriber
from m3asyncio.sfu_streams import MAX_QUEUE, RelaySource, RelayTrack
from m3core.controller.sfu import OfferSubscription
from m3core.io import MediaReport, PeerId, Receiving, Slow
from m3core.media import ArrivalMonitor
from m3core.values import MediaKind, SlowDirection


class Frame:
    """An encoded VP8 frame."""

    def __init__(self, timestamp: int, *, keyframe: bool = False) -> None:
        self.data = b"\x10" if keyframe else b"\x11"
        self.timestamp = timestamp


class Receiver:
    """The part of a receiver of aiortc that is replaced."""

    async def _handle_rtp_packet(self, packet: object, arrival_time_ms: int) -> None: ...

    def getSynchronizationSources(self) -> list[object]:  # noqa: N802 - as aiortc
        return []

    def take(self, frame: Frame) -> None:
        """What aiortc does with an encoded frame."""
        self._RTCRtpReceiver__decoder_queue.put((None, frame))  # type: ignore[attr-defined]  # made by the code tested


def make(kind: str) -> tuple[RelaySource, RelayTrack, Receiver, list[int | None]]:
    """A source with one subscriber that has begun to read."""
    levels: list[int | None] = []
    receiver = Receiver()
    source = RelaySource(kind, asyncio.ensure_future)
    source.attach(receiver, levels.append, encoded=True)  # type: ignore[arg-type]  # as much as is needed
    track = RelayTrack(source)
    track._asked = True
    return source, track, receiver, levels


async def times(track: RelayTrack, count: int) -> list[int | None]:
    """The timestamps of what comes."""
    return [(await track.recv()).pts for _ in range(count)]


@in_loop
async def test_video_starts_with_a_keyframe_and_so_again_after_an_overflow() -> None:
    _, track, receiver, _ = make("video")
    receiver.take(Frame(0))
    receiver.take(Frame(3000, keyframe=True))
    for number in range(2, MAX_QUEUE["video"] + 2):
        receiver.take(Frame(3000 * number))
    assert track.dropped == MAX_QUEUE["video"]
    receiver.take(Frame(500_000, keyframe=True))
    assert await times(track, 1) == [500_000]


@pytest.mark.parametrize("by", ["subscriber", "publisher"])
def test_video_that_comes_back_begins_with_a_keyframe_that_is_asked_for(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that missed pictures needs a keyframe, and a publisher sends one when it is asked."""
    asked: list[object] = []

    async def ask(receiver: object) -> None:
        asked.append(receiver)

    @in_loop
    async def check() -> None:
        source, track, receiver, _ = make("video")
        switch = track.enable if by == "subscriber" else source.set_relaying
        receiver.take(Frame(0, keyframe=True))
        switch(False)
        receiver.take(Frame(3000))
        assert asked == []
        switch(True)
        await asyncio.sleep(0)
        assert asked == [receiver]
        receiver.take(Frame(6000))
        receiver.take(Frame(9000, keyframe=True))
        assert await times(track, 2) == [0, 9000]
        switch(True)  # it is on: nothing was missed
        receiver.take(Frame(12_000))
        assert await times(track, 1) == [12_000]

    monkeypatch.setattr(aiortc_private, "request_keyframe", ask)
    check()


def test_many_requests_for_a_keyframe_are_one_now_and_one_later(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    later = asyncio.Event()

    async def ask(receiver: object) -> None:
        asked.append(receiver)
        if len(asked) > 1:
            later.set()

    @in_loop
    async def check() -> None:
        source, *_ = make("video")
        for _ in range(5):
            source.request_keyframe()
        await asyncio.sleep(0)
        assert len(asked) == 1
        await later.wait()
        assert len(asked) == 2

    monkeypatch.setattr(aiortc_private, "request_keyframe", ask)
    check()


def silent_sfu() -> tuple[EmbeddedSfu, list[MediaReport]]:
    """An SFU whose thread does not run, and what it reports."""
    told: list[MediaReport] = []
    sfu = EmbeddedSfu(told.append)
    sfu._report = told.append  # type: ignore[assignment, method-assign]  # which would ask whether the thread runs
    return sfu, told


class Counted:
    """A peer connection with a number of lost packets."""

    up = True
    lost = 0

    async def packets_lost(self, *, sent: bool) -> int:
        return self.lost if sent else 0


@in_loop
async def test_losses_are_told_for_each_look_that_finds_new_ones() -> None:
    sfu, told = silent_sfu()
    subscriber = _Subscriber(PeerId(2), _Publisher(PeerId(1)), OfferSubscription(PeerId(1)))
    subscriber.connection = counted = Counted()  # type: ignore[assignment]  # as much as is needed
    looks: list[int] = []
    for lost in (SLOW_LOST - 1, 2 * SLOW_LOST - 1, 2 * SLOW_LOST - 1, 2 * SLOW_LOST):
        counted.lost = lost
        await sfu._compare_lost(subscriber, SlowDirection.UPSTREAM)
        looks.append(len(told))
    assert looks == [0, 1, 1, 1]
    assert told == [Slow(PeerId(2), SlowDirection.UPSTREAM)]


@in_loop
async def test_media_is_told_after_its_connection_is_up() -> None:
    sfu, told = silent_sfu()
    publisher, connection = _Publisher(PeerId(1)), Counted()
    publisher.monitors["audio"] = ArrivalMonitor(1.0)
    for is_up in (False, True):
        connection.up = is_up
        sfu._arrived(publisher, connection, "audio", None)  # type: ignore[arg-type]  # as above
        assert told == [Receiving(PeerId(1), MediaKind.AUDIO, receiving=True)] * is_up


@in_loop
async def test_late_and_doubled_audio_is_dropped_and_the_clock_goes_on() -> None:
    source, track, receiver, levels = make("audio")

    def arrive(ssrc: int, sequence: int, timestamp: int, payload: bytes = b"opus") -> None:
        source._packet(receiver, levels.append, ArrivedPacket(ssrc, sequence, timestamp, payload, 30))  # type: ignore[arg-type]  # as above

    for sequence, timestamp in ((65_535, 960), (0, 1920), (0, 1920), (65_534, 0), (1, 2880)):
        arrive(7, sequence, timestamp)
    arrive(7, 2, 3840, b"")
    assert await times(track, 3) == [0, 960, 1920]
    arrive(8, 30_000, 123_456)
    arrive(8, 30_001, 124_416)
    assert await times(track, 2) == [2880, 3840]
    assert levels == [30] * 8
    source.set_relaying(False)
    arrive(8, 30_002, 125_376)
    source.set_relaying(True)
    arrive(8, 30_003, 126_336)
    media = await track.recv()
    assert isinstance(media, av.Packet)
    assert media.pts == 5760


@in_loop
async def test_a_track_that_is_stopped_wakes_its_reader() -> None:
    source, track, *_ = make("audio")
    reading = asyncio.ensure_future(track.recv())
    await asyncio.sleep(0)
    source.close()
    with pytest.raises(MediaStreamError):
        await reading
    with pytest.raises(MediaStreamError):
        await track.recv()
    assert not source.tracks


@in_loop
async def test_the_end_of_an_old_connection_does_not_touch_the_new_one() -> None:
    """A connection may go down while the worker restarts it: both close it, and wait for the same end."""
    sfu, _ = silent_sfu()
    closed = asyncio.Event()

    class Closing:
        async def close(self) -> None:
            await closed.wait()

    subscriber = _Subscriber(PeerId(2), _Publisher(PeerId(1)), OfferSubscription(PeerId(1)))
    subscriber.connection = Closing()  # type: ignore[assignment]  # as much as is needed
    _, old, _, _ = make("video")
    _, new, _, _ = make("video")
    subscriber.tracks = {"video": old}

    async def restart() -> None:
        await sfu._disconnect(subscriber)
        assert subscriber.connection is None
        assert old.readyState == "ended"
        subscriber.connection, subscriber.tracks = Closing(), {"video": new}  # type: ignore[assignment]

    worker = asyncio.create_task(restart())
    other = asyncio.create_task(sfu._disconnect(subscriber))
    await asyncio.sleep(0)
    closed.set()
    await asyncio.gather(worker, other)
    assert new.readyState == "live"
    assert subscriber.tracks == {"video": new}
