"""A media engine and an SFU without signaling: descriptions and candidates are passed on as the core does."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from patience import PATIENCE

from m3asyncio.media import MediaEngine
from m3asyncio.received import ReceivedTrack
from m3asyncio.sfu import EmbeddedSfu
from m3asyncio.sources import Source
from m3core.controller.sfu import AcceptPublisher, OfferSubscription, RestartSubscription, SfuCommand, SfuOperation
from m3core.io import (
    AddCandidates,
    ApplyAnswer,
    CommandId,
    Described,
    Failed,
    IceServer,
    MediaCommand,
    MediaOperation,
    MediaReport,
    OpenPublisher,
    OpenSubscriber,
    PeerId,
    Up,
)
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId

KEY = MediaSessionKey(ParticipantId("9fd70c6e-5b9c-4d5a-a1a1-000000000001"), MediaSessionType.VIDEO)
T = TypeVar("T")
R = TypeVar("R", bound=MediaReport)


class Reports:
    """The reports of an engine, which come in its thread, for the thread of the test."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.all: list[MediaReport] = []
        self._takers: list[Callable[[MediaReport], None]] = []

    def __call__(self, report: MediaReport) -> None:
        with self._changed:
            self.all.append(report)
            self._changed.notify_all()
            for take in self._takers:
                take(report)

    def forward(self, take: Callable[[MediaReport], None], since: int) -> None:
        """Call ``take`` with every report from ``since`` on; with later ones in the engine's thread."""
        with self._changed:
            for report in self.all[since:]:
                take(report)
            self._takers.append(take)

    def mark(self) -> int:
        """The index of the next report."""
        with self._changed:
            return len(self.all)

    def wait(self, kind: type[R], where: Callable[[R], bool] = lambda _report: True, since: int = 0) -> R:
        """The first report of ``kind`` that fits, at or after ``since``."""

        def find() -> R | None:
            return next((r for r in self.all[since:] if isinstance(r, kind) and where(r)), None)

        with self._changed:
            assert self._changed.wait_for(lambda: find() is not None, PATIENCE), f"no {kind.__name__} in {self.all}"
            found = find()
            assert found is not None
            return found


