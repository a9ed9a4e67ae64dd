"""Cancel at every step, close twice, fail half-way: no task, thread, socket or warning is left behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psutil
import pytest
from house import House, house, in_loop
from patience import PATIENCE

import m3asyncio as m3
from m3asyncio import received as m3_received
from m3asyncio.loop import unbroken
from m3asyncio.server import _Protocol
from m3core.client.conference import Conference
from m3core.conference.state import EndReason
from m3core.io import MediaCommand, MediaReport, PeerId
from m3core.serving import Server
from m3core.testing.fakes import FakeMedia, FakeSfu


def _sockets() -> set[tuple[int, str]]:
    return {(entry.fd, str(entry.laddr)) for entry in psutil.Process().net_connections("tcp") if entry.status != "NONE"}


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Fail if the block leaves tasks, threads or sockets, or warns of any."""
    gc.collect()
    tasks, threads, sockets = asyncio.all_tasks(), set(threading.enumerate()), _sockets()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        await asyncio.sleep(0)  # callbacks of what was closed in the last step
        gc.collect()
        async with asyncio.timeout(PATIENCE):
            while _sockets() - sockets:  # the server is in this process, and closes its end a turn later
                await asyncio.sleep(0)
    assert [str(warning.message) for warning in caught] == []
    assert asyncio.all_tasks() == tasks
    assert {t for t in threading.enumerate() if not t.name.startswith("asyncio_")} <= threads


class Steps:
    """Cancels a task when its loop has made a number of steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    async def cancel(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run ``work``; whether it was cancelled before it was done."""
        task = asyncio.create_task(work())
        while self.left and not task.done():
            self.left -= 1
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()
        return task.cancelled()


class FakeEngine:
    """A media engine without media. Its reports come in the next turn of the loop, as from a thread."""

    made: list[FakeEngine] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, report: Callable[[MediaReport], None], *, loopback: bool) -> None:
        self.media = FakeMedia()
        self.report = report
        self.sources: dict[PeerId, object] = {}
        self.closed = False
        self.made.append(self)

    def start(self) -> None:
        pass

    def submit(self, command: MediaCommand) -> None:
        if self.closed:
            raise m3.MediaError("the media engine is not running")
        for report in self.media.perform(command):
            self.report(report)

    def set_sources(self, peer: PeerId, video: object = None, audio: object = None) -> None:
        if video is None and audio is None:
            self.sources.pop(peer, None)
        else:
            self.sources[peer] = (video, audio)

    def received(self, peer: PeerId) -> m3_received.ReceivedMedia:
        return m3_received.ReceivedMedia()

    def close(self) -> None:
        self.closed = True


class FakeServer:
    """The embedded SFU, without media."""

    def __init__(self, report: Callable[[MediaReport], None], *, loopback: bool) -> None:
        self.sfu = FakeSfu()
        self.report = report

    def start(self) -> None:
        pass

    def submit(self, command: Any) -> None:
        for report in self.sfu.perform(command):
            self.report(report)

    def close(self) -> None:
        pass


@pytest.fixture
def fake_media(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeEngine]]:
    monkeypatch.setattr("m3asyncio.media.MediaEngine", FakeEngine)
    monkeypatch.setattr("m3asyncio.sfu.EmbeddedSfu", FakeServer)
    yield FakeEngine
    FakeEngine.made.clear()


async def _comes_and_goes(here: House) -> None:
    async with m3.join(here.link, display_name="Gus") as guest:
        await guest.raise_hand()


@in_loop
async def test_a_join_cancelled_at_any_step() -> None:
    async with house() as here:
        await _comes_and_goes(here)
        async with nothing_left():
            for after in range(0, 140, 4):
                await Steps(after).cancel(lambda: _enter(here))
        async with here.meeting.start(display_name="Olga") as owner:  # and the server has let go of all of them
            assert [someone for someone in owner.state.participants.values() if someone.is_here] == []


async def _enter(here: House) -> None:
    async with m3.join(here.link, display_name="Gus"):
        pass


