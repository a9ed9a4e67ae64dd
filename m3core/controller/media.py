"""The server's side of namespace `media`: publishers, subscriptions, who speaks (media.md § 2 - 7).

This module has the commands of participants, with `subscribing` for those that begin subscriptions, `media_moderation`
those of moderators, and `media_reports` what the media server reports. All of them work on `streams`.
"""

from __future__ import annotations

from m3core.controller.features import Feature
from m3core.controller.media_moderation import MediaModeration, may_share
from m3core.controller.module import Module
from m3core.controller.one_by_one import OneByOne
from m3core.controller.peers import Publisher, Subscription
from m3core.controller.room import Participant
from m3core.controller.sfu import ConfigureSubscription
from m3core.controller.streams import Streams
from m3core.controller.subscribing import Subscribing
from m3core.controller.surroundings import Surroundings
from m3core.errors import RemoteProtocolError
from m3core.limits import PEER_COST
from m3core.messages import media
from m3core.messages.media import MediaErrorCode, Speaker
from m3core.messages.participants import StreamState
from m3core.negotiation import Negotiation, NegotiationRole, Step
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId

POLICY_VIOLATION = 1008
"""RFC 6455 s.7.4.1."""
HIGHEST_SUBSTREAM = 2
"""Larger values count as this one (media.md § 2, configure)."""


