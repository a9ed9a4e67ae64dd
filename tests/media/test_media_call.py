"""Engine and SFU against each other: real ICE, DTLS and codecs on loopback, no signalling."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from itertools import pairwise

import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpReceiver
from media_helpers import Reader, call
from patience import PATIENCE

from m3asyncio import aiortc_private, sources
from m3asyncio.connection import Connection
from m3asyncio.pattern import PatternReading, draw, read_pattern, sender_code
from m3asyncio.received import ReceivedMedia
from m3asyncio.sfu import SLOW_LOST
from m3core.controller.sfu import (
    AcceptPublisher,
    ConfigureSubscription,
    OfferSubscription,
    RelayPublisher,
    RestartSubscription,
)
from m3core.io import (
    AddCandidates,
    ApplyAnswer,
    ClosePeer,
    Down,
    Failed,
    PeerId,
    Receiving,
    SetSending,
    Slow,
    Talking,
    Up,
)
from m3core.limits import KEYFRAME_INTERVAL
from m3core.media import PeerStats, VideoFrame
from m3core.values import MediaKind, SlowDirection

ADA = sources.pattern("Ada", 320, 240)
TONE = sources.tone(level=-20)
ADA_ARRAY = draw("Ada", 7, 320, 240).to_ndarray()


def shows_ada(frame: VideoFrame) -> bool:
    """Whether a frame shows Ada's pattern."""
    reading = read_pattern(frame)
    return reading is not None and reading.sender_code == sender_code("Ada")


def is_black(frame: VideoFrame) -> bool:
    """Whether a frame is what a muted camera sends."""
    return bool(frame.to_ndarray().mean() < 8)


def read(reader: Reader[VideoFrame]) -> PatternReading:
    """What the next frame's pattern says."""
    frame = reader.next()
    assert frame is not None
    reading = read_pattern(frame)
    assert reading is not None
    return reading


def check_seen_and_heard(received: ReceivedMedia) -> None:
    """Ada's pattern with rising counters, and her tone."""
    video = Reader(received.video)
    readings = [read(video) for _ in range(5)]
    assert {reading.sender_code for reading in readings} == {sender_code("Ada")}
    counters = [reading.counter for reading in readings]
    assert counters == sorted(set(counters))
    assert Reader(received.audio).until(lambda frame: frame.level > -22).level < -18


def test_two_subscribers_see_and_hear_the_publisher() -> None:
    with call() as it:
        publisher = it.publish(ADA, TONE)
        up = it.sfu.reports.all.index(Up(publisher))
        for kind in MediaKind:
            it.sfu.reports.wait(Receiving, lambda r: r.kind is kind and r.receiving, up)
        it.sfu.reports.wait(Talking, lambda r: r == Talking(publisher, talking=True))
        subscribers = []
        for _ in range(2):
            started = time.monotonic()
            subscribers.append(it.subscribe(publisher))
            received = it.engine.received(subscribers[-1])
            check_seen_and_heard(received)
            print(f"first frame {(received.video.first_frame_at or 0) - started:.3f} s after OfferSubscription")
        assert it.embedded.stats(publisher).video.bytes_received > 0
        for subscriber in subscribers:
            assert it.embedded.stats(subscriber).audio.frames_sent > 0
            stats = it.engine.stats(subscriber)
            assert min(stats.video.frames_received, stats.audio.frames_received, stats.video.bytes_received) > 0
        assert it.engine.stats(publisher).of(MediaKind.VIDEO).frames_sent > 0
        assert it.engine.stats(PeerId(99)) == it.embedded.stats(PeerId(99)) == PeerStats()


def test_video_is_configured_muted_replaced_and_relayed() -> None:
    with call() as it:
        publisher = it.publish(ADA, TONE)
        subscriber = it.subscribe(publisher)
        received = it.engine.received(subscriber)
        video, audio = Reader(received.video), Reader(received.audio)
        video.until(shows_ada)

        it.sfu.do(subscriber, ConfigureSubscription(video=False, substream=1))
        # Sound goes on. As soon as two of its frames come with no picture between them, 40 ms are without video.
        audio.until(lambda _frame: received.video.pop() is None and bool(audio.next()) and received.video.pop() is None)
        received.video.clear()
        it.sfu.do(subscriber, ConfigureSubscription(video=True))
        video.until(shows_ada)

        it.sfu.reports.wait(Talking, lambda r: r.talking)
        it.client.do(publisher, SetSending(audio=False, video=False))
        video.until(is_black)
        audio.until(lambda frame: frame.level < -80)
        it.sfu.reports.wait(Talking, lambda r: not r.talking)
        it.client.do(publisher, SetSending(audio=True, video=True))
        video.until(shows_ada)
        audio.until(lambda frame: frame.level > -22)

        it.engine.replace_source(publisher, sources.pattern("Grace", 320, 240), sources.AudioOutput())
        audio.until(lambda frame: frame.level < -80)
        grace = video.until(lambda frame: read_pattern(frame) is not None and not shows_ada(frame))
        reading = read_pattern(grace)
        assert reading is not None
        assert reading.sender_code == sender_code("Grace")
        it.engine.replace_source(publisher, ADA)

        it.sfu.do(publisher, RelayPublisher(audio=False, video=False))
        frames = it.embedded.stats(subscriber).video.frames_sent
        it.sfu.do(publisher, RelayPublisher(audio=True, video=True))
        video.until(shows_ada)
        assert it.embedded.stats(subscriber).video.frames_sent > frames


