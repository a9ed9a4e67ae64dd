"""Namespace `recording_service`: what the server wants of us if we are a recorder (signaling.md § 11; L)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from attrs import evolve, field, frozen

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import CommandGroup, Handler, T
from m3core.conference.modules.comparing import ComparingModule
from m3core.errors import LocalProtocolError
from m3core.messages import Command, Event, recording_service
from m3core.messages.control import JoinSuccess
from m3core.messages.recording_service import ServiceStream, StreamErrorReason, StreamStatus
from m3core.values import StreamingTargetId


# -- state ---
@frozen(kw_only=True)
class RecordingServiceState:
    """What a recorder has to do; empty for everybody else."""

    streams: Mapping[StreamingTargetId, ServiceStream] = field(factory=lambda: MappingProxyType({}))
    """The targets, with what we last told of each."""


# -- events ---
@frozen(kw_only=True)
class StreamsStartRequested(ConferenceEvent):
    """We, a recorder, are to start these targets, or go on with them."""

    target_ids: tuple[StreamingTargetId, ...]


@frozen(kw_only=True)
class StreamsPauseRequested(ConferenceEvent):
    """We, a recorder, are to pause these targets."""

    target_ids: tuple[StreamingTargetId, ...]


@frozen(kw_only=True)
class StreamsStopRequested(ConferenceEvent):
    """We, a recorder, are to stop these targets."""

    target_ids: tuple[StreamingTargetId, ...]


# -- folding ---
class RecordingServiceModule(ComparingModule[RecordingServiceState]):
    """The targets. What is wanted of us is told at once, and done by whoever records."""

    NAMESPACE = "recording_service"
    _state = RecordingServiceState()

    def build(self) -> RecordingServiceState:
        """The snapshot."""
        return self._state

    def handlers(self) -> Mapping[type[Event], Handler]:
        """Every event of `recording_service`; there are no errors."""
        return {
            recording_service.StartStreams: lambda event: self._notify(
                StreamsStartRequested(target_ids=event.target_ids)
            ),
            recording_service.PauseStreams: lambda event: self._notify(
                StreamsPauseRequested(target_ids=event.target_ids)
            ),
            recording_service.StopStreams: lambda event: self._notify(
                StreamsStopRequested(target_ids=event.target_ids)
            ),
        }

    def restore(self, join: JoinSuccess) -> None:
        """The targets."""
        told = {} if join.recording_service is None else join.recording_service.streams
        streams = cast("Mapping[StreamingTargetId, ServiceStream]", told)
        self._state = RecordingServiceState(streams=MappingProxyType(dict(streams)))

    def left(self) -> None:
        """They were the room's."""
        self._state = RecordingServiceState()

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        """The targets that start without being asked."""
        targets = tuple(
            target
            for target, stream in self._state.streams.items()
            if stream.auto_connect and stream.status is StreamStatus.INACTIVE
        )
        return (StreamsStartRequested(target_ids=targets),) if targets else ()

    def sent(self, command: Command) -> None:
        """What we told of a target is so."""
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
    """For recorders."""

    def update(
        self, target: StreamingTargetId, status: StreamStatus, *, code: str | None = None, message: str = ""
    ) -> T:
        """Tell what a target does now; ``code`` and ``message``: why, with `StreamStatus.ERROR`.

        Raises `LocalProtocolError` for an error without a code, and for a code without an error.
        """
        if (status is StreamStatus.ERROR) != (code is not None):
            raise LocalProtocolError("an error, and nothing else, has a code")
        reason = None if code is None else StreamErrorReason(code=code, message=message)
        return self._perform(recording_service.StreamUpdated(target_id=target, status=status, reason=reason))
