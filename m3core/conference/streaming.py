"""What the user and the media engine want of streams: publish, mute, stop, subscribe, configure (media.md § 4, 5).

Checks what can be known beforehand, and passes on to `publications` and `subscriptions`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from m3core.conference.calls import CallKind, Calls
from m3core.conference.common import Participant
from m3core.conference.mending import MEDIA_ENDED, in_vain
from m3core.conference.outbox import Outbox
from m3core.conference.publications import Publications, may_share, media_failed
from m3core.conference.roster import Roster
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.conference.state import Phase
from m3core.conference.subscriptions import Subscriptions
from m3core.errors import LocalProtocolError, M3Error, MediaError, RemoteProtocolError
from m3core.io import CallId, Described, Down, Failed, MediaReport, PeerId, Trickled
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId


class Streaming(ABC):
    """The part of a conference that streams are commanded by."""

    now: float
    outbox: Outbox
    calls: Calls
    roster: Roster
    publications: Publications
    subscriptions: Subscriptions

    @property
    @abstractmethod
    def phase(self) -> Phase:
        """Where the conference stands."""

    @abstractmethod
    def _begin(self, now: float) -> None:
        """An input begins."""

    @abstractmethod
    def _begin_joined(self, now: float) -> Participant:
        """The same, in the room only; gives ourselves."""

    @abstractmethod
    def _end_input(self) -> None:
        """An input ends."""

    def new_peer(self) -> PeerId:
        """An id for `publish`, so that sources can be opened (which may take long) before anything is sent."""
        return self.outbox.new_peer()

    def publish(
        self,
        media_session_type: MediaSessionType,
        *,
        audio: bool,
        video: bool,
        peer: PeerId | None = None,
        now: float,
    ) -> tuple[CallId, PeerId]:
        """Publish a stream; its sources belong to the peer that is returned. `CallDone.result` is its key."""
        own = self._begin_joined(now)
        if media_session_type is MediaSessionType.SCREEN and not may_share(own):
            raise LocalProtocolError("sharing the screen needs the presenter's permission of a moderator")
        key = MediaSessionKey(own.id, media_session_type)
        call, peer = self.publications.publish(key, audio=audio, video=video, peer=peer, now=self.now)
        self._end_input()
        return call, peer

    def set_sending(self, media_session_type: MediaSessionType, *, audio: bool, video: bool, now: float) -> CallId:
        """Mute and unmute the tracks of a stream of ours."""
        key = MediaSessionKey(self._begin_joined(now).id, media_session_type)
        call = self.publications.set_sending(key, audio=audio, video=video, now=self.now)
        self._end_input()
        return call

    def unpublish(self, media_session_type: MediaSessionType, now: float) -> CallId:
        """Stop a stream of ours; a publish that is under way is cancelled."""
        key = MediaSessionKey(self._begin_joined(now).id, media_session_type)
        self.calls.check_capacity()
        self.publications.unpublish(key)
        call = self.calls.open(CallKind.COMMAND, "unpublish", self.now, 0.0, silent=True)
        self.calls.finish(call)
        self._end_input()
        return call

    def subscribe(
        self,
        participant_id: ParticipantId,
        media_session_type: MediaSessionType,
        *,
        without_video: bool = False,
        now: float,
    ) -> tuple[CallId, PeerId]:
        """Receive a stream; what arrives belongs to the peer that is returned. `CallDone.result` is its key."""
        self._begin_joined(now)
        participant = self.roster.participants.get(participant_id)
        if participant is None or not participant.is_here:
            raise LocalProtocolError("that participant is not in the room")
        if media_session_type not in participant.streams:
            raise LocalProtocolError(f"that participant does not publish {media_session_type.value}")
        key = MediaSessionKey(participant_id, media_session_type)
        call, peer = self.subscriptions.subscribe(key, without_video=without_video, now=self.now)
        self._end_input()
        return call, peer

    def park(self, participant_id: ParticipantId, media_session_type: MediaSessionType, now: float) -> None:
        """Nobody reads that subscription any more (there is no unsubscribe on the wire)."""
        self._begin(now)
        self._park(MediaSessionKey(participant_id, media_session_type))
        self._end_input()

    def _park(self, key: MediaSessionKey) -> None:
        if self.phase is Phase.JOINED:
            self.subscriptions.park(key)
        elif self.phase is Phase.RECONNECTING:
            self.subscriptions.drop(key)

    def configure(
        self,
        participant_id: ParticipantId,
        media_session_type: MediaSessionType,
        *,
        video: bool | None = None,
        substream: int | None = None,
        now: float,
    ) -> CallId:
        """Leave out or resume the video of a subscription, or choose its layer (media.md § 5)."""
        self._begin_joined(now)
        key = MediaSessionKey(participant_id, media_session_type)
        call = self.subscriptions.configure(key, video=video, substream=substream, now=self.now)
        self._end_input()
        return call

    # -- what the media engine says ---
    def media_report(self, report: MediaReport, now: float) -> None:
        """The media engine says something; about a peer that is gone it is ignored."""
        self._begin(now)
        for sessions in (self.publications, self.subscriptions):
            session = sessions.of_peer(report.peer)
            if session is not None and sessions.is_meant(session, report):
                self._take_report(sessions, session, report)
        self._end_input()

    def _take_report(self, sessions: MediaSessions, session: MediaSession, report: MediaReport) -> None:
        try:
            match report:
                case Described(id=command, sdp=sdp):
                    sessions.described(session, command, sdp)
                case Trickled():
                    sessions.trickled(session, report)
                case Failed(id=None, reason=reason):
                    sessions.broke(session, media_failed(reason))
                case Failed(reason=reason):  # of a command: its peer is of no use any more
                    self._media_lost(session, media_failed(reason))
                case Down():
                    sessions.broke(session, MediaError(MEDIA_ENDED))
        except (RemoteProtocolError, LocalProtocolError) as error:
            self._media_lost(session, media_failed(f"its description is not usable: {error}"))

    def _media_lost(self, session: MediaSession, error: M3Error) -> None:
        if session.mending is not None:
            error = in_vain(error, session.mending.error)
        if self.publications.get(session.key) is session:
            self.publications.lost(session, error, tell_server=self.phase is Phase.JOINED)
        else:
            self.subscriptions.stop(session, error)