@in_loop
async def test_a_member_cancelled_at_any_step() -> None:
    async with house() as here, nothing_left(), m3.Account(here.server.base_url, here.server.owner) as account:
        meeting = await account.create_meeting(title="Mine")

        async def start() -> None:
            async with meeting.start(display_name="Olga"):
                pass

        for after in range(0, 150, 10):
            await Steps(after).cancel(start)
        assert account._answers == {}
        assert (await account.me()).display_name == "Owner"


@in_loop
async def test_a_second_cancellation_does_not_break_the_closing() -> None:
    async with house() as here, nothing_left():
        entered = asyncio.Event()

        async def wait_inside() -> None:
            async with m3.join(here.link, display_name="Gus"):
                entered.set()
                await asyncio.Event().wait()

        for between in range(5):
            entered.clear()
            task = asyncio.create_task(wait_inside())
            await entered.wait()
            task.cancel()
            for _ in range(between):
                await asyncio.sleep(0)
            task.cancel()
            task.cancel()
            await asyncio.wait((task,))
            assert task.cancelled()


@in_loop
async def test_a_server_cancelled_while_it_closes() -> None:
    async with nothing_left():
        ready = asyncio.Event()

        async def run() -> None:
            async with house() as here, m3.join(here.link, display_name="Gus"):
                ready.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(run())
        await ready.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()


