"""Namespace `recording`: the recording of the room, and its live streams (signaling.md § 11)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from attrs import frozen

from m3core.messages.base import Command, Event, Value
from m3core.values import ParticipantId, StreamingTargetId


class RecordingErrorCode(Enum):
    """Why the server refused a `recording` command (signaling.md § 11; the last two L)."""

    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    ALREADY_RECORDING = "already_recording"
    INVALID_RECORDING_ID = "invalid_recording_id"
    INVALID_STREAMING_ID = "invalid_streaming_id"
    RECORDER_NOT_STARTED = "recorder_not_started"


class RecorderErrorCode(Enum):
    """Why there is no recorder (L)."""

    TIMEOUT = "timeout"


class RecordingStatus(Enum):
    """Whether the recorder starts or records (R)."""

    INITIALIZING = "initializing"
    RECORDING = "recording"


class StreamingKind(Enum):
    """What a target is: a file of the room, or a stream that others watch (L)."""

    RECORDING = "recording"
    LIVESTREAM = "livestream"


class StreamStatus(Enum):
    """What a target does; with ``error`` comes a reason (L)."""

    STARTING = "starting"
    INACTIVE = "inactive"
    ACTIVE = "active"
    PAUSED = "paused"
    ERROR = "error"


@frozen(kw_only=True, weakref_slot=False)
class StreamErrorReason(Value):
    """Why a target failed. Wire: ``reason`` (L)."""

    code: str
    message: str


@frozen(kw_only=True, weakref_slot=False)
class StreamingTarget(Value):
    """Where the recorder may send the room. Wire: a value of ``targets`` (L). ``public_url``: of a live stream only."""

    name: str
    streaming_kind: StreamingKind
    status: StreamStatus
    public_url: str | None = None
    reason: StreamErrorReason | None = None


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """What is recorded. Wire: ``join_success.recording``; null (S), here without any field, when nothing is.

    R and L to 0.13: ``state``, which documents call ``status``, and ``recording_id``, the recorder's participant id,
    once it records. L 0.14: ``targets`` by their `StreamingTargetId`.
    """

    state: RecordingStatus | None = None
    status: RecordingStatus | None = None
    recording_id: ParticipantId | None = None
    targets: Mapping[str, StreamingTarget] | None = None


@frozen(kw_only=True, weakref_slot=False)
class PeerData(Value):
    """Whether a participant agrees to be recorded. Wire: ``recording`` of an entry (S; signaling.md § 5.2).

    ``recording_consent`` is what the documentation of R calls the same.
    """

    consents_recording: bool | None = None
    recording_consent: bool | None = None


@frozen(kw_only=True, weakref_slot=False)
class Start(Command):
    """Start a recorder; `Started` follows when it has joined. Wire: `start` (R, L to 0.13)."""

    NAMESPACE: ClassVar[str] = "recording"
    ACTION: ClassVar[str] = "start"


@frozen(kw_only=True, weakref_slot=False)
class Stop(Command):
    """Stop the recorder. Wire: `stop` (R, L to 0.13). ``recording_id``: the recorder's participant id."""

    NAMESPACE: ClassVar[str] = "recording"
    ACTION: ClassVar[str] = "stop"

    recording_id: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class SetConsent(Command):
    """Give or withdraw the consent to be recorded; the others get an `Update`. Wire: `set_consent` (R)."""

    NAMESPACE: ClassVar[str] = "recording"
    ACTION: ClassVar[str] = "set_consent"

    consent: bool


@frozen(kw_only=True, weakref_slot=False)
class StartStream(Command):
    """Start or resume targets. Wire: `start_stream` (L 0.14)."""

    NAMESPACE: ClassVar[str] = "recording"
    ACTION: ClassVar[str] = "start_stream"

    target_ids: tuple[StreamingTargetId, ...]


@frozen(kw_only=True, weakref_slot=False)
class PauseStream(Command):
    """Pause targets. Wire: `pause_stream` (L 0.14)."""

    NAMESPACE: ClassVar[str] = "recording"
    ACTION: ClassVar[str] = "pause_stream"

    target_ids: tuple[StreamingTargetId, ...]


@frozen(kw_only=True, weakref_slot=False)
class StopStream(Command):
    """Stop targets. Wire: `stop_stream` (L 0.14)."""

    NAMESPACE: ClassVar[str] = "recording"
    ACTION: ClassVar[str] = "stop_stream"

    target_ids: tuple[StreamingTargetId, ...]


@frozen(kw_only=True, weakref_slot=False)
class Started(Event):
    """The room is recorded. Wire: `started` (R, L to 0.13). ``recording_id``: the recorder's participant id."""

    NAMESPACE: ClassVar[str] = "recording"
    MESSAGE: ClassVar[str] = "started"

    recording_id: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class Stopped(Event):
    """The room is no longer recorded. Wire: `stopped` (R, L to 0.13)."""

    NAMESPACE: ClassVar[str] = "recording"
    MESSAGE: ClassVar[str] = "stopped"

    recording_id: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class StreamUpdated(Event):
    """A target changed. Wire: `stream_updated` (L 0.14). ``reason``: with the status ``error`` only."""

    NAMESPACE: ClassVar[str] = "recording"
    MESSAGE: ClassVar[str] = "stream_updated"

    target_id: StreamingTargetId
    status: StreamStatus
    reason: StreamErrorReason | None = None


@frozen(kw_only=True, weakref_slot=False)
class RecorderError(Event):
    """No recorder joined. Wire: `recorder_error` (L 0.14)."""

    NAMESPACE: ClassVar[str] = "recording"
    MESSAGE: ClassVar[str] = "recorder_error"

    error: RecorderErrorCode


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused a command. Wire: `error` (R)."""

    NAMESPACE: ClassVar[str] = "recording"
    MESSAGE: ClassVar[str] = "error"

    error: RecordingErrorCode
