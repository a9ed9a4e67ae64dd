"""What the media engine and the embedded SFU share: a thread of peers, each with its commands in order.

Owns the hand-over of commands and reports, the life of peer connections, and how descriptions and candidates are given
to aiortc. Nothing that a peer sent, and no secret, goes into a report's reason or a log.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceCandidate,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.sdp import candidate_from_sdp

from m3asyncio.aiortc_private import is_connect_after_close
from m3asyncio.engine_thread import EngineThread
from m3asyncio.log_privacy import mask_ice_passwords
from m3core.errors import M3Error
from m3core.io import AddCandidates, CommandId, Down, Failed, IceServer, MediaReport, PeerId, Up
from m3core.limits import MAX_CANDIDATES

logger = logging.getLogger("m3.media")

PEER_CLOSE_TIMEOUT: Final = 3.0
"""Seconds that one peer connection may take to close."""
CODECS: Final = {"audio": ("audio/opus",), "video": ("video/VP8", "video/rtx")}
"""The codecs that are sent: those that every M3 peer has, and the cheapest to encode (measured in design)."""


class Command(Protocol):
    """A `MediaCommand` or `SfuCommand`."""

    @property
    def id(self) -> CommandId: ...
    @property
    def peer(self) -> PeerId: ...
    @property
    def operation(self) -> object: ...


C = TypeVar("C", bound=Command)
Report = Callable[[MediaReport], None]


class Connection:
    """One peer connection and what became of it. ``on_down`` is called when it ends or fails, and not by `close`."""

    def __init__(self, peer: PeerId, report: Report, ice_servers: Sequence[IceServer] = (), *, offerer: bool) -> None:
        self.peer = peer
        self.up = False
        self.on_down: Callable[[], None] = _nothing
        self._report = report
        self.over = False
        self._described = False
        self._early: list[AddCandidates] = []
        self.pc = RTCPeerConnection(
            RTCConfiguration(
                iceServers=_ice_servers(ice_servers),
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE if offerer else RTCBundlePolicy.BALANCED,
            )
        )
        self.pc.on("connectionstatechange", self._state_changed)

    def _state_changed(self) -> None:
        state = self.pc.connectionState
        if self.over:
            return
        if state == "connected" and not self.up:
            self.up = True
            self._report(Up(self.peer))
        elif state in {"failed", "closed"}:
            self.over = True
            self._report(Down(self.peer) if self.up else Failed(None, self.peer, "ICE or DTLS found no connection"))
            self.on_down()

    @property
    def flowing(self) -> bool:
        """Whether media can be sent: up, and nobody has begun to close."""
        return (
            self.up
            and not self.over
            and all(sender.transport.state == "connected" for sender in self.pc.getSenders())
            and self.pc.signalingState != "closed"
        )

    async def offer(self) -> str:
        """Make an offer; the local description, candidates inside."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def remote_offer(self, sdp: str) -> None:
        """Take the peer's offer; it must not hold candidates, or DTLS starts too early and loses a second."""
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        self._described = True

    async def answer(self) -> str:
        """Answer the remote offer; the local description, candidates inside."""
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return self.pc.localDescription.sdp

    async def remote_answer(self, sdp: str) -> None:
        """Take the peer's answer."""
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        self._described = True
        early, self._early = self._early, []
        for operation in early:
            await self.add_candidates(operation)

    async def add_candidates(self, operation: AddCandidates) -> None:
        """Take remote candidates, before the answer too (media.md § 10, 12).

        Those of no use are dropped: names cost up to 1 s (measured), TCP never connects.
        """
        if not self._described:
            if len(self._early) < MAX_CANDIDATES:
                self._early.append(operation)
            return
        for text, mline_index in operation.candidates:
            if (candidate := parse_candidate(text)) is not None:
                candidate.sdpMLineIndex = mline_index
                await self.pc.addIceCandidate(candidate)
        if operation.end:
            await self.pc.addIceCandidate(None)

    async def packets_lost(self, *, sent: bool) -> int:
        """Packets lost so far: of those that were sent, by the peer's account, or of those that were to be received."""
        ends = self.pc.getSenders() if sent else self.pc.getReceivers()
        kind = "remote-inbound-rtp" if sent else "inbound-rtp"
        reports = [await end.getStats() for end in ends]
        return sum(stats.packetsLost for report in reports for stats in report.values() if stats.type == kind)

    async def close(self) -> None:
        """Close, in bounded time, without a report; cancelling it does not leave half a peer behind."""
        self.over = True
        self.up = False
        closing = asyncio.ensure_future(self.pc.close())
        try:
            await asyncio.wait({closing}, timeout=PEER_CLOSE_TIMEOUT)
        except asyncio.CancelledError:
            # aiortc goes on with nothing that was cancelled in the middle: the sockets would stay open.
            await asyncio.wait({closing}, timeout=PEER_CLOSE_TIMEOUT)
            raise
        finally:
            if not closing.cancel() and (error := closing.exception()) is not None:
                logger.debug("a peer did not close: %s", type(error).__name__)


