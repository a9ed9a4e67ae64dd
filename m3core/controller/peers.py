"""The peer connections between a participant and the media server (media.md § 1): values, no decisions."""

from __future__ import annotations

from attrs import define

from m3core.io import CommandId, PeerId
from m3core.negotiation import Negotiation
from m3core.values import MediaSessionKey


@define(eq=False)
class Publisher:
    """A stream that a participant sends."""

    peer: PeerId
    key: MediaSessionKey
    negotiation: Negotiation
    awaited: CommandId | None = None
    """The command whose `Described` is the answer for the participant; other reports of that kind are outdated."""
    answered: bool = False
    """Whether the participant got an answer to any offer of this stream."""
    is_up: bool = False
    """Whether media runs: DTLS is up, so that others may subscribe."""
    is_talking: bool = False


@define(eq=False)
class Subscription:
    """A stream that a participant receives."""

    peer: PeerId
    key: MediaSessionKey
    publisher: PeerId
    """The peer whose stream it is."""
    negotiation: Negotiation
    awaited: CommandId | None = None
    """The command whose `Described` is the offer for the participant."""
