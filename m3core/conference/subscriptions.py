"""The streams that we receive (media.md § 4.4).

There is no unsubscribe on the wire: a subscription that nobody wants is parked (`configure {video: false}`) and woken
by the next subscribe. It ends when its publisher stops or leaves. After a break or a loss the publisher may be away for
a while, and the subscription waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from m3core.conference.calls import CallKind
from m3core.conference.events import SubscriptionStopped
from m3core.conference.mending import MEDIA_ENDED, Mending, in_vain, moment
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.conference.state import SubscriptionState
from m3core.errors import CallRefused, CallTimedOut, LocalProtocolError, M3Error, MediaError, StaleNegotiation
from m3core.io import CallId, MediaOperation, OpenSubscriber, PeerId
from m3core.limits import NEGOTIATION_TIMEOUT, PUBLISHER_RENEWAL, PUBLISHER_RETURN, SILENCE_MEANS_DONE
from m3core.messages import media
from m3core.negotiation import Negotiation, NegotiationRole, NegotiationState
from m3core.values import MediaSessionKey, ParticipantId

STOPPED: Final = "the publisher stopped the stream"


class Subscriptions(MediaSessions):
    """The streams of others that we receive, at most one subscription each."""

    def subscribe(self, key: MediaSessionKey, *, without_video: bool, now: float) -> tuple[CallId, PeerId]:
        """Begin to receive, or wake what was parked; the call is done when the stream is up."""
        around = self._around
        session = self.get(key)
        # After a break there was `StreamStarted`: whoever subscribes at each of them takes the old one over.
        is_free = session is None or session.is_parked or (session.is_free and session.call is None)
        if not is_free:
            raise LocalProtocolError(f"{key.media_session_type.value} of that participant is subscribed to already")
        call = around.calls.open(
            CallKind.SUBSCRIBE,
            "subscribe",
            now,
            NEGOTIATION_TIMEOUT,
            key=key,
            slugs=frozenset({"invalid_request_offer", "handle_sdp_answer"}),
        )
        if session is not None:
            is_left_out = session.is_parked or session.configuration is not None
            session.is_parked = session.is_free = False
            session.configuration = None
            if session.is_live:
                if is_left_out:
                    around.outbox.send(_configure(key, video=True))
                around.calls.finish(call, result=key)
            else:
                session.call = call
            return call, session.peer
        negotiation = Negotiation(NegotiationRole.ANSWERER, trickle=True)
        session = MediaSession(around.outbox.new_peer(), key, negotiation, call, without_video=without_video)
        self._by_key[key] = session
        self._ask(session)
        return call, session.peer

    def _ask(self, session: MediaSession) -> None:
        self._around.outbox.send(
            media.Subscribe(
                target=session.key.participant_id,
                media_session_type=session.key.media_session_type,
                without_video=session.without_video,
            )
        )

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
        now = self._around.now
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
            session.returns_until = self._around.now + PUBLISHER_RETURN

    def _renew(self, session: MediaSession) -> None:
        if session.call is None:
            session.deadline = self._around.now + NEGOTIATION_TIMEOUT
        self._ask(session)

    def _wait(self, session: MediaSession, error: M3Error, until: float) -> None:
        """Keep a subscription, and who reads it, for a publisher who may publish again."""
        mending = session.mending or Mending(error)
        self._suspend(session)
        session.mending, mending.vain = mending, error
        mending.wait(until)
        if mending.until is not None and mending.until <= self._around.now:
            self.stop(session, error)

    # what breaks ---
    def broke(self, session: MediaSession, error: M3Error, *, by_server: bool = False) -> None:
        """A subscription broke: it is asked for once more if its publisher is there, or has ended."""
        if not session.is_live or session.is_parked:
            self.stop(session, error if session.mending is None else in_vain(error, session.mending.error))
        else:
            is_first = self._may_mend(session)
            self._break(session, error, by_server=by_server).is_last = not is_first

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
        mending.is_announced = False
        if not mending.waits:
            self._wait(session, error, self._around.now + PUBLISHER_RENEWAL)

    def publisher_left(self, participant_id: ParticipantId) -> None:
        """The publisher is gone, or lost the connection when we lost ours."""
        for session in self.all():
            if session.key.participant_id != participant_id:
                continue
            if session.is_parked or session.returns_until <= self._around.now:
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
            self._wait(session, error, self._around.now + PUBLISHER_RETURN)

    def _restart(self, session: MediaSession) -> None:
        """A server that has not noticed the break refuses what it has already; it offers that anew (media.md § 4.5)."""
        kind = session.key.media_session_type
        self._around.outbox.send(media.Resubscribe(target=session.key.participant_id, media_session_type=kind))

    def park(self, key: MediaSessionKey) -> None:
        """Nobody wants the stream now. One that is still coming is parked when it is up."""
        session = self.get(key)
        if session is None or session.is_parked:
            return
        if session.mending is not None and not session.mending.begun:
            self.drop(key)
            return
        session.is_parked = True
        session.call = None
        if session.is_live:
            self._around.outbox.send(_configure(key, video=False))

    def drop(self, key: MediaSessionKey) -> None:
        """Nobody wants a stream that would have to be renewed first."""
        session = self.get(key)
        if session is not None:
            session.call = None
            self.close(session, None)

    def configure(self, key: MediaSessionKey, *, video: bool | None, substream: int | None, now: float) -> CallId:
        """Leave out or resume the video, or choose a layer: 0 low, 1 medium, 2 high (media.md § 5)."""
        session = self.get(key)
        if session is None or not session.is_live:
            raise LocalProtocolError("configure a subscription that is up")
        if substream is not None and substream not in {0, 1, 2}:
            raise LocalProtocolError("substream is 0 (low), 1 (medium) or 2 (high)")
        call = self._around.calls.open(
            CallKind.COMMAND,
            "configure",
            now,
            SILENCE_MEANS_DONE,
            key=key,
            slugs=frozenset({"invalid_configure_request"}),
            silent=True,
        )
        self._around.outbox.send(_configure(key, video=video, substream=substream))
        before = session.configuration
        session.configuration = media.SubscriptionConfiguration(
            video=before.video if video is None and before is not None else video,
            substream=before.substream if substream is None and before is not None else substream,
        )
        return call

    # what the server says ---
    def offered(self, session: MediaSession, sdp: str) -> None:
        """`sdp_offer`: the first, or a renewed one. Raises `StaleNegotiation` or `SdpError`."""
        was_stable = session.negotiation.is_stable
        if session.mending is not None and not session.mending.begun:
            raise StaleNegotiation("sdp_offer for a stream that was not asked for")
        self.perform(session, session.negotiation.remote_description(sdp))
        session.is_stale |= was_stable  # the media engine begins the peer anew

    def up(self, session: MediaSession) -> None:
        """`webrtc_up`."""
        is_new, session.is_live = not session.is_live, True
        session.is_told = True
        session.deadline = session.mending = None
        if session.is_parked:
            self._around.outbox.send(_configure(session.key, video=False))
        elif is_new and (wanted := session.configuration) is not None:  # of before a loss
            self._around.outbox.send(_configure(session.key, video=wanted.video, substream=wanted.substream))
        self.end_call(session)

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
                mending.due = self._around.now + moment(self._around.jitter())
        elif not (session.was_suspended and session.negotiation.state is NegotiationState.NEW):  # else of the last one
            self.broke(session, MediaError(MEDIA_ENDED), by_server=True)

    def stop(self, session: MediaSession, error: M3Error) -> None:
        """The subscription ended: its publisher did, or the media path."""
        self.close(session, error)
        self._around.outbox.notify(
            SubscriptionStopped(
                participant_id=session.key.participant_id,
                media_session_type=session.key.media_session_type,
                reason=str(error),
            )
        )

    def states(self) -> tuple[SubscriptionState, ...]:
        """The snapshot."""
        return tuple(
            SubscriptionState(
                participant_id=session.key.participant_id,
                media_session_type=session.key.media_session_type,
                is_live=session.is_live,
                is_parked=session.is_parked,
            )
            for session in self._by_key.values()
        )

    def description_message(self, session: MediaSession, sdp: str) -> media.AnswerSdp:
        """Our answer travels in `sdp_answer`."""
        return media.AnswerSdp(
            target=session.key.participant_id, media_session_type=session.key.media_session_type, sdp=sdp
        )

    def description_operation(self, session: MediaSession, sdp: str) -> MediaOperation:
        """The server's offer."""
        return OpenSubscriber(session.key, sdp, self._around.ice_servers)


def _configure(key: MediaSessionKey, *, video: bool | None = None, substream: int | None = None) -> media.Configure:
    return media.Configure(
        target=key.participant_id,
        media_session_type=key.media_session_type,
        configuration=media.SubscriptionConfiguration(video=video, substream=substream),
    )
