"""What concerns publications and subscriptions alike: reports of the media engine, deadlines, the common end."""

from __future__ import annotations

from typing import Final

from m3core.conference.calls import Call, CallKind
from m3core.conference.common import Phase
from m3core.conference.context import Context
from m3core.conference.mending import MEDIA_ENDED, renewal_failed
from m3core.conference.publications import Publications, media_failed
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.conference.subscriptions import Subscriptions
from m3core.errors import CallCancelled, CallTimedOut, LocalProtocolError, M3Error, MediaError, RemoteProtocolError
from m3core.io import Described, Down, Failed, MediaReport, Trickled
from m3core.values import MediaSessionKey


class Streams:
    """Our publications and our subscriptions."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.publications: Final = Publications(context)
        self.subscriptions: Final = Subscriptions(context)
        self._both: tuple[MediaSessions, ...] = (self.publications, self.subscriptions)

    @property
    def deadline(self) -> float | None:
        """When a session is to be renewed, or has waited or taken too long; ``None`` for never."""
        return min((at for sessions in self._both if (at := sessions.deadline) is not None), default=None)

    # -- what ends or suspends all of them ---
    def suspend(self) -> None:
        """The connection is lost: keep the sessions for a renewal."""
        for sessions in self._both:
            sessions.suspend()

    def close_all(self, error: M3Error) -> None:
        """The conference has ended: close every peer, and end the calls of the sessions with ``error``."""
        for sessions in self._both:
            for session in sessions.all():
                sessions.close(session, error)

    def end_all(self, error: M3Error) -> None:
        """End all streams of a conference that goes on, and tell the user ``error`` as the reason."""
        for session in self.publications.all():
            self.publications.lost(session, error, tell_server=False)
        for session in self.subscriptions.all():
            self.subscriptions.stop(session, error)

    # -- wishes of the user ---
    def park(self, key: MediaSessionKey) -> None:
        """Nobody reads the subscription any more: switch its video off, or end it if it is not renewed yet."""
        phase = self._context.phase
        if phase is Phase.JOINED:
            self.subscriptions.park(key)
        elif phase is Phase.RECONNECTING:
            self.subscriptions.drop(key)

    def cancel(self, call: Call, error: CallCancelled) -> None:
        """Stop the stream that ``call`` asks for, because the user cancelled the call."""
        if call.kind is CallKind.PUBLISH and call.key is not None:
            self.publications.unpublish(call.key, error)
        elif call.kind is CallKind.SUBSCRIBE and call.key is not None:
            self.park(call.key)

    # -- deadlines ---
    def timed_out(self, call: Call, error: CallTimedOut) -> None:
        """End the stream that ``call`` asks for, because it did not come up in time."""
        for sessions in self._both:
            for session in sessions.all():
                if session.call == call.id:
                    self._lost(session, error)

    def advance(self) -> None:
        """End what has taken too long, and renew what is due."""
        now = self._context.now
        for sessions in self._both:
            for session in sessions.all():
                if session.deadline is not None and session.deadline <= now:
                    sessions.late(session)
        if self._context.phase is Phase.JOINED:  # else the next `join_success` renews all of them
            for sessions in self._both:
                sessions.begin_due(now)

    # -- reports of the media engine ---
    def report(self, report: MediaReport) -> None:
        """Take a report. One about a peer that is closed, or about its last peer connection, is ignored."""
        for sessions in self._both:
            session = sessions.of_peer(report.peer)
            if session is not None and sessions.is_meant(session, report):
                self._take(sessions, session, report)

    def _take(self, sessions: MediaSessions, session: MediaSession, report: MediaReport) -> None:
        try:
            match report:
                case Described(id=command, sdp=sdp):
                    sessions.described(session, command, sdp)
                case Trickled():
                    sessions.trickled(session, report)
                case Failed(id=None, reason=reason):
                    sessions.broke(session, media_failed(reason))
                case Failed(reason=reason):  # of a command: the peer cannot be used any more
                    self._lost(session, media_failed(reason))
                case Down():
                    sessions.broke(session, MediaError(MEDIA_ENDED))
        except (RemoteProtocolError, LocalProtocolError) as error:
            self._lost(session, media_failed(f"its description cannot be used: {error}"))

    def _lost(self, session: MediaSession, error: M3Error) -> None:
        if session.mending is not None:
            error = renewal_failed(error, session.mending.error)
        if self.publications.get(session.key) is session:
            self.publications.lost(session, error, tell_server=self._context.phase is Phase.JOINED)
        else:
            self.subscriptions.stop(session, error)
