"""The server's side of `recording` and `recording_service` from 0.14 on: streaming (signaling.md § 11).

A recorder streams the room to targets, and reports their state. This controller has one target for each room, which is
its recording, and no live streams.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define

from m3core.controller.alarms import Alarm
from m3core.controller.module import Module
from m3core.controller.recording import Consents
from m3core.controller.room import LiveRoom, Participant
from m3core.controller.surroundings import Surroundings
from m3core.limits import MAX_STREAM_REASON, RECORDER_TIMEOUT
from m3core.messages import recording, recording_service
from m3core.messages.recording import (
    RecorderErrorCode,
    RecordingErrorCode,
    StreamErrorReason,
    StreamingKind,
    StreamStatus,
)
from m3core.messages.recording_service import ServiceStream, StreamKind
from m3core.values import StreamingTargetId

_NAME = "Recording"
_AT_REST = frozenset({StreamStatus.INACTIVE, StreamStatus.ERROR})


@define
class Target:
    """The streaming target of one room: its recording."""

    id: StreamingTargetId
    status: StreamStatus = StreamStatus.INACTIVE
    reason: StreamErrorReason | None = None
    """Why it failed, if ``status`` is an error."""
    recorder: Participant | None = None
    patience: Alarm | None = None
    """The end of the wait for a recorder that was asked to come."""


@define
class _Targets:
    """State of a room: its target, once it was asked for."""

    target: Target | None = None


def target_of(room: LiveRoom, around: Surroundings) -> Target:
    """The target of ``room``. It is made, with a new id, when it is first asked for."""
    targets = room.states.of(_Targets)
    if targets.target is None:
        targets.target = Target(StreamingTargetId(around.new_id()))
    return targets.target


def change(around: Surroundings, room: LiveRoom, status: StreamStatus, reason: StreamErrorReason | None = None) -> None:
    """Change the target of ``room``, and tell all participants except recorders."""
    target = target_of(room, around)
    target.status, target.reason = status, reason
    event = recording.StreamUpdated(target_id=target.id, status=status, reason=reason, timestamp=around.relayed())
    around.tell_all(_audience(room), event)


def _audience(room: LiveRoom) -> Iterable[Participant]:
    return (participant for participant in room.present.values() if participant.is_visible)


class StreamingModule(Consents):
    """Handles the commands of moderators, from 0.14 on."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._handlers = {
            recording.StartStream: self._start,
            recording.PauseStream: self._pass_on,
            recording.StopStream: self._pass_on,
            recording.SetConsent: self.set_consent,
        }

    def join_data(self, joiner: Participant) -> recording.JoinData | None:
        """The target of the room. Recorders get no key."""
        if not joiner.is_visible:
            return None
        target = target_of(joiner.room, self._around)
        shown = recording.StreamingTarget(
            name=_NAME, streaming_kind=StreamingKind.RECORDING, status=target.status, reason=target.reason
        )
        return recording.JoinData(targets={target.id: shown})

    def entered(self, participant: Participant) -> None:
        """A recorder joined, whether one was asked to come or not. Its join data said what it has to start."""
        if participant.is_visible:
            return
        target = target_of(participant.room, self._around)
        if target.recorder is None:
            target.recorder = participant
            _stop_waiting(target)

    def left(self, participant: Participant) -> None:
        """If the recorder left, its streams are over."""
        super().left(participant)
        target = target_of(participant.room, self._around)
        if target.recorder is participant:
            target.recorder = None
            if target.status is not StreamStatus.INACTIVE:
                change(self._around, participant.room, StreamStatus.INACTIVE)

    def closing(self, room: LiveRoom) -> None:
        """Stop waiting for a recorder."""
        targets = room.states.find(_Targets)
        if targets is not None and targets.target is not None:
            _stop_waiting(targets.target)

    # -- commands ---
    def _start(self, sender: Participant, command: recording.StartStream) -> None:
        """Start or continue the recording. Without a recorder the room waits `RECORDER_TIMEOUT` for one to come."""
        room = sender.room
        target = target_of(room, self._around)
        if not self._may(sender, command.target_ids, target) or not command.target_ids:
            return
        if target.recorder is not None:
            event = recording_service.StartStreams(target_ids=(target.id,), timestamp=self._around.relayed())
            self._around.tell(target.recorder.session, event)
        elif target.patience is None:
            target.patience = self._around.after(RECORDER_TIMEOUT, lambda: self._no_recorder(room))
        if target.status in _AT_REST:
            change(self._around, room, StreamStatus.STARTING)

    def _pass_on(self, sender: Participant, command: recording.PauseStream | recording.StopStream) -> None:
        """Send a pause or a stop to the recorder, which reports the new state itself."""
        target = target_of(sender.room, self._around)
        if not self._may(sender, command.target_ids, target):
            return
        if target.recorder is None:
            self.refuse(sender, RecordingErrorCode.RECORDER_NOT_STARTED)
        elif command.target_ids:
            pauses = isinstance(command, recording.PauseStream)
            order = recording_service.PauseStreams if pauses else recording_service.StopStreams
            event = order(target_ids=(target.id,), timestamp=self._around.relayed())
            self._around.tell(target.recorder.session, event)

    def _may(self, sender: Participant, target_ids: tuple[StreamingTargetId, ...], target: Target) -> bool:
        if not sender.is_moderator:
            self.refuse(sender, RecordingErrorCode.INSUFFICIENT_PERMISSIONS)
            return False
        if any(one != target.id for one in target_ids):
            self.refuse(sender, RecordingErrorCode.INVALID_STREAMING_ID)
            return False
        return True

    def _no_recorder(self, room: LiveRoom) -> None:
        target_of(room, self._around).patience = None
        error = recording.RecorderError(error=RecorderErrorCode.TIMEOUT, timestamp=self._around.direct())
        self._around.tell_all(_audience(room), error)
        change(self._around, room, StreamStatus.INACTIVE)


def _stop_waiting(target: Target) -> None:
    if target.patience is not None:
        target.patience.cancel()
        target.patience = None


class RecordingServiceModule(Module):
    """Handles the reports of a recorder. Those of other participants are ignored."""

    NAMESPACE = "recording_service"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._handlers = {recording_service.StreamUpdated: self._updated}

    def join_data(self, joiner: Participant) -> recording_service.JoinData | None:
        """The streams that a recorder has to start; None for other participants.

        With `auto_connect` it starts at once, because a moderator has asked for the recording before it came.
        """
        if joiner.is_visible:
            return None
        target = target_of(joiner.room, self._around)
        stream = ServiceStream(
            stream_kind=StreamKind.RECORDING,
            auto_connect=target.status is StreamStatus.STARTING,
            status=target.status,
            start_paused=False,
        )
        return recording_service.JoinData(streams={target.id: stream})

    def _updated(self, sender: Participant, command: recording_service.StreamUpdated) -> None:
        """Tell everybody the state that the recorder of the room reports. Unknown targets are ignored."""
        target = target_of(sender.room, self._around)
        if sender is target.recorder and command.target_id == target.id:
            reason = command.reason
            if command.status is not StreamStatus.ERROR or reason is None:
                change(self._around, sender.room, command.status)
                return
            shortened = StreamErrorReason(
                code=reason.code[:MAX_STREAM_REASON], message=reason.message[:MAX_STREAM_REASON]
            )
            change(self._around, sender.room, command.status, shortened)
