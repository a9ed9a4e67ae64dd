"""Namespace `recording_service`: messages between the server and a recorder (signaling.md § 11; L).

The keys are reversed: events, which the server sends, are keyed ``action``, and commands of the recorder ``message``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from attrs import field, frozen

from m3core.messages.base import Command, Event, Value, hide
from m3core.messages.recording import StreamErrorReason as StreamErrorReason
from m3core.messages.recording import StreamStatus as StreamStatus
from m3core.values import StreamingTargetId


class StreamKind(Enum):
    """What a target is: a file of the room, or a stream that others watch (L)."""

    RECORDING = "recording"
    STREAMING = "streaming"


@frozen(kw_only=True, weakref_slot=False)
class ServiceStream(Value):
    """One target, as the recorder sees it. Wire: a value of ``streams`` (L).

    ``location``: where the stream goes to; it may hold a key. ``auto_connect``: start without a command.
    """

    stream_kind: StreamKind
    auto_connect: bool
    status: StreamStatus
    start_paused: bool
    location: str | None = field(default=None, repr=hide)


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """The targets, by their `StreamingTargetId`. Wire: ``join_success.recording_service``, for recorders only (L)."""

    streams: Mapping[str, ServiceStream]


@frozen(kw_only=True, weakref_slot=False)
class StreamUpdated(Command):
    """A target changed. Wire: `stream_updated` of the recorder (L), keyed ``message``.

    ``reason``: with the status ``error`` only.
    """

    NAMESPACE: ClassVar[str] = "recording_service"
    KEY: ClassVar[str] = "message"
    ACTION: ClassVar[str] = "stream_updated"

    target_id: StreamingTargetId
    status: StreamStatus
    reason: StreamErrorReason | None = None


@frozen(kw_only=True, weakref_slot=False)
class StartStreams(Event):
    """Start or resume these targets. Wire: `start_streams` of the server (L), keyed ``action``."""

    NAMESPACE: ClassVar[str] = "recording_service"
    KEY: ClassVar[str] = "action"
    MESSAGE: ClassVar[str] = "start_streams"

    target_ids: tuple[StreamingTargetId, ...]


@frozen(kw_only=True, weakref_slot=False)
class PauseStreams(Event):
    """Pause these targets. Wire: `pause_streams` of the server (L), keyed ``action``."""

    NAMESPACE: ClassVar[str] = "recording_service"
    KEY: ClassVar[str] = "action"
    MESSAGE: ClassVar[str] = "pause_streams"

    target_ids: tuple[StreamingTargetId, ...]


@frozen(kw_only=True, weakref_slot=False)
class StopStreams(Event):
    """Stop these targets. Wire: `stop_streams` of the server (L), keyed ``action``."""

    NAMESPACE: ClassVar[str] = "recording_service"
    KEY: ClassVar[str] = "action"
    MESSAGE: ClassVar[str] = "stop_streams"

    target_ids: tuple[StreamingTargetId, ...]
