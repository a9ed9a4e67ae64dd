"""The peer connections between a participant and the media server (media.md § 1): values, no decisions."""

from __future__ import annotations

from attrs import define

from m3core.controller.alarms import Alarm
from m3core.controller.sfu import credentials_of
from m3core.io import CommandId, PeerId
from m3core.negotiation import Negotiation
from m3core.values import MediaSessionKey


@define(eq=False, kw_only=True)
class _Stream:
    """What both directions have: one peer connection at a time."""

    peer: PeerId
    key: MediaSessionKey
    negotiation: Negotiation
    awaited: CommandId | None = None
    """The command whose `Described` is the description for the participant; other reports of that kind are outdated."""
    is_new: bool = False
    """Whether that description is the first of a new peer connection. An `Up` before it is of the old one."""
    timeout: Alarm | None = None
    """The end of the wait for DTLS."""
    is_incomplete: bool = False
    """Whether candidates of the participant were refused, so that those the media server has are not all."""


@define(eq=False, kw_only=True)
class Publisher(_Stream):
    """A stream that a participant sends."""

    credentials: str | None = None
    """The ICE user name of its last offer: another one asks for a new peer connection (RFC 8445 s.9)."""
    answered: bool = False
    """Whether the participant got an answer to any offer of this stream."""
    is_up: bool = False
    """Whether media runs: DTLS is up, so that others may subscribe."""
    is_talking: bool = False

    def offers_anew(self, offer: str) -> bool:
        """Whether ``offer`` needs a new peer connection. It is the first, or has new ICE credentials."""
        return self.credentials != credentials_of(offer)


@define(eq=False, kw_only=True)
class Subscription(_Stream):
    """A stream that a participant receives."""

    publisher: PeerId
    """The peer whose stream it is."""
