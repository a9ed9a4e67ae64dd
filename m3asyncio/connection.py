"""One peer connection of aiortc: its descriptions, its candidates, what becomes of it, and its end.

Nothing that a peer sent, and no secret, goes into a report's reason or a log.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from aioice import Candidate
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

from m3asyncio import ice_private
from m3asyncio.gathering import Gathering
from m3asyncio.ice_private import Releases
from m3asyncio.ice_servers import IceAddress, IceServers
from m3core.io import AddCandidates, Down, Failed, IceServer, MediaReport, PeerId, Trickled, Up
from m3core.limits import MAX_CANDIDATES

logger = logging.getLogger("m3.media")

PEER_CLOSE_TIMEOUT: Final = 3.0
"""Seconds that closing a peer connection is waited for."""
NO_PATH_TIMEOUT: Final = 10.0
"""Seconds after which ICE has found no path: all servers have had their time, and as much is left for checks.

A media server gives up after 12 (measured with Janus), and its word would say nothing of the reason.
"""
CODECS: Final = {"audio": ("audio/opus",), "video": ("video/VP8", "video/rtx")}
"""The codecs that are sent: those that every M3 peer has, and the cheapest to encode (measured in design)."""
_END: Final = re.compile(r"^a=end-of-candidates\r\n", re.MULTILINE)
_MID: Final = re.compile(r"^a=mid:(\S+)", re.MULTILINE)

Report: TypeAlias = Callable[[MediaReport], None]


class Ice:
    """What the peer connections of one engine share: what is known of servers, and allocations to be released."""

    def __init__(self) -> None:
        self.servers = IceServers()
        self.releases = Releases()


class Connection:
    """One peer connection and what became of it. ``on_down`` is called when it ends or fails, and not by `close`.

    With ``ice`` it is that of a client: candidates of ``ice_servers`` follow its description, once `trickle` is called.
    """

    def __init__(
        self,
        peer: PeerId,
        report: Report,
        ice: Ice | None = None,
        ice_servers: Sequence[IceServer] = (),
        *,
        offerer: bool,
    ) -> None:
        self.peer = peer
        self.up = False
        self.over = False
        self.on_down: Callable[[], None] = _nothing
        self.on_closed: Callable[[], None] = _nothing
        self._report = report
        self._ice = ice
        self._asked, self._left_out = ((), ()) if ice is None else ice.servers.choose(ice_servers)
        self._gatherings: list[Gathering] = []
        self._described = False
        self._early: list[AddCandidates] = []
        self._limit: asyncio.TimerHandle | None = None
        self._closing: asyncio.Future[None] | None = None
        self._close_by = 0.0
        self.pc = RTCPeerConnection(
            RTCConfiguration(
                # Without a way for candidates to come later, aiortc gathers them all at once.
                iceServers=[] if ice_private.available() else _ice_servers(self._asked),
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
            self._end()

    def _end(self) -> None:
        """It ended or failed: what was up is `Down`, whatever the reason, and what never was has `Failed`."""
        self.over = True
        if self._ice is not None and (not self.up or self.pc.iceConnectionState == "failed"):
            self._ice.servers.forget()
        self._report(Down(self.peer) if self.up else Failed(None, self.peer, self._reason()))
        self.on_down()

    def _reason(self) -> str:
        if self.pc.iceConnectionState == "completed":
            return "a path was found, but no DTLS connection over it"
        said = {str(address): "no answer before" for address in self._left_out}
        for gathering in self._gatherings:
            said.update((str(address), words) for address, words in gathering.said.items())
        if not said:
            return "no path found"
        return "no path found; " + ", ".join(f"{address}: {words}" for address, words in said.items())

    def _expect_path(self) -> None:
        """Both descriptions are there, and candidates are coming."""
        if self._ice is not None and self._limit is None:
            self._limit = asyncio.get_running_loop().call_later(NO_PATH_TIMEOUT, self._no_path)

    def _no_path(self) -> None:
        if not self.over and self.pc.iceConnectionState != "completed":
            self._end()

    @property
    def flowing(self) -> bool:
        """Whether media can be sent: up, and nobody has begun to close."""
        return (
            self.up
            and not self.over
            and all(
                sender.transport.state == "connected" and ice_private.is_flowing(sender.transport.transport)
                for sender in self.pc.getSenders()
            )
            and self.pc.signalingState != "closed"
        )

    async def offer(self) -> str:
        """Make an offer; the local description, with the candidates of this machine."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self._local_description()

    async def remote_offer(self, sdp: str) -> None:
        """Take the peer's offer; it must not hold candidates, or DTLS starts too early and loses a second."""
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        self._described = True

    async def answer(self) -> str:
        """Answer the remote offer; the local description, with the candidates of this machine."""
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        self._expect_path()
        return self._local_description()

    def _local_description(self) -> str:
        sdp: str = self.pc.localDescription.sdp
        if self._ice is None or not self._asked or not ice_private.available():
            return sdp
        transports = {one.receiver.transport.transport for one in self.pc.getTransceivers()}
        self._gatherings = [
            Gathering(transport, self._asked, self._ice.servers, self._ice.releases) for transport in transports
        ]
        return _END.sub("", sdp)

    def trickle(self) -> None:
        """The description was reported: from now on, report the candidates that come."""
        mids = _MID.findall(self.pc.localDescription.sdp)
        open_ones = set(self._gatherings)

        def tell(gathering: Gathering, index: int, candidate: Candidate | None) -> None:
            if candidate is not None:
                self._report(Trickled(self.peer, f"candidate:{candidate.to_sdp()}", index))
                return
            open_ones.discard(gathering)
            if not open_ones:
                self._report(Trickled(self.peer, None))

        for gathering in self._gatherings:
            of_it = {t.mid for t in self.pc.getTransceivers() if gathering.is_for(t.receiver.transport.transport)}
            index = next((index for index, mid in enumerate(mids) if mid in of_it), 0)
            gathering.start(functools.partial(tell, gathering, index))

    async def remote_answer(self, sdp: str) -> None:
        """Take the peer's answer."""
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        self._described = True
        self._expect_path()
        early, self._early = self._early, []
        for operation in early:
            await self.add_candidates(operation)

    async def add_candidates(self, operation: AddCandidates) -> None:
        """Take remote candidates, before the answer too (media.md § 10 row 12).

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

    def begin_to_close(self) -> asyncio.Future[None]:
        """Close without a report.

        Nobody cancels that, except at the end of the thread: what was cancelled in the middle, aiortc closes no more.
        """
        self.over = True
        self.up = False
        if self._limit is not None:
            self._limit.cancel()
        for gathering in self._gatherings:
            gathering.stop()
        if self._closing is None:
            self._close_by = asyncio.get_running_loop().time() + PEER_CLOSE_TIMEOUT
            self._closing = asyncio.ensure_future(self.pc.close())
            self._closing.add_done_callback(self._closed)
        return self._closing

    def _closed(self, closing: asyncio.Future[None]) -> None:
        if not closing.cancelled() and (error := closing.exception()) is not None:
            logger.debug("a peer did not close: %s", type(error).__name__)
        self.on_closed()

    async def close(self) -> None:
        """Close without a report, and wait for it, in bounded time and once for all."""
        closing = self.begin_to_close()
        left = self._close_by - asyncio.get_running_loop().time()
        await asyncio.wait({closing}, timeout=max(left, 0.0))


def _nothing() -> None:
    pass


def _ice_servers(addresses: Sequence[IceAddress]) -> list[RTCIceServer]:
    return [
        RTCIceServer(
            urls=str(address), username=address.username or None, credential=address.credential.reveal() or None
        )
        for address in addresses
        if address.is_supported
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
