"""One peer connection of aiortc: its descriptions, its candidates, its state, and its end.

The reason of a report and the log never hold a secret, nor text that a peer has sent.
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
from m3asyncio.aiortc_private import limit_sources
from m3asyncio.aiortc_sdp import as_answer, for_aiortc
from m3asyncio.gathering import Gathering
from m3asyncio.ice_private import Releases
from m3asyncio.ice_servers import IceAddress, IceServers
from m3core.errors import SdpError
from m3core.io import AddCandidates, Down, Failed, IceServer, MediaReport, PeerId, Trickled, Up
from m3core.limits import MAX_CANDIDATES
from m3core.sdp import CandidateType, IceCandidate

logger = logging.getLogger("m3.media")

PEER_CLOSE_TIMEOUT: Final = 3.0
"""Seconds after which `Connection.close` waits no longer for a peer connection that hangs."""
NO_PATH_TIMEOUT: Final = 10.0
"""Seconds after which ICE counts as failed: `GATHER_TIMEOUT` for all servers, and as much for the checks.

A media server gives up after 12 s (measured with Janus), and then says nothing of the reason. So we give up before.
"""
CODECS: Final = {"audio": ("audio/opus",), "video": ("video/VP8", "video/rtx")}
"""The codecs that are negotiated: those that every M3 peer has (media.md § 8.3). VP8 is the cheapest to encode."""
_END: Final = re.compile(r"^a=end-of-candidates\r\n", re.MULTILINE)
_PORT: Final = re.compile(r"^a=candidate:(?:\S+ ){5}(\d+) ", re.MULTILINE)
_MID: Final = re.compile(r"^a=mid:(\S+)", re.MULTILINE)

Report: TypeAlias = Callable[[MediaReport], None]


class Ice:
    """What the peer connections of one engine share: which ICE servers are silent, and allocations under release."""

    def __init__(self) -> None:
        self.servers = IceServers()
        self.releases = Releases()


class Connection:
    """One peer connection. ``on_down`` is called when it ends or fails, but not by `close`.

    With ``ice`` it is a client's: the candidates from ``ice_servers`` follow its description, once `trickle` is called.
    Without, it is the SFU's, whose candidates are in its descriptions.
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
        self.ports: set[int] = set()
        """The ports of the candidates in its description, once there is one."""
        self.on_down: Callable[[], None] = _nothing
        self.on_closed: Callable[[], None] = _nothing
        self._report = report
        self._ice = ice
        self._asked, self._left_out = ((), ()) if ice is None else ice.servers.choose(ice_servers)
        self._gatherings: list[Gathering] = []
        self._offer = ""
        """The last offer of the peer."""
        self._described = False
        self._early: list[AddCandidates] = []
        self._limit: asyncio.TimerHandle | None = None
        self._closing: asyncio.Future[None] | None = None
        self._close_by = 0.0
        self.pc = RTCPeerConnection(
            RTCConfiguration(
                # `Gathering` asks the servers. Where the private names for that are missing, aiortc asks one of them.
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
        """The connection ended or failed: `Down` if it was up, whatever the reason, and `Failed` if it never was."""
        self.over = True
        if self._ice is not None and (not self.up or self.pc.iceConnectionState == "failed"):
            # The next attempt asks all servers again: one that was silent may be the one that is needed.
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
        """Limit the time until ICE has found a path. Called when both descriptions are set."""
        if self._ice is not None and self._limit is None:
            self._limit = asyncio.get_running_loop().call_later(NO_PATH_TIMEOUT, self._no_path)

    def _no_path(self) -> None:
        if not self.over and self.pc.iceConnectionState != "completed":
            self._end()

    @property
    def flowing(self) -> bool:
        """Whether media can be sent: the connection is up, and neither end has begun to close it."""
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
        """Make and apply an offer. Returns the description, with the candidates of this machine."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        self._limit_sources()
        return self._local_description()

    async def remote_offer(self, sdp: str) -> None:
        """Apply the offer of the peer, which must hold no candidates.

        With candidates ICE and DTLS would start before the peer has the answer. OpenSSL waits a second before it sends
        the first DTLS message again (docs/architecture.md, decision 5).
        """
        self._offer = sdp
        await self.pc.setRemoteDescription(RTCSessionDescription(for_aiortc(sdp), "offer"))
        self._limit_sources()
        self._described = True

    async def answer(self) -> str:
        """Make and apply an answer. Returns the description, with the candidates of this machine."""
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        self._expect_path()
        return as_answer(self._offer, self._local_description())

    def _limit_sources(self) -> None:
        for transceiver in self.pc.getTransceivers():
            limit_sources(transceiver.receiver.transport)

    def _local_description(self) -> str:
        sdp: str = self.pc.localDescription.sdp
        self.ports = {int(port) for port in _PORT.findall(sdp)}
        if self._ice is None or not self._asked or not ice_private.available():
            return sdp
        transports = {one.receiver.transport.transport for one in self.pc.getTransceivers()}
        self._gatherings = [
            Gathering(transport, self._asked, self._ice.servers, self._ice.releases) for transport in transports
        ]
        return _END.sub("", sdp)  # aiortc believes that it has gathered all, and more candidates follow (RFC 8838 s.13)

    def trickle(self) -> None:
        """Ask the ICE servers, and report each candidate. To be called after the description was reported."""
        mids = _MID.findall(self.pc.localDescription.sdp)
        open_ones = set(self._gatherings)

        def tell(gathering: Gathering, index: int, candidate: Candidate | None) -> None:
            if candidate is not None:
                self._report(Trickled(self.peer, f"candidate:{candidate.to_sdp()}", index))
                return
            open_ones.discard(gathering)
            if not open_ones:  # one end-of-candidates for all transports
                self._report(Trickled(self.peer, None))

        for gathering in self._gatherings:
            # aioice has a candidate for the whole transport; on the wire it names an m-section (media.md § 8.6).
            of_it = {t.mid for t in self.pc.getTransceivers() if gathering.is_for(t.receiver.transport.transport)}
            index = next((index for index, mid in enumerate(mids) if mid in of_it), 0)
            gathering.start(functools.partial(tell, gathering, index))

    async def remote_answer(self, sdp: str) -> None:
        """Apply the answer of the peer, and the candidates that came before it."""
        await self.pc.setRemoteDescription(RTCSessionDescription(for_aiortc(sdp), "answer"))
        self._described = True
        self._expect_path()
        early, self._early = self._early, []
        for operation in early:
            await self.add_candidates(operation)

    async def add_candidates(self, operation: AddCandidates) -> None:
        """Add remote candidates. They may come before the answer (media.md § 10 row 12).

        Useless candidates are dropped: resolving an mDNS name costs up to 1 s (measured), and aioice has no TCP.
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
        """How many packets were lost so far: ``sent`` ones, as the peer reports, or else those sent by the peer."""
        ends = self.pc.getSenders() if sent else self.pc.getReceivers()
        kind = "remote-inbound-rtp" if sent else "inbound-rtp"
        reports = [await end.getStats() for end in ends]
        return sum(stats.packetsLost for report in reports for stats in report.values() if stats.type == kind)

    def begin_to_close(self) -> asyncio.Future[None]:
        """Start to close, without a report. Returns a future that is done at the end.

        Only the end of the thread cancels it: aiortc never finishes a `close` that was cancelled in the middle.
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
        """Close without a report. Waits at most `PEER_CLOSE_TIMEOUT` seconds from the first call on."""
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
    """The candidate if it is useful, else None: UDP, component 1, a known type and an IP address."""
    try:
        parsed = IceCandidate.parse(text)
    except SdpError:
        return None
    if parsed.component != 1 or not parsed.is_udp or parsed.ip is None or not isinstance(parsed.type, CandidateType):
        return None
    return candidate_from_sdp(parsed.serialize().removeprefix("candidate:"))


def prefer_codecs(transceiver: RTCRtpTransceiver) -> None:
    """Let ``transceiver`` negotiate only `CODECS`."""
    capabilities = RTCRtpSender.getCapabilities(transceiver.kind)
    wanted = CODECS[transceiver.kind]
    transceiver.setCodecPreferences([codec for codec in capabilities.codecs if codec.mimeType in wanted])
