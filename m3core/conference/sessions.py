"""What publications and subscriptions share: one peer, one negotiation, and the way from its steps to wire and media.

Knows the messages of namespace `media`; not who is in the room.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Protocol

from attrs import define

from m3core.conference.calls import Calls
from m3core.conference.outbox import Outbox
from m3core.errors import M3Error
from m3core.io import AddCandidates, CallId, ClosePeer, CommandId, IceServer, MediaOperation, PeerId, Trickled
from m3core.messages import media
from m3core.negotiation import (
    GiveCandidates,
    GiveDescription,
    Negotiation,
    SendCandidate,
    SendDescription,
    SendEndOfCandidates,
    Step,
)
from m3core.sdp import IceCandidate, TrickledCandidate
from m3core.values import MediaSessionKey


@define
class MediaSession:
    """One peer connection of ours and all that hangs on it."""

    peer: PeerId
    key: MediaSessionKey
    negotiation: Negotiation
    call: CallId | None
    awaited: CommandId | None = None
    """The command whose description we wait for."""
    is_up: bool = False
    """The server said `webrtc_up`."""
    is_live: bool = False
    """Announced (publication), or delivering (subscription)."""
    offer_sent: bool = False
    audio: bool = True
    video: bool = True
    is_parked: bool = False


class Surroundings(Protocol):
    """What media sessions need of their conference."""

    outbox: Outbox
    calls: Calls
    ice_servers: tuple[IceServer, ...]


class MediaSessions(ABC):
    """The sessions of one direction, by stream and by peer."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._by_key: dict[MediaSessionKey, MediaSession] = {}

    def get(self, key: MediaSessionKey) -> MediaSession | None:
        """The session of a stream."""
        return self._by_key.get(key)

    def of_peer(self, peer: PeerId) -> MediaSession | None:
        """The session of a peer of the media engine."""
        return next((session for session in self._by_key.values() if session.peer == peer), None)

    def all(self) -> tuple[MediaSession, ...]:
        """Every open session."""
        return tuple(self._by_key.values())

    def close(self, session: MediaSession, error: M3Error | None) -> None:
        """End a session: its peer is closed, its call ends with ``error``."""
        del self._by_key[session.key]
        session.negotiation.close()
        self._around.outbox.media(session.peer, ClosePeer())
        self.end_call(session, error=error)

    def end_call(self, session: MediaSession, *, error: M3Error | None = None) -> None:
        """End the call that waits for the session, if one does."""
        if session.call is not None:
            self._around.calls.finish(session.call, result=None if error else session.key, error=error)
            session.call = None

    def described(self, session: MediaSession, command: CommandId, sdp: str) -> None:
        """Our peer made the description that ``command`` wanted. Raises `SdpError` if our own engine errs."""
        if session.awaited == command:
            session.awaited = None
            self.perform(session, session.negotiation.local_description(sdp))

    def trickled(self, session: MediaSession, report: Trickled) -> None:
        """Our peer gathered a candidate late."""
        candidate = None
        if report.candidate is not None:
            parsed = IceCandidate.parse(report.candidate)
            candidate = TrickledCandidate(candidate=parsed, mid=None, mline_index=report.mline_index)
        self.perform(session, session.negotiation.local_candidate(candidate))

    def perform(self, session: MediaSession, steps: Iterable[Step]) -> None:
        """Carry out the steps of a negotiation, in their order."""
        target, kind = session.key.participant_id, session.key.media_session_type
        outbox = self._around.outbox
        for step in steps:
            match step:
                case SendDescription(sdp=sdp):
                    session.offer_sent = True
                    outbox.send(self.description_message(session, sdp))
                case SendCandidate(candidate=trickled):
                    candidate = media.CandidateInit(
                        candidate=trickled.candidate.serialize(),
                        sdp_mline_index=trickled.mline_index,
                        sdp_mid=trickled.mid,
                    )
                    outbox.send(media.SendCandidate(target=target, media_session_type=kind, candidate=candidate))
                case SendEndOfCandidates():
                    outbox.send(media.SendEndOfCandidates(target=target, media_session_type=kind))
                case GiveDescription(sdp=sdp):
                    command = outbox.media(session.peer, self.description_operation(session, sdp))
                    session.awaited = command
                case GiveCandidates(candidates=candidates, end=end):
                    outbox.media(session.peer, AddCandidates(candidates, end))

    @abstractmethod
    def description_message(self, session: MediaSession, sdp: str) -> media.Publish | media.AnswerSdp:
        """The message that carries our description."""

    @abstractmethod
    def description_operation(self, session: MediaSession, sdp: str) -> MediaOperation:
        """The operation that gives the server's description to our peer."""
