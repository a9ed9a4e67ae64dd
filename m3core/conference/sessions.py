"""What publications and subscriptions share: one peer, one negotiation, and the way from its steps to wire and media.

Knows the messages of namespace `media`; not who is in the room.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable

from attrs import define

from m3core.conference.context import Context
from m3core.conference.mending import Mending, moment
from m3core.errors import M3Error
from m3core.io import (
    AddCandidates,
    CallId,
    ClosePeer,
    CommandId,
    Described,
    Failed,
    MediaOperation,
    MediaReport,
    PeerId,
    Trickled,
)
from m3core.limits import LATE_MEDIA_MESSAGES, STREAM_STABLE
from m3core.messages import media
from m3core.negotiation import (
    GiveCandidates,
    GiveDescription,
    Negotiation,
    NegotiationState,
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
    """Which of its tracks are on (publication)."""
    kinds: tuple[bool, bool] = (True, True)
    """Whether it has audio and video at all (publication): its m-sections."""
    is_parked: bool = False
    is_told: bool = False
    """It was live once, and the user knows."""
    without_video: bool = False
    configuration: media.SubscriptionConfiguration | None = None
    """What the user wants of a subscription beyond that."""
    is_stale: bool = False
    """The media engine's peer is, as far as we know, still that of before a loss: what it says is of no use."""
    abandoned: CommandId | None = None
    """What was to open that peer. If it could not, there is nothing to begin anew."""
    deadline: float | None = None
    """When a renewed one that nobody waits for has taken too long."""
    mending: Mending | None = None
    """It broke, and is not live again."""
    broke_at: float | None = None
    """When it last broke while the connection lived."""
    was_suspended: bool = False
    """It broke, or its connection did: what is said of the time before may come late."""
    is_free: bool = False
    """The same, and nobody has subscribed since: who does so takes it over."""
    returns_until: float = -math.inf
    """Until then its publisher, who may have lost the connection with us, counts as away and not as gone."""


class MediaSessions(ABC):
    """The sessions of one direction, by stream and by peer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_key: dict[MediaSessionKey, MediaSession] = {}
        self._ended_at = -math.inf

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
        self._ended_at = self._context.now
        session.negotiation.close()
        self._context.outbox.media(session.peer, ClosePeer())
        self.end_call(session, error=error)

    def suspend(self) -> None:
        """The connection is lost, and the server forgets all of them. Their peers and calls stay, to be renewed."""
        for session in self.all():
            self._suspend(session)
            session.broke_at = None  # the connection is to blame

    def _suspend(self, session: MediaSession) -> None:
        opening = session.negotiation.state in {NegotiationState.CREATING_OFFER, NegotiationState.HAVE_REMOTE_OFFER}
        if opening and session.awaited is not None:
            session.abandoned = session.awaited
        session.negotiation = Negotiation(session.negotiation.role, trickle=True)
        session.awaited = session.deadline = session.mending = None
        session.is_up = session.is_live = session.offer_sent = False
        session.is_stale = session.was_suspended = session.is_free = True

    def _may_mend(self, session: MediaSession) -> bool:
        """Whether a break is the first one for long, of a stream that was live."""
        now, broke_at = self._context.now, session.broke_at
        return session.is_told and session.call is None and (broke_at is None or now - broke_at >= STREAM_STABLE)

    def _break(self, session: MediaSession, error: M3Error, *, by_server: bool) -> Mending:
        """Let a stream wait for the moment in which it is begun anew."""
        context = self._context
        self._suspend(session)
        session.broke_at = self._ended_at = context.now
        due = context.now + moment(context.jitter())
        session.mending = Mending(error, due=due, by_server=by_server)
        return session.mending

    @abstractmethod
    def broke(self, session: MediaSession, error: M3Error, *, by_server: bool = False) -> None:
        """A stream broke while the connection lives: it is begun anew after a moment, or has ended."""

    @abstractmethod
    def begin_due(self, now: float) -> None:
        """Begin anew what broke a moment ago."""

    @abstractmethod
    def late(self, session: MediaSession) -> None:
        """A renewed session took too long."""

    @property
    def ended_lately(self) -> bool:
        """Whether what the server refuses may be about a stream that is gone: candidates go on for a while."""
        return self._context.now - self._ended_at <= LATE_MEDIA_MESSAGES

    def is_meant(self, session: MediaSession, report: MediaReport) -> bool:
        """Whether a report is about the present peer connection of ``session``."""
        if not session.is_stale:
            return True
        command = report.id if isinstance(report, Described | Failed) else None
        return command is not None and (
            command == session.awaited or (isinstance(report, Failed) and command == session.abandoned)
        )

    @property
    def deadline(self) -> float | None:
        """When a session is begun anew, or has waited or taken too long."""
        sessions = self.all()
        due = [one.deadline for one in sessions] + [one.mending.deadline for one in sessions if one.mending]
        return min((at for at in due if at is not None), default=None)

    def end_call(self, session: MediaSession, *, error: M3Error | None = None) -> None:
        """End the call that waits for the session, if one does."""
        if session.call is not None:
            self._context.calls.finish(session.call, result=None if error else session.key, error=error)
            session.call = None

    def described(self, session: MediaSession, command: CommandId, sdp: str) -> None:
        """Our peer made the description that ``command`` wanted. Raises `SdpError` if our own engine errs."""
        if session.awaited == command:
            session.awaited = session.abandoned = None
            session.is_stale = False
            self.perform(session, session.negotiation.local_description(sdp))

    def trickled(self, session: MediaSession, report: Trickled) -> None:
        """Our peer gathered a candidate late. One of the peer connection before is of no use."""
        if session.negotiation.state not in {NegotiationState.HAVE_LOCAL_OFFER, NegotiationState.STABLE}:
            return
        candidate = None
        if report.candidate is not None:
            parsed = IceCandidate.parse(report.candidate)
            candidate = TrickledCandidate(candidate=parsed, mid=None, mline_index=report.mline_index)
        self.perform(session, session.negotiation.local_candidate(candidate))

    def perform(self, session: MediaSession, steps: Iterable[Step]) -> None:
        """Carry out the steps of a negotiation, in their order."""
        target, kind = session.key.participant_id, session.key.media_session_type
        outbox = self._context.outbox
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
