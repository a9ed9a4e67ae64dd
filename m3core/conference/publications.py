"""Our own streams: publish, mute, stop (media.md § 4.1 - 4.3)."""

from __future__ import annotations

from m3core.conference.calls import CallKind
from m3core.conference.common import Participant, PublicationState
from m3core.conference.context import Context
from m3core.conference.events import PublicationStarted, PublicationStopped, ReceivingChanged
from m3core.conference.mending import MEDIA_ENDED, renewal_delay, renewal_failed
from m3core.conference.owed import OwedMessages
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.errors import CallCancelled, CallRefused, CallTimedOut, LocalProtocolError, M3Error, MediaError, WrongValue
from m3core.io import ApplyAnswer, CallId, MediaOperation, OpenPublisher, PeerId, SetSending
from m3core.limits import NEGOTIATION_TIMEOUT, SILENCE_MEANS_DONE, STREAM_RESTART
from m3core.messages import media
from m3core.negotiation import Negotiation, NegotiationRole, NegotiationState
from m3core.values import MediaSessionKey, MediaSessionType, Role

_REFUSED = "invalid_sdp_offer"
_PUBLISH_ERRORS = {
    MediaSessionType.VIDEO: frozenset({_REFUSED}),
    MediaSessionType.SCREEN: frozenset({_REFUSED, "permission_denied"}),
}
"""Only a screen needs permission (media.md § 2): another `permission_denied` is about another call."""


