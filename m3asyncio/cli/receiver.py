"""Receives every stream of a conference for `m3 join`: counts frames, and writes a picture a second if wanted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from m3core.client.conference import Conference
from m3core.client.publication import Subscription
from m3core.conference.state import Participant
from m3core.errors import CallError, LocalProtocolError, MediaError
from m3core.media import VideoFrame
from m3core.values import MediaSessionType

SAVE_INTERVAL: Final = 1.0
"""Seconds between two pictures of one stream."""
_UNSAFE: Final = re.compile(r"[^\w-]+")


class ReceivedStream:
    """One stream that was received, and how much of it."""

    def __init__(self, participant: Participant, kind: MediaSessionType) -> None:
        self.sender = participant.display_name
        self.kind = kind
        self.video_frames = 0
        self.audio_frames = 0
        self.saved = 0
        self.first_frame_s: float | None = None


class Receiver:
    """Subscribes to streams; each is a task of its own.

    ``folder``: where pictures go. ``first_frame`` is called when the first picture of a stream was decoded.
    """

    def __init__(
        self, conference: Conference, folder: Path | None, first_frame: Callable[[ReceivedStream], None]
    ) -> None:
        self._conference = conference
        self._folder = folder
        self._first_frame = first_frame
        self.streams: list[ReceivedStream] = []
        self.troubles: list[str] = []

    async def receive(self, participant: Participant, kind: MediaSessionType) -> None:
        """Receive one stream until it ends; trouble with it is noted, and harms no other stream."""
        received = ReceivedStream(participant, kind)
        self.streams.append(received)
        started = time.monotonic()
        try:
            async with self._conference.subscribe(participant, kind) as stream, anyio.create_task_group() as tasks:
                tasks.start_soon(self._video, stream, received, started)
                tasks.start_soon(self._audio, stream, received)
        except (CallError, MediaError, LocalProtocolError) as error:
            # The sender may have stopped while we asked.
            self.troubles.append(f"{received.sender}'s {kind.value}: {error}")

    async def _video(self, stream: Subscription, received: ReceivedStream, started: float) -> None:
        next_picture = 0.0
        async for frame in stream.video:
            received.video_frames += 1
            if received.first_frame_s is None:
                received.first_frame_s = (stream.first_frame_at or time.monotonic()) - started
                self._first_frame(received)
            if self._folder is not None and frame.time >= next_picture:
                next_picture = frame.time + SAVE_INTERVAL
                await anyio.to_thread.run_sync(self._save, self._folder, received, frame)

    async def _audio(self, stream: Subscription, received: ReceivedStream) -> None:
        async for _frame in stream.audio:
            received.audio_frames += 1

    def _save(self, folder: Path, received: ReceivedStream, frame: VideoFrame) -> None:
        """Write one picture; names of people are not trusted as names of files."""
        received.saved += 1
        sender = _UNSAFE.sub("_", received.sender)[:60] or "_"
        number = self.streams.index(received)
        path = folder / f"{sender}-{received.kind.value}-{number:02}-{frame.time:07.1f}s.png"
        frame.to_image().save(path)