def _nothing() -> None:
    pass


def _complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What the loop says of itself, but for a peer that was closed while it connected, which is nobody's trouble."""
    if is_connect_after_close(context):
        logger.debug("a peer was closed while it connected")
    else:
        loop.default_exception_handler(context)


def _ice_servers(servers: Sequence[IceServer]) -> list[RTCIceServer]:
    return [
        RTCIceServer(
            urls=list(server.urls), username=server.username or None, credential=server.credential.reveal() or None
        )
        for server in servers
    ]


def parse_candidate(text: str) -> RTCIceCandidate | None:
    """A candidate that can be of use: UDP, component 1, an address instead of an mDNS name; else None."""
    text = text.removeprefix("a=").removeprefix("candidate:")
    try:
        candidate = candidate_from_sdp(text)
    except (AssertionError, ValueError):
        return None
    if candidate.component != 1 or candidate.protocol.lower() != "udp" or candidate.ip.lower().endswith(".local"):
        return None
    return candidate


def prefer_codecs(transceiver: RTCRtpTransceiver) -> None:
    """Let ``transceiver`` negotiate the codecs of M3 alone."""
    capabilities = RTCRtpSender.getCapabilities(transceiver.kind)
    wanted = CODECS[transceiver.kind]
    transceiver.setCodecPreferences([codec for codec in capabilities.codecs if codec.mimeType in wanted])


class PeerHost(ABC, Generic[C]):
    """Performs commands in a thread of its own: those of one peer in order, those of different peers side by side.

    ``report`` is called in that thread, and must only hand over. All public methods can be called from any thread.
    """

    def __init__(self, name: str, report: Report, *, loopback: bool) -> None:
        mask_ice_passwords()
        self._user_report = report
        self._thread = EngineThread(name, self._close_all, self._crashed, loopback=loopback)
        self._queues: dict[PeerId, asyncio.Queue[C | None]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self) -> None:
        """Start the thread; returns when it runs."""
        self._thread.start()
        self._thread.call(lambda: asyncio.get_running_loop().set_exception_handler(_complain))
        self._thread.call(self._begin)

    def submit(self, command: C) -> None:
        """Queue ``command``; never blocks. Raises `MediaError` when the thread does not run."""
        self._thread.call(lambda: self._enqueue(command))

    def close(self) -> None:
        """Close all peers without reports and end the thread. Blocks for a bounded time; may be called again."""
        self._thread.close()

    def _enqueue(self, command: C) -> None:
        queue = self._queues.get(command.peer)
        if queue is None:
            queue = self._queues[command.peer] = asyncio.Queue()
            worker = self._thread.spawn(self._work(command.peer, queue))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        queue.put_nowait(command)

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
        except Exception as error:  # noqa: BLE001 - whatever aiortc raises ends in a report
            # The text of the error may quote what the peer sent.
            logger.debug("%s failed: %s", type(command.operation).__name__, type(error).__name__)
            self._fail(command, f"{type(command.operation).__name__} failed: {type(error).__name__}")

    def _forget(self, peer: PeerId) -> None:
        """``peer`` was closed by another one: let its worker end."""
        if (queue := self._queues.get(peer)) is not None:
            queue.put_nowait(None)

    def _fail(self, command: C, reason: str) -> None:
        self._report(Failed(command.id, command.peer, reason))

    def _report(self, report: MediaReport) -> None:
        # A loop that dies cancels all tasks at once, and what they then say of their peers is not the reason.
        if self._thread.running and not self._closing:
            self._tell(report)

    def _tell(self, report: MediaReport) -> None:
        try:
            self._user_report(report)
        except Exception:
            logger.exception("a media report was not taken")

    def _crashed(self, error: BaseException) -> None:
        reason = f"the media thread died: {type(error).__name__}"
        for peer in list(self._queues):  # the peers are closed, but nobody has been told
            self._tell(Failed(None, peer, reason))

    async def _close_all(self) -> None:
        self._closing = True
        # What is half open is closed by its worker: aiortc would go on opening what was closed meanwhile.
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await asyncio.gather(*(self._close(peer) for peer in self._peers()))

    @abstractmethod
    def _begin(self) -> None:
        """Called in the thread, first of all."""

    @abstractmethod
    async def _perform(self, command: C) -> None:
        """Perform one command; what it raises becomes `Failed`."""

    @abstractmethod
    def _peers(self) -> list[PeerId]:
        """All peers that hold anything."""

    @abstractmethod
    def _has(self, peer: PeerId) -> bool:
        """Whether ``peer`` holds anything."""

    @abstractmethod
    async def _close(self, peer: PeerId) -> None:
        """Close one peer without a report; nothing to do when there is none."""
