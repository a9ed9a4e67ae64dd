"""What the media engine and the embedded SFU share: a thread with peers, which perform their commands in order.

This module hands over commands and reports, and closes every peer connection at the end. The reason of a report and
the log never hold a secret, nor text that a peer has sent.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from m3asyncio.aiortc_private import is_connect_after_close
from m3asyncio.connection import Connection, Ice, Report
from m3asyncio.engine_thread import EngineThread
from m3asyncio.log_privacy import mask_ice_passwords
from m3asyncio.loopback import Loopback
from m3core.errors import M3Error
from m3core.io import CommandId, Failed, IceServer, MediaReport, PeerId

logger = logging.getLogger("m3.media")

RELEASE_GRACE: Final = 0.15
"""Seconds that TURN servers get, at the end of the thread, to confirm the release of their allocations."""


class Command(Protocol):
    """A `MediaCommand` or `SfuCommand`."""

    @property
    def id(self) -> CommandId: ...
    @property
    def peer(self) -> PeerId: ...
    @property
    def operation(self) -> object: ...


C = TypeVar("C", bound=Command)


def _complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The exception handler of the loop: as the default one, except for a harmless error of aiortc."""
    if is_connect_after_close(context):  # in a task of aiortc that is never awaited
        logger.debug("a peer was closed while it connected")
    else:
        loop.default_exception_handler(context)


class PeerHost(ABC, Generic[C]):
    """Performs commands in a thread of its own: those of one peer in order, those of different peers concurrently.

    ``report`` is called in that thread; it must only hand the report over. All public methods can be called from any
    thread.
    """

    def __init__(self, name: str, report: Report, *, loopback: Loopback) -> None:
        mask_ice_passwords()
        self._user_report = report
        self._ice = Ice()
        self._thread = EngineThread(name, self._close_all, self._crashed, loopback=loopback)
        self._queues: dict[PeerId, asyncio.Queue[C | None]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._open_connections: set[Connection] = set()
        self._closing = False

    def start(self) -> None:
        """Start the thread; commands are taken from then on."""
        self._thread.start()
        self._thread.call(lambda: asyncio.get_running_loop().set_exception_handler(_complain))
        self._thread.call(self._begin)

    def submit(self, command: C) -> None:
        """Queue ``command``; never blocks. Raises `MediaError` when the thread does not run."""
        self._thread.call(lambda: self._enqueue(command))

    def close(self) -> None:
        """Close all peers without reports and end the thread. Blocks for a bounded time; may be called again."""
        self._thread.close()

    # -- in the thread ---
    def _connection_of(
        self, peer: PeerId, ice_servers: Sequence[IceServer] | None = None, *, offerer: bool
    ) -> Connection:
        """A new peer connection. With ``ice_servers`` (also an empty sequence) it trickles its candidates."""
        ice = None if ice_servers is None else self._ice
        connection = Connection(peer, self._report, ice, ice_servers or (), offerer=offerer)
        self._open_connections.add(connection)
        connection.on_closed = lambda: self._open_connections.discard(connection)
        return connection

    def _enqueue(self, command: C) -> None:
        queue = self._queues.get(command.peer)
        if queue is None:
            queue = self._queues[command.peer] = asyncio.Queue()
            self._employ(command.peer, queue)
        queue.put_nowait(command)

    def _employ(self, peer: PeerId, queue: asyncio.Queue[C | None]) -> None:
        worker = self._thread.spawn(self._work(peer, queue))
        if worker is None:  # a command that was submitted just before the end
            return
        self._workers.add(worker)
        worker.add_done_callback(lambda worker: self._worker_ended(peer, queue, worker))

    def _worker_ended(self, peer: PeerId, queue: asyncio.Queue[C | None], worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if self._closing or not self._thread.running or self._queues.get(peer) is not queue:
            return
        # A worker ends only after its peer is closed. This one was cancelled in the middle of a command (something
        # inside aiortc was), so that the state of the peer is unknown. Its user may close it, or begin it anew.
        logger.error("the worker of a media peer ended before its peer")
        self._employ(peer, queue)
        self._report(Failed(None, peer, "the media engine was interrupted in the middle of a command"))

    async def _work(self, peer: PeerId, queue: asyncio.Queue[C | None]) -> None:
        """Perform the commands of one peer, until it is closed."""
        while not self._closing:
            command = await queue.get()
            if command is not None:
                await self._try(command)
            if queue.empty() and not self._has(peer):
                self._queues.pop(peer, None)
                return

    async def _try(self, command: C) -> None:
        try:
            await self._perform(command)
        except M3Error as error:
            self._fail(command, str(error))
        except (Exception, asyncio.CancelledError) as error:
            # A `CancelledError` may come from a task inside of aiortc. Only if this task is cancelled, it must end.
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (
                self._closing or (task is not None and task.cancelling())
            ):
                raise
            # Only the class of the error: its text may quote what the peer has sent.
            logger.debug("%s failed: %s", type(command.operation).__name__, type(error).__name__)
            self._fail(command, f"{type(command.operation).__name__} failed: {type(error).__name__}")

    def _forget(self, peer: PeerId) -> None:
        """End the worker of ``peer``, which was closed together with another peer."""
        if (queue := self._queues.get(peer)) is not None:
            queue.put_nowait(None)

    def _fail(self, command: C, reason: str) -> None:
        self._report(Failed(command.id, command.peer, reason))

    def _report(self, report: MediaReport) -> None:
        # A loop that dies cancels all tasks at once. What they then report of their peers would hide the reason, which
        # `_crashed` reports.
        if self._thread.running and not self._closing:
            self._tell(report)

    def _tell(self, report: MediaReport) -> None:
        try:
            self._user_report(report)
        except Exception:
            logger.exception("a media report was not taken")

    def _crashed(self, error: BaseException) -> None:
        reason = f"the media thread died: {type(error).__name__}"
        for peer in list(self._queues):  # `_close_all` has closed the peers without a report
            self._tell(Failed(None, peer, reason))

    async def _close_all(self) -> None:
        self._closing = True
        # The workers first: a peer that is half open is closed by its worker, which is cancelled here. Closed from
        # outside, aiortc would go on opening it.
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await asyncio.gather(*(self._close(peer) for peer in self._peers()))
        await asyncio.gather(*(connection.close() for connection in list(self._open_connections)))
        await self._ice.releases.end(RELEASE_GRACE)
        # A connection that is not closed by now hangs. The loop closes its sockets at its own end.
        for connection in list(self._open_connections):
            logger.warning("a media peer did not close in time")
            connection.begin_to_close().cancel()

    @abstractmethod
    def _begin(self) -> None:
        """Start what runs beside the peers. Called in the thread, before any command."""

    @abstractmethod
    async def _perform(self, command: C) -> None:
        """Perform one command. An exception becomes the report `Failed`."""

    @abstractmethod
    def _peers(self) -> list[PeerId]:
        """All peers that have a connection or a source."""

    @abstractmethod
    def _has(self, peer: PeerId) -> bool:
        """Whether ``peer`` has a connection; without one its worker ends."""

    @abstractmethod
    async def _close(self, peer: PeerId) -> None:
        """Close one peer without a report. Does nothing when there is no such peer."""
