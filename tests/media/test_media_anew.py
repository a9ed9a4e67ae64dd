"""Peers that begin anew after a lost connection: the same sources, the same queues, another peer connection."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from media_helpers import KEY, Call, Reader, call

from m3asyncio import sources
from m3asyncio.pattern import read_pattern
from m3asyncio.received import Timeline
from m3core.controller.sfu import OfferSubscription
from m3core.io import ClosePeer, Down, Failed, OpenPublisher, PeerId, SetSending

ADA = sources.pattern("Ada", 320, 240)
BOTH = OpenPublisher(KEY, audio=True, video=True)


def lose(it: Call, *peers: PeerId) -> None:
    """Close ``peers`` at the media server, until the media engine notices."""
    for peer in peers:
        it.sfu.do(peer, ClosePeer())
    for peer in peers:
        it.client.reports.wait(Down, partial(_is_about, peer))


def _is_about(peer: PeerId, report: Down) -> bool:
    return report.peer == peer


@pytest.mark.parametrize("is_noticed", [True, False])
def test_media_flows_again_through_peers_that_begin_anew(is_noticed: bool) -> None:
    threads = set(threading.enumerate())
    with call() as it:
        publisher = it.publish(ADA, sources.tone())
        subscriber = it.subscribe(publisher)
        received = it.engine.received(subscriber)
        pictures = Reader(received.video)
        first = pictures.next()
        assert first is not None
        it.client.do(publisher, SetSending(audio=False, video=True))
        before = it.engine.stats(publisher)
        if is_noticed:
            lose(it, subscriber, publisher)
        mark = it.client.reports.mark()
        again = it.peer()
        it.connect(publisher, it.client.described(publisher, BOTH), again)
        if not is_noticed:
            it.sfu.do(subscriber, ClosePeer())
        it.negotiate(subscriber, OfferSubscription(again))
        arrived = received.video.frames
        last = pictures.until(lambda _: received.video.frames > arrived + 5)
        assert read_pattern(last) is not None
        assert last.time > first.time + 0.1  # its clock goes on
        assert it.engine.received(subscriber) is received
        assert [received.video.ended] == [False]
        assert it.engine.stats(publisher).video.frames_sent > before.video.frames_sent
        tracks = it.engine._connections[publisher].tracks
        assert {kind: track.muted for kind, track in tracks.items()} == {"audio": True, "video": False}
        mine = {publisher} if is_noticed else {publisher, subscriber}
        assert not [one for one in it.client.reports.all[mark:] if isinstance(one, Failed) and one.peer in mine]
        it.client.do(subscriber, ClosePeer())
        while pictures.next() is not None:
            pass
        assert [received.video.ended] == [True]
    assert set(threading.enumerate()) <= threads


def test_sources_that_are_set_again_take_the_place_of_the_old_ones() -> None:
    threads = set(threading.enumerate())
    with call() as it:
        movie = sources.file("testsrc=size=64x48:rate=30", input_format="lavfi")
        peer = it.publish(movie, None)
        assert len({one for one in threading.enumerate() if one not in threads}) > 1
        again = it.peer()
        it.republish(peer, ADA, None, again)
        pictures = Reader(it.engine.received(it.subscribe(again)).video)
        assert pictures.until(lambda frame: read_pattern(frame) is not None)
    assert set(threading.enumerate()) <= threads


def test_a_source_waits_for_the_peer_that_follows() -> None:
    with call() as it:
        peer = it.publish(ADA, None)
        lose(it, peer)
        it.engine.replace_source(peer, video=sources.pattern("Bob", 320, 240))
        it.connect(peer, it.client.described(peer, OpenPublisher(KEY, audio=False, video=True)), it.peer())
        assert it.engine.stats(peer).video.frames_sent > 0
        it.client.do(peer, ClosePeer())
        assert "no such peer" in it.client.refused(peer, SetSending(audio=True, video=True))


def test_a_timeline_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    timeline = Timeline()
    timeline.begin()
    assert [timeline.at(0.5), timeline.at(2.5)] == [0.5, 2.5]
    now = 107.0
    timeline.begin()
    assert [timeline.at(0.0), timeline.at(1.0)] == [9.5, 10.5]