def test_a_subscription_whose_video_comes_back_asks_the_publisher_for_a_keyframe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = threading.Semaphore(0)
    request = aiortc_private.request_keyframe

    async def note(receiver: RTCRtpReceiver) -> None:
        asked.release()
        await request(receiver)

    monkeypatch.setattr(aiortc_private, "request_keyframe", note)
    with call() as it:
        subscriber = it.subscribe(it.publish(ADA, None))
        video = Reader(it.engine.received(subscriber).video)
        video.until(shows_ada)
        assert asked.acquire(timeout=PATIENCE)  # for its first picture
        it.sfu.do(subscriber, ConfigureSubscription(video=False))
        it.sfu.do(subscriber, ConfigureSubscription(video=True))
        assert asked.acquire(timeout=PATIENCE)
        video.until(shows_ada)


def test_sound_that_is_not_relayed_is_no_talking() -> None:
    with call() as it:
        publisher = it.publish(None, TONE)
        for _ in range(2):
            mark = it.sfu.reports.mark()
            it.sfu.do(publisher, RelayPublisher(audio=True, video=True))
            it.sfu.reports.wait(Talking, lambda r: r.talking, mark)
            it.sfu.do(publisher, RelayPublisher(audio=False, video=True))
            it.sfu.reports.wait(Talking, lambda r: not r.talking, mark)


def test_a_restarted_subscription_is_configured_as_before() -> None:
    with call() as it:
        subscriber = it.subscribe(it.publish(ADA, TONE))
        it.sfu.do(subscriber, ConfigureSubscription(video=False))
        it.client.do(subscriber, ClosePeer())
        it.sfu.reports.wait(Down, lambda r: r.peer == subscriber)
        it.negotiate(subscriber, RestartSubscription())
        tracks = it.embedded._subscribers[subscriber].tracks
        assert {kind: track.enabled for kind, track in tracks.items()} == {"audio": True, "video": False}


def test_a_dead_camera_is_told_and_comes_back() -> None:
    with call() as it:
        publisher = it.publish(sources.frames([], fps=30), None)
        it.engine.replace_source(publisher, sources.frames([ADA_ARRAY] * 3))
        it.sfu.reports.wait(Receiving, lambda r: r.receiving)
        it.sfu.reports.wait(Receiving, lambda r: not r.receiving)
        mark = it.sfu.reports.mark()
        it.engine.replace_source(publisher, ADA)
        it.sfu.reports.wait(Receiving, lambda r: r.receiving, mark)


def test_subscriptions_without_video_end_with_their_publisher() -> None:
    with call() as it:
        publisher = it.publish(ADA, TONE)
        subscriber = it.subscribe(publisher, without_video=True)
        received = it.engine.received(subscriber)
        audio = Reader(received.audio)
        audio.until(lambda frame: frame.level > -22)
        assert received.video.frames == 0
        assert "no such" not in it.sfu.refused(subscriber, OfferSubscription(publisher))
        it.sfu.do(publisher, ClosePeer())
        assert it.sfu.reports.wait(Down).peer == subscriber
        it.client.reports.wait(Down, lambda r: r.peer == publisher)
        it.client.reports.wait(Down, lambda r: r.peer == subscriber)
        assert [received.video.ended] == [False]  # it might be begun anew
        assert not [report for report in it.client.reports.all if isinstance(report, Failed)]
        it.sfu.do(subscriber, ClosePeer())
        it.client.do(subscriber, ClosePeer())
        while audio.next() is not None:
            pass
        assert received.video.ended
        assert "no such peer" in it.client.refused(subscriber, ApplyAnswer(""))
        assert it.sfu.reports.all.count(Down(subscriber)) == 1


def test_a_subscription_is_restarted_and_its_publisher_renegotiates() -> None:
    with call() as it:
        publisher = it.publish(ADA, TONE)
        subscriber = it.subscribe(publisher)
        Reader(it.engine.received(subscriber).video).until(shows_ada)
        it.client.do(subscriber, ClosePeer())
        it.sfu.reports.wait(Down, lambda r: r.peer == subscriber)
        it.negotiate(subscriber, RestartSubscription())
        video = Reader(it.engine.received(subscriber).video)
        video.until(shows_ada)

        # An ICE restart of the publisher: to the SFU, an offer with other credentials for the same peer.
        other, mark = it.peer(), it.sfu.reports.mark()
        it.republish(other, ADA, TONE, server_peer=publisher)
        assert it.client.reports.wait(Down, lambda r: r.peer == publisher)
        assert Down(publisher) not in it.sfu.reports.all
        it.sfu.reports.wait(Receiving, lambda r: r.receiving and r.kind is MediaKind.VIDEO, mark)
        last = read(video).counter
        video.until(lambda frame: (reading := read_pattern(frame)) is not None and reading.counter < last)

        # And after its connection was lost.
        it.client.do(other, ClosePeer())
        it.sfu.reports.wait(Down, lambda r: r.peer == publisher)
        it.republish(it.peer(), ADA, TONE, server_peer=publisher)
        last = read(video).counter
        video.until(lambda frame: (reading := read_pattern(frame)) is not None and reading.counter != last)


