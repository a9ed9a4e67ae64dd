"""The embedded SFU: a media server in a thread of its own, for development, tests and small conferences.

It performs the `SfuCommand`s of the controller and answers with `MediaReport`s, called in its thread. Encoded video and
opus packets are passed through (measured: 5 % of a core for 4 subscribers). Without the private names of aiortc, or
with ``relay``, they are decoded and encoded again. There is one codec for each kind, and no simulcast: ``substream`` is
accepted and ignored.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from functools import partial
from typing import Final

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection

from m3asyncio import aiortc_private
from m3asyncio.connection import CODECS, Connection, Report, parse_candidate, prefer_codecs
from m3asyncio.loopback import Loopback
from m3asyncio.peers import PeerHost
from m3asyncio.sfu_streams import RelaySource, RelayTrack
from m3asyncio.turns import Turns
from m3core.controller.sfu import (
    AcceptPublisher,
    ConfigureSubscription,
    OfferSubscription,
    RelayPublisher,
    RestartSubscription,
    SfuCommand,
    credentials_of,
)
from m3core.errors import MediaError
from m3core.io import (
    AddCandidates,
    ApplyAnswer,
    ClosePeer,
    Described,
    Down,
    PeerId,
    Receiving,
    Slow,
    Talking,
)
from m3core.media import ArrivalMonitor, KindStats, PeerStats, TalkDetector
from m3core.values import MediaKind, SlowDirection

TICK: Final = 0.25
"""Seconds between two checks whether media still arrives."""
SILENCE: Final = 2.0
"""Seconds without packets after which a kind counts as not received (measured with Janus)."""
SCREEN_SILENCE: Final = 1.0
"""The same for a publisher without audio, which is a screen (media.md § 3)."""
SLOW_LOST: Final = 4
"""Lost packets within a second at which `Slow` is reported (as the slowlink_threshold of Janus)."""
ROOM_BASE: Final = 1_000_000_000_000
"""The number of a room is this plus the peer id of the publisher. It looks like one of Janus (media.md § 8.3)."""
_KIND: Final = re.compile(r"^m=(audio|video) ", re.MULTILINE)
_VIDEO_SECTION: Final = re.compile(r"^m=video [^\r\n]*\r\n(?:i=[^\r\n]*\r\n)?(?:c=[^\r\n]*\r\n)?", re.MULTILINE)


def warm_up() -> None:
    """Do what makes the first peer connection slower than later ones: import modules, and make a certificate.

    Blocks for 30 ms. To be called in a thread that runs no event loop.
    """

    async def offer() -> None:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for kind in CODECS:
            prefer_codecs(pc.addTransceiver(kind))
        await pc.createOffer()
        await pc.close()

    asyncio.run(offer())
    # pyOpenSSL imports it at the first handshake.
    importlib.import_module("cryptography.hazmat.primitives.serialization")


class _Publisher:
    """A publisher, the sources that relay its media, and what is known of that media."""

    def __init__(self, peer: PeerId) -> None:
        self.peer = peer
        self.connection: Connection | None = None
        self.ufrag = ""
        """The ICE user name of its last offer: another one is an ICE restart."""
        self.sources: dict[str, RelaySource] = {}
        self.monitors: dict[str, ArrivalMonitor] = {}
        self.is_ending = False
        """It is being closed: nobody can subscribe to it any more."""
        self.detector = TalkDetector()
        self.audible = True
        """Whether its audio is relayed. If not, it does not count as talking."""
        self.lost = 0
        """Packets lost until the last look."""


class _Subscriber:
    """A subscription: its publisher, what the subscriber wants, and the tracks that are sent."""

    def __init__(self, peer: PeerId, publisher: _Publisher, operation: OfferSubscription) -> None:
        self.peer = peer
        self.publisher = publisher
        self.without_video = operation.without_video
        self.video = True
        """What was configured, also for the connection that follows a restart."""
        self.connection: Connection | None = None
        self.tracks: dict[str, RelayTrack] = {}
        self.lost = 0


class EmbeddedSfu(PeerHost[SfuCommand]):
    """A media server in this process.

    ``report`` is called with each `MediaReport`, in the thread of the SFU, and must only hand it over. With
    ``loopback`` 127.0.0.1 is the only address that is offered. ``relay`` decodes and encodes media instead of passing
    it through.
    """

    def __init__(self, report: Report, *, loopback: bool = True, relay: bool = False) -> None:
        super().__init__("m3-sfu", report, loopback=Loopback.ONLY if loopback else Loopback.NEVER)
        self._encoded = not relay and aiortc_private.available()
        self._publishers: dict[PeerId, _Publisher] = {}
        self._subscribers: dict[PeerId, _Subscriber] = {}
        self._turns = Turns()

    def stats(self, peer: PeerId) -> PeerStats:
        """What came from a publisher, or went to a subscriber; all 0 for other ids. Can be called from any thread."""
        if (publisher := self._publishers.get(peer)) is not None:
            received = {
                kind: KindStats(frames_received=source.frames, bytes_received=source.bytes)
                for kind, source in dict(publisher.sources).items()
            }
            return PeerStats(**received)
        if (subscriber := self._subscribers.get(peer)) is not None:
            sent = {
                kind: KindStats(frames_sent=track.frames, bytes_sent=track.bytes, frames_dropped=track.dropped)
                for kind, track in dict(subscriber.tracks).items()
            }
            return PeerStats(**sent)
        return PeerStats()

    # -- in the SFU's thread ---
    def _begin(self) -> None:
        self._thread.spawn(self._watch_arrivals())
        self._thread.spawn(self._watch_losses())

    async def _perform(self, command: SfuCommand) -> None:
        match command.operation:
            case AcceptPublisher() as operation:
                await self._accept(command, operation)
            case OfferSubscription() as operation:
                await self._offer(command, operation)
            case RestartSubscription():
                await self._restart(command)
            case ApplyAnswer(sdp):
                await self._connection(command.peer).remote_answer(sdp)
            case AddCandidates() as operation:
                await self._connection(command.peer).add_candidates(self._without_own_sockets(operation))
            case RelayPublisher() as operation:
                self._relay(command.peer, operation)
            case ConfigureSubscription() as operation:
                self._configure(command.peer, operation)
            case ClosePeer():
                await self._close(command.peer)

    def _connection(self, peer: PeerId) -> Connection:
        entry = self._publishers.get(peer) or self._subscribers.get(peer)
        if entry is None or entry.connection is None or entry.connection.over:
            raise MediaError("there is no such peer")
        return entry.connection

    def _without_own_sockets(self, operation: AddCandidates) -> AddCandidates:
        """Leave out candidates that may be sockets of this server.

        A participant has the descriptions of its own peers, and could connect two of them to each other. Each packet
        would then go round for ever. A port is enough to refuse a candidate: many addresses may lead to this machine,
        and the checks of an honest participant arrive anyway (RFC 8445 s.7.3.1.3).
        """
        others = tuple(one for one in operation.candidates if not self._is_own_socket(one[0]))
        # Without a candidate ICE fails at their end; an honest one may have the port of a socket by chance.
        end = operation.end and len(others) == len(operation.candidates)
        return AddCandidates(others, end)

    def _is_own_socket(self, text: str) -> bool:
        candidate = parse_candidate(text)
        return candidate is not None and any(candidate.port in one.ports for one in self._open_connections)

    # -- publishers ---
    async def _accept(self, command: SfuCommand, operation: AcceptPublisher) -> None:
        kinds = dict.fromkeys(_KIND.findall(operation.offer))
        if not kinds:
            raise MediaError("the offer of the publisher has neither audio nor video")
        publisher = self._publishers.get(command.peer)
        if publisher is None:
            publisher = self._publishers[command.peer] = _Publisher(command.peer)
        ufrag = credentials_of(operation.offer)
        before, connection = publisher.connection, publisher.connection
        try:
            async with self._turns.turn(command.owner):
                if connection is None or connection.over or ufrag != publisher.ufrag:
                    # aiortc cannot restart ICE. A new peer connection takes over; the `RelaySource`s outlive the old
                    # one, so that the subscribers notice nothing.
                    connection = self._connection_of(command.peer, offerer=False)
                    for kind in kinds:
                        prefer_codecs(connection.pc.addTransceiver(kind, direction="recvonly"))
                await connection.remote_offer(operation.offer)
                _accept_one_of_each(connection)
                sdp = await connection.answer()
        except BaseException:
            if connection is not None and connection is not before:
                await connection.close()
            if before is None:
                await self._close(command.peer)
            raise
        publisher.connection, publisher.ufrag = connection, ufrag
        connection.on_down = lambda: self._publisher_down(publisher, connection)
        if before is not connection:
            publisher.monitors.clear()
            self._silent(publisher)
        self._attach(publisher, connection)  # before anything can arrive: the peer has no answer yet
        # The old connection is closed only after the new one has taken over: closing takes time.
        if before is not None and before is not connection:
            await before.close()
        self._report(Described(command.id, command.peer, _as_janus(sdp, command.peer, operation.bitrate)))

    def _attach(self, publisher: _Publisher, connection: Connection) -> None:
        transceivers = [t for t in connection.pc.getTransceivers() if t.direction != "inactive"]
        silence = SILENCE if any(t.kind == "audio" for t in transceivers) else SCREEN_SILENCE
        for transceiver in transceivers:
            kind, receiver = transceiver.kind, transceiver.receiver
            track: MediaStreamTrack | None = receiver.track  # None for a kind that the offer does not have
            if track is None:
                continue
            if (source := publisher.sources.get(kind)) is None:
                source = publisher.sources[kind] = RelaySource(kind, self._thread.spawn)
            publisher.monitors.setdefault(kind, ArrivalMonitor(silence))
            source.attach(receiver, partial(self._arrived, publisher, connection, kind), encoded=self._encoded)

    def _publisher_down(self, publisher: _Publisher, connection: Connection) -> None:
        publisher.monitors.clear()
        publisher.detector.reset()
        self._thread.spawn(connection.close())

    def _arrived(self, publisher: _Publisher, connection: Connection, kind: str, level: int | None) -> None:
        monitor = publisher.monitors.get(kind)
        if monitor is None or not connection.up:
            return  # media can arrive before aiortc reports the peer as up; `Up` comes first (media.md § 10 row 5)
        if monitor.packet(asyncio.get_running_loop().time()):
            self._report(Receiving(publisher.peer, MediaKind(kind), receiving=True))
        if level is not None and publisher.audible and publisher.detector.add(level):
            self._report(Talking(publisher.peer, publisher.detector.talking))

    def _relay(self, peer: PeerId, operation: RelayPublisher) -> None:
        if (publisher := self._publishers.get(peer)) is None:
            raise MediaError("there is no such publisher")
        for kind, relaying in (("audio", operation.audio), ("video", operation.video)):
            if (source := publisher.sources.get(kind)) is not None:
                source.set_relaying(relaying)
        publisher.audible = operation.audio
        if not operation.audio:
            self._silent(publisher)

    def _silent(self, publisher: _Publisher) -> None:
        if publisher.detector.reset():
            self._report(Talking(publisher.peer, talking=False))

    # -- subscribers ---
    async def _offer(self, command: SfuCommand, operation: OfferSubscription) -> None:
        publisher = self._publishers.get(operation.publisher)
        if publisher is None or not publisher.sources:
            raise MediaError("there is nothing to subscribe to: the publisher sends nothing")
        if command.peer in self._subscribers:
            raise MediaError("this subscription exists already; it can be restarted")
        subscriber = self._subscribers[command.peer] = _Subscriber(command.peer, publisher, operation)
        try:
            sdp = await self._connect(subscriber, command.owner)
        except BaseException:
            await self._close(command.peer)
            raise
        self._report(Described(command.id, command.peer, sdp))

    async def _restart(self, command: SfuCommand) -> None:
        if (subscriber := self._subscribers.get(command.peer)) is None:
            raise MediaError("there is no such subscription")
        await self._disconnect(subscriber)
        self._report(Described(command.id, command.peer, await self._connect(subscriber, command.owner)))

    async def _connect(self, subscriber: _Subscriber, owner: int) -> str:
        async with self._turns.turn(owner):
            if subscriber.publisher.is_ending:  # while this waited for its turn, or for the end of the old connection
                raise MediaError("there is nothing to subscribe to: the publisher has ended")
            return await self._make_offer(subscriber)

    async def _make_offer(self, subscriber: _Subscriber) -> str:
        connection = subscriber.connection = self._connection_of(subscriber.peer, offerer=True)
        for kind in ("audio", "video"):
            source = subscriber.publisher.sources.get(kind)
            if source is None or (kind == "video" and subscriber.without_video):
                continue
            track = subscriber.tracks[kind] = RelayTrack(source)
            track.enable(kind == "audio" or subscriber.video)
            transceiver = connection.pc.addTransceiver(track, direction="sendonly")
            prefer_codecs(transceiver)
            if self._encoded:
                aiortc_private.on_keyframe_request(transceiver.sender, track.request_keyframe)
            if aiortc_private.available():
                aiortc_private.limit_retransmissions(transceiver.sender, track.may_retransmit)
        if not subscriber.tracks:
            raise MediaError("the publisher sends only video, and the subscription is without video")
        connection.on_down = lambda: self._subscriber_down(subscriber, connection)
        return _named(await connection.offer(), subscriber.publisher.peer)

    def _subscriber_down(self, subscriber: _Subscriber, connection: Connection) -> None:
        # Only the connection ends: the subscriber may restart the subscription (`resubscribe`, media.md § 4.5).
        if subscriber.connection is connection:
            self._thread.spawn(self._disconnect(subscriber))

    async def _disconnect(self, subscriber: _Subscriber) -> None:
        """Close its connection. It is forgotten after that, so that whoever cancels this can close it again."""
        connection = subscriber.connection
        if connection is not None:
            await connection.close()
        if subscriber.connection is connection:  # and not one that a restart has made meanwhile
            subscriber.connection = None
            for track in subscriber.tracks.values():  # those that the connection did not get to send
                track.stop()
            subscriber.tracks = {}
            subscriber.lost = 0

    def _configure(self, peer: PeerId, operation: ConfigureSubscription) -> None:
        if (subscriber := self._subscribers.get(peer)) is None:
            raise MediaError("there is no such subscription")
        if operation.video is not None:
            subscriber.video = operation.video
            if (track := subscriber.tracks.get("video")) is not None:
                track.enable(operation.video)

    # -- both ---
    def _peers(self) -> list[PeerId]:
        return [*self._subscribers, *self._publishers]

    def _has(self, peer: PeerId) -> bool:
        return peer in self._publishers or peer in self._subscribers

    async def _close(self, peer: PeerId) -> None:
        # Nothing is forgotten before it is freed: the end of the thread may cancel this, and then closes what is known.
        if (subscriber := self._subscribers.get(peer)) is not None:
            await self._disconnect(subscriber)
            self._subscribers.pop(peer, None)
        if (publisher := self._publishers.get(peer)) is not None:
            publisher.is_ending = True
            publisher.monitors.clear()
            # A stream that ends takes its subscriptions with it (media.md § 4.4).
            orphans = [entry for entry in self._subscribers.values() if entry.publisher is publisher]
            for orphan in orphans:
                self._report(Down(orphan.peer))
            await asyncio.gather(*(self._disconnect(orphan) for orphan in orphans))
            for orphan in orphans:
                self._subscribers.pop(orphan.peer, None)
                self._forget(orphan.peer)
            if publisher.connection is not None:
                await publisher.connection.close()
            for source in publisher.sources.values():
                source.close()
            self._publishers.pop(peer, None)

    async def _watch_arrivals(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = asyncio.get_running_loop().time()
            for publisher in list(self._publishers.values()):
                for kind, monitor in publisher.monitors.items():
                    if monitor.check(now):
                        self._report(Receiving(publisher.peer, MediaKind(kind), receiving=False))
                        if kind == "audio":
                            self._silent(publisher)

    async def _watch_losses(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for publisher in list(self._publishers.values()):
                await self._compare_lost(publisher, SlowDirection.DOWNSTREAM)
            for subscriber in list(self._subscribers.values()):
                await self._compare_lost(subscriber, SlowDirection.UPSTREAM)

    async def _compare_lost(self, entry: _Publisher | _Subscriber, direction: SlowDirection) -> None:
        """Report `Slow` as Janus does. Downstream: lost on the way to the server; upstream: lost on the way from it."""
        if entry.connection is None or not entry.connection.up:
            return
        lost = await entry.connection.packets_lost(sent=direction is SlowDirection.UPSTREAM)
        if lost - entry.lost >= SLOW_LOST:
            self._report(Slow(entry.peer, direction))
        entry.lost = lost


def _accept_one_of_each(connection: Connection) -> None:
    """Refuse further m-sections of a kind: an M3 stream has at most one of each (media.md § 1)."""
    seen: set[str] = set()
    for transceiver in connection.pc.getTransceivers():
        if transceiver.kind in seen:
            transceiver.direction = "inactive"
        seen.add(transceiver.kind)


def _named(sdp: str, publisher: PeerId) -> str:
    return sdp.replace("\r\ns=-\r\n", f"\r\ns=VideoRoom {ROOM_BASE + publisher}\r\n", 1)


def _as_janus(sdp: str, publisher: PeerId, bitrate: int) -> str:
    """Add the name of the room and the bitrate of the video to an answer, as Janus does (media.md § 8.3)."""
    return _VIDEO_SECTION.sub(lambda found: f"{found.group()}b=TIAS:{bitrate}\r\n", _named(sdp, publisher))
