"""The streams that we receive (media.md § 4.4).

There is no unsubscribe on the wire: a subscription that nobody wants is parked (`configure {video: false}`) and woken
by the next subscribe. It ends when its publisher stops or leaves.
"""

from __future__ import annotations

from collections.abc import Callable

from m3core.conference.calls import CallKind
from m3core.conference.events import SubscriptionStopped
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.conference.state import SubscriptionState
from m3core.errors import LocalProtocolError, M3Error, MediaError
from m3core.io import CallId, MediaOperation, OpenSubscriber, PeerId
from m3core.limits import NEGOTIATION_TIMEOUT, SILENCE_MEANS_DONE
from m3core.messages import media
from m3core.negotiation import Negotiation, NegotiationRole
from m3core.values import MediaSessionKey


class Subscriptions(MediaSessions):
    """The streams of others that we receive, at most one subscription each."""

    def subscribe(self, key: MediaSessionKey, *, without_video: bool, now: float) -> tuple[CallId, PeerId]:
        """Begin to receive, or wake what was parked; the call is done when the stream is up."""
        around = self._around
        session = self.get(key)
        if session is not None and not session.is_parked:
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
            session.is_parked = False
            session.configuration = None
            if session.is_live:
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

    def renew(self, is_published: Callable[[MediaSessionKey], bool], now: float) -> None:
        """We are in the room again: subscribe again to what is still published; the rest has stopped."""
        for session in self.all():
            if not is_published(session.key):
                self.stop(session, MediaError("the publisher stopped the stream"))
                continue
            if session.call is None:
                session.deadline = now + NEGOTIATION_TIMEOUT
            self._ask(session)

    def park(self, key: MediaSessionKey) -> None:
        """Nobody wants the stream now. One that is still coming is parked when it is up."""
        session = self.get(key)
        if session is None or session.is_parked:
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
        self.perform(session, session.negotiation.remote_description(sdp))
        session.is_stale |= was_stable  # the media engine begins the peer anew

    def up(self, session: MediaSession) -> None:
        """`webrtc_up`."""
        is_new, session.is_live = not session.is_live, True
        session.deadline = None
        if session.is_parked:
            self._around.outbox.send(_configure(session.key, video=False))
        elif is_new and (wanted := session.configuration) is not None:  # of before a loss
            self._around.outbox.send(_configure(session.key, video=wanted.video, substream=wanted.substream))
        self.end_call(session)

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
