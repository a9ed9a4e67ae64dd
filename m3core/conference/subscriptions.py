"""The streams that we receive (media.md § 4.4).

The protocol has no unsubscribe. A subscription that nobody reads is parked instead: `configure {video: false}` switches
its video off, and the next `subscribe` to the same stream switches it on again. It ends when its publisher stops the
stream or leaves. `returning` has what happens after a break.
"""

from __future__ import annotations

from m3core.conference.calls import CallKind
from m3core.conference.common import SubscriptionState
from m3core.conference.returning import RenewableSubscriptions
from m3core.conference.sessions import MediaSession
from m3core.errors import LocalProtocolError, StaleNegotiation, WrongValue
from m3core.io import CallId, MediaOperation, OpenSubscriber, PeerId
from m3core.limits import NEGOTIATION_TIMEOUT, SILENCE_MEANS_DONE
from m3core.messages import media
from m3core.negotiation import Negotiation, NegotiationRole
from m3core.values import MediaSessionKey


class Subscriptions(RenewableSubscriptions):
    """The streams of others that we receive, at most one subscription each."""

    def subscribe(self, key: MediaSessionKey, *, without_video: bool) -> tuple[CallId, PeerId]:
        """Begin to receive, or use a parked subscription again; the call is done when the stream is up."""
        context = self._context
        session = self.get(key)
        # A program that subscribes at each `StreamStarted` also does so after a break, when its old subscription is
        # still there: it takes that one over instead of an error.
        is_free = session is None or session.is_parked or (session.may_be_taken_over and session.call is None)
        if not is_free:
            raise LocalProtocolError(
                f"{key.media_session_type.value} of that participant is subscribed to already: use that subscription"
            )
        call = context.calls.open(
            CallKind.SUBSCRIBE,
            "subscribe",
            context.now,
            NEGOTIATION_TIMEOUT,
            key=key,
            slugs=frozenset({"invalid_request_offer", "handle_sdp_answer"}),
        )
        if session is not None:
            is_left_out = session.is_parked or session.configuration is not None
            session.is_parked = session.may_be_taken_over = False
            if session.mending is not None:
                session.mending.is_last = False
            session.configuration = None
            if session.is_live:
                if is_left_out:
                    context.outbox.send(_configure(key, video=True))
                context.calls.finish(call, result=key)
            else:
                session.call = call
            return call, session.peer
        negotiation = Negotiation(NegotiationRole.ANSWERER, trickle=True)
        session = MediaSession(context.outbox.new_peer(), key, negotiation, call, without_video=without_video)
        self._by_key[key] = session
        self._ask(session)
        return call, session.peer

    def park(self, key: MediaSessionKey) -> None:
        """Switch the video of a subscription off, as soon as it is up."""
        session = self.get(key)
        if session is None or session.is_parked:
            return
        if session.mending is not None and not session.mending.begun:
            self.drop(key)  # the server has no such subscription now, and nobody needs it renewed
            return
        session.is_parked = True
        session.call = None
        if session.is_live:
            self._context.outbox.send(_configure(key, video=False))

    def drop(self, key: MediaSessionKey) -> None:
        """End a subscription that nobody reads and that is not up, without an event."""
        session = self.get(key)
        if session is not None:
            session.call = None
            self.close(session, None)

    def configure(self, key: MediaSessionKey, *, video: bool | None, substream: int | None) -> CallId:
        """Leave out or resume the video, or choose a layer: 0 low, 1 medium, 2 high (media.md § 5)."""
        session = self.get(key)
        if session is None or not session.is_live:
            raise LocalProtocolError("that subscription is not up: configure it when its media arrives")
        if substream is not None and substream not in {0, 1, 2}:
            raise WrongValue("substream must be 0 (low), 1 (medium) or 2 (high)")
        call = self._context.calls.open(
            CallKind.COMMAND,
            "configure",
            self._context.now,
            SILENCE_MEANS_DONE,
            key=key,
            slugs=frozenset({"invalid_configure_request"}),
            silent=True,
        )
        self._context.outbox.send(_configure(key, video=video, substream=substream))
        before = session.configuration
        session.configuration = media.SubscriptionConfiguration(
            video=before.video if video is None and before is not None else video,
            substream=before.substream if substream is None and before is not None else substream,
        )
        return call

    # -- messages of the server ---
    def offered(self, session: MediaSession, sdp: str) -> None:
        """Handle `sdp_offer`, a first or a later one. Raises `StaleNegotiation` or `SdpError`."""
        was_stable = session.negotiation.is_stable
        if session.mending is not None and not session.mending.begun:
            raise StaleNegotiation("sdp_offer came for a stream that was not asked for")
        self.perform(session, session.negotiation.remote_description(sdp))
        session.is_stale |= was_stable  # the media engine replaces the peer connection

    def up(self, session: MediaSession) -> None:
        """Handle `webrtc_up`, the first or that of a renewal."""
        is_new, session.is_live = not session.is_live, True
        session.was_live = True
        session.deadline = session.mending = None
        if session.is_parked:
            self._context.outbox.send(_configure(session.key, video=False))
        elif is_new and (wanted := session.configuration) is not None:  # of before a renewal
            self._context.outbox.send(_configure(session.key, video=wanted.video, substream=wanted.substream))
        self.end_call(session)

    def states(self) -> tuple[SubscriptionState, ...]:
        """The subscriptions as values of the snapshot."""
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
        """Our answer, in `sdp_answer`."""
        return media.AnswerSdp(
            target=session.key.participant_id, media_session_type=session.key.media_session_type, sdp=sdp
        )

    def description_operation(self, session: MediaSession, sdp: str) -> MediaOperation:
        """Open the peer with the offer of the server."""
        return OpenSubscriber(session.key, sdp, self._context.ice_servers)


def _configure(key: MediaSessionKey, *, video: bool | None = None, substream: int | None = None) -> media.Configure:
    return media.Configure(
        target=key.participant_id,
        media_session_type=key.media_session_type,
        configuration=media.SubscriptionConfiguration(video=video, substream=substream),
    )
