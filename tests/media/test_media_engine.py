"""The media engine without an SFU: failures, reports, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import psutil
import pytest
from aioice import ice
from aiortc.codecs.vpx import Vp8Encoder
from media_helpers import KEY, Call, Reader, Reports, call, split
from patience import PATIENCE

from m3asyncio import engine_thread, sources
from m3asyncio.connection import Connection, Ice, parse_candidate
from m3asyncio.engine_thread import EngineThread
from m3asyncio.loopback import Loopback, offering
from m3asyncio.media import MediaEngine
from m3asyncio.received import ReceivedTrack
from m3core.controller.sfu import AcceptPublisher
from m3core.errors import LocalProtocolError, MediaError
from m3core.io import (
    AddCandidates,
    ApplyAnswer,
    ClosePeer,
    CommandId,
    Failed,
    MediaCommand,
    OpenPublisher,
    OpenSubscriber,
    PeerId,
    SetSending,
    Up,
)
from m3core.limits import MAX_CANDIDATES, MAX_FRAMES

ADA = sources.pattern("Ada", 320, 240)
BOTH = OpenPublisher(KEY, audio=True, video=True)


def sockets() -> int:
    """Open internet sockets of this process."""
    return len(psutil.Process().net_connections())


def test_nothing_is_left_behind() -> None:
    threads, before = set(threading.enumerate()), sockets()
    with call() as it:
        publisher = it.publish(ADA, sources.tone())
        received = it.engine.received(it.subscribe(publisher))
        assert Reader(received.video).next() is not None
        it.client.described(it.peer(), OpenPublisher(KEY, audio=True, video=False))
        it.engine.set_sources(it.peer(), sources.file("testsrc=size=64x48:rate=30", input_format="lavfi"))
        assert sockets() > before
    assert set(threading.enumerate()) <= threads
    assert sockets() == before
    assert received.video.ended
    it.engine.close()
    with pytest.raises(MediaError, match="not running"):
        it.engine.submit(MediaCommand(CommandId(1), PeerId(1), ClosePeer()))
    with pytest.raises(LocalProtocolError, match="once"):
        it.engine.start()


def test_what_is_half_open_is_closed() -> None:
    before = sockets()
    with call() as it:
        for _ in range(3):
            it.client.do(it.peer(), BOTH)
    assert sockets() == before


def test_a_peer_that_is_being_closed_when_the_engine_ends_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    """A conference stops its streams and then closes the engine at once: no half-closed peer may keep its socket."""
    before = sockets()
    for _ in range(3):
        with call() as it:
            publisher = it.publish(ADA, sources.tone())
            it.engine.submit(MediaCommand(CommandId(9_999), publisher, ClosePeer()))
        assert sockets() == before
    assert "in time" not in caplog.text


def test_an_engine_that_never_started_is_closed() -> None:
    engine = MediaEngine(Reports())
    with pytest.raises(MediaError, match="not running"):
        engine.submit(MediaCommand(CommandId(1), PeerId(1), ClosePeer()))
    engine.close()


def test_bad_frames_fail_the_publication_and_the_sound_goes_on() -> None:
    with call() as it:
        good = np.zeros((48, 64, 3), dtype=np.uint8)
        publisher = it.publish(sources.frames([good, good.astype(np.float32)]), sources.tone())
        failed = it.client.reports.wait(Failed)
        assert failed == Failed(None, publisher, "a video frame is a height x width x 3 array of uint8")
        it.engine.replace_source(publisher, ADA)
        received = it.engine.received(it.subscribe(publisher))
        assert Reader(received.video).next() is not None
        assert Reader(received.audio).next() is not None


def test_an_encoder_that_dies_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def encode(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Vp8Encoder, "encode", encode)
    with call() as it:
        publisher = it.publish(ADA, None)
        assert it.client.reports.wait(Failed) == Failed(None, publisher, "the encoder failed")
    assert "ZeroDivisionError" in caplog.text


def test_sources_are_checked_when_they_are_set() -> None:
    with call() as it:
        peer = it.peer()
        with pytest.raises(LocalProtocolError, match="no audio"):
            it.engine.set_sources(peer, audio=ADA)
        with pytest.raises(LocalProtocolError, match="no video"):
            it.engine.replace_source(peer, video=sources.tone())
        with pytest.raises(MediaError, match="cannot open"):
            it.engine.set_sources(peer, ADA, sources.file("/nowhere.ogg"))
        movie = sources.file("testsrc=size=64x48:rate=30 [out0]; sine [out1]", input_format="lavfi")
        it.engine.set_sources(peer, movie, movie)
        it.engine.set_sources(peer, movie, movie)
        it.engine.replace_source(PeerId(77), movie, sources.tone())
        it.client.described(peer, BOTH)
        assert it.client.described(peer, BOTH)  # begun anew
        it.client.do(peer, SetSending(audio=False, video=False))


def test_one_file_gives_both_kinds() -> None:
    with call() as it:
        movie = sources.file("testsrc=size=64x48:rate=30 [out0]; sine [out1]", input_format="lavfi")
        received = it.engine.received(it.subscribe(it.publish(movie, movie)))
        Reader(received.audio).until(lambda frame: frame.level > -30)
        assert Reader(received.video).next() is not None


def test_what_cannot_be_done_is_failed() -> None:
    with call() as it:
        peer = it.peer()
        assert "no such peer" in it.client.refused(peer, ApplyAnswer("v=0"))
        assert "no such peer" in it.client.refused(peer, AddCandidates((), end=True))
        assert "audio or video" in it.client.refused(peer, OpenPublisher(KEY, audio=False, video=False))
        reason = it.client.refused(peer, OpenSubscriber(KEY, "v=0\r\nm=audio secret\r\n"))
        assert "no o= line" in reason
        assert "secret" not in reason
        sdp = it.client.described(peer, BOTH)
        assert "secret" not in it.client.refused(peer, ApplyAnswer("v=0\r\nm=audio secret\r\n"))
        it.client.do(peer, AddCandidates((("candidate:secret", 0), ("candidate:1 2 udp 1 127.0.0.1 9 typ host", 0))))
        assert sdp.count(" 127.0.0.1 ") >= 2  # besides those of the machine
        it.client.do(peer, ClosePeer())
        it.client.do(peer, ClosePeer())


def test_a_peer_that_finds_no_connection_fails() -> None:
    with call() as it:
        one, two = it.peer(), it.peer()
        offer, _ = split(it.offer(one, ADA, None))
        answer, _ = split(it.client.described(two, OpenSubscriber(KEY, offer.replace("sendonly", "sendonly"))))
        it.client.do(one, ApplyAnswer(answer))
        it.client.do(one, AddCandidates((), end=True))
        assert it.client.reports.wait(Failed) == Failed(None, one, "no path found")


def test_reports_that_are_not_taken_do_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    reports = Reports()

    def refuse(report: object) -> None:
        reports(report)  # type: ignore[arg-type]  # any report
        raise ZeroDivisionError

    engine = MediaEngine(refuse, loopback=True)
    engine.start()
    try:
        for peer in (PeerId(1), PeerId(2)):
            engine.submit(MediaCommand(CommandId(peer), peer, ApplyAnswer("")))
            reports.wait(Failed, lambda r: r.peer == peer)
    finally:
        engine.close()
    assert "was not taken" in caplog.text


@pytest.mark.parametrize(
    ("text", "useful"),
    [
        ("candidate:0 1 UDP 2122252543 192.0.2.1 5000 typ host", True),
        ("a=candidate:0 1 udp 1 2001:db8::1 5000 typ srflx raddr 0.0.0.0 rport 9", True),
        ("candidate:0 2 UDP 2122252543 192.0.2.1 5000 typ host", False),
        ("candidate:0 1 TCP 2105524479 192.0.2.1 9 typ host tcptype active", False),
        ("candidate:0 1 UDP 2122252543 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 5000 typ host", False),
        ("candidate:0 one UDP 2122252543 192.0.2.1 5000 typ host", False),
        ("", False),
    ],
)
def test_candidates_of_no_use_are_dropped(text: str, useful: bool) -> None:
    assert (parse_candidate(text) is not None) == useful


def test_a_received_track_keeps_one_frame_until_it_is_read() -> None:
    track: ReceivedTrack[int] = ReceivedTrack()
    wakes: list[int] = []
    for frame in range(5):
        track.put(frame)
    track.attach(lambda: wakes.append(1))
    assert (track.pop(), track.pop(), track.dropped, track.frames) == (4, None, 0, 5)
    for frame in range(MAX_FRAMES + 3):
        track.put(frame)
    assert (track.pop(), track.dropped) == (3, 3)
    assert len(wakes) == 2
    track.attach(None)
    track.put(98)
    track.put(99)
    assert (track.pop(), track.pop(), track.dropped) == (99, None, 3)
    track.clear()
    track.attach(lambda: wakes.append(1))
    track.end()
    assert len(wakes) == 3
    assert track.ended


def test_a_loop_that_dies_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    crashed: list[BaseException] = []
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    async def fail() -> None:
        raise ZeroDivisionError

    thread = EngineThread("m3-test", close, crashed.append)
    thread.start()
    assert thread.running
    done = threading.Event()
    thread.submit(fail)
    thread.call(done.set)
    assert done.wait(PATIENCE)
    thread.call(_exit)
    thread.close()
    assert [thread.running] == [False]
    assert closed == [True]
    assert [type(error) for error in crashed] == [SystemExit]
    assert "ZeroDivisionError" in caplog.text


def test_an_engine_that_ends_takes_no_calls() -> None:
    """Such a call would be queued, and never run."""
    refused: list[bool] = []

    async def call_again() -> None:
        with pytest.raises(MediaError, match="not running"):
            thread.call(lambda: None)
        refused.append(True)

    thread = EngineThread("m3-test", call_again, lambda _error: None)
    thread.start()
    thread.close()
    assert refused == [True]


def test_a_peer_that_is_closed_has_no_worker() -> None:
    with call() as it:
        for _ in range(2):
            peer = it.peer()
            it.client.described(peer, BOTH)
            it.client.do(peer, ClosePeer())
        it.client.described(it.peer(), BOTH)  # by then one of them is done
        while len(it.engine._queues) > 1:
            assert not [report for report in it.client.reports.all if isinstance(report, Failed)]
            time.sleep(0.001)


async def _early(count: int) -> Connection:
    one = Connection(PeerId(1), lambda _report: None, Ice(), offerer=True)
    for number in range(count):
        await one.add_candidates(AddCandidates(((f"candidate:{number} 1 udp 1 127.0.0.1 9 typ host", 0),)))
    await one.close()
    return one


def test_early_candidates_are_kept_up_to_a_limit() -> None:
    assert len(asyncio.run(_early(3))._early) == 3
    assert len(asyncio.run(_early(MAX_CANDIDATES + 5))._early) == MAX_CANDIDATES


def test_candidates_that_come_before_the_answer_are_used() -> None:
    """The SFU gets no candidates of the client: only the early ones of the SFU can lead to a path."""
    with call() as it:
        publisher = it.peer()
        offer, _ = split(it.offer(publisher, None, sources.tone()))
        answer, answered = split(it.sfu.described(publisher, AcceptPublisher(offer, 1_500_000)))
        it.client.do(publisher, AddCandidates(answered, end=True))
        it.client.do(publisher, ApplyAnswer(answer))
        it.client.reports.wait(Up)


def test_an_exit_that_hangs_is_bounded(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_thread, "EXIT_TIMEOUT", 0.2)
    refused: list[Exception] = []
    blocked = threading.Event()

    def close_within() -> None:
        try:
            thread.close()
        except LocalProtocolError as error:
            refused.append(error)

    async def linger() -> None:
        await asyncio.sleep(3600)

    thread = EngineThread("m3-test", linger, refused.append)  # type: ignore[arg-type]  # never called
    thread.start()
    thread.call(close_within)
    thread.call(lambda: blocked.wait(PATIENCE))
    with pytest.raises(MediaError, match="did not end"):
        thread.close(timeout=0.01)
    blocked.set()
    thread.close()
    assert len(refused) == 1
    assert "did not close in time" in caplog.text


@pytest.mark.parametrize("crashes", [False, True])
def test_sockets_that_are_forgotten_are_closed_with_the_thread(crashes: bool) -> None:
    opened: list[asyncio.DatagramTransport] = []
    done = threading.Event()

    async def forget() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            transport, _protocol = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
            )
            opened.append(transport)
        done.set()

    async def nothing() -> None:
        pass

    thread = EngineThread("m3-test", nothing, lambda _error: None)
    thread.start()
    thread.submit(forget)
    assert done.wait(PATIENCE)
    sockets = [transport.get_extra_info("socket") for transport in opened]
    if crashes:
        thread.call(_exit)
    thread.close()
    assert [one.fileno() for one in sockets] == [-1, -1]


def _exit() -> None:
    raise SystemExit


def test_loopback_touches_only_its_own_thread() -> None:
    with offering(Loopback.ONLY):
        assert ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == ["127.0.0.1"]
        others: list[list[str]] = []
        thread = threading.Thread(target=lambda: others.append(ice.get_host_addresses(True, True)))
        thread.start()
        thread.join()
    assert "127.0.0.1" not in others[0]
    with offering(Loopback.TOO):
        assert ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == ["127.0.0.1", *others[0]]
    assert "127.0.0.1" not in ice.get_host_addresses(use_ipv4=True, use_ipv6=True)


def test_a_crash_is_told_to_every_peer() -> None:
    it = Call()
    it.engine.start()
    peer = it.peer()
    it.client.described(peer, BOTH)
    it.engine._thread.call(_exit)
    failed = it.client.reports.wait(Failed)
    assert failed == Failed(None, peer, "the media thread died: SystemExit")
    it.engine.close()