@in_loop
async def test_unbroken_work_ends_before_its_cancellation_is_told() -> None:
    ended: list[str] = []

    async def work(fails: bool) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ended.append("done")
        if fails:
            raise m3.MediaError("half-way")

    for fails in (False, True):
        task = asyncio.create_task(unbroken(work(fails)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        with pytest.raises(m3.MediaError) if fails else _quietly():
            await unbroken(work(fails))
    assert ended == ["done"] * 4


@contextmanager
def _quietly() -> Iterator[None]:
    yield


async def _published(conference: Conference) -> None:
    await conference.publish(video=m3.sources.pattern())


@pytest.mark.usefixtures("fake_media")
@in_loop
async def test_a_publish_cancelled_at_any_step_is_taken_back(fake_media: type[FakeEngine]) -> None:
    async with house() as here, here.two() as (owner, guest):
        await _published(guest)
        await guest._session.call(lambda now: guest._session.engine.unpublish(m3.MediaSessionType.VIDEO, now))
        stops = owner.events(m3.StreamStopped)
        outcomes: list[bool] = []
        for after in range(0, 60, 2):
            cancelled = await Steps(after).cancel(lambda: _published(guest))
            outcomes.append(cancelled)
            assert bool(guest.state.publications) is not cancelled, after
            if not cancelled:
                await guest._session.call(lambda now: guest._session.engine.unpublish(m3.MediaSessionType.VIDEO, now))
        assert True in outcomes
        assert False in outcomes
        for engine in fake_media.made:
            assert engine.media.peers == {}
            assert len(engine.sources) <= len(engine.media.commands)
        await stops.__aexit__()
        assert owner.ended is None


@pytest.mark.usefixtures("fake_media")
@in_loop
async def test_a_subscribe_cancelled_at_any_step_is_parked() -> None:
    async with house() as here, here.two() as (owner, guest):
        await _published(guest)
        await owner.wait_for(m3.StreamStarted, timeout=PATIENCE)

        async def look() -> None:
            async with owner.subscribe(guest.own):
                pass

        for after in range(40):
            await Steps(after).cancel(look)
            assert all(entry.is_parked for entry in owner.state.subscriptions)
        async with owner.subscribe(guest.own) as stream:
            (entry,) = owner.state.subscriptions
            assert not entry.is_parked
            waiting = asyncio.create_task(anext(stream.video))
            await asyncio.sleep(0)
        with pytest.raises(StopAsyncIteration):
            await waiting


@pytest.mark.usefixtures("fake_media")
@in_loop
async def test_after_the_end_no_media_engine_is_started(fake_media: type[FakeEngine]) -> None:
    async with house() as here:
        async with m3.join(here.link, display_name="Gus") as guest:
            pass
        with pytest.raises(m3.LocalProtocolError):
            await guest.publish(video=m3.sources.pattern())
        with pytest.raises(m3.LocalProtocolError):
            await guest.subscribe(guest.state.own or pytest.fail("nobody")).__aenter__()
        assert fake_media.made == []


@pytest.mark.usefixtures("fake_media")
@in_loop
async def test_a_media_engine_that_dies_ends_calls_and_not_the_conference(fake_media: type[FakeEngine]) -> None:
    async with house() as here, here.two() as (_owner, guest):
        await _published(guest)
        await guest._session.call(lambda now: guest._session.engine.unpublish(m3.MediaSessionType.VIDEO, now))
        fake_media.made[0].closed = True
        with pytest.raises(m3.MediaError, match="not running"):
            await _published(guest)
        await guest.raise_hand()
        assert guest.ended is None


@in_loop
async def test_leaving_is_bounded_when_the_server_says_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.conference.life.LEAVE_TIMEOUT", 0.05)
    async with house() as here, nothing_left():
        async with m3.join(here.link, display_name="Gus") as guest:
            for protocol in here.server._peers.values():
                if isinstance(protocol, _Protocol) and protocol.transport is not None:
                    protocol.transport.pause_reading()
        assert guest.ended is EndReason.LEFT
        for protocol in here.server._peers.values():
            if isinstance(protocol, _Protocol) and protocol.transport is not None:
                protocol.transport.resume_reading()
        while here.server._controller.sessions:
            await asyncio.sleep(0)


@pytest.mark.usefixtures("fake_media")
@in_loop
async def test_streams_are_muted_shared_configured_and_stopped() -> None:
    async with house() as here, here.two() as (owner, guest):
        async with owner.events(m3.StreamStarted, m3.StreamChanged, m3.StreamStopped) as changes:
            camera = await guest.publish(video=m3.sources.pattern(), audio=m3.sources.tone())
            started = await anext(changes)
            assert isinstance(started, m3.StreamStarted)
            await camera.mute(video=False)
            changed = await anext(changes)
            assert isinstance(changed, m3.StreamChanged)
            assert (changed.audio, changed.video) == (False, True)
            await camera.unmute()
            assert isinstance(await anext(changes), m3.StreamChanged)

            stream = owner.subscribe(guest.own.id)
            for look in (
                lambda: stream.video,
                lambda: stream.audio,
                lambda: stream.stats,
                lambda: stream.first_frame_at,
            ):
                with pytest.raises(m3.LocalProtocolError, match="enter the subscription"):
                    look()
            async with stream:
                await stream.configure(video=False)
                with pytest.raises(m3.LocalProtocolError, match="substream"):
                    await stream.configure(substream=3)
                assert stream.first_frame_at is None
                with pytest.raises(m3.LocalProtocolError, match="already"):
                    await owner.subscribe(guest.own).__aenter__()

            screen = await guest.share_screen(m3.sources.pattern())
            assert isinstance(await anext(changes), m3.StreamStarted)
            with pytest.raises(m3.LocalProtocolError, match="published already"):
                await guest.share_screen(m3.sources.pattern())
            await screen.stop()
            await camera.stop()
            assert isinstance(await anext(changes), m3.StreamStopped)
            assert isinstance(await anext(changes), m3.StreamStopped)
        assert guest.state.publications == ()


@in_loop
async def test_who_comes_while_the_server_leaves_is_sent_away() -> None:
    async with house() as here:
        server = here.server
    reader, writer = await asyncio.open_connection(sock=_accepted_late(server))
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    while server._peers:
        await asyncio.sleep(0)


def _accepted_late(server: Server) -> socket.socket:
    """Our end of a connection that the system accepted before the listener closed."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    task = loop.create_task(loop.connect_accepted_socket(lambda: _Protocol(server), theirs))
    task.add_done_callback(lambda done: done.result())
    return ours
