"""The streams that run through a controller, for all modules that work on them.

It ends streams, turns the steps of their negotiations into messages and commands for the media server, and keeps the
active speaker. It knows the port to the media server (`sfu`) and the messages of `media`, and checks no permissions.
"""

from __future__ import annotations

from collections.abc import Iterable

from m3core.controller.features import Feature
from m3core.controller.peers import Publisher, Subscription
from m3core.controller.room import Participant
from m3core.controller.sfu import AcceptPublisher, RelayPublisher
from m3core.controller.surroundings import Surroundings
from m3core.io import AddCandidates, ApplyAnswer, ClosePeer, PeerId
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
                        stream.awaited = around.command_sfu(stream.peer, AcceptPublisher(sdp, bitrate))
                    else:
                        around.command_sfu(stream.peer, ApplyAnswer(sdp))
                case GiveCandidates(candidates=candidates, end=end):
                    around.command_sfu(stream.peer, AddCandidates(candidates, end))