def split(sdp: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The description without candidates, and the candidates."""
    kept: list[str] = []
    candidates: list[tuple[str, int]] = []
    index = -1
    for line in sdp.splitlines(keepends=True):
        if line.startswith("m="):
            index += 1
        if line.startswith("a=candidate:"):
            candidates.append((line[2:].strip(), index))
        elif not line.startswith("a=end-of-candidates"):
            kept.append(line)
    return "".join(kept), tuple(candidates)


class End:
    """A media engine or SFU, its reports, and the commands to it."""

    def __init__(self, host: MediaEngine | EmbeddedSfu, reports: Reports, ids: Iterator[int]) -> None:
        self.host = host
        self.reports = reports
        self._ids = ids

    def do(self, peer: PeerId, operation: MediaOperation | SfuOperation, owner: int = 0) -> CommandId:
        """Submit one operation, to an SFU as that of ``owner``."""
        command = CommandId(next(self._ids))
        if isinstance(self.host, MediaEngine):
            self.host.submit(MediaCommand(command, peer, operation))  # type: ignore[arg-type]  # by the caller's care
        else:
            self.host.submit(SfuCommand(command, peer, operation, owner))  # type: ignore[arg-type]  # by the caller's care
        return command

    def described(self, peer: PeerId, operation: MediaOperation | SfuOperation) -> str:
        """Submit an operation that makes a description, and wait for it."""
        command = self.do(peer, operation)
        report = self.reports.wait(Described | Failed, lambda r: r.id == command)  # type: ignore[arg-type]  # a union
        assert isinstance(report, Described), report
        return report.sdp

    def refused(self, peer: PeerId, operation: MediaOperation | SfuOperation) -> str:
        """Submit an operation that fails; the reason."""
        command = self.do(peer, operation)
        return self.reports.wait(Failed, lambda r: r.id == command).reason


class Call:
    """One media engine and one SFU on loopback."""

    def __init__(self, *, relay: bool = False) -> None:
        self._ids = itertools.count(1)
        self._peers = itertools.count(1)
        reports, sfu_reports = Reports(), Reports()
        self.engine = MediaEngine(reports, loopback=True)
        self.embedded = EmbeddedSfu(sfu_reports, relay=relay)
        self.client = End(self.engine, reports, self._ids)
        self.sfu = End(self.embedded, sfu_reports, self._ids)

    def peer(self) -> PeerId:
        """A new id."""
        return PeerId(next(self._peers))

    def offer(
        self, peer: PeerId, video: Source | None, audio: Source | None, ice_servers: tuple[IceServer, ...] = ()
    ) -> str:
        """Open a publisher; its offer with candidates."""
        self.engine.set_sources(peer, video, audio)
        operation = OpenPublisher(KEY, audio=audio is not None, video=video is not None, ice_servers=ice_servers)
        return self.client.described(peer, operation)

    def publish(self, video: Source | None, audio: Source | None) -> PeerId:
        """Publish through the SFU; the id, the same on both sides."""
        peer = self.peer()
        self.republish(peer, video, audio)
        return peer

    def republish(
        self, peer: PeerId, video: Source | None, audio: Source | None, server_peer: PeerId | None = None
    ) -> None:
        """Publish as ``peer``, to the SFU as ``server_peer``."""
        self.connect(peer, self.offer(peer, video, audio), server_peer or peer)

    def connect(self, peer: PeerId, sdp: str, server_peer: PeerId) -> None:
        """Give the SFU an offer, and the answer to ``peer``, until both are up."""
        mark, sfu_mark = self.client.reports.mark(), self.sfu.reports.mark()
        offer, offered = split(sdp)
        answer, answered = split(self.sfu.described(server_peer, AcceptPublisher(offer, 1_500_000)))
        self.sfu.do(server_peer, AddCandidates(offered, end=True))
        self.client.do(peer, ApplyAnswer(answer))
        self.client.do(peer, AddCandidates(answered, end=True))
        self.client.reports.wait(Up, lambda r: r.peer == peer, mark)
        self.sfu.reports.wait(Up, lambda r: r.peer == server_peer, sfu_mark)

    def subscribe(self, publisher: PeerId, *, without_video: bool = False) -> PeerId:
        """Subscribe to a publisher; the id, the same on both sides."""
        peer = self.peer()
        self.negotiate(peer, OfferSubscription(publisher, without_video))
        return peer

    def negotiate(self, peer: PeerId, operation: OfferSubscription | RestartSubscription) -> None:
        """Offer, answer, candidates, up."""
        mark, sfu_mark = self.client.reports.mark(), self.sfu.reports.mark()
        offer, offered = split(self.sfu.described(peer, operation))
        answer, answered = split(self.client.described(peer, OpenSubscriber(KEY, offer)))
        self.sfu.do(peer, AddCandidates(answered, end=True))
        self.sfu.do(peer, ApplyAnswer(answer))
        self.client.do(peer, AddCandidates(offered, end=True))
        self.client.reports.wait(Up, lambda r: r.peer == peer, mark)
        self.sfu.reports.wait(Up, lambda r: r.peer == peer, sfu_mark)


@contextmanager
def call(*, relay: bool = False) -> Iterator[Call]:
    """A running `Call`."""
    running = Call(relay=relay)
    running.engine.start()
    running.embedded.start()
    try:
        yield running
    finally:
        running.engine.close()
        running.embedded.close()


class Reader(Generic[T]):
    """A consumer without an event loop."""

    def __init__(self, track: ReceivedTrack[T]) -> None:
        self._track = track
        self._woken = threading.Event()
        track.attach(self._woken.set)

    def next(self) -> T | None:
        """The next frame, or None at the end."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self._woken.clear()
            frame = self._track.pop()
            if frame is not None or self._track.ended:
                return frame
            assert self._woken.wait(deadline - time.monotonic()), "no frame came"

    def until(self, condition: Callable[[T], bool]) -> T:
        """The first frame that fits."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            frame = self.next()
            assert frame is not None, "the track ended"
            if condition(frame):
                return frame
        raise AssertionError("no such frame came")


def in_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test in a loop, in bounded time."""

    def run() -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE):
                await test()

        asyncio.run(bounded())

    return run
