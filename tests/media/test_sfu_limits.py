"""What one peer may make the embedded SFU do: turns, sources, retransmissions, keyframes, and where it sends."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from aioice import Candidate
from aiortc import RTCDtlsTransport, RTCRtpSender
from media_helpers import KEY, Call, call, in_loop, split
from patience import PATIENCE
from test_sfu_streams import make

from m3asyncio import aiortc_private, sources
from m3asyncio.connection import Connection
from m3asyncio.turns import Turns
from m3core.controller.sfu import AcceptPublisher, OfferSubscription
from m3core.io import AddCandidates, ApplyAnswer, CommandId, Described, Failed, OpenSubscriber, PeerId, Receiving, Up
from m3core.limits import KEYFRAME_INTERVAL, MAX_KEYFRAME_REQUESTS, MAX_RETRANSMISSIONS, MAX_SSRCS

ADA = sources.pattern("Ada", 64, 48)


# -- turns ---
@in_loop
async def test_owners_take_turns_however_much_one_of_them_wants() -> None:
    turns, order, hold = Turns(1), [], asyncio.Event()

    async def work(owner: int) -> None:
        async with turns.turn(owner):
            order.append(owner)
            await hold.wait()

    many = [asyncio.create_task(work(1)) for _ in range(50)]
    await asyncio.sleep(0)
    few = [asyncio.create_task(work(owner)) for owner in (2, 3, 2)]
    await asyncio.sleep(0)
    hold.set()
    await asyncio.gather(*many, *few)
    assert order[:6] == [1, 1, 2, 3, 1, 2]
    assert order[6:] == [1] * 47


@in_loop
async def test_some_turns_go_on_at_the_same_time() -> None:
    turns, hold, begun = Turns(2), asyncio.Event(), []

    async def work(number: int) -> None:
        async with turns.turn(number):
            begun.append(number)
            await hold.wait()

    tasks = [asyncio.create_task(work(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert begun == [0, 1]
    hold.set()
    await asyncio.gather(*tasks)
    assert turns._free == 2


@pytest.mark.parametrize("when", ["waiting", "given"])
def test_a_turn_of_work_that_is_cancelled_is_passed_on(when: str) -> None:
    @in_loop
    async def check() -> None:
        turns = Turns(1)

        async def work() -> None:
            async with turns.turn(7):
                pass

        async with turns.turn(1):
            cancelled, other = asyncio.create_task(work()), asyncio.create_task(work())
            await asyncio.sleep(0)
            if when == "waiting":
                cancelled.cancel()
                await asyncio.sleep(0)
        if when == "given":
            cancelled.cancel()
        await asyncio.wait({cancelled, other})
        assert cancelled.cancelled()
        assert not other.cancelled()
        assert turns._free == 1
        assert turns._waiting == {}

    check()


def test_nobody_waits_behind_the_many_subscriptions_of_somebody_else() -> None:
    with call() as it:
        publisher = it.publish(ADA, None)
        offer, _ = split(it.offer(it.peer(), ADA, None))
        mine, mark = it.peer(), it.sfu.reports.mark()
        with paused(it):
            for _ in range(100):
                it.sfu.do(it.peer(), OfferSubscription(publisher), owner=1)
            wanted = {
                it.sfu.do(mine, AcceptPublisher(offer, 1_000_000), owner=2),
                it.sfu.do(it.peer(), OfferSubscription(publisher), owner=3),
            }
        for command in wanted:
            it.sfu.reports.wait(Described, partial(_is_for, command), mark)
        order = [report.id for report in it.sfu.reports.all[mark:] if isinstance(report, Described)]
        assert max(map(order.index, wanted)) < 15


def _is_for(command: CommandId, report: Described) -> bool:
    return report.id == command


@contextmanager
def paused(it: Call) -> Iterator[None]:
    """Within the block the loop of the SFU stands still, so that all commands of the block come at once."""
    go = threading.Event()
    it.embedded._thread.call(go.wait)
    try:
        yield
    finally:
        go.set()


# -- sources ---
class Session:
    """An SRTP session whose packets are right if they end in `!`."""

    def unprotect(self, packet: bytes) -> bytes:
        if not packet.endswith(b"!"):
            raise ValueError("the wrong key")
        return packet[:-1]

    unprotect_rtcp = unprotect


def rtp(ssrc: int, end: bytes = b"!") -> bytes:
    return struct.pack("!BBHII", 0x80, 96, 1, 1, ssrc) + b"x" + end


def rtcp(ssrc: int) -> bytes:
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc) + b"!"


def test_packets_of_more_sources_than_the_limit_are_dropped_and_those_of_known_ones_are_not() -> None:
    limited = aiortc_private._LimitedSession(Session())
    for ssrc in range(1000, 1100):
        with pytest.raises(ValueError, match="wrong key"):
            limited.unprotect(rtp(ssrc, end=b"?"))  # with a wrong key: it takes nobody's place
    assert all(limited.unprotect(rtp(ssrc)) for ssrc in range(MAX_SSRCS - 1))
    assert limited.unprotect_rtcp(rtcp(MAX_SSRCS - 1))
    assert limited.unprotect(rtp(MAX_SSRCS)) == limited.unprotect_rtcp(rtcp(MAX_SSRCS)) == b""
    assert limited.unprotect(rtp(0))
    assert limited.unprotect_rtcp(rtcp(0))
    assert limited.unprotect(rtp(MAX_SSRCS - 1))


def test_both_ends_of_a_call_are_limited() -> None:
    with call() as it:
        publisher = it.publish(ADA, sources.tone())
        subscriber = it.subscribe(publisher)
        transports = [
            transceiver.receiver.transport
            for host in (it.embedded, it.engine)
            for connection in host._open_connections
            for transceiver in connection.pc.getTransceivers()
            if transceiver.receiver.transport.state == "connected"
        ]
        assert len({id(transport) for transport in transports}) == 4
        assert {type(transport._rx_srtp).__name__ for transport in transports} == {"_LimitedSession"}
        assert it.embedded.stats(subscriber).video.frames_sent >= 0


@in_loop
async def test_a_transport_is_limited_once() -> None:
    transport = RTCDtlsTransport.__new__(RTCDtlsTransport)
    aiortc_private.limit_sources(transport)
    limited = transport._setup_srtp
    aiortc_private.limit_sources(transport)
    assert transport._setup_srtp is limited


def test_a_flood_of_sources_makes_no_state() -> None:
    """Otherwise aiortc keeps each SSRC, and its report task dies of more than it can count."""
    with call() as it:
        publisher = it.publish(None, sources.tone())
        it.sfu.reports.wait(Receiving)
        (client,) = it.engine._open_connections
        (served,) = it.embedded._open_connections
        transport = client.pc.getTransceivers()[0].sender.transport
        receiver = served.pc.getTransceivers()[0].receiver
        router = receiver.transport._rtp_router
        payload_type = next(iter(router.payload_type_table))

        async def flood() -> None:
            for ssrc in range(2000):
                await transport._send_rtp(struct.pack("!BBHII", 0x80, payload_type, 1, 1, ssrc) + b"x" * 20)
                if ssrc % 50 == 0:
                    await asyncio.sleep(0)

        loop = it.engine._thread._loop
        assert loop is not None
        before = it.embedded.stats(publisher).audio.frames_received
        asyncio.run_coroutine_threadsafe(flood(), loop).result(PATIENCE)
        asyncio.run_coroutine_threadsafe(_sound_goes_on(it, publisher, before), loop).result(PATIENCE)
        assert len(router.ssrc_table) <= MAX_SSRCS
        assert len(vars(receiver)["_RTCRtpReceiver__remote_streams"]) <= MAX_SSRCS


async def _sound_goes_on(it: Call, publisher: PeerId, before: int) -> None:
    while it.embedded.stats(publisher).audio.frames_received < before + 10:
        await asyncio.sleep(0.01)


# -- feedback of subscribers ---
@in_loop
async def test_lost_packets_are_sent_again_up_to_a_limit() -> None:
    _, track, _, _ = make("video")
    again: list[int] = []

    class Sender:
        async def _retransmit(self, sequence_number: int) -> None:
            again.append(sequence_number)

    sender = Sender()
    aiortc_private.limit_retransmissions(sender, track.may_retransmit)  # type: ignore[arg-type]  # all that is needed
    for number in range(10 * MAX_RETRANSMISSIONS):
        await sender._retransmit(number)
    assert MAX_RETRANSMISSIONS <= len(again) < 2 * MAX_RETRANSMISSIONS
    assert again[:3] == [0, 1, 2]


def test_a_subscriber_gets_a_few_keyframes_at_once_and_one_more_later(monkeypatch: pytest.MonkeyPatch) -> None:
    @in_loop
    async def check() -> None:
        source, track, _, _ = make("video")
        asked: list[float] = []
        monkeypatch.setattr(source, "request_keyframe", lambda: asked.append(asyncio.get_running_loop().time()))
        for _ in range(100):
            track.request_keyframe()
        assert len(asked) == MAX_KEYFRAME_REQUESTS
        assert track._request is not None
        while len(asked) == MAX_KEYFRAME_REQUESTS:
            await asyncio.sleep(KEYFRAME_INTERVAL / 10)
        assert len(asked) == MAX_KEYFRAME_REQUESTS + 1
        assert track._request is None

    check()


@in_loop
async def test_a_subscriber_that_is_gone_asks_for_nothing() -> None:
    _, track, _, _ = make("video")
    for _ in range(MAX_KEYFRAME_REQUESTS + 1):
        track.request_keyframe()
    request = track._request
    assert request is not None
    track.stop()
    assert request.cancelled()


def test_feedback_of_a_real_subscriber_is_limited() -> None:
    with call() as it:
        it.subscribe(it.publish(ADA, None))
        senders = [
            transceiver.sender
            for connection in it.embedded._open_connections
            for transceiver in connection.pc.getTransceivers()
            if transceiver.direction == "sendonly"
        ]
        assert senders
        for sender in senders:
            assert sender._retransmit.__qualname__.startswith("limit_retransmissions")
            assert isinstance(sender, RTCRtpSender)
            tracks = it.embedded._publishers[PeerId(1)].sources["video"].tracks
            assert any(sender._send_keyframe == track.request_keyframe for track in tracks)


# -- where it sends ---
def test_two_peers_of_the_server_cannot_be_connected_to_each_other() -> None:
    with call() as it:
        publisher = it.publish(ADA, None)
        subscriber = it.peer()
        offer, candidates = split(it.sfu.described(subscriber, OfferSubscription(publisher)))
        assert candidates
        answer, _ = split(it.client.described(it.peer(), OpenSubscriber(KEY, offer)))
        it.sfu.do(subscriber, ApplyAnswer(answer))
        it.sfu.do(subscriber, AddCandidates(candidates, end=True))
        it.sfu.do(subscriber, AddCandidates((("candidate:9 1 udp 5 10.9.8.7 9999 typ host", 0),), end=False))
        _wait_for_remote(it, subscriber)
        assert [(one.host, one.port) for one in _remote(it, subscriber)] == [("10.9.8.7", 9999)]
        assert not [report for report in it.sfu.reports.all if isinstance(report, Failed)]


def _remote(it: Call, peer: PeerId) -> list[Candidate]:
    connection = it.embedded._subscribers[peer].connection
    assert isinstance(connection, Connection)
    return list(connection.pc.getTransceivers()[0].sender.transport.transport._connection.remote_candidates)


def _wait_for_remote(it: Call, peer: PeerId) -> None:
    async def wait() -> None:
        while not _remote(it, peer):
            await asyncio.sleep(0.01)

    loop = it.embedded._thread._loop
    assert loop is not None
    asyncio.run_coroutine_threadsafe(wait(), loop).result(PATIENCE)


def test_a_peer_whose_candidates_are_all_refused_connects_by_its_own_checks() -> None:
    """The media server answers the address that the checks come from: a peer-reflexive candidate."""
    with call() as it:
        peer = it.peer()
        offer, _ = split(it.offer(peer, ADA, None))
        answer, answered = split(it.sfu.described(peer, AcceptPublisher(offer, 1_500_000)))
        it.client.do(peer, ApplyAnswer(answer))
        it.client.do(peer, AddCandidates(answered, end=True))
        it.sfu.reports.wait(Up, lambda report: report.peer == peer)
