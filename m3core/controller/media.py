"""The server's side of namespace `media`: publishers, subscriptions, presenters, focus (media.md § 2 - 7).

Stands between the participants' messages and the port to a media server (`sfu`). Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from m3core.controller.control import ControlModule
from m3core.controller.room import Participant, Publisher, Subscription
from m3core.controller.sfu import (
    AcceptPublisher,
    ConfigureSubscription,
    OfferSubscription,
    RelayPublisher,
    RestartSubscription,
)
from m3core.controller.surroundings import Surroundings
from m3core.errors import LocalProtocolError, RemoteProtocolError
from m3core.io import (
    AddCandidates,
    ApplyAnswer,
    ClosePeer,
    Described,
    Down,
    Failed,
    MediaReport,
    PeerId,
    Receiving,
    Slow,
    Talking,
    Trickled,
    Up,
)
from m3core.messages import Command, media
from m3core.messages.media import MediaErrorCode
from m3core.messages.participants import StreamState
from m3core.negotiation import (
    GiveCandidates,
    GiveDescription,
    Negotiation,
    NegotiationRole,
    SendCandidate,
    SendDescription,
    SendEndOfCandidates,
    Step,
)
from m3core.sdp import IceCandidate, TrickledCandidate
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId, Role

HIGHEST_SUBSTREAM = 2
"""Larger values mean this one (media.md § 2, configure)."""


class MediaModule:
    """Handles the commands of `media` and the reports of the media server."""

    def __init__(self, around: Surroundings, control: ControlModule) -> None:
        self._around = around
        self._control = control
        self._peers: dict[PeerId, tuple[Participant, Publisher | Subscription]] = {}
        self._handlers: dict[type, Callable[[Participant, Any], None]] = {
            media.Publish: self._publish,
            media.PublishComplete: self._announce,
            media.UpdateMediaSession: self._announce,
            media.Unpublish: self._unpublish,
            media.Subscribe: self._subscribe,
            media.Resubscribe: self._resubscribe,
            media.AnswerSdp: self._answer,
            media.SendCandidate: self._candidate,
            media.SendEndOfCandidates: self._end_of_candidates,
            media.Configure: self._configure,
            media.ModeratorMute: self._moderator_mute,
            media.GrantPresenterRole: self._set_presenters,
            media.RevokePresenterRole: self._set_presenters,
        }

    def handle(self, participant: Participant, command: Command) -> None:
        """One command. Those of later feature levels are ignored, as a server of the capture would."""
        handler = self._handlers.get(type(command))
        if handler is not None:
            handler(participant, command)

    def leave(self, participant: Participant) -> None:
        """A participant goes: its subscribers hear `webrtc_down`, then the others an `update` (S order)."""
        streams = [publisher for publisher in participant.publishers.values() if publisher.state is not None]
        for publisher in list(participant.publishers.values()):
            self._end_publisher(participant, publisher)
        for subscription in list(participant.subscriptions.values()):
            self._end_subscription(participant, subscription)
        if streams:
            self._control.update(participant)
        for other in self._around.room_of(participant).others(participant):
            self._focus(other, changed=other.focus.stop(participant.id))

    # -- publishing ---
    def _publish(self, participant: Participant, command: media.Publish) -> None:
        kind = command.media_session_type
        if command.target != participant.id:
            self._refuse(participant, MediaErrorCode.INVALID_SDP_OFFER)
            return
        if kind is MediaSessionType.SCREEN and not self._may_share(participant):
            self._refuse(participant, MediaErrorCode.PERMISSION_DENIED)
            return
        publisher = participant.publishers.get(kind)
        if publisher is None:
            key = MediaSessionKey(participant.id, kind)
            negotiation = Negotiation(NegotiationRole.ANSWERER, trickle=False)
            publisher = Publisher(self._around.new_peer(), key, negotiation)
        try:
            steps = publisher.negotiation.remote_description(command.sdp)
        except RemoteProtocolError:
            self._refuse(participant, MediaErrorCode.INVALID_SDP_OFFER)
            return
        participant.publishers[kind] = publisher
        self._peers[publisher.peer] = (participant, publisher)
        self._perform(participant, publisher, steps)

    def _announce(self, participant: Participant, command: media.PublishComplete | media.UpdateMediaSession) -> None:
        """`publish_complete` and `update_media_session`; the latter changes only what was announced."""
        kind = command.media_session_type
        publisher = participant.publishers.get(kind)
        first = isinstance(command, media.PublishComplete)
        if not first and kind is MediaSessionType.SCREEN and not self._may_share(participant):
            self._refuse(participant, MediaErrorCode.PERMISSION_DENIED)
        elif publisher is not None and (first or publisher.state is not None):
            state = StreamState(audio=command.media_session_state.audio, video=command.media_session_state.video)
            if state != publisher.state:
                self._around.command_sfu(publisher.peer, RelayPublisher(audio=state.audio, video=state.video))
            publisher.state = state
            self._control.update(participant)
            if not state.audio:
                self._silence(participant, publisher)

    def _unpublish(self, participant: Participant, command: media.Unpublish) -> None:
        publisher = participant.publishers.get(command.media_session_type)
        if publisher is not None:
            self._end_publisher(participant, publisher)
        self._control.update(participant)
        if publisher is not None:
            self._silence(participant, publisher)

    def _end_publisher(self, participant: Participant, publisher: Publisher) -> None:
        """Free a publisher and those who receive it; a media server need not hang the latter up (media.md § 9)."""
        del participant.publishers[publisher.key.media_session_type]
        self._forget(publisher)
        self._around.command_sfu(publisher.peer, ClosePeer())
        self._end_receivers(participant, publisher)

    def _end_receivers(self, participant: Participant, publisher: Publisher) -> None:
        for other in self._around.room_of(participant).others(participant):
            subscription = other.subscriptions.get(publisher.key)
            if subscription is not None:
                self._end_subscription(other, subscription)
                self._tell_down(other, publisher.key)

    # -- subscribing ---
    def _subscribe(self, participant: Participant, command: media.Subscribe) -> None:
        key = MediaSessionKey(command.target, command.media_session_type)
        target = self._around.room_of(participant).present.get(command.target)
        publisher = None if target is None else target.publishers.get(command.media_session_type)
        if command.target == participant.id or (target is not None and (publisher is None or not publisher.answered)):
            self._refuse(participant, MediaErrorCode.INVALID_REQUEST_OFFER, key)
            return
        if publisher is None:
            return  # not in the room: silence (media.md § 2)
        old = participant.subscriptions.get(key)
        if old is not None:
            # Mustang's client closes its peer silently and subscribes again (media.md § 10 row 10).
            self._end_subscription(participant, old)
        subscription = Subscription(
            self._around.new_peer(), key, publisher.peer, Negotiation(NegotiationRole.OFFERER, trickle=False)
        )
        participant.subscriptions[key] = subscription
        self._peers[subscription.peer] = (participant, subscription)
        subscription.negotiation.create_offer()
        operation = OfferSubscription(publisher.peer, without_video=command.without_video)
        subscription.awaited = self._around.command_sfu(subscription.peer, operation)

    def _resubscribe(self, participant: Participant, command: media.Resubscribe) -> None:
        key = MediaSessionKey(command.target, command.media_session_type)
        subscription = participant.subscriptions.get(key)
        if subscription is None or not subscription.negotiation.is_stable:
            self._refuse(participant, MediaErrorCode.INVALID_REQUEST_OFFER, key)
            return
        subscription.negotiation.create_offer()
        subscription.awaited = self._around.command_sfu(subscription.peer, RestartSubscription())

    def _answer(self, participant: Participant, command: media.AnswerSdp) -> None:
        subscription = participant.subscriptions.get(MediaSessionKey(command.target, command.media_session_type))
        try:
            steps = [] if subscription is None else subscription.negotiation.remote_description(command.sdp)
        except RemoteProtocolError:
            subscription = None
        if subscription is None:
            self._refuse(participant, MediaErrorCode.HANDLE_SDP_ANSWER)
        else:
            self._perform(participant, subscription, steps)

    def _end_subscription(self, participant: Participant, subscription: Subscription) -> None:
        del participant.subscriptions[subscription.key]
        self._forget(subscription)
        self._around.command_sfu(subscription.peer, ClosePeer())

    def _configure(self, participant: Participant, command: media.Configure) -> None:
        subscription = participant.subscriptions.get(MediaSessionKey(command.target, command.media_session_type))
        if subscription is not None:
            wanted = command.configuration
            substream = None if wanted.substream is None else min(wanted.substream, HIGHEST_SUBSTREAM)
            self._around.command_sfu(subscription.peer, ConfigureSubscription(wanted.video, substream))

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
            self._refuse(participant, MediaErrorCode.INVALID_CANDIDATE)
        else:
            self._perform(participant, stream, steps)

    def _end_of_candidates(self, participant: Participant, command: media.SendEndOfCandidates) -> None:
        stream = self._stream(participant, command.target, command.media_session_type)
        try:
            steps = stream.negotiation.remote_end_of_candidates() if stream else []
        except RemoteProtocolError:
            stream = None
        if stream is None:
            self._refuse(participant, MediaErrorCode.INVALID_END_OF_CANDIDATES)
        else:
            self._perform(participant, stream, steps)

    def _stream(
        self, participant: Participant, target: ParticipantId, kind: MediaSessionType
    ) -> Publisher | Subscription | None:
        if target == participant.id:
            return participant.publishers.get(kind)
        return participant.subscriptions.get(MediaSessionKey(target, kind))

    # -- moderation of media ---
    def _may_share(self, participant: Participant) -> bool:
        return participant.is_presenter or participant.role is Role.MODERATOR

    def _moderator_mute(self, participant: Participant, command: media.ModeratorMute) -> None:
        if participant.role is not Role.MODERATOR:
            self._refuse(participant, MediaErrorCode.PERMISSION_DENIED)
            return
        room = self._around.room_of(participant)
        wanted: Iterable[ParticipantId]
        if command.targets is None:
            wanted = [other.id for other in room.others(participant)]
        else:
            wanted = (command.targets,) if isinstance(command.targets, str) else command.targets
        targets = [room.present[target] for target in dict.fromkeys(wanted) if target in room.present]
        event = media.RequestMute(issuer=participant.id, force=command.force, timestamp=self._around.relayed())
        self._around.tell_all(targets, event)

    def _set_presenters(
        self, participant: Participant, command: media.GrantPresenterRole | media.RevokePresenterRole
    ) -> None:
        if participant.role is not Role.MODERATOR:
            self._refuse(participant, MediaErrorCode.PERMISSION_DENIED)
            return
        granted = isinstance(command, media.GrantPresenterRole)
        room = self._around.room_of(participant)
        for target in [room.present[one] for one in dict.fromkeys(command.participant_ids) if one in room.present]:
            if target.is_presenter is granted:
                continue
            target.is_presenter = granted
            event = media.PresenterGranted if granted else media.PresenterRevoked
            self._around.tell(target.session, event(timestamp=self._around.relayed()))
            screen = target.publishers.get(MediaSessionType.SCREEN)
            if not granted and screen is not None and target.role is not Role.MODERATOR:
                self._tell_down(target, screen.key)
                self._end_publisher(target, screen)
                self._silence(target, screen)
            self._control.update(target)

    # -- what the media server says ---
    def sfu_report(self, report: MediaReport) -> None:
        """One report; about a peer that is gone it is ignored."""
        participant, stream = self._peers.get(report.peer, (None, None))
        if participant is None or stream is None:
            return
        match report:
            case Described(id=command, sdp=sdp) if stream.awaited == command:
                self._described(participant, stream, sdp)
            case Failed(id=command):
                self._failed(participant, stream, is_answer=command is not None and stream.awaited == command)
            case Up():
                self._up(participant, stream)
            case Down():
                self._down(participant, stream)
            case Trickled(candidate=candidate, mline_index=index):
                self._trickled(participant, stream, candidate, index)
            case Receiving() | Talking() | Slow():
                self._traffic(participant, stream, report)

    def _trickled(
        self, participant: Participant, stream: Publisher | Subscription, candidate: str | None, index: int
    ) -> None:
        trickled = None
        try:
            if candidate is not None:
                trickled = TrickledCandidate(candidate=IceCandidate.parse(candidate), mid=None, mline_index=index)
            steps = stream.negotiation.local_candidate(trickled)
        except (RemoteProtocolError, LocalProtocolError):
            return  # broken, or of no description that we know: the stream can do with the others
        self._perform(participant, stream, steps)

    def _described(self, participant: Participant, stream: Publisher | Subscription, sdp: str) -> None:
        stream.awaited = None
        try:
            steps = stream.negotiation.local_description(sdp)
        except RemoteProtocolError:  # our media server breaks the rules: the participant cannot help it
            self._failed(participant, stream, is_answer=True)
            return
        if isinstance(stream, Publisher):
            stream.answered = True
        self._perform(participant, stream, steps)

    def _failed(self, participant: Participant, stream: Publisher | Subscription, *, is_answer: bool) -> None:
        if not is_answer:
            self._down(participant, stream)
        elif isinstance(stream, Publisher):
            # R keeps the publisher; a fresh one serves the next `publish` just as well.
            self._refuse(participant, MediaErrorCode.INVALID_SDP_OFFER)
            if stream.answered:
                self._down(participant, stream)  # others received it until this renegotiation
            else:
                self._end_publisher(participant, stream)
        else:
            self._end_subscription(participant, stream)
            self._refuse(participant, MediaErrorCode.INVALID_REQUEST_OFFER, stream.key)

    def _up(self, participant: Participant, stream: Publisher | Subscription) -> None:
        if isinstance(stream, Publisher):
            stream.is_up = True
        event = media.WebrtcUp(
            source=stream.key.participant_id,
            media_session_type=stream.key.media_session_type,
            timestamp=self._around.direct(),
        )
        self._around.tell(participant.session, event)

    def _down(self, participant: Participant, stream: Publisher | Subscription) -> None:
        """A peer hung up or died (media.md § 4.6)."""
        self._tell_down(participant, stream.key)
        if isinstance(stream, Subscription):
            self._end_subscription(participant, stream)
            return
        announced = stream.state is not None
        self._end_publisher(participant, stream)
        if announced:
            self._control.update(participant)
        self._silence(participant, stream)

    def _traffic(
        self, participant: Participant, stream: Publisher | Subscription, report: Receiving | Talking | Slow
    ) -> None:
        source, kind = stream.key.participant_id, stream.key.media_session_type
        around = self._around
        if isinstance(report, Slow):
            slow = media.WebrtcSlow(
                source=source, media_session_type=kind, direction=report.direction, timestamp=around.direct()
            )
            around.tell(participant.session, slow)
        elif isinstance(stream, Subscription):
            return
        elif isinstance(report, Receiving):
            if stream.is_up:  # M fails a publish whose status comes early (media.md § 10 row 5, 6)
                status = media.MediaStatus(
                    source=source,
                    media_session_type=kind,
                    kind=report.kind,
                    receiving=report.receiving,
                    timestamp=around.direct(),
                )
                around.tell(participant.session, status)
        elif report.talking and (stream.state is None or not stream.state.audio):
            return  # muted: what still trickles in is not speech
        elif report.talking:
            stream.is_talking = True
            for other in around.room_of(participant).present.values():
                self._focus(other, changed=other.focus.start(participant.id))
        else:
            self._silence(participant, stream)

    # -- helpers ---
    def _silence(self, participant: Participant, publisher: Publisher) -> None:
        """A stream stopped talking, was muted or is gone: a silent screen does not stop who talks by the camera."""
        publisher.is_talking = False
        if not any(other.is_talking for other in participant.publishers.values()):
            for listener in self._around.room_of(participant).present.values():
                self._focus(listener, changed=listener.focus.stop(participant.id))

    def _focus(self, listener: Participant, *, changed: bool) -> None:
        if changed:
            event = media.FocusUpdate(focus=listener.focus.focus, timestamp=self._around.relayed())
            self._around.tell(listener.session, event)

    def _tell_down(self, participant: Participant, key: MediaSessionKey) -> None:
        event = media.WebrtcDown(
            source=key.participant_id, media_session_type=key.media_session_type, timestamp=self._around.direct()
        )
        self._around.tell(participant.session, event)

    def _refuse(self, participant: Participant, code: MediaErrorCode, key: MediaSessionKey | None = None) -> None:
        event = media.Error(
            error=code,
            source=None if key is None else key.participant_id,
            media_session_type=None if key is None else key.media_session_type,
            timestamp=self._around.direct(),
        )
        self._around.tell(participant.session, event)

    def _forget(self, stream: Publisher | Subscription) -> None:
        stream.negotiation.close()
        self._peers.pop(stream.peer, None)

    def _perform(self, participant: Participant, stream: Publisher | Subscription, steps: Iterable[Step]) -> None:
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