def test_a_receiver_that_loses_pictures_gets_a_keyframe_and_losses_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = itertools.count(0, SLOW_LOST)
    asked: list[float] = []
    request = aiortc_private.request_keyframe

    async def note(receiver: RTCRtpReceiver) -> None:
        asked.append(time.monotonic())
        await request(receiver)

    async def losing(_connection: Connection, *, sent: bool) -> int:
        return next(lost) if sent else 0

    monkeypatch.setattr(aiortc_private, "request_keyframe", note)
    monkeypatch.setattr(Connection, "packets_lost", losing)
    with call() as it:
        publisher = it.publish(ADA, None)
        subscriber = it.subscribe(publisher)
        video = Reader(it.engine.received(subscriber).video)
        video.until(shows_ada)

        async def lose(count: int = 3) -> None:
            for _ in range(count):
                receiver = it.engine._connections[subscriber].connection.pc.getReceivers()[0]
                await request(receiver)

        assert len(asked) == 1
        it.engine._thread.submit(lose)
        video.until(lambda _frame: len(asked) > 1)
        assert it.sfu.reports.wait(Slow) == Slow(subscriber, SlowDirection.UPSTREAM)
        assert all(later - sooner > KEYFRAME_INTERVAL - 0.05 for sooner, later in pairwise(asked))


def test_media_is_decoded_and_encoded_again_without_private_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiortc_private, "available", lambda: False)
    with call() as it:
        publisher = it.publish(ADA, TONE)
        check_seen_and_heard(it.engine.received(it.subscribe(publisher)))
        it.sfu.reports.wait(Talking, lambda r: r == Talking(publisher, talking=True))


def test_answers_look_like_those_of_janus() -> None:
    with call() as it:
        peer = it.peer()
        offer = it.offer(peer, ADA, TONE)
        answer = it.sfu.described(peer, AcceptPublisher(offer, 1_600_000))
        assert f"\r\ns=VideoRoom {1_000_000_000_000 + peer}\r\n" in answer
        section = answer[answer.index("\r\nm=video") :]
        assert "\r\nb=TIAS:1600000\r\n" in section
        assert section.index("\r\nc=") < section.index("\r\nb=TIAS") < section.index("\r\na=")
        assert answer.count("b=TIAS") == 1
        assert "a=setup:active" in answer
        assert "127.0.0.1" in answer
        assert all(line.split()[4] == "127.0.0.1" for line in answer.splitlines() if line.startswith("a=candidate"))
        again = it.sfu.described(peer, AcceptPublisher(offer, 1_600_000))
        assert [line for line in again.splitlines() if "fingerprint" in line] == [
            line for line in answer.splitlines() if "fingerprint" in line
        ]


def test_only_one_section_of_each_kind_is_accepted() -> None:
    async def offer() -> str:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        pc.addTransceiver("audio", direction="recvonly")
        pc.addTransceiver("video", direction="sendonly")
        pc.addTransceiver("video", direction="sendonly")
        sdp = (await pc.createOffer()).sdp
        await pc.close()
        return sdp

    with call() as it:
        answer = it.sfu.described(it.peer(), AcceptPublisher(asyncio.run(offer()), 1_500_000))
        directions = [line for line in answer.splitlines() if line in {"a=inactive", "a=recvonly", "a=sendonly"}]
        assert directions == ["a=inactive", "a=recvonly", "a=inactive"]


def test_what_cannot_be_done_is_failed() -> None:
    with call() as it:
        peer = it.peer()
        assert "no such" in it.sfu.refused(peer, ApplyAnswer("v=0"))
        assert "no such" in it.sfu.refused(peer, AddCandidates(()))
        assert "no such" in it.sfu.refused(peer, RestartSubscription())
        assert "no such" in it.sfu.refused(peer, RelayPublisher(audio=True, video=True))
        assert "no such" in it.sfu.refused(peer, ConfigureSubscription(video=True))
        assert "sends nothing" in it.sfu.refused(peer, OfferSubscription(PeerId(98)))
        assert "neither audio nor video" in it.sfu.refused(peer, AcceptPublisher("v=0\r\n", 1))
        reason = it.sfu.refused(peer, AcceptPublisher("v=0\r\nm=video secret\r\n", 1))
        assert "no o= line" in reason
        assert "secret" not in reason
        screen, subscriber = it.publish(ADA, None), it.peer()
        for _ in range(2):  # the first leaves nothing behind
            assert "only video" in it.sfu.refused(subscriber, OfferSubscription(screen, without_video=True))
