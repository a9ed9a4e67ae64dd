"""The streams that `m3 join` publishes: a test pattern or a media file, as `--publish`, `--screen` and commands say.

Media libraries are imported only when something is published: a bot that only writes starts without them.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskStatus

from m3core.client.conference import Conference
from m3core.client.publication import Publication
from m3core.errors import LocalProtocolError
from m3core.values import MediaSessionType

if TYPE_CHECKING:
    from m3asyncio.source_base import Source


def camera(wanted: str, name: str) -> tuple[Source | None, Source | None]:
    """Video and audio to publish. ``wanted`` is ``pattern`` or the path of a media file, and may lack one of the two.

    Raises `MediaError` if the file cannot be opened.
    """
    from m3asyncio import sources

    if wanted == "pattern":
        return sources.pattern(name), sources.tone()
    source = sources.file(wanted, loop=True)
    return (source if source.has_video else None), (source if source.has_audio else None)


def screen(wanted: str, name: str) -> Source:
    """Video to share as a screen. ``wanted`` is ``pattern`` or the path of a media file."""
    from m3asyncio import sources

    if wanted == "pattern":
        return sources.pattern(f"{name}'s screen", 1280, 720, 10, style="screen")
    return sources.file(wanted, loop=True)


class OwnStreams:
    """The streams of this participant. Options and commands publish, mute and end them through this object.

    Of each kind of stream, one thing is done at a time: a command that mutes a stream which is being published waits.
    """

    def __init__(self, conference: Conference) -> None:
        self._conference = conference
        self._publications: dict[MediaSessionType, Publication] = {}
        self._turns = {kind: anyio.Lock() for kind in MediaSessionType}

    async def begin(
        self, camera: str | None, screen: str | None, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Publish what the options name. ``started`` is called once commands that come later have to wait for it."""
        # Both turns are taken before `started`. Each ends when its stream is published: a command for the camera does
        # not wait for the screen.
        async with self._turns[MediaSessionType.SCREEN] if screen is not None else nullcontext():
            async with self._turns[MediaSessionType.VIDEO] if camera is not None else nullcontext():
                task_status.started()
                if camera is not None:
                    await self._publish(camera)
            if screen is not None:
                await self._share_screen(screen)

    async def publish(self, source: str) -> None:
        """Publish ``source`` as camera and microphone."""
        async with self._turns[MediaSessionType.VIDEO]:
            await self._publish(source)

    async def share_screen(self, source: str) -> None:
        """Publish ``source`` as the screen."""
        async with self._turns[MediaSessionType.SCREEN]:
            await self._share_screen(source)

    async def set_sending(self, kind: MediaSessionType, *, audio: bool, video: bool) -> None:
        """Mute and unmute the tracks of a stream. Raises `LocalProtocolError` if there is no such stream."""
        async with self._turns[kind]:
            publication = self._publication(kind)
            await publication.unmute(audio=audio, video=video)
            await publication.mute(audio=not audio, video=not video)

    async def unpublish(self, kind: MediaSessionType) -> None:
        """End a stream. Raises `LocalProtocolError` if there is no such stream."""
        async with self._turns[kind]:
            await self._publication(kind).stop()
            del self._publications[kind]

    async def _publish(self, source: str) -> None:
        video, audio = camera(source, self._conference.own.display_name)
        self._publications[MediaSessionType.VIDEO] = await self._conference.publish(video=video, audio=audio)

    async def _share_screen(self, source: str) -> None:
        shared = await self._conference.share_screen(screen(source, self._conference.own.display_name))
        self._publications[MediaSessionType.SCREEN] = shared

    def _publication(self, kind: MediaSessionType) -> Publication:
        if kind not in self._publications:
            raise LocalProtocolError(f"no {kind.value} stream was published")
        return self._publications[kind]
