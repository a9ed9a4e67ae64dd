"""How a subscription outlives a loss of the connection and a break of the stream: it waits for its publisher.

Whoever published may have broken or been lost as well, and is back sooner or later than we (see `mending`). Until then
the subscription stays, with its peer and who reads it; the server would refuse to offer it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from m3core.conference.events import SubscriptionStopped
from m3core.conference.mending import MEDIA_ENDED, Mending, in_vain, moment
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.errors import CallRefused, CallTimedOut, M3Error, MediaError
from m3core.limits import NEGOTIATION_TIMEOUT, PUBLISHER_RENEWAL, PUBLISHER_RETURN
from m3core.messages import media
from m3core.negotiation import NegotiationState
from m3core.values import MediaSessionKey, ParticipantId

STOPPED: Final = "the publisher stopped the stream"


class Returning(MediaSessions):
    """The subscriptions that are there, and what becomes of them."""

    # what is lost with the connection ---
    def suspend(self) -> None:
        """As all sessions; but what is parked goes: nobody would read it, and the next subscribe begins anew."""
        for session in self.all():
            if session.is_parked:
                self.close(session, None)
        super().suspend()

    def renew(
        self, is_published: Callable[[MediaSessionKey], bool], patience: Callable[[MediaSessionKey], float]
    ) -> None:
        """We are in the room again: subscribe again to what is still published.

        What was lost on both sides is not published yet: ``patience`` says how long to wait for it, if at all.
        """
        now = self._context.now
        for session in self.all():
            if is_published(session.key):
                self._renew(session)
            elif (seconds := patience(session.key)) > 0:
                reason = STOPPED if seconds < PUBLISHER_RETURN else "the publisher did not come back"
                self._wait(session, MediaError(reason), now + seconds)
            else:
                self.stop(session, MediaError(STOPPED))

    def expect_publishers(self) -> None:
        """We are back after a loss, which may have hit others, too: who is away now may come back."""
        for session in self.all():
            session.returns_until = self._context.now + PUBLISHER_RETURN

    def _renew(self, session: MediaSession) -> None:
        if session.call is None:
            session.deadline = self._context.now + NEGOTIATION_TIMEOUT
        self._ask(session)

    def _wait(self, session: MediaSession, error: M3Error, until: float, *, is_announced: bool = False) -> None:
        """Keep a subscription, and who reads it, for a publisher who may publish again."""
        mending = session.mending or Mending(error)
        self._suspend(session)
        session.mending, mending.vain, mending.is_announced = mending, error, is_announced
        mending.wait(until)
        if mending.until is not None and mending.until <= self._context.now:
            self.stop(session, error)

    def _ask(self, session: MediaSession) -> None:
        self._context.outbox.send(
            media.Subscribe(
                target=session.key.participant_id,
                media_session_type=session.key.media_session_type,
                without_video=session.without_video,
            )
        )

    # what breaks ---
    def broke(self, session: MediaSession, error: M3Error, *, by_server: bool = False) -> None:
        """A subscription broke: it is asked for once more if its publisher is there, or has ended."""
        if not session.is_live and (session.is_parked or session.returns_until <= self._context.now):
            self.stop(session, error if session.mending is None else in_vain(error, session.mending.error))
        else:
            is_mended = self._may_mend(session) and not session.is_parked
            self._break(session, error, by_server=by_server).is_last = not is_mended

    def begin_due(self, now: float) -> None:
        """Subscribe again to what broke a moment ago; end what has waited long enough for its publisher."""
        for session in self.all():
            mending = session.mending
            if mending is None or mending.deadline is None or mending.deadline > now:
                continue
            if mending.waits or mending.is_last:
                self.stop(session, mending.vain or mending.error)
            else:
                mending.begin()
                self._renew(session)

    def late(self, session: MediaSession) -> None:
        """What was asked for anew does not come in time."""
        error = CallTimedOut("renewing a stream", NEGOTIATION_TIMEOUT)
        self.stop(session, in_vain(error, None if session.mending is None else session.mending.error))

    def announced(self, key: MediaSessionKey) -> None:
        """The publisher publishes that stream, perhaps again."""
        session = self.get(key)
        if session is None or session.mending is None or session.mending.is_last:
            return
        if not session.mending.begun:
            session.mending.is_announced = session.mending.by_server = True
            session.mending.begin()
            self._renew(session)

    def unannounced(self, key: MediaSessionKey) -> None:
        """The publisher publishes it no more: stopped, or broken as our subscription is."""
        session = self.get(key)
        if session is None:
            return
        mending, error = session.mending, MediaError(STOPPED)
        if mending is None or mending.is_last:
            self.stop(session, error)
            return
        if mending.waits:
            mending.is_announced = False
        else:
            self._wait(session, error, self._context.now + PUBLISHER_RENEWAL)

    def publisher_left(self, participant_id: ParticipantId) -> None:
        """The publisher is gone, or lost the connection when we lost ours."""
        for session in self.all():
            if session.key.participant_id != participant_id:
                continue
            if session.is_parked or session.returns_until <= self._context.now:
                self.stop(session, MediaError(STOPPED))
            else:
                session.mending = None
                self._wait(session, MediaError("the publisher did not come back"), session.returns_until)

    def refused(self, session: MediaSession, error: CallRefused) -> None:
        """A subscription that nobody waits for was refused.

        After a break the media server may have lost a stream that the controller still lists, and its publisher will
        publish it anew. After a loss that is a ghost, whom a controller that crashed lists for ever.
        """
        mending = session.mending
        if session.is_parked or mending is None or error.code != "invalid_request_offer":
            self.stop(session, error)
        elif not mending.by_server and not mending.restarted:
            mending.restarted = True
            self._restart(session)
        else:
            self._wait(session, error, self._context.now + PUBLISHER_RETURN, is_announced=True)

    def _restart(self, session: MediaSession) -> None:
        """A server that has not noticed the break refuses what it has already; it offers that anew (media.md § 4.5)."""
        kind = session.key.media_session_type
        self._context.outbox.send(media.Resubscribe(target=session.key.participant_id, media_session_type=kind))

    # what the server says ---
    def had_another(self, key: MediaSessionKey) -> bool:
        """Whether the subscription was begun anew."""
        session = self.get(key)
        return session is not None and session.was_suspended

    def down(self, key: MediaSessionKey) -> None:
        """`webrtc_down`: may come late, twice or not at all (media.md § 3)."""
        session = self.get(key)
        if session is None:
            return
        mending = session.mending
        if mending is not None and not mending.begun:
            mending.by_server = True
            if mending.waits and mending.is_announced:  # it was refused because the server still had it
                mending.due = self._context.now + moment(self._context.jitter())
        elif not (session.was_suspended and session.negotiation.state is NegotiationState.NEW):  # else of the last one
            self.broke(session, MediaError(MEDIA_ENDED), by_server=True)

    def stop(self, session: MediaSession, error: M3Error) -> None:
        """The subscription ended: its publisher did, or the media path."""
        self.close(session, error)
        self._context.outbox.notify(
            SubscriptionStopped(
                participant_id=session.key.participant_id,
                media_session_type=session.key.media_session_type,
                reason=str(error),
            )
        )
