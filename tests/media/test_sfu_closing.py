"""The embedded SFU prints nothing when it ends, in whichever phase, and frees all that it has."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import psutil
import pytest
from extent import extent
from media_helpers import KEY, Call, call, split
from patience import PATIENCE

from m3asyncio import sources
from m3asyncio.connection import Connection
from m3asyncio.engine_thread import EngineThread
from m3core.controller.sfu import AcceptPublisher, OfferSubscription, RestartSubscription
from m3core.io import AddCandidates, ApplyAnswer, ClosePeer, Failed, OpenSubscriber, PeerId

ADA = sources.pattern("Ada", 64, 48)


def sockets() -> int:
    """Open internet sockets of this process."""
    return len(psutil.Process().net_connections())


def begin_to_subscribe(it: Call, publisher: PeerId) -> PeerId:
    """A subscription whose connection is being made."""
    peer = it.peer()
    offer, offered = split(it.sfu.described(peer, OfferSubscription(publisher)))
    answer, answered = split(it.client.described(peer, OpenSubscriber(KEY, offer)))
    it.sfu.do(peer, AddCandidates(answered, end=True))
    it.sfu.do(peer, ApplyAnswer(answer))
    it.client.do(peer, AddCandidates(offered, end=True))
    return peer


def assert_silent(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    gc.collect()  # "Task was destroyed" comes from a finalizer
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("told", ["nothing", "some", "all"])
def test_a_server_with_five_peers_prints_nothing_when_it_ends(
    told: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """As Ctrl-C ends it: the controller closes the peers, the participants hang up, and the SFU ends meanwhile."""
    before = sockets()
    for _ in range(extent(whole=50, part=2)):
        with call() as it:
            publishers = [it.publish(ADA, sources.tone()) for _ in range(2)]
            peers = [*publishers, *(it.subscribe(publisher) for publisher in publishers)]
            peers.append(begin_to_subscribe(it, publishers[0]))
            hanging_up = threading.Thread(target=it.engine.close)
            hanging_up.start()
            for peer in {"nothing": [], "some": peers[:3], "all": peers}[told]:
                it.sfu.do(peer, ClosePeer())
            it.embedded.close()
            hanging_up.join()
            assert it.embedded._open_connections == set()
            assert it.embedded._peers() == []
        assert sockets() == before
    assert_silent(caplog, capfd)


def test_a_publisher_that_hangs_up_while_a_subscription_connects(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with call() as it:
        for _ in range(extent(whole=50, part=3)):
            publisher = it.publish(ADA, None)
            peers = [begin_to_subscribe(it, publisher) for _ in range(2)]
            it.client.do(publisher, ClosePeer())
            it.sfu.do(publisher, ClosePeer())
            for peer in peers:
                it.client.do(peer, ClosePeer())
                it.sfu.do(peer, ClosePeer())
        wait_until_idle(it)
        assert it.embedded._open_connections == set()
        assert it.embedded._peers() == []
        assert it.embedded._queues == {}
    assert_silent(caplog, capfd)


def wait_until_idle(it: Call) -> None:
    """Wait until the SFU has performed all commands."""

    async def wait() -> None:
        while it.embedded._queues:
            await asyncio.sleep(0.01)

    loop = it.embedded._thread._loop
    assert loop is not None
    asyncio.run_coroutine_threadsafe(wait(), loop).result(PATIENCE)


def test_what_is_being_closed_at_the_end_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer was forgotten when its closing began. The end cancelled the closing, and nobody freed the rest."""
    began = threading.Event()
    close = Connection.close

    async def hang_once(self: Connection) -> None:
        if threading.current_thread().name == "m3-sfu" and not began.is_set():
            began.set()
            await asyncio.Event().wait()
        await close(self)

    with call() as it:
        publisher = it.publish(ADA, None)
        it.subscribe(publisher)
        (source,) = it.embedded._publishers[publisher].sources.values()
        monkeypatch.setattr(Connection, "close", hang_once)
        it.sfu.do(publisher, ClosePeer())
        assert began.wait(PATIENCE)
        it.embedded.close()
        assert it.embedded._peers() == []
        assert source._receiver is None
        assert source.tracks == set()


def test_nobody_subscribes_to_a_publisher_that_is_being_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    began, go = threading.Event(), threading.Event()
    close = Connection.close

    async def wait_once(self: Connection) -> None:
        if threading.current_thread().name == "m3-sfu" and not began.is_set():
            began.set()
            await asyncio.to_thread(go.wait, PATIENCE)
        await close(self)

    with call() as it:
        publisher = it.publish(ADA, None)
        subscriber = it.subscribe(publisher)
        monkeypatch.setattr(Connection, "close", wait_once)
        it.sfu.do(publisher, ClosePeer())
        assert began.wait(PATIENCE)
        assert "nothing to subscribe to" in it.sfu.refused(it.peer(), OfferSubscription(publisher))
        restarted = it.sfu.do(subscriber, RestartSubscription())
        go.set()
        assert "has ended" in it.sfu.reports.wait(Failed, lambda report: report.id == restarted).reason
        wait_until_idle(it)
        assert it.embedded._open_connections == set()


def test_a_publisher_that_restarts_leaves_one_connection() -> None:
    with call() as it:
        publisher = it.publish(ADA, None)
        for _ in range(3):
            offer, _ = split(it.offer(it.peer(), ADA, None))
            it.sfu.described(publisher, AcceptPublisher(offer, 1_000_000))
        wait_for_connections(it, 1)


def wait_for_connections(it: Call, count: int) -> None:
    async def wait() -> None:
        while len(it.embedded._open_connections) != count:
            await asyncio.sleep(0.01)

    loop = it.embedded._thread._loop
    assert loop is not None
    asyncio.run_coroutine_threadsafe(wait(), loop).result(PATIENCE)


def test_nothing_is_started_at_the_end_of_the_thread(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []
    started: list[object] = []

    async def work(when: str) -> None:
        ran.append(when)

    async def exit_() -> None:
        started.append(thread.spawn(work("late")))

    thread = EngineThread("m3-test", exit_, lambda _error: None)
    thread.start()
    thread.call(lambda: thread.spawn(work("early")))
    thread.close()
    assert ran == ["early"]
    assert started == [None]
    assert_silent(caplog, capfd)
