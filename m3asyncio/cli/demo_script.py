"""What Ada and Bob do in the demo, from the first login until both have left."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Final

import anyio
from attrs import define, field

from m3asyncio.cli.demo_loop import EventLoop, OwnLoop
from m3asyncio.cli.demo_person import Person
from m3asyncio.cli.demo_stage import Stage
from m3asyncio.cli.demo_streams import WatchedStream
from m3asyncio.cli.publishing import camera, screen
from m3asyncio.source_base import Source
from m3core.client.conference import Conference
from m3core.client.publication import Publication
from m3core.client.watching import WatchFrames
from m3core.controller.config import ControllerConfig
from m3core.controller.features import FeatureLevel
from m3core.values import MediaSessionType

VIDEO, SCREEN = MediaSessionType.VIDEO, MediaSessionType.SCREEN
OWNER: Final = "Ada"
GUEST: Final = "Bob"
SCREEN_NAME: Final = "Ada's screen"
SECONDS_FOR_A_PICTURE: Final = 1.0
"""A stream must bring at least one picture in this time."""


@define
class Outcome:
    """What a demo leaves for its report and its picture."""

    streams: list[WatchedStream]
    messages: Counter[str] = field(factory=Counter)
    """How often each message went over the WebSockets, by its name on the wire."""

    @classmethod
    def of(cls, *, is_file: bool) -> Outcome:
        """The outcome before the demo. ``is_file``: Ada publishes a media file, and not the pattern with her name."""
        ada = WatchedStream(GUEST, OWNER, VIDEO, "" if is_file else OWNER)
        bob = WatchedStream(OWNER, GUEST, VIDEO, GUEST)
        return cls([ada, bob, WatchedStream(GUEST, OWNER, SCREEN, SCREEN_NAME)])

    def count(self, text: str) -> None:
        """Count a message of a WebSocket."""
        payload = json.loads(text)["payload"]
        self.messages[payload.get("action") or payload.get("message")] += 1


class Demo:
    """Ada invites Bob. Her event loop is also that of the demo and the server; his may be another one."""

    def __init__(self, stage: Stage, outcome: Outcome, home: OwnLoop, guest: EventLoop, seconds: float) -> None:
        self._stage = stage
        self._outcome = outcome
        self._home = home
        self._guest = guest
        self._seconds = seconds
        self._ada = Person(OWNER, stage, home, outcome.streams)
        self._bob = Person(GUEST, stage, guest, outcome.streams)

    async def hold(self, level: FeatureLevel, video: Source, audio: Source) -> None:
        """Hold the conference; ``video`` and ``audio`` are Ada's. Raises groups of `DemoFailed` and `M3Error`."""
        stage, ada, bob = self._stage, self._ada, self._bob
        config = ControllerConfig(web_url="", feature_level=level)
        async with self._home.adapter.serve(config=config) as server, server.account() as account:
            loops = f"{OWNER} on {self._home.adapter.loop}, {GUEST} on {self._guest.adapter.loop}"
            stage.line("server", f"controller and SFU at {server.base_url}", loops)
            async with stage.step(OWNER, "logs in with a token, creates a meeting, and invites"):
                await account.me()
                meeting = await account.create_meeting(title="Demo")
                link = await meeting.invite()

            def start() -> AbstractAsyncContextManager[Conference]:
                return meeting.start(display_name=OWNER, wire=self._counting(self._home))

            def join() -> AbstractAsyncContextManager[Conference]:
                return self._guest.adapter.joiner.join(link, display_name=GUEST, wire=self._counting(self._guest))

            async with self._attending(ada, self._home, start, "starts the conference"):
                async with self._attending(bob, self._guest, join, "joins with the invitation URL"):
                    await ada.sees(bob, "join", lambda guest: guest.is_here)
                    await self._converse(video, audio)
                    await bob.does("leaves", bob.conference.leave)
                await ada.sees(bob, "leave", lambda guest: not guest.is_here)
                await ada.does("leaves", ada.conference.leave)

    def _counting(self, loop: EventLoop) -> WatchFrames:
        """The ``wire`` of a conference in ``loop``: messages are counted in the loop of the demo."""
        return lambda _, text: loop.tell(partial(self._outcome.count, text))

    @asynccontextmanager
    async def _attending(
        self, person: Person, loop: EventLoop, enter: Callable[[], AbstractAsyncContextManager[Conference]], what: str
    ) -> AsyncIterator[None]:
        joined = anyio.Event()
        async with anyio.create_task_group() as tasks:
            async with self._stage.step(person.name, what):
                tasks.start_soon(loop.do, partial(person.attend, enter, joined.set))
                await joined.wait()
            yield  # the task ends by itself once the participant has left

    async def _converse(self, video: Source, audio: Source) -> None:
        """What the two do while both are there."""
        ada, bob = self._ada, self._bob
        camera_of_ada = await self._publish(ada, video, audio)
        camera_of_bob = await self._publish(bob, *camera("pattern", GUEST))
        sharing = partial(ada.conference.share_screen, screen("pattern", OWNER))
        shared = await ada.does("shares her screen", sharing)
        for stream in self._outcome.streams:
            await self._first_picture(stream)
        for person, other in ((bob, ada), (ada, bob)):
            await person.does("raises a hand", person.conference.raise_hand)
            await other.sees(person, "raise a hand", lambda one: one.hand_is_up)
            await person.does("lowers the hand", person.conference.lower_hand)
            await other.sees(person, "lower the hand", lambda one: not one.hand_is_up)
        await self._watch()
        await bob.does("turns the microphone off", partial(camera_of_bob.mute, video=False))
        await ada.sees(bob, "turn the microphone off", lambda one: not one.streams[VIDEO].audio)
        await bob.does("turns the microphone on", partial(camera_of_bob.unmute, video=False))
        await ada.sees(bob, "turn the microphone on", lambda one: one.streams[VIDEO].audio)
        await ada.does("turns the camera off", partial(camera_of_ada.mute, audio=False))
        await bob.sees(ada, "turn the camera off", lambda one: not one.streams[VIDEO].video)
        await ada.does("turns the camera on", partial(camera_of_ada.unmute, audio=False))
        await bob.sees(ada, "turn the camera on", lambda one: one.streams[VIDEO].video)
        await ada.does("stops sharing the screen", shared.stop)
        await bob.sees(ada, "stop sharing the screen", lambda one: SCREEN not in one.streams)

    async def _publish(self, person: Person, video: Source | None, audio: Source | None) -> Publication:
        publish = partial(person.conference.publish, video=video, audio=audio)
        return await person.does("publishes camera and microphone", publish)

    async def _first_picture(self, stream: WatchedStream) -> None:
        await self._stage.until(f"{stream.name}: a first picture", lambda: stream.received.video_frames > 0)

    async def _watch(self) -> None:
        """Let the streams run for some time, and check what arrives."""
        streams, stage = self._outcome.streams, self._stage
        before = [stream.received.video_frames for stream in streams]
        await anyio.sleep(self._seconds)
        for stream, count in zip(streams, before, strict=True):
            # Far fewer than are sent: a busy machine passes, a stream that has stopped does not.
            got, wanted = stream.received.video_frames - count, math.ceil(self._seconds)
            stage.check(f"{stream.name}: enough pictures", got >= wanted, f"{got} of at least {wanted}")
            stage.check(
                f"{stream.name}: every picture is its sender's", not stream.foreign, f"{stream.foreign} are not"
            )
            if stream.kind is VIDEO:
                stage.check(f"{stream.name}: sound arrives", stream.received.audio_frames > 0)
