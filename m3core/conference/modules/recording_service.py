"""Namespace `recording_service`: what the server asks of a recorder (signaling.md § 11; L).

In this namespace "we" are the recorder.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from attrs import evolve, field, frozen

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import CommandGroup, Handler, T
from m3core.conference.modules.comparing import ComparingModule
from m3core.errors import WrongValue
from m3core.messages import Command, Event, recording_service
from m3core.messages.control import JoinSuccess
from m3core.messages.recording_service import ServiceStream, StreamErrorReason, StreamStatus
from m3core.values import StreamingTargetId


# -- state ---
@frozen(kw_only=True)
class RecordingServiceState:
    """The targets that a recorder works on; empty for everybody else."""

    streams: Mapping[StreamingTargetId, ServiceStream] = field(factory=lambda: MappingProxyType({}))
    """The targets, with the status that we last sent for each."""


# -- events ---
@frozen(kw_only=True)
class StreamsStartRequested(ConferenceEvent):
    """The server asks us to start these targets, or to continue those that are paused."""

    target_ids: tuple[StreamingTargetId, ...]


@frozen(kw_only=True)
class StreamsPauseRequested(ConferenceEvent):
    """The server asks us to pause these targets."""

    target_ids: tuple[StreamingTargetId, ...]


@frozen(kw_only=True)
class StreamsStopRequested(ConferenceEvent):
    """The server asks us to stop these targets."""

    target_ids: tuple[StreamingTargetId, ...]


# -- the module ---
class RecordingServiceModule(ComparingModule[RecordingServiceState]):
    """The targets. A request of the server becomes an event; the program that records carries it out."""

    NAMESPACE = "recording_service"
    _state = RecordingServiceState()

    def build(self) -> RecordingServiceState:
        return self._state

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            recording_service.StartStreams: self._start,
            recording_service.PauseStreams: self._pause,
            recording_service.StopStreams: self._stop,
        }

    def restore(self, join: JoinSuccess) -> None:
        told = {} if join.recording_service is None else join.recording_service.streams
        streams = cast("Mapping[StreamingTargetId, ServiceStream]", told)
        self._state = RecordingServiceState(streams=MappingProxyType(dict(streams)))

    def left(self) -> None:
        self._state = RecordingServiceState()

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        # The server sends no `start_streams` for targets with `auto_connect`.
        targets = tuple(
            target
            for target, stream in self._state.streams.items()
            if stream.auto_connect and stream.status is StreamStatus.INACTIVE
        )
        return (StreamsStartRequested(target_ids=targets),) if targets else ()

    def sent(self, command: Command) -> None:
        if isinstance(command, recording_service.StreamUpdated) and command.target_id in self._state.streams:
            stream = evolve(self._state.streams[command.target_id], status=command.status)
            self._state = RecordingServiceState(
                streams=MappingProxyType({**self._state.streams, command.target_id: stream})
            )

    def _start(self, event: recording_service.StartStreams) -> None:
        self._notify(StreamsStartRequested(target_ids=event.target_ids))

    def _pause(self, event: recording_service.PauseStreams) -> None:
        self._notify(StreamsPauseRequested(target_ids=event.target_ids))

    def _stop(self, event: recording_service.StopStreams) -> None:
        self._notify(StreamsStopRequested(target_ids=event.target_ids))


# -- commands ---
class RecordingServiceCommands(CommandGroup[T]):
    """The command of recorders."""

    def update(
        self, target: StreamingTargetId, status: StreamStatus, *, code: str | None = None, message: str = ""
    ) -> T:
        """Tell the server the new status of a target. ``code`` and ``message``: the reason of a `StreamStatus.ERROR`.

        Raises `LocalProtocolError` for that status without a code, and for a code with another status.
        """
        if (status is StreamStatus.ERROR) != (code is not None):
            raise WrongValue("StreamStatus.ERROR needs a code, and no other status may have one")
        reason = None if code is None else StreamErrorReason(code=code, message=message)
        return self._perform(recording_service.StreamUpdated(target_id=target, status=status, reason=reason))
