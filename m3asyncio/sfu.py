"""The embedded SFU: a media server in a thread of its own, for development, tests and small conferences.

Obeys the `SfuCommand`s of the controller and answers with `MediaReport`s, called in its thread. Encoded video and opus
packets are passed through (measured: 5 % of a core for 4 subscribers); without aiortc's private names, or with
``relay``, they are decoded and encoded again. One codec a kind, no layers: ``substream`` is accepted and ignored.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from m3asyncio import aiortc_private
from m3asyncio.peers import Connection, PeerHost, Report, prefer_codecs
from m3asyncio.received import KindStats, PeerStats
from m3asyncio.sfu_streams import RelaySource, RelayTrack
from m3core.controller.sfu import (
    AcceptPublisher,
    ConfigureSubscription,
    OfferSubscription,
    RelayPublisher,
    RestartSubscription,
    SfuCommand,
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
from m3core.media import ArrivalMonitor, TalkDetector
from m3core.values import MediaKind, SlowDirection

TICK: Final = 0.25
"""Seconds between two looks at what does not arrive any more."""
SILENCE: Final = 2.0
"""Seconds without packets after which a kind counts as not received (measured on Janus)."""
SCREEN_SILENCE: Final = 1.0
"""The same for a publisher without audio: a screen (media.md § 3)."""
SLOW_LOST: Final = 4
"""Packets lost in a second from which a `Slow` is reported (as Janus' slowlink_threshold)."""
_UFRAG: Final = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)


class _Publisher:
    """A publisher, and what is known of its media."""

    def __init__(self, peer: PeerId) -> None:
        self.peer = peer
        self.connection: Connection | None = None
        self.ufrag = ""
        self.sources: dict[str, RelaySource] = {}
        self.monitors: dict[str, ArrivalMonitor] = {}
        self.arrived: set[str] = set()
        self.detector = TalkDetector()
        self.audible = True
        self.lost = 0


class _Subscriber:
    """A subscription: who it is to, what it gets, and the tracks that carry it."""

    def __init__(self, peer: PeerId, publisher: _Publisher, operation: OfferSubscription) -> None:
        self.peer = peer
        self.publisher = publisher
        self.without_video = operation.without_video
        self.video = True
        self.connection: Connection | None = None
        self.tracks: dict[str, RelayTrack] = {}
        self.lost = 0


class EmbeddedSfu(PeerHost[SfuCommand]):
    """A media server in this process.

    ``report`` gets each `MediaReport`, in the SFU's thread, and must only hand it over. With ``loopback`` 127.0.0.1 is
    the only address that is offered. ``relay`` decodes and encodes instead of passing through.
    """

    def __init__(self, report: Report, *, loopback: bool = True, relay: bool = False) -> None:
        super().__init__("m3-sfu", report, loopback=loopback)
        self._encoded = not relay and aiortc_private.available()
        self._publishers: dict[PeerId, _Publisher] = {}
        self._subscribers: dict[PeerId, _Subscriber] = {}
