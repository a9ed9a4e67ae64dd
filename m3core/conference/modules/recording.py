"""Namespace `recording`: whether the room is recorded, and where it is streamed to (signaling.md § 11).

There are two models. Servers up to 0.13 know one recording (`RecordingState.status`). Later servers know any number of
targets (`RecordingState.targets`), and a recording is one of them. `join_success` shows the model of the server, which
understands the commands of its own model only. `RecordingCommands.start` and ``stop`` serve both models.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, cast

from attrs import evolve, field, frozen

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import CommandGroup, CommandT, Handler, Rules, T, known, rule
from m3core.conference.modules.comparing import ComparingModule
from m3core.errors import LocalProtocolError
from m3core.messages import Command, Event, recording
from m3core.messages.control import JoinSuccess
from m3core.messages.recording import (
    RecorderErrorCode,
    RecordingStatus,
    StreamErrorReason,
    StreamingKind,
    StreamingTarget,
    StreamStatus,
)
from m3core.values import ParticipantId, StreamingTargetId

_RUNS = frozenset({StreamStatus.STARTING, StreamStatus.ACTIVE})


# -- state ---
@frozen(kw_only=True)
class RecordingState:
    """Whether the room is recorded or streamed. `Participant.consents_recording` says who agrees, also of ourselves."""

    status: RecordingStatus | None = None
    """None: no recorder is in the room, and none was asked to come."""
    recording_id: ParticipantId | None = None
    """The participant id of the recorder, while it records. Recorders are not among the participants."""
    targets: Mapping[StreamingTargetId, StreamingTarget] = field(factory=lambda: MappingProxyType({}))
    """Where the room can be recorded or streamed to (L), and the status of each."""
    has_targets: bool = False
    """Whether the server has the model with targets (L), even if there are none now."""

    @property
    def is_recording(self) -> bool:
        """Whether the room is recorded now, in either model."""
        return self.status is RecordingStatus.RECORDING or any(
            target.streaming_kind is StreamingKind.RECORDING and target.status is StreamStatus.ACTIVE
            for target in self.targets.values()
        )


# -- events ---
@frozen(kw_only=True)
class RecordingStarted(ConferenceEvent):
    """The room is recorded. ``recording_id``: the id of the recorder; None: the server did not say."""

    recording_id: ParticipantId | None


@frozen(kw_only=True)
class RecordingStopped(ConferenceEvent):
    """The room is no longer recorded."""

    recording_id: ParticipantId


@frozen(kw_only=True)
class StreamingChanged(ConferenceEvent):
    """The status of a target, a recording or a live stream, changed (L). ``target``: None if unknown here."""

    target_id: StreamingTargetId
    status: StreamStatus
    target: StreamingTarget | None
    reason: StreamErrorReason | None = None
    """Why it failed, with `StreamStatus.ERROR`; else None."""


@frozen(kw_only=True)
class RecorderFailed(ConferenceEvent):
    """A recorder was asked to come, and none came (L)."""

    error: RecorderErrorCode


# -- the module ---
_STREAM_ERRORS = rule("insufficient_permissions", "invalid_streaming_id", "recorder_not_started")


class RecordingModule(ComparingModule[RecordingState]):
    """The recording, the targets, and our own consent."""

    NAMESPACE = "recording"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            recording.Start: rule("insufficient_permissions", "already_recording"),
            recording.Stop: rule("insufficient_permissions", "invalid_recording_id"),
            recording.StartStream: _STREAM_ERRORS,
            recording.PauseStream: _STREAM_ERRORS,
            recording.StopStream: _STREAM_ERRORS,
        }
    )
    _state = RecordingState()
    _status_before: RecordingStatus | None = None
    """The status before our last `Start`: it is valid again if the server refuses it."""

    def build(self) -> RecordingState:
        return self._state

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            recording.Started: self._started,
            recording.Stopped: self._stopped,
            recording.StreamUpdated: self._stream_updated,
            recording.RecorderError: self._recorder_error,
            recording.Error: lambda event: self._refuse(event.error.value),
        }

    def restore(self, join: JoinSuccess) -> None:
        # The server has forgotten our consent, so that it has to be given again.
        told = join.recording or recording.JoinData()
        targets = cast("Mapping[StreamingTargetId, StreamingTarget]", told.targets or {})
        self._state = RecordingState(
            status=told.state or told.status,
            recording_id=told.recording_id,
            targets=MappingProxyType(dict(targets)),
            has_targets=told.targets is not None,
        )

    def left(self) -> None:
        self._state = RecordingState()

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        state, events = self._state, list[ConferenceEvent]()
        if state.status is RecordingStatus.RECORDING:
            events.append(RecordingStarted(recording_id=state.recording_id))
        for target_id, target in state.targets.items():
            if target.status is not StreamStatus.INACTIVE:
                events.append(
                    StreamingChanged(target_id=target_id, status=target.status, target=target, reason=target.reason)
                )
        return tuple(events)

    def sent(self, command: Command) -> None:
        # The server does not answer that it asked a recorder, and tells our consent to others only (signaling.md § 11).
        if isinstance(command, recording.SetConsent):
            self._around.own = evolve(self._own(), consents_recording=command.consent)
        elif isinstance(command, recording.Start):
            self._status_before = self._state.status
            self._state = evolve(self._state, status=self._state.status or RecordingStatus.INITIALIZING)

    def refused(self, command: Command) -> None:
        if isinstance(command, recording.Start) and self._state.status is RecordingStatus.INITIALIZING:
            self._state = evolve(self._state, status=self._status_before)

    def _started(self, event: recording.Started) -> None:
        self._state = evolve(self._state, status=RecordingStatus.RECORDING, recording_id=event.recording_id)
        self._notify(RecordingStarted(recording_id=event.recording_id))
        self._acknowledge(recording.Start, result=event.recording_id)

    def _stopped(self, event: recording.Stopped) -> None:
        if self._state.status is not None and self._state.recording_id in {None, event.recording_id}:
            self._state = evolve(self._state, status=None, recording_id=None)
            self._notify(RecordingStopped(recording_id=event.recording_id))
        self._acknowledge(recording.Stop, lambda command: command.recording_id == event.recording_id)

    def _stream_updated(self, event: recording.StreamUpdated) -> None:
        target = self._state.targets.get(event.target_id)
        if target is not None:
            target = evolve(target, status=event.status, reason=event.reason)
            self._state = evolve(
                self._state, targets=MappingProxyType({**self._state.targets, event.target_id: target})
            )
        self._notify(
            StreamingChanged(target_id=event.target_id, status=event.status, target=target, reason=event.reason)
        )
        if event.status in _RUNS:
            self._reached(recording.StartStream, event.target_id)
        elif event.status is StreamStatus.PAUSED:
            self._reached(recording.PauseStream, event.target_id)
        elif event.status is StreamStatus.INACTIVE:
            self._reached(recording.StopStream, event.target_id)

    def _reached(self, command: type[CommandT], target_id: StreamingTargetId) -> None:
        """A command for one target is done. One for several waits, since the server may still refuse another target."""
        self._acknowledge(command, lambda asked: getattr(asked, "target_ids", ()) == (target_id,))

    def _recorder_error(self, event: recording.RecorderError) -> None:
        if self._state.status is RecordingStatus.INITIALIZING:
            self._state = evolve(self._state, status=None)
        self._notify(RecorderFailed(error=event.error))


# -- commands ---
class RecordingCommands(CommandGroup[T]):
    """All commands but `set_consent` are for moderators."""

    def start(self) -> T:
        """Record the room: ask a recorder to come, or start the targets that are recordings (L).

        `RecordingStarted` or `StreamingChanged` says when the recording begins. If no recorder comes, servers up to
        0.13 send nothing. Raises `LocalProtocolError` if the server has targets (L) and none is a recording. Refused:
        `already_recording`, `recorder_not_started` (L), `insufficient_permissions`.
        """
        if self._state().of(RecordingModule).has_targets:
            return self._perform(recording.StartStream(target_ids=self._files()))
        return self._perform(recording.Start())

    def stop(self) -> T:
        """Stop the recording. Raises `LocalProtocolError` if nothing is recorded.

        Refused: `invalid_recording_id`, `invalid_streaming_id` (L), `insufficient_permissions`.
        """
        told = self._state().of(RecordingModule)
        if told.has_targets:
            return self._perform(recording.StopStream(target_ids=self._files()))
        return self._perform(
            recording.Stop(recording_id=known(told.recording_id, "there is no recording that could be stopped"))
        )

    def set_consent(self, consent: bool = True) -> T:
        """Say whether we agree to be recorded. Others see it as `Participant.consents_recording`."""
        return self._perform(recording.SetConsent(consent=consent))

    def start_stream(self, *targets: StreamingTargetId) -> T:
        """Start targets, or continue those that are paused. No target named: all (L).

        Raises `LocalProtocolError` if the server has no targets. Refused: `invalid_streaming_id`,
        `recorder_not_started`, `insufficient_permissions`.
        """
        return self._perform(recording.StartStream(target_ids=self._targets(targets)))

    def pause_stream(self, *targets: StreamingTargetId) -> T:
        """Pause targets. No target named: all (L). Errors as in `start_stream`."""
        return self._perform(recording.PauseStream(target_ids=self._targets(targets)))

    def stop_stream(self, *targets: StreamingTargetId) -> T:
        """Stop targets. No target named: all (L). Errors as in `start_stream`."""
        return self._perform(recording.StopStream(target_ids=self._targets(targets)))

    def _targets(self, named: tuple[StreamingTargetId, ...]) -> tuple[StreamingTargetId, ...]:
        told = self._state().of(RecordingModule)
        targets = named or tuple(told.targets)
        if not (told.has_targets and targets):
            raise LocalProtocolError("the server has no targets to which the room could be streamed")
        return targets

    def _files(self) -> tuple[StreamingTargetId, ...]:
        targets = self._state().of(RecordingModule).targets
        files = tuple(one for one, target in targets.items() if target.streaming_kind is StreamingKind.RECORDING)
        if not files:
            raise LocalProtocolError("no target of the server is a recording; see ``RecordingState.targets``")
        return files
