"""The port to a media server (SFU): the commands of the controller, as values.

The contract fits the embedded SFU and Janus (media.md § 9). A media server knows peers and not participants: every
publisher and every subscription is a peer with a `PeerId` of its own. The commands of one peer are performed in order.
Commands that make peer connections have an owner, so that one participant with many of them does not delay the others.
The media server answers with the reports of `m3core.io`: `Described` (a description that it made), `Failed`, `Up`,
`Down`, `Receiving`, `Slow`, `Talking`, `Trickled`.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from attrs import field, frozen

from m3core.io import AddCandidates, ApplyAnswer, ClosePeer, CommandId, PeerId

_UFRAG: Final = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)


def credentials_of(offer: str) -> str:
    """The first ICE user name of an offer. An offer with another one restarts ICE (RFC 8445 s.9)."""
    found = _UFRAG.search(offer)
    return "" if found is None else found.group(1)


@frozen
class AcceptPublisher:
    """Answer the ``offer`` of a publisher (report: `Described`). On a peer that exists it is a renegotiation.

    ``bitrate`` is the cap of the video in bit/s (`b=TIAS` of the answer, media.md § 5). ``offer`` has no candidates.
    """

    offer: str = field(repr=lambda sdp: f"<{len(sdp)}>")
    bitrate: int


@frozen
class OfferSubscription:
    """Offer the stream of ``publisher`` to a new subscriber (report: `Described`)."""

    publisher: PeerId
    without_video: bool = False


@frozen
class RestartSubscription:
    """Offer an existing subscription again, with new ICE credentials (report: `Described`; media.md § 8.4)."""


@frozen
class RelayPublisher:
    """Relay, or stop relaying, sound and picture of a publisher, without a negotiation (media.md § 1, muting)."""

    audio: bool
    video: bool


@frozen
class ConfigureSubscription:
    """Change what a subscription gets; None changes nothing. ``substream``: 0 low, 1 medium, 2 high (media.md § 5)."""

    video: bool | None = None
    substream: int | None = None


SfuOperation: TypeAlias = (
    AcceptPublisher
    | OfferSubscription
    | RestartSubscription
    | ApplyAnswer
    | AddCandidates
    | RelayPublisher
    | ConfigureSubscription
    | ClosePeer
)


@frozen
class SfuCommand:
    """One command for the media server."""

    id: CommandId
    peer: PeerId
    operation: SfuOperation
    owner: int = 0
    """Whose command it is. A media server that is busy serves owners in turn."""
