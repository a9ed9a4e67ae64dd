"""The streams that run through a controller, for all modules that work on them.

It ends streams, turns the steps of their negotiations into messages and commands for the media server, and keeps the
active speaker. It knows the port to the media server (`sfu`) and the messages of `media`, and checks no permissions.
"""

from __future__ import annotations

from collections.abc import Iterable

from m3core.controller.features import Feature
from m3core.controller.ice_policy import IceCandidates, may_use
from m3core.controller.peers import Publisher, Subscription
from m3core.controller.room import Participant
from m3core.controller.sfu import AcceptPublisher, RelayPublisher, SfuOperation, credentials_of
from m3core.controller.surroundings import Surroundings
from m3core.io import AddCandidates, ApplyAnswer, ClosePeer, PeerId
from m3core.limits import PEER_TIMEOUT
from m3core.messages import media
from m3core.messages.media import MediaErrorCode
from m3core.messages.participants import StreamState
from m3core.negotiation import (
    GiveCandidates,
    GiveDescription,
    SendCandidate,
    SendDescription,
    SendEndOfCandidates,
    Step,
)
from m3core.values import MediaSessionKey, MediaSessionType


class Streams:
    """All publishers and subscriptions of one controller, by peer."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.peers: dict[PeerId, tuple[Participant, Publisher | Subscription]] = {}

    def add(self, participant: Participant, stream: Publisher | Subscription) -> None:
        """Keep a stream of ``participant``. Adding it again changes nothing."""
        if isinstance(stream, Publisher):
            participant.publishers[stream.key.media_session_type] = stream
        else:
            participant.subscriptions[stream.key] = stream
        self.peers[stream.peer] = (participant, stream)

    def owner_of(self, peer: PeerId) -> int:
        """The connection of the participant whose stream it is; 0 after the end of the stream."""
        found = self.peers.get(peer)
        return 0 if found is None else found[0].session.connection

    def connect(self, participant: Participant, stream: Publisher | Subscription, operation: SfuOperation) -> None:
        """Let the media server make a new peer connection for ``stream``, which has `PEER_TIMEOUT` to come up."""
        stream.awaited = self._around.command_sfu(stream.peer, operation)
        stream.is_new = True
        self._limit(participant, stream)

    def described(self, participant: Participant, stream: Publisher | Subscription) -> None:
        """The media server has made the description that is awaited. Reports that follow are of its connection."""
        stream.awaited = None
        if stream.is_new:
            stream.is_new = False
            self._limit(participant, stream)

    def came_up(self, stream: Publisher | Subscription) -> None:
        """DTLS is up: the stream is not ended by `PEER_TIMEOUT`."""
        if stream.timeout is not None:
            stream.timeout.cancel()

    def _limit(self, participant: Participant, stream: Publisher | Subscription) -> None:
        self.came_up(stream)
        # A peer connection that never comes up costs sockets, timers and STUN requests for as long as it exists.
        stream.timeout = self._around.after(PEER_TIMEOUT, lambda: self.broke(participant, stream))

    def broke(self, participant: Participant, stream: Publisher | Subscription) -> None:
        """A peer connection was hung up, broke, or never came up (media.md § 4.6): tell its participant, and end it."""
        self.tell_down(participant, stream.key)
        if isinstance(stream, Subscription):
            self.end_subscription(participant, stream)
            return
        self.end_and_announce(participant, stream)
        self.silence(participant, stream)

    def end_and_announce(self, participant: Participant, publisher: Publisher) -> None:
        """End a publisher. If the others know the stream, they get an `update` without it."""
        announced = publisher.key.media_session_type in participant.announced
        self.end_publisher(participant, publisher)
        if announced:
            self._around.announce(participant)

    def end_publisher(self, participant: Participant, publisher: Publisher) -> None:
        """End a publisher and the subscriptions to it.

        The subscriptions are ended here, because a media server may leave them open (media.md § 9).
        """
        del participant.publishers[publisher.key.media_session_type]
        participant.announce(publisher.key.media_session_type, None)
        self._forget(publisher)
        self._around.command_sfu(publisher.peer, ClosePeer())
        self._end_receivers(participant, publisher)

    def _end_receivers(self, participant: Participant, publisher: Publisher) -> None:
        for other in participant.room.others(participant):
            subscription = other.subscriptions.get(publisher.key)
            if subscription is not None:
                self.end_subscription(other, subscription)
                self.tell_down(other, publisher.key)

    def end_subscription(self, participant: Participant, subscription: Subscription) -> None:
        """End a subscription. Its client gets no message: it asked for the end, or has to be told by `tell_down`."""
        del participant.subscriptions[subscription.key]
        self._forget(subscription)
        self._around.command_sfu(subscription.peer, ClosePeer())

    def change(self, participant: Participant, kind: MediaSessionType, state: StreamState) -> None:
        """Announce a stream, or a new state of it: tell the media server what to relay, and the others the state."""
        publisher = participant.publishers.get(kind)
        if publisher is not None and state != participant.announced.get(kind):
            self.relay(publisher, state)
        participant.announce(kind, state)
        self._around.announce(participant)
        if publisher is not None and not state.audio:
            self.silence(participant, publisher)

    def relay(self, publisher: Publisher, state: StreamState) -> None:
        """Tell the media server what to relay of a publisher."""
        # It does not know a publisher yet whose offer waits for its turn (`one_by_one`).
        if publisher.answered or publisher.awaited is not None:
            self._around.command_sfu(publisher.peer, RelayPublisher(audio=state.audio, video=state.video))

    def silence(self, participant: Participant, publisher: Publisher) -> None:
        """A stream stopped talking, was muted or has ended: take its participant out of the queues of talkers."""
        publisher.is_talking = False
        # A participant talks as long as one of its streams does: camera and screen both may have sound.
        if not any(other.is_talking for other in participant.publishers.values()):
            for listener in participant.room.present.values():
                self.tell_focus(listener, changed=listener.focus.stop(participant.id))

    def tell_focus(self, listener: Participant, *, changed: bool) -> None:
        """Send a listener the head of its queue, if that ``changed``. From 0.9 on `speaker_updated` replaces it."""
        if changed and not self._around.has(Feature.SPEAKING_STATE):
            event = media.FocusUpdate(focus=listener.focus.focus, timestamp=self._around.relayed())
            self._around.tell(listener.session, event)

    def tell_down(self, participant: Participant, key: MediaSessionKey) -> None:
        """Send `webrtc_down`: the peer connection of ``participant`` for stream ``key`` is gone."""
        event = media.WebrtcDown(
            source=key.participant_id, media_session_type=key.media_session_type, timestamp=self._around.direct()
        )
        self._around.tell(participant.session, event)

    def refuse(self, participant: Participant, code: MediaErrorCode, key: MediaSessionKey | None = None) -> None:
        """Answer a command with `media.error`. ``key`` is the stream, for errors that name one (media.md § 3)."""
        event = media.Error(
            error=code,
            source=None if key is None else key.participant_id,
            media_session_type=None if key is None else key.media_session_type,
            timestamp=self._around.direct(),
        )
        self._around.tell(participant.session, event)

    def _forget(self, stream: Publisher | Subscription) -> None:
        stream.negotiation.close()
        self.came_up(stream)
        self.peers.pop(stream.peer, None)

    def perform(self, participant: Participant, stream: Publisher | Subscription, steps: Iterable[Step]) -> None:
        """Carry out the steps of a negotiation, in their order."""
        around = self._around
        source, kind = stream.key.participant_id, stream.key.media_session_type
        for step in steps:
            match step:
                case SendDescription(sdp=sdp):
                    message = media.SdpAnswer if isinstance(stream, Publisher) else media.SdpOffer
                    event = message(source=source, media_session_type=kind, sdp=sdp, timestamp=around.direct())
                    around.tell(participant.session, event)
                case SendCandidate(candidate=trickled):
                    candidate = media.CandidateInit(
                        candidate=trickled.candidate.serialize(), sdp_mline_index=trickled.mline_index
                    )
                    around.tell(
                        participant.session,
                        media.SdpCandidate(
                            source=source, media_session_type=kind, candidate=candidate, timestamp=around.direct()
                        ),
                    )
                case SendEndOfCandidates():
                    around.tell(
                        participant.session,
                        media.SdpEndOfCandidates(source=source, media_session_type=kind, timestamp=around.direct()),
                    )
                case GiveDescription(sdp=sdp):
                    if isinstance(stream, Publisher):
                        is_camera = kind is MediaSessionType.VIDEO
                        bitrate = around.config.camera_bitrate if is_camera else around.config.screen_bitrate
                        self._offer(participant, stream, AcceptPublisher(sdp, bitrate))
                    else:
                        around.command_sfu(stream.peer, ApplyAnswer(sdp))
                case GiveCandidates(candidates=candidates, end=end):
                    self._give_candidates(stream, candidates, end=end)

    def _offer(self, participant: Participant, publisher: Publisher, operation: AcceptPublisher) -> None:
        if publisher.offers_anew(operation.offer):
            publisher.credentials = credentials_of(operation.offer)
            self.connect(participant, publisher, operation)
        else:
            publisher.awaited = self._around.command_sfu(publisher.peer, operation)

    def _give_candidates(
        self, stream: Publisher | Subscription, candidates: tuple[tuple[str, int], ...], *, end: bool
    ) -> None:
        config = self._around.config
        policy = config.ice_candidates or IceCandidates.ALL
        usable = tuple(one for one in candidates if may_use(one[0], policy, config.own_ports))
        # Refused candidates are not answered with an error: honest clients send private addresses and mDNS names, too.
        stream.is_incomplete |= len(usable) < len(candidates)
        # ICE without candidates fails at their end (RFC 8838 s.14), though checks of the participant may still come.
        end = end and not stream.is_incomplete
        if usable or end:
            self._around.command_sfu(stream.peer, AddCandidates(usable, end))