class MediaModule(Module):
    """Handles the commands of `media`."""

    NAMESPACE = "media"

    def __init__(self, around: Surroundings, streams: Streams, one_by_one: OneByOne) -> None:
        super().__init__(around)
        self._streams = streams
        self._one_by_one = one_by_one
        self._moderation = MediaModeration(around, streams)
        self._subscribing = Subscribing(around, streams, one_by_one)
        self._handlers = {
            media.Publish: self._publish,
            media.PublishComplete: self._announce,
            media.UpdateMediaSession: self._announce,
            media.Unpublish: self._unpublish,
            media.Subscribe: self._subscribing.subscribe,
            media.Resubscribe: self._subscribing.resubscribe,
            media.AnswerSdp: self._answer,
            media.SendCandidate: self._candidate,
            media.SendEndOfCandidates: self._end_of_candidates,
            media.Configure: self._configure,
            media.UpdateSpeakingState: self._update_speaking,
            **self._moderation.handlers,
        }

    def join_data(self, joiner: Participant) -> media.MediaJoinData:
        """Whether the joiner may share the screen; at later levels also who speaks and who may unmute."""
        return media.MediaJoinData(
            is_presenter=joiner.is_presenter,
            speakers=self._speakers(joiner) if self._around.has(Feature.SPEAKING_STATE) else None,
            force_mute=self._moderation.force_mute(joiner.room) if self._around.has(Feature.FORCE_MUTE) else None,
        )

    def entered(self, participant: Participant) -> None:
        """Tell the first stream, where `join_success` had to leave streams out."""
        self._one_by_one.entered(participant)

    def leaving(self, participant: Participant) -> None:
        """End all streams: `webrtc_down` to its subscribers, then an `update` to the others (signaling.md § 20)."""
        self._one_by_one.left(participant)
        self._subscribing.leaving(participant)
        streams = participant.publishers.keys() & participant.announced.keys()
        for publisher in list(participant.publishers.values()):
            self._streams.end_publisher(participant, publisher)
        participant.announced = {}
        for subscription in list(participant.subscriptions.values()):
            self._streams.end_subscription(participant, subscription)
        if streams:
            self._around.announce(participant)
        for other in participant.room.others(participant):
            self._streams.tell_focus(other, changed=other.focus.stop(participant.id))
        participant.states.drop(Speaker)

    # -- publishing ---
    def _publish(self, participant: Participant, command: media.Publish) -> None:
        kind = command.media_session_type
        if command.target != participant.id:
            self._streams.refuse(participant, MediaErrorCode.INVALID_SDP_OFFER)
            return
        if kind is MediaSessionType.SCREEN and not may_share(participant):
            self._streams.refuse(participant, MediaErrorCode.PERMISSION_DENIED)
            return
        publisher = participant.publishers.get(kind)
        if publisher is None:
            key = MediaSessionKey(participant.id, kind)
            negotiation = Negotiation(NegotiationRole.ANSWERER, trickle=False)
            publisher = Publisher(peer=self._around.new_peer(), key=key, negotiation=negotiation)
        try:
            steps = publisher.negotiation.remote_description(command.sdp)
        except RemoteProtocolError:
            self._streams.refuse(participant, MediaErrorCode.INVALID_SDP_OFFER)
            return
        if publisher.offers_anew(command.sdp) and not participant.session.budget.take(self._around.now, PEER_COST):
            self._around.dismiss((participant.session,), POLICY_VIOLATION)
            return
        self._streams.add(participant, publisher)
        self._one_by_one.publish(participant, publisher.key, lambda: self._offered(participant, publisher, steps))

    def _offered(self, participant: Participant, publisher: Publisher, steps: list[Step]) -> None:
        """Give the offer to the media server. `one_by_one` may call this long after `publish`."""
        if participant.publishers.get(publisher.key.media_session_type) is not publisher:
            return  # it was ended before its turn came
        self._streams.perform(participant, publisher, steps)
        # The media server relays a new publisher whole. Sound or picture that were switched off while the offer waited,
        # or that force mute forbids, are stopped before the first packet.
        state = participant.announced.get(publisher.key.media_session_type)
        state = state or StreamState(audio=self._moderation.may_speak(participant), video=True)
        if not publisher.answered and not (state.audio and state.video):
            self._streams.relay(publisher, state)

    def _announce(self, participant: Participant, command: media.PublishComplete | media.UpdateMediaSession) -> None:
        """`publish_complete` and `update_media_session`; the latter changes only a stream that was announced.

        Nobody checks whether media flows (media.md § 2): the others get an `update`, and whoever subscribes too early
        gets an error. Under force mute `publish_complete` is taken without its sound, because Mustang's client does not
        ask a second time (media.md § 2). A later `update_media_session` with sound is refused.
        """
        kind, wanted = command.media_session_type, command.media_session_state
        first = isinstance(command, media.PublishComplete)
        may_be_seen = first or kind is not MediaSessionType.SCREEN or may_share(participant)
        may_be_heard = self._moderation.may_speak(participant)
        if not may_be_seen or (wanted.audio and not may_be_heard and not first):
            self._streams.refuse(participant, MediaErrorCode.PERMISSION_DENIED)
        elif first or kind in participant.announced:
            state = StreamState(audio=wanted.audio and may_be_heard, video=wanted.video)
            self._streams.change(participant, kind, state)
            self._one_by_one.done(participant, MediaSessionKey(participant.id, kind))

    def _unpublish(self, participant: Participant, command: media.Unpublish) -> None:
        publisher = participant.publishers.get(command.media_session_type)
        if publisher is not None:
            self._streams.end_publisher(participant, publisher)
        participant.announce(command.media_session_type, None)
        self._around.announce(participant)  # even if nothing was published (media.md § 2)
        if publisher is not None:
            self._streams.silence(participant, publisher)

    # -- speaking ---
    def _update_speaking(self, participant: Participant, command: media.UpdateSpeakingState) -> None:
        """From 0.9 on clients report themselves whether they speak, and everybody in the room gets the report."""
        if not self._around.has(Feature.SPEAKING_STATE) or not participant.is_visible:
            return
        speaker = Speaker(
            participant=participant.id, is_speaking=command.is_speaking, updated_at=self._around.relayed()
        )
        participant.states.put(speaker)
        event = media.SpeakerUpdated(
            participant=speaker.participant,
            is_speaking=speaker.is_speaking,
            updated_at=speaker.updated_at,
            timestamp=self._around.relayed(),
        )
        self._around.tell_all(participant.room.present.values(), event)

    def _speakers(self, joiner: Participant) -> tuple[Speaker, ...]:
        found = (other.states.find(Speaker) for other in joiner.room.others(joiner))
        return tuple(speaker for speaker in found if speaker is not None)

    # -- subscribing ---
    def _answer(self, participant: Participant, command: media.AnswerSdp) -> None:
        subscription = participant.subscriptions.get(MediaSessionKey(command.target, command.media_session_type))
        try:
            steps = [] if subscription is None else subscription.negotiation.remote_description(command.sdp)
        except RemoteProtocolError:
            subscription = None
        if subscription is None:
            self._streams.refuse(participant, MediaErrorCode.HANDLE_SDP_ANSWER)
        else:
            self._streams.perform(participant, subscription, steps)
            self._one_by_one.goes_on(participant, subscription.key)

    def _configure(self, participant: Participant, command: media.Configure) -> None:
        subscription = participant.subscriptions.get(MediaSessionKey(command.target, command.media_session_type))
        if subscription is not None:  # else ignored (media.md § 2)
            wanted = command.configuration
            substream = None if wanted.substream is None else min(wanted.substream, HIGHEST_SUBSTREAM)
            self._around.command_sfu(subscription.peer, ConfigureSubscription(wanted.video, substream))
            self._one_by_one.done(participant, subscription.key)

    # -- trickle ---
    def _candidate(self, participant: Participant, command: media.SendCandidate) -> None:
        stream = self._stream(participant, command.target, command.media_session_type)
        candidate = command.candidate
        try:
            steps = (
                stream.negotiation.remote_candidate(candidate.candidate, candidate.sdp_mline_index) if stream else []
            )
        except RemoteProtocolError:
            stream = None
        if stream is None:
            self._streams.refuse(participant, MediaErrorCode.INVALID_CANDIDATE)
        else:
            self._streams.perform(participant, stream, steps)

    def _end_of_candidates(self, participant: Participant, command: media.SendEndOfCandidates) -> None:
        stream = self._stream(participant, command.target, command.media_session_type)
        try:
            steps = stream.negotiation.remote_end_of_candidates() if stream else []
        except RemoteProtocolError:
            stream = None
        if stream is None:
            self._streams.refuse(participant, MediaErrorCode.INVALID_END_OF_CANDIDATES)
        else:
            self._streams.perform(participant, stream, steps)

    def _stream(
        self, participant: Participant, target: ParticipantId, kind: MediaSessionType
    ) -> Publisher | Subscription | None:
        # Both are SRC of the messages: the own id means a publisher, another id a subscription (media.md § 1).
        if target == participant.id:
            return participant.publishers.get(kind)
        return participant.subscriptions.get(MediaSessionKey(target, kind))
