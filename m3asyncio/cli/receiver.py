"""Receives the streams of a conference, counts their frames, and writes one picture a second of each if wanted."""

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
"""Seconds between two pictures that are written of one stream."""
COLUMNS: Final = ("video frames", "audio frames", "first frame")
_UNSAFE: Final = re.compile(r"[^\w-]+")


class ReceivedStream:
    """How much was received of one stream of ``sender``, a display name."""

    def __init__(self, sender: str, kind: MediaSessionType) -> None:
        self.sender = sender
        self.kind = kind
        self.video_frames = 0
        self.audio_frames = 0
        self.saved = 0
        """Pictures that were written to files."""
        self.first_frame_s: float | None = None
        """Seconds from the subscription to the first picture."""

    def cells(self) -> tuple[str, str, str]:
        """The columns `COLUMNS` of a table."""
        first = "-" if self.first_frame_s is None else f"{self.first_frame_s:.2f} s"
        return str(self.video_frames), str(self.audio_frames), first


class Receiver:
    """Subscribes to streams; each is a task of its own.

    ``first_frame`` is called with the first picture of a stream, ``each_frame`` with every picture. Pictures are
    written into ``folder``.
    """

    def __init__(
        self,
        conference: Conference,
        folder: Path | None = None,
        *,
        first_frame: Callable[[ReceivedStream], None],
        each_frame: Callable[[ReceivedStream, VideoFrame], None] = lambda *_: None,
    ) -> None:
        self._conference = conference
        self._folder = folder
        self._first_frame = first_frame
        self._each_frame = each_frame
        self.streams: list[ReceivedStream] = []
        self.troubles: list[str] = []
        """Why streams could not be received, a line for each."""

    async def receive(self, participant: Participant, kind: MediaSessionType) -> None:
        """Receive one stream until it ends. An error of it is noted in `troubles`, and ends no other stream."""
        received = ReceivedStream(participant.display_name, kind)
        self.streams.append(received)
        started = time.monotonic()
        try:
            async with self._conference.subscribe(participant, kind) as stream, anyio.create_task_group() as tasks:
                tasks.start_soon(self._video, stream, received, started)
                tasks.start_soon(self._audio, stream, received)
        except (CallError, MediaError, LocalProtocolError) as error:
            # No reason to fail: the sender may have stopped between its announcement and our `subscribe`.
            self.troubles.append(f"{received.sender}'s {kind.value}: {error}")

    async def _video(self, stream: Subscription, received: ReceivedStream, started: float) -> None:
        next_picture = 0.0
        async for frame in stream.video:
            received.video_frames += 1
            if received.first_frame_s is None:
                received.first_frame_s = (stream.first_frame_at or time.monotonic()) - started
                self._first_frame(received)
            self._each_frame(received, frame)
            if self._folder is not None and frame.time >= next_picture:
                next_picture = frame.time + SAVE_INTERVAL
                await anyio.to_thread.run_sync(self._save, self._folder, received, frame)

    async def _audio(self, stream: Subscription, received: ReceivedStream) -> None:
        async for _frame in stream.audio:
            received.audio_frames += 1

    def _save(self, folder: Path, received: ReceivedStream, frame: VideoFrame) -> None:
        received.saved += 1
        # A display name may be any text, `../../x` or 100 bytes long, and two participants may have the same.
        sender = _UNSAFE.sub("_", received.sender)[:60] or "_"
        number = self.streams.index(received)
        path = folder / f"{sender}-{received.kind.value}-{number:02}-{frame.time:07.1f}s.png"
        frame.to_image().save(path)
