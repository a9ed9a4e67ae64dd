"""A small SFU made of aiortc: it decodes each stream, and encodes it again for each subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole, MediaRelay
from aiortc.sdp import candidate_from_sdp
from manners_media import Key, Pair
from manners_switches import Json


class Relay:
    """The peer connections, by client and stream."""

    def __init__(self) -> None:
        self._relay = MediaRelay()
        self._peers: dict[Pair, RTCPeerConnection] = {}
        self._tracks: dict[Key, list[MediaStreamTrack]] = {}
        self._sinks: dict[Key, MediaBlackhole] = {}

    async def publish(self, pair: Pair, offer: str, up: Callable[[], None], over: Callable[[], None]) -> str:
        """The answer, with all candidates in it."""
        await self.close(pair)
        peer, key = self._open(pair, up, over), pair[1]
        tracks = self._tracks[key] = []
        sink = self._sinks[key] = MediaBlackhole()

        def take(track: MediaStreamTrack) -> None:
            tracks.append(track)
            sink.addTrack(self._relay.subscribe(track))

        peer.on("track", take)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        await sink.start()
        return str(peer.localDescription.sdp)

    async def subscribe(self, pair: Pair, up: Callable[[], None], over: Callable[[], None]) -> str:
        """An offer, with all candidates in it."""
        peer = self._open(pair, up, over)
        for track in self._tracks[pair[1]]:
            peer.addTransceiver(self._relay.subscribe(track), direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        return str(peer.localDescription.sdp)

    async def answered(self, pair: Pair, answer: str) -> None:
        """Apply the answer: the peer connection begins to connect."""
        if pair in self._peers:
            await self._peers[pair].setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def candidate(self, pair: Pair, candidate: Json) -> None:
        """Add a trickled candidate."""
        if pair in self._peers and candidate["candidate"]:
            found = candidate_from_sdp(candidate["candidate"].removeprefix("candidate:"))
            found.sdpMLineIndex = candidate["sdpMLineIndex"]
            await self._peers[pair].addIceCandidate(found)

    async def close(self, pair: Pair, *, silently: bool = False) -> None:
        """Close a peer connection. ``silently``: ICE first, so that no DTLS alert reaches the client."""
        peer, (who, key) = self._peers.pop(pair, None), pair
        if who == key[0] and key in self._sinks:
            await self._sinks.pop(key).stop()
            del self._tracks[key]
        if peer is None:
            return
        if silently:
            paths = {end.transport.transport for end in peer.getReceivers()}
            paths |= {end.transport.transport for end in peer.getSenders()}
            await asyncio.gather(*(path.stop() for path in paths))
        await peer.close()

    def _open(self, pair: Pair, up: Callable[[], None], over: Callable[[], None]) -> RTCPeerConnection:
        peer = self._peers[pair] = RTCPeerConnection(RTCConfiguration(iceServers=[]))

        def changed() -> None:
            if peer.connectionState == "connected":
                up()
            elif peer.connectionState in {"failed", "closed"} and self._peers.get(pair) is peer:
                over()

        peer.on("connectionstatechange", changed)
        return peer