class Publications(MediaSessions):
    """The streams that we publish, at most one of each type."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.past: set[MediaSessionKey] = set()
        """The streams that broke or ended over this connection: messages about them may come late."""
        self._owed = OwedMessages()

    def publish(
        self, own: Participant, media_session_type: MediaSessionType, *, audio: bool, video: bool, peer: PeerId | None
    ) -> tuple[CallId, PeerId]:
        """Begin to publish; the call is done when the server receives the stream and `publish_complete` is sent."""
        if media_session_type is MediaSessionType.SCREEN and not may_share(own):
            raise LocalProtocolError("we may not share the screen: ask a moderator for the presenter role")
        if not audio and not video:
            raise WrongValue("a stream needs audio, video or both")
        key = MediaSessionKey(own.id, media_session_type)
        if key in self._by_key:
            raise LocalProtocolError(f"{media_session_type.value} is published already: stop it first")
        context = self._context
        slugs = _PUBLISH_ERRORS[media_session_type]
        call = context.calls.open(CallKind.PUBLISH, "publish", context.now, NEGOTIATION_TIMEOUT, key=key, slugs=slugs)
        negotiation = Negotiation(NegotiationRole.OFFERER, trickle=True)
        session = MediaSession(
            peer or context.outbox.new_peer(), key, negotiation, call, audio=audio, video=video, kinds=(audio, video)
        )
        self._by_key[key] = session
        self._open(session)
        return call, session.peer

    def _open(self, session: MediaSession) -> None:
        session.negotiation.create_offer()
        operation = OpenPublisher(session.key, *session.kinds, self._context.ice_servers)
        session.awaited = self._context.outbox.media(session.peer, operation)

    def renew(self, own: Participant, now: float) -> None:
        """We are in the room again, perhaps with another id: publish again what was published, or was about to be."""
        sessions = self.all()
        self._by_key.clear()
        # This is another connection: no late message about a stream of the last one can come over it.
        self.past.clear()
        self._owed.forget()
        for session in sessions:
            session.key = MediaSessionKey(own.id, session.key.media_session_type)
            self._by_key[session.key] = session
            call = None if session.call is None else self._context.calls.get(session.call)
            if call is not None:
                call.key = session.key
            else:
                session.deadline = now + NEGOTIATION_TIMEOUT
            if session.key.media_session_type is MediaSessionType.SCREEN and not may_share(own):
                self.lost(session, MediaError("we have lost the permission to share the screen"), tell_server=False)
            else:
                self._open(session)

    def set_sending(self, key: MediaSessionKey, *, audio: bool, video: bool) -> CallId:
        """Mute or unmute tracks, without a negotiation (media.md § 4.2)."""
        session = self._of(key)
        context = self._context
        changed = (audio, video) != (session.audio, session.video)
        call = context.calls.open(
            CallKind.COMMAND,
            "update_media_session",
            context.now,
            SILENCE_MEANS_DONE if changed and session.is_live else 0.0,
            key=key,
            slugs=frozenset({"permission_denied"}),
            silent=True,
        )
        session.audio, session.video = audio, video
        if changed:
            context.outbox.media(session.peer, SetSending(audio, video))
        if changed and session.is_live:
            state = media.MediaSessionState(audio=audio, video=video, video_settings=2)
            context.outbox.send(
                media.UpdateMediaSession(media_session_type=key.media_session_type, media_session_state=state)
            )
        else:
            # A stream that is not announced yet: `publish_complete` will carry the state. An unchanged one: the web
            # client sends no repeats either (media.md § 4.2).
            context.calls.finish(call)
        return call

    def stop(self, key: MediaSessionKey) -> CallId:
        """Stop a stream for the user. The call is done at once, since the server need not answer (media.md § 2)."""
        calls = self._context.calls
        calls.check_capacity()
        self.unpublish(key)
        call = calls.open(CallKind.COMMAND, "unpublish", self._context.now, 0.0, silent=True)
        calls.finish(call)
        return call

    def unpublish(self, key: MediaSessionKey, error: M3Error | None = None) -> None:
        """Stop a stream, also one that is still being negotiated."""
        session = self._of(key)
        self._send_unpublish(session)
        self._stop(session, error or CallCancelled("the stream was stopped"), "")

    def unpublish_all(self) -> None:
        """Stop everything, before leaving."""
        for session in self.all():
            self.unpublish(session.key)

    def _send_unpublish(self, session: MediaSession) -> None:
        """Send `unpublish` if the server knows the stream."""
        if session.offer_sent:
            session.offer_sent = False
            self._context.outbox.send(media.Unpublish(media_session_type=session.key.media_session_type))
            self._owed.unpublished(session.key)

    # -- breaks and renewals ---
    def broke(self, session: MediaSession, error: M3Error, *, by_server: bool = False) -> None:
        """Renew a stream of ours that broke, with the same peer; end it if it was renewed before."""
        mending = session.mending
        is_known_to_server = session.offer_sent and not by_server
        if mending is not None and not mending.is_last:  # the restart failed: next comes a new stream
            self._suspend(session)
            session.mending, mending.begun = mending, False
            mending.due = self._context.now + renewal_delay(self._context.jitter())
        elif self._may_mend(session):
            self._break(session, error, by_server=by_server)
        else:
            first = None if mending is None else mending.error
            self.lost(session, renewal_failed(error, first), tell_server=not by_server)
            return
        session.offer_sent = is_known_to_server
        self.past.add(session.key)

    def begin_due(self, now: float) -> None:
        """Publish again what broke, when its delay is over.

        A server that still knows the stream restarts it, and its subscribers need not notice (media.md § 4.5). A server
        may be unable to do that: Janus keeps one DTLS association. After `STREAM_RESTART` it gets `unpublish`, and the
        stream is published as a new one.
        """
        for session in self.all():
            mending = session.mending
            if mending is None or mending.due is None or mending.due > now:
                continue
            mending.begin()
            mending.is_last = mending.restarted or not session.offer_sent
            mending.restarted = True
            if mending.is_last:
                self._send_unpublish(session)
            session.deadline = now + (NEGOTIATION_TIMEOUT if mending.is_last else STREAM_RESTART)
            self._open(session)

    def late(self, session: MediaSession) -> None:
        """The server did not receive a renewed stream in time: try the next way to renew it, or end it."""
        if session.mending is None or session.mending.is_last:
            error: M3Error = CallTimedOut("renewing a stream", NEGOTIATION_TIMEOUT)
            first = None if session.mending is None else session.mending.error
            self.lost(session, renewal_failed(error, first), tell_server=True)
        else:
            self.broke(session, CallTimedOut("restarting a stream", STREAM_RESTART))

    # -- messages of the server ---
    def answered(self, session: MediaSession, sdp: str) -> None:
        """Handle `sdp_answer`. Raises `StaleNegotiation`, or `SdpError`, which ends the publication."""
        self.perform(session, session.negotiation.remote_description(sdp))
        self._owed.answered(session.key, self._context.now)

    def down(self, key: MediaSessionKey) -> None:
        """Handle `webrtc_down`: it is about the present stream, or about one before it (see `owed`)."""
        session = self.get(key)
        if self._owed.take(key, self._context.now) or session is None or not session.offer_sent:
            return
        if session.mending is not None and not session.mending.begun:
            session.offer_sent = False  # our media engine reported the break before; now the server has forgotten it
        else:
            self.broke(session, MediaError(MEDIA_ENDED), by_server=True)

    def refused(self, error: CallRefused) -> bool:
        """Handle an error that no call waits for. Gives whether it refused the offer of a renewed stream."""
        if error.code != _REFUSED:
            return False
        for session in self.all():
            if session.call is None and session.negotiation.state is NegotiationState.HAVE_LOCAL_OFFER:
                self.broke(session, error)
                return True
        return False

    def had_another(self, key: MediaSessionKey) -> bool:
        """Whether a stream ``key`` broke or ended over this connection, so that messages about it may come late."""
        return key in self.past

    def status(self, session: MediaSession, event: media.MediaStatus) -> None:
        """Handle `media_status`. The first one with `receiving: true` completes the publication (media.md § 4.1)."""
        kind = session.key.media_session_type
        context = self._context
        context.outbox.notify(ReceivingChanged(media_session_type=kind, kind=event.kind, receiving=event.receiving))
        if session.is_live or not event.receiving:
            return
        session.is_live = session.was_live = True
        session.deadline = session.mending = None
        state = media.MediaSessionState(audio=session.audio, video=session.video, video_settings=2)
        context.outbox.send(media.PublishComplete(media_session_type=kind, media_session_state=state))
        context.outbox.notify(PublicationStarted(media_session_type=kind))
        self.end_call(session)

    def lost(self, session: MediaSession, error: M3Error, *, tell_server: bool) -> None:
        """End a stream for another reason than the wish of the user; ``error`` is told as the reason."""
        if tell_server:
            self._send_unpublish(session)
        self._stop(session, error, str(error))

    def _stop(self, session: MediaSession, error: M3Error, reason: str) -> None:
        self.past.add(session.key)
        self.close(session, error)
        if session.was_live:
            kind = session.key.media_session_type
            self._context.outbox.notify(PublicationStopped(media_session_type=kind, reason=reason))

    def _of(self, key: MediaSessionKey) -> MediaSession:
        session = self.get(key)
        if session is None:
            raise LocalProtocolError(f"we do not publish {key.media_session_type.value}: publish it first")
        return session

    def states(self) -> tuple[PublicationState, ...]:
        """The publications as values of the snapshot."""
        return tuple(
            PublicationState(
                media_session_type=session.key.media_session_type,
                audio=session.audio,
                video=session.video,
                is_live=session.is_live,
            )
            for session in self._by_key.values()
        )

    def description_message(self, session: MediaSession, sdp: str) -> media.Publish:
        """Our offer, in `publish`."""
        return media.Publish(
            target=session.key.participant_id, media_session_type=session.key.media_session_type, sdp=sdp
        )

    def description_operation(self, session: MediaSession, sdp: str) -> MediaOperation:
        """Apply the answer of the server."""
        del session
        return ApplyAnswer(sdp)


def may_share(own: Participant) -> bool:
    """Whether we have the permission to share a screen (media.md § 2)."""
    return own.is_presenter or own.role is Role.MODERATOR


def media_failed(reason: str) -> MediaError:
    """The error of a media engine that gave up."""
    return MediaError(f"the media engine failed: {reason}")
