"""A media engine and a media server without media: they make valid descriptions, and report what real ones would.

Both answer a command with reports, at once and in order; a driver feeds these back as inputs. They keep their commands
and peers for tests to look at.
"""

from __future__ import annotations

from attrs import define, field

from m3core.controller.sfu import (
    AcceptPublisher,
    ConfigureSubscription,
    OfferSubscription,
    RelayPublisher,
    RestartSubscription,
    SfuCommand,
)
from m3core.io import (
    AddCandidates,
    ApplyAnswer,
    ClosePeer,
    Described,
    Failed,
    MediaCommand,
    MediaReport,
    OpenPublisher,
    OpenSubscriber,
    PeerId,
    Receiving,
    SetSending,
    Up,
)
from m3core.sdp import SessionDescription
from m3core.testing.descriptions import make_answer, make_offer
from m3core.values import MediaKind


@define
class FakePeer:
    """What a fake knows of one peer."""

    described: bool = False
    """Whether both descriptions are set."""
    candidates: list[tuple[str, int]] = field(factory=list)
    ended: bool = False
    is_up: bool = False
    audio: bool = True
    video: bool = True
    publisher: PeerId | None = None
    kinds: tuple[str, ...] = ()
    """The kinds that are sent; empty for a subscriber of a `FakeMedia`."""
    opened: int = 1
    """How often it was opened: once, and once more each time it began anew."""


class FakeMedia:
    """The media engine of one client."""

    def __init__(self) -> None:
        self.peers: dict[PeerId, FakePeer] = {}
        self.commands: list[MediaCommand] = []
        self.refuse_next: str | None = None
        """When set, the next command fails with this reason. Closing cannot fail."""
        self._number = 0

    def perform(self, command: MediaCommand) -> list[MediaReport]:
        """Perform one command; the reports that follow."""
        self.commands.append(command)
        if self.refuse_next is not None and not isinstance(command.operation, ClosePeer):
            reason, self.refuse_next = self.refuse_next, None
            return [Failed(command.id, command.peer, reason)]
        self._number += 1
        match command.operation:
            case OpenPublisher(audio=audio, video=video):
                kinds = tuple(kind for kind, wanted in (("audio", audio), ("video", video)) if wanted)
                self._open(command.peer, FakePeer(kinds=kinds))
                return [Described(command.id, command.peer, make_offer(kinds, self._number))]
            case OpenSubscriber(offer=offer):
                self._open(command.peer, FakePeer(described=True))
                return [Described(command.id, command.peer, make_answer(offer, self._number))]
            case ClosePeer():
                self.peers.pop(command.peer, None)
                return []
        peer = self.peers.get(command.peer)
        if peer is None:  # it has failed; a command for it was already under way
            return []
        match command.operation:
            case ApplyAnswer():
                peer.described = True
            case AddCandidates(candidates=candidates, end=end):
                peer.candidates += candidates
                peer.ended |= end
            case SetSending(audio=audio, video=video):
                peer.audio, peer.video = audio, video
        return _up(command.peer, peer)

    def _open(self, peer_id: PeerId, peer: FakePeer) -> None:
        """Open a peer. One that begins anew keeps its muting, and must have the same direction and kinds."""
        before = self.peers.get(peer_id)
        if before is not None:
            if before.kinds != peer.kinds:
                raise AssertionError("a peer that begins anew must have the same kinds")
            peer.audio, peer.video, peer.opened = before.audio, before.video, before.opened + 1
        self.peers[peer_id] = peer


class FakeSfu:
    """The media server of one controller."""

    def __init__(self) -> None:
        self.peers: dict[PeerId, FakePeer] = {}
        self.commands: list[SfuCommand] = []
        self.refuse_next: str | None = None
        self._number = 1000

    def perform(self, command: SfuCommand) -> list[MediaReport]:
        """Perform one command; the reports that follow."""
        self.commands.append(command)
        if self.refuse_next is not None and not isinstance(command.operation, ClosePeer):
            reason, self.refuse_next = self.refuse_next, None
            return [Failed(command.id, command.peer, reason)]
        self._number += 1
        match command.operation:
            case AcceptPublisher(offer=offer):
                sections = SessionDescription.parse(offer).media
                kinds = tuple(section.kind.value for section in sections if section.kind is not None)
                self.peers[command.peer] = FakePeer(described=True, kinds=kinds)
                return [Described(command.id, command.peer, make_answer(offer, self._number, lite=True))]
            case OfferSubscription(publisher=publisher) if publisher not in self.peers:
                return [Failed(command.id, command.peer, "no such feed")]
            case OfferSubscription(publisher=publisher, without_video=without_video):
                kinds = self.peers[publisher].kinds
                if without_video:
                    kinds = tuple(kind for kind in kinds if kind != "video")
                self.peers[command.peer] = FakePeer(publisher=publisher, kinds=kinds)
                return [Described(command.id, command.peer, make_offer(kinds, self._number, lite=True))]
            case RestartSubscription():
                peer = self.peers[command.peer]
                self.peers[command.peer] = FakePeer(publisher=peer.publisher, kinds=peer.kinds)
                return [Described(command.id, command.peer, make_offer(peer.kinds, self._number, lite=True))]
            case ClosePeer():
                self.peers.pop(command.peer, None)
                return []
        known = self.peers.get(command.peer)
        return [] if known is None else self._change(command, known)

    @staticmethod
    def _change(command: SfuCommand, peer: FakePeer) -> list[MediaReport]:
        match command.operation:
            case ApplyAnswer():
                peer.described = True
            case AddCandidates(candidates=candidates, end=end):
                peer.candidates += candidates
                peer.ended |= end
            case RelayPublisher(audio=audio, video=video):
                peer.audio, peer.video = audio, video
            case ConfigureSubscription(video=bool() as video):
                peer.video = video
        reports = _up(command.peer, peer)
        if reports and peer.publisher is None:
            reports += [Receiving(command.peer, MediaKind(kind), receiving=True) for kind in peer.kinds]
        return reports


def _up(peer_id: PeerId, peer: FakePeer) -> list[MediaReport]:
    """`Up`, once, as soon as both descriptions and a candidate are known: then ICE would succeed."""
    if peer.is_up or not (peer.described and peer.candidates):
        return []
    peer.is_up = True
    return [Up(peer_id)]
