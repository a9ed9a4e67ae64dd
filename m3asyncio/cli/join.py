"""`m3 join`: a participant in the terminal. Prints what happens, receives every stream, publishes if asked to."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import time
from pathlib import Path

from m3asyncio import sources
from m3asyncio.cli.output import STYLES, Output
from m3asyncio.cli.receiver import ReceivedStream, Receiver
from m3asyncio.cli.wording import as_json, sentence
from m3asyncio.client import join
from m3asyncio.source_base import Source
from m3core.client.conference import Conference
from m3core.conference.events import ConferenceEvent, ConferenceJoined, Ended, StreamStarted
from m3core.conference.state import EndReason, Participant


async def run(options: argparse.Namespace) -> int:
    """Be in the conference until cancelled, or until it ends."""
    output = Output(json=options.json)
    folder = _folder(options.save_frames)
    joining = join(
        options.url,
        display_name=options.name or _login_name(),
        password=options.password,
        controller=options.controller,
    )
    async with joining as conference:
        visit = _Visit(conference, output, folder)
        try:
            async with asyncio.timeout(options.seconds):
                await visit.be_there(options)
        except TimeoutError:
            pass
        except BaseExceptionGroup as group:
            raise _only(group) from None
        finally:
            visit.sum_up()
    return 0


class _Visit:
    """One stay in a conference."""

    def __init__(self, conference: Conference, output: Output, folder: Path | None) -> None:
        self._conference = conference
        self._output = output
        self._receiver = Receiver(conference, folder, self._first_frame)
        self._start = time.monotonic()
        self._styles: dict[str, str] = {}

    async def be_there(self, options: argparse.Namespace) -> None:
        """Print, receive and publish, until the conference ends."""
        self._tell(ConferenceJoined(participant=self._conference.own))
        async with asyncio.TaskGroup() as tasks:
            publishing = tasks.create_task(self._publish(options))
            receiving: set[asyncio.Task[None]] = set()
            async for event in self._conference.events():
                self._tell(event)
                if isinstance(event, StreamStarted):
                    work = self._receiver.receive(event.participant, event.media_session_type)
                    task = tasks.create_task(work)
                    receiving.add(task)
                    task.add_done_callback(receiving.discard)
            publishing.cancel()

    async def _publish(self, options: argparse.Namespace) -> None:
        name = self._conference.own.display_name
        if options.publish is not None:
            video, audio = _camera(options.publish, name)
            await self._conference.publish(video=video, audio=audio)
        if options.screen is not None:
            await self._conference.share_screen(_screen(options.screen, name))

    def _tell(self, event: ConferenceEvent) -> None:
        seconds = time.monotonic() - self._start
        self._output.object(as_json(event, seconds))
        text = sentence(event)
        if text and not (isinstance(event, Ended) and event.reason is EndReason.LEFT):
            who = getattr(event, "participant", None)
            self._say(text, who.display_name if isinstance(who, Participant) else "")

    def _first_frame(self, stream: ReceivedStream) -> None:
        seconds = stream.first_frame_s or 0.0
        self._output.object(
            {
                "event": "first_frame",
                "time": round(time.monotonic() - self._start, 3),
                "participant": stream.sender,
                "media_session_type": stream.kind.value,
                "first_frame_s": round(seconds, 3),
            }
        )
        self._say(f"you see {stream.sender}'s {stream.kind.value}, after {seconds:.2f} s", stream.sender)

    def _say(self, text: str, name: str) -> None:
        """One line; each person has a colour."""
        style = self._styles.setdefault(name, STYLES[len(self._styles) % len(STYLES)]) if name else ""
        self._output.line((f"{time.strftime('%H:%M:%S')}  ", "dim"), (text, style))

    def sum_up(self) -> None:
        """What was received, for people as a table and for programs as the last object."""
        streams = self._receiver.streams
        self._output.object(
            {
                "event": "summary",
                "time": round(time.monotonic() - self._start, 3),
                "streams_received": [
                    {
                        "from": stream.sender,
                        "media_session_type": stream.kind.value,
                        "video_frames": stream.video_frames,
                        "audio_frames": stream.audio_frames,
                        "first_frame_s": None if stream.first_frame_s is None else round(stream.first_frame_s, 3),
                        "pictures_saved": stream.saved,
                    }
                    for stream in streams
                ],
                "troubles": self._receiver.troubles,
            }
        )
        for trouble in self._receiver.troubles:
            self._output.line(("not received: ", "yellow"), trouble)
        if streams:
            self._output.line("")
            self._output.table(
                "Received",
                ("stream", "video frames", "audio frames", "first frame", "pictures saved"),
                (
                    (
                        f"{stream.sender} {stream.kind.value}",
                        str(stream.video_frames),
                        str(stream.audio_frames),
                        "-" if stream.first_frame_s is None else f"{stream.first_frame_s:.2f} s",
                        str(stream.saved),
                    )
                    for stream in streams
                ),
            )


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that made a group of tasks fail: people need not know that there were tasks."""
    first = group.exceptions[0]
    return _only(first) if isinstance(first, BaseExceptionGroup) else first


def _camera(wanted: str, name: str) -> tuple[Source | None, Source | None]:
    """Video and audio of `--publish`."""
    if wanted == "pattern":
        return sources.pattern(name), sources.tone()
    source = sources.file(wanted, loop=True)
    return (source if source.has_video else None), (source if source.has_audio else None)


def _screen(wanted: str, name: str) -> Source:
    """Video of `--screen`."""
    if wanted == "pattern":
        return sources.pattern(f"{name}'s screen", 1280, 720, 10, style="screen")
    return sources.file(wanted, loop=True)


def _folder(path: str | None) -> Path | None:
    if path is None:
        return None
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return "Guest"
