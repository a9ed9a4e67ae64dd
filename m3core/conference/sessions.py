"""What publications and subscriptions share: a peer, a negotiation, and how its steps become messages and operations.

Nothing here knows who is in the room.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable

from attrs import define

from m3core.conference.context import Context
from m3core.conference.mending import Mending, renewal_delay
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
    """One publication or subscription. It keeps its peer while peer connections come and go."""

    peer: PeerId
    key: MediaSessionKey
    negotiation: Negotiation
    call: CallId | None
    awaited: CommandId | None = None
    """The command to the media engine whose description is awaited."""
    is_up: bool = False
    """The server said `webrtc_up`."""
    is_live: bool = False
    """Whether it is announced (publication), or its media connection is up (subscription)."""
    offer_sent: bool = False
    """Whether our description was sent, so that the server knows the stream."""
    audio: bool = True
    video: bool = True
    """Publication: which of its tracks are on."""
    kinds: tuple[bool, bool] = (True, True)
    """Publication: whether it has audio and video at all, and so which m-sections."""
    is_parked: bool = False
    """Subscription: whether nobody reads it, so that its video is switched off."""
    was_live: bool = False
    """Whether it was live once, so that the user must be told of its end."""
    without_video: bool = False
    """Subscription: whether it was asked for without an m-section for video."""
    configuration: media.SubscriptionConfiguration | None = None
    """Subscription: what the user configured. It is sent again after a renewal."""
    is_stale: bool = False
    """Whether the peer may still hold the peer connection of before a loss or break: then its reports are ignored."""
    abandoned: CommandId | None = None
    """The command that was to open that peer connection. If it fails, there is no peer to renew the session with."""
    deadline: float | None = None
    """When a renewed session for which no call is open has taken too long."""
    mending: Mending | None = None
    """How far its renewal is, if it broke and is not live again."""
    broke_at: float | None = None
    """When the stream last broke while the connection lived."""
    was_suspended: bool = False
    """Whether it or its connection broke once: messages about the time before may come late."""
    may_be_taken_over: bool = False
    """Whether it was suspended and nobody has subscribed since: the next `subscribe` takes it over."""
    returns_until: float = -math.inf
    """Until then a publisher who is not here counts as one who lost the connection when we did, and may return."""


class MediaSessions(ABC):
    """The sessions of one direction, at most one for each stream."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_key: dict[MediaSessionKey, MediaSession] = {}
        self._ended_at = -math.inf

    def get(self, key: MediaSessionKey) -> MediaSession | None:
        """The session of a stream, if there is one."""
        return self._by_key.get(key)

    def of_peer(self, peer: PeerId) -> MediaSession | None:
        """The session of a peer of the media engine, if there is one."""
        return next((session for session in self._by_key.values() if session.peer == peer), None)

    def all(self) -> tuple[MediaSession, ...]:
        """The open sessions, oldest first."""
        return tuple(self._by_key.values())

    def close(self, session: MediaSession, error: M3Error | None) -> None:
        """End a session: close its peer, and end its call with ``error``."""
        del self._by_key[session.key]
        self._ended_at = self._context.now
        session.negotiation.close()
        self._context.outbox.media(session.peer, ClosePeer())
        self.end_call(session, error=error)

    def suspend(self) -> None:
        """The connection is lost, and with it the sessions of the server. Keep peers and calls for a renewal."""
        for session in self.all():
            self._suspend(session)
            session.broke_at = None  # the stream did not break by itself: its next break counts as the first

    def _suspend(self, session: MediaSession) -> None:
        opening = session.negotiation.state in {NegotiationState.CREATING_OFFER, NegotiationState.HAVE_REMOTE_OFFER}
        if opening and session.awaited is not None:  # the peer may not exist yet, and its opening may still fail
            session.abandoned = session.awaited
        session.negotiation = Negotiation(session.negotiation.role, trickle=True)
        session.awaited = session.deadline = session.mending = None
        session.is_up = session.is_live = session.offer_sent = False
        session.is_stale = session.was_suspended = session.may_be_taken_over = True

    def _may_mend(self, session: MediaSession) -> bool:
        """Whether to renew a stream that broke: one that was live, and did not break within `STREAM_STABLE` before."""
        now, broke_at = self._context.now, session.broke_at
        return session.was_live and session.call is None and (broke_at is None or now - broke_at >= STREAM_STABLE)

    def _break(self, session: MediaSession, error: M3Error, *, by_server: bool) -> Mending:
        """Suspend a stream that broke, until the delay before its renewal is over."""
        context = self._context
        self._suspend(session)
        session.broke_at = self._ended_at = context.now
        due = context.now + renewal_delay(context.jitter())
        session.mending = Mending(error, due=due, by_server=by_server)
        return session.mending

    @abstractmethod
    def broke(self, session: MediaSession, error: M3Error, *, by_server: bool = False) -> None:
        """A stream broke while the connection lives: renew it after a delay, or end it. ``by_server``: it told us."""

    @abstractmethod
    def begin_due(self, now: float) -> None:
        """Renew what broke, if its delay is over at ``now``."""

    @abstractmethod
    def late(self, session: MediaSession) -> None:
        """The deadline of a renewed session has come."""

    @property
    def ended_lately(self) -> bool:
        """Whether an error may be about a stream that ended: candidates for it may have been on their way then."""
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
        """When a session is to be renewed, or has waited or taken too long; ``None`` for never."""
        sessions = self.all()
        due = [one.deadline for one in sessions] + [one.mending.deadline for one in sessions if one.mending]
        return min((at for at in due if at is not None), default=None)

    def end_call(self, session: MediaSession, *, error: M3Error | None = None) -> None:
        """End the call that waits for the session, if one does."""
        if session.call is not None:
            self._context.calls.finish(session.call, result=None if error else session.key, error=error)
            session.call = None

    def described(self, session: MediaSession, command: CommandId, sdp: str) -> None:
        """Take the description that ``command`` asked for. Raises `SdpError` if that of our own engine is unusable."""
        if session.awaited == command:
            session.awaited = session.abandoned = None
            session.is_stale = False
            self.perform(session, session.negotiation.local_description(sdp))

    def trickled(self, session: MediaSession, report: Trickled) -> None:
        """Take a candidate that our peer gathered after its description."""
        # In other states it belongs to the peer connection of before a renewal: the server would refuse it.
        if session.negotiation.state not in {NegotiationState.HAVE_LOCAL_OFFER, NegotiationState.STABLE}:
            return
        candidate = None
        if report.candidate is not None:
            parsed = IceCandidate.parse(report.candidate)
            candidate = TrickledCandidate(candidate=parsed, mid=None, mline_index=report.mline_index)
        self.perform(session, session.negotiation.local_candidate(candidate))

    def perform(self, session: MediaSession, steps: Iterable[Step]) -> None:
        """Carry out the steps of a negotiation, in order, as messages and as operations of the media engine."""
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
