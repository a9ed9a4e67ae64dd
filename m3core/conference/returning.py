"""How subscriptions survive a lost connection of ours and a break of the stream.

What broke our connection or our stream may have broken those of the publisher as well, and the publisher may return
later than we (see `mending`). Until then a server refuses to offer the stream (media.md § 2). The subscription waits
for the publisher meanwhile, and keeps its peer and its readers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from m3core.conference.events import SubscriptionStopped
from m3core.conference.mending import MEDIA_ENDED, Mending, renewal_delay, renewal_failed
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.errors import CallRefused, CallTimedOut, M3Error, MediaError
from m3core.limits import NEGOTIATION_TIMEOUT, PUBLISHER_RENEWAL, PUBLISHER_RETURN
from m3core.messages import media
from m3core.negotiation import NegotiationState
from m3core.values import MediaSessionKey, ParticipantId

STOPPED: Final = "the publisher stopped the stream"


class RenewableSubscriptions(MediaSessions):
    """The subscriptions, their renewal and their end."""

    # -- a lost connection ---
    def suspend(self) -> None:
        """Suspend the subscriptions, and close the parked ones: nobody reads those, so nobody needs them renewed."""
        for session in self.all():
            if session.is_parked:
                self.close(session, None)
        super().suspend()

    def renew(
        self, is_published: Callable[[MediaSessionKey], bool], patience: Callable[[MediaSessionKey], float]
    ) -> None:
        """We are in the room again: subscribe again to what is still published.

        ``patience`` gives the seconds to wait for a stream that is not published now, 0 for one that has ended.
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
        """From now on wait `PUBLISHER_RETURN` for publishers: they may have lost the connection when we did."""
        for session in self.all():
            session.returns_until = self._context.now + PUBLISHER_RETURN

    def _renew(self, session: MediaSession) -> None:
        if session.call is None:
            session.deadline = self._context.now + NEGOTIATION_TIMEOUT
        self._ask(session)

    def _wait(self, session: MediaSession, error: M3Error, until: float, *, is_announced: bool = False) -> None:
        """Let a subscription wait for its publisher, until ``until``; then it ends with ``error``."""
        mending = session.mending or Mending(error)
        self._suspend(session)
        session.mending, mending.absence, mending.is_announced = mending, error, is_announced
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

    # -- a broken stream ---
    def broke(self, session: MediaSession, error: M3Error, *, by_server: bool = False) -> None:
        """A subscription broke: renew it after a delay, or end it; at once if it was not live, else after the delay.

        The delay leaves time for the news that its publisher stopped the stream, which is then told as the reason.
        """
        if not session.is_live and (session.is_parked or session.returns_until <= self._context.now):
            self.stop(session, error if session.mending is None else renewal_failed(error, session.mending.error))
        else:
            is_mended = self._may_mend(session) and not session.is_parked
            self._break(session, error, by_server=by_server).is_last = not is_mended

    def begin_due(self, now: float) -> None:
        """Subscribe again to what broke, when its delay is over; end what has waited long enough for its publisher."""
        for session in self.all():
            mending = session.mending
            if mending is None or mending.deadline is None or mending.deadline > now:
                continue
            if mending.waits_for_publisher or mending.is_last:
                self.stop(session, mending.absence or mending.error)
            else:
                mending.begin()
                self._renew(session)

    def late(self, session: MediaSession) -> None:
        """A renewed subscription did not come up in time: end it."""
        error = CallTimedOut("renewing a stream", NEGOTIATION_TIMEOUT)
        self.stop(session, renewal_failed(error, None if session.mending is None else session.mending.error))

    def announced(self, key: MediaSessionKey) -> None:
        """The server announced that stream, perhaps again."""
        session = self.get(key)
        if session is None or session.mending is None or session.mending.is_last:
            return
        if not session.mending.begun:
            session.mending.is_announced = session.mending.by_server = True
            session.mending.begin()
            self._renew(session)

    def unannounced(self, key: MediaSessionKey) -> None:
        """The server announced the end of that stream: the publisher stopped it, or it broke for the publisher, too."""
        session = self.get(key)
        if session is None:
            return
        mending, error = session.mending, MediaError(STOPPED)
        if mending is None or mending.is_last:
            self.stop(session, error)
            return
        if mending.waits_for_publisher:
            mending.is_announced = False
        else:
            self._wait(session, error, self._context.now + PUBLISHER_RENEWAL)

    def publisher_left(self, participant_id: ParticipantId) -> None:
        """The publisher left, or lost the connection when we lost ours."""
        for session in self.all():
            if session.key.participant_id != participant_id:
                continue
            if session.is_parked or session.returns_until <= self._context.now:
                self.stop(session, MediaError(STOPPED))
            else:
                session.mending = None
                self._wait(session, MediaError("the publisher did not come back"), session.returns_until)

    def refused(self, session: MediaSession, error: CallRefused) -> None:
        """The server refused a `subscribe` that no call waits for.

        After a break, the media server may have lost a stream that the controller still lists: its publisher will
        publish it anew. Without a break, the publisher is one whom a controller that crashed lists for ever
        (signaling.md § 3).
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
        """Ask with `resubscribe`: a server that has not noticed the break refuses a `subscribe` (media.md § 4.4)."""
        kind = session.key.media_session_type
        self._context.outbox.send(media.Resubscribe(target=session.key.participant_id, media_session_type=kind))

    # -- messages of the server ---
    def had_another(self, key: MediaSessionKey) -> bool:
        """Whether the subscription was renewed, so that messages about the time before may come late."""
        session = self.get(key)
        return session is not None and session.was_suspended

    def down(self, key: MediaSessionKey) -> None:
        """Handle `webrtc_down`: it may come late, twice or not at all (media.md § 3)."""
        session = self.get(key)
        if session is None:
            return
        mending = session.mending
        if mending is not None and not mending.begun:
            mending.by_server = True
            if (
                mending.waits_for_publisher and mending.is_announced
            ):  # `subscribe` was refused because the server had it still
                mending.due = self._context.now + renewal_delay(self._context.jitter())
        elif not (session.was_suspended and session.negotiation.state is NegotiationState.NEW):
            # Before an offer came for a renewed subscription, the message is about the one before the renewal.
            self.broke(session, MediaError(MEDIA_ENDED), by_server=True)

    def stop(self, session: MediaSession, error: M3Error) -> None:
        """End a subscription, and tell the user ``error`` as the reason."""
        self.close(session, error)
        self._context.outbox.notify(
            SubscriptionStopped(
                participant_id=session.key.participant_id,
                media_session_type=session.key.media_session_type,
                reason=str(error),
            )
        )
