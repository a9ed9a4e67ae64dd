"""The streams that we receive (media.md § 4.4).

There is no unsubscribe on the wire: a subscription that nobody wants is parked (`configure {video: false}`) and woken
by the next subscribe. It ends when its publisher stops or leaves.
"""

from __future__ import annotations

from m3core.conference.calls import CallKind
from m3core.conference.events import SubscriptionStopped
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.conference.state import SubscriptionState
from m3core.errors import LocalProtocolError, M3Error
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
            if session.is_live:
                around.outbox.send(_configure(key, video=True))
                around.calls.finish(call, result=key)
            else:
                session.call = call
            return call, session.peer
        session = MediaSession(around.outbox.new_peer(), key, Negotiation(NegotiationRole.ANSWERER, trickle=True), call)
        self._by_key[key] = session
        around.outbox.send(
            media.Subscribe(
                target=key.participant_id,
                media_session_type=key.media_session_type,
                without_video=without_video,
            )
        )
        return call, session.peer

    def park(self, key: MediaSessionKey) -> None:
        """Nobody wants the stream now. One that is still coming is parked when it is up."""
        session = self.get(key)
        if session is None or session.is_parked:
            return
        session.is_parked = True
        session.call = None
        if session.is_live:
            self._around.outbox.send(_configure(key, video=False))

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
        return call

    # what the server says ---
    def offered(self, session: MediaSession, sdp: str) -> None:
        """`sdp_offer`: the first, or a renewed one. Raises `StaleNegotiation` or `SdpError`."""
        self.perform(session, session.negotiation.remote_description(sdp))

    def up(self, session: MediaSession) -> None:
        """`webrtc_up`."""
        session.is_live = True
        if session.is_parked:
            self._around.outbox.send(_configure(session.key, video=False))
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
