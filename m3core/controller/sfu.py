"""The port to a media server: what the controller asks of an SFU, as values.

One contract for the embedded SFU and for Janus (media.md § 9). A media server knows peers, not participants: the
controller counts a `PeerId` for every publisher and subscription, and the commands of one peer are performed in order.
It answers with the reports of `m3core.io`: `Described` (a description it made), `Failed`, `Up`, `Down`, `Receiving`,
`Slow`, `Talking`, `Trickled`.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import field, frozen

from m3core.io import AddCandidates, ApplyAnswer, ClosePeer, CommandId, PeerId


@frozen
class AcceptPublisher:
    """Answer a publisher's ``offer`` (report: `Described`); on a peer that exists: renegotiate it.

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
    """Offer an existing subscription again with new ICE credentials (report: `Described`; media.md § 8.4)."""


@frozen
class RelayPublisher:
    """Relay, or stop relaying, what a publisher sends; nothing is renegotiated (media.md § 1, muting)."""

    audio: bool
    video: bool


@frozen
class ConfigureSubscription:
    """Change what a subscription gets; ``None`` leaves it as it is. ``substream``: 0 low, 1 medium, 2 high."""

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
