"""The reports of the media server, and their meaning for participants (media.md § 4, 7, 9). Knows no commands."""

from __future__ import annotations

from m3core.controller.one_by_one import OneByOne
from m3core.controller.peers import Publisher, Subscription
from m3core.controller.room import Participant
from m3core.controller.streams import Streams
from m3core.controller.surroundings import Surroundings
from m3core.errors import LocalProtocolError, RemoteProtocolError
from m3core.io import Described, Down, Failed, MediaReport, Receiving, Slow, Talking, Trickled, Up
from m3core.messages import media
from m3core.messages.media import MediaErrorCode
from m3core.sdp import IceCandidate, TrickledCandidate


class MediaReports:
    """Turns reports into messages, and ends streams that broke."""

    def __init__(self, around: Surroundings, streams: Streams, one_by_one: OneByOne) -> None:
        self._around = around
        self._streams = streams
        self._one_by_one = one_by_one

    def take(self, report: MediaReport) -> None:
        """One report."""
        found = self._streams.peers.get(report.peer)
        if found is None:
            return  # the stream ended while the report was on its way
        participant, stream = found
        match report:
            case Described(id=command, sdp=sdp) if stream.awaited == command:
                self._described(participant, stream, sdp)
            case Failed(id=command):
                self._failed(participant, stream, is_answer=command is not None and stream.awaited == command)
            case Up():
                self._up(participant, stream)
            case Down():
                self._streams.broke(participant, stream)
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
            return  # malformed, or for an unknown m-line: the other candidates may be enough
        self._streams.perform(participant, stream, steps)

    def _described(self, participant: Participant, stream: Publisher | Subscription, sdp: str) -> None:
        self._streams.described(participant, stream)
        try:
            steps = stream.negotiation.local_description(sdp)
        except RemoteProtocolError:  # a fault of the media server: for the participant it is the same as `Failed`
            self._failed(participant, stream, is_answer=True)
            return
        if isinstance(stream, Publisher):
            stream.answered = True
        self._streams.perform(participant, stream, steps)

    def _failed(self, participant: Participant, stream: Publisher | Subscription, *, is_answer: bool) -> None:
        if not is_answer:
            self._streams.broke(participant, stream)
        elif isinstance(stream, Publisher):
            # R keeps the publisher (media.md § 4.6); the next `publish` works as well with a new one.
            self._streams.refuse(participant, MediaErrorCode.INVALID_SDP_OFFER)
            if stream.answered:
                self._streams.broke(participant, stream)  # others received the stream until this renegotiation
            else:
                self._streams.end_and_announce(participant, stream)
        else:
            self._streams.end_subscription(participant, stream)
            self._streams.refuse(participant, MediaErrorCode.INVALID_REQUEST_OFFER, stream.key)

    def _up(self, participant: Participant, stream: Publisher | Subscription) -> None:
        self._streams.came_up(stream)
        if isinstance(stream, Publisher):
            stream.is_up = True
            # Clients that are told of streams one at a time may only now subscribe to it.
            self._one_by_one.came_up(participant)
        event = media.WebrtcUp(
            source=stream.key.participant_id,
            media_session_type=stream.key.media_session_type,
            timestamp=self._around.direct(),
        )
        self._around.tell(participant.session, event)
        self._one_by_one.goes_on(participant, stream.key)

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
            if stream.is_up:  # Mustang's client fails a publish whose status comes earlier (media.md § 10, rows 5, 6)
                status = media.MediaStatus(
                    source=source,
                    media_session_type=kind,
                    kind=report.kind,
                    receiving=report.receiving,
                    timestamp=around.direct(),
                )
                around.tell(participant.session, status)
        elif report.talking and not ((state := participant.announced.get(kind)) and state.audio):
            return  # muted: packets that still arrive are no speech
        elif report.talking:
            stream.is_talking = True
            for other in participant.room.present.values():
                self._streams.tell_focus(other, changed=other.focus.start(participant.id))
        else:
            self._streams.silence(participant, stream)
