"""The targets to which a meeting is streamed live (rest.md § 3; L)."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from m3core.errors import FieldError
from m3core.limits import MAX_STREAMING_TARGETS, MAX_STREAMING_TEXT
from m3core.values import Secret, StreamingTargetId


@frozen(kw_only=True)
class StreamingTarget:
    """A service that takes a live stream, and the page on which people watch it. ``kind`` is `custom`.

    Servers may send ``streaming_endpoint`` and ``streaming_key`` only to the owner of the room.
    """

    id: StreamingTargetId | None = None
    name: str
    kind: str
    streaming_endpoint: str | None = None
    streaming_key: Secret | None = None
    public_url: str


def check_targets(targets: Iterable[StreamingTarget]) -> tuple[FieldError, ...]:
    """The error of the targets of an event if there are too many, or if a text is too long; else nothing."""
    targets = tuple(targets)
    texts = (text for one in targets for text in (one.name, one.kind, one.streaming_endpoint or "", one.public_url))
    keys = (one.streaming_key.reveal() for one in targets if one.streaming_key is not None)
    if len(targets) > MAX_STREAMING_TARGETS or any(len(text) > MAX_STREAMING_TEXT for text in (*texts, *keys)):
        return (FieldError(field="streaming_targets", code="invalid_value"),)
    return ()
