"""The checked conference, from the first login until both have left and every message was looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import anyio
from checker_conversation import GUEST, OWNER, Conversation
from checker_probe import StreamProbe
from checker_speaking import Speaking
from checker_stage import CheckedStage, Seat
from checker_steps import missing_steps
from checker_wire import NotingHttp, Scribe, noting_connect

from m3asyncio.cli.demo_loop import EventLoop, OwnLoop
from m3core.client.account import Meeting
from m3core.client.conference import Conference
from m3core.client.transports import HttpTransport
from m3core.conference.events import ParticipantJoined, ParticipantLeft
from m3core.controller.config import ControllerConfig
from m3core.controller.features import Feature, FeatureLevel


class Scenario:
    """Ada, whose loop is that of the stage and of the server, invites Bob, who may live in another one."""

    def __init__(self, stage: CheckedStage, home: OwnLoop, guest: EventLoop, level: FeatureLevel) -> None:
        self.probes: list[StreamProbe] = []
        self._stage = stage
        self._home = home
        self._guest = guest
        self._speaking_is_told = level.has(Feature.SPEAKING_STATE)
        self._config = ControllerConfig(web_url="", feature_level=level)
        self._ada = Scribe(stage.notes, OWNER, home.tell)
        self._bob = Scribe(stage.notes, GUEST, guest.tell)

    async def play(self, seconds: float) -> None:
        """Hold the conference. Raises `DemoFailed`, and whatever the library raises, in groups."""
        stage, adapter = self._stage, self._home.adapter
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(adapter.serve(config=self._config))
            loops = f"{OWNER} on {adapter.loop}, {GUEST} on {self._guest.adapter.loop}"
            stage.line("server", f"controller and SFU at {server.base_url}", loops)
            http = await stack.enter_async_context(aclosing(NotingHttp(adapter.backend.http(local=True), self._ada)))
            account = await stack.enter_async_context(adapter.account(server.base_url, server.owner, http=http))
            async with stage.step(OWNER, "logs in with a token"):
                await account.me()
            async with stage.step(OWNER, "creates an event"):
                meeting = await account.create_meeting(title="Demo")
            async with stage.step(OWNER, "invites"):
                link = await meeting.invite()

            async def owner_enters(undo: AsyncExitStack) -> Conference:
                return await self._start(meeting, http, undo)

            async def guest_enters(undo: AsyncExitStack) -> Conference:
                return await self._join(link, undo)

            async with self._seat(OWNER, self._home, owner_enters, "starts the conference") as ada:
                async with self._seat(GUEST, self._guest, guest_enters, "joins with the invitation URL") as bob:
                    await ada.sees(ParticipantJoined, "Bob join", lambda event: event.participant.id == bob.id)
                    speaking = Speaking(stage, (ada, bob), is_told=self._speaking_is_told)
                    await Conversation(stage, self.probes, ada, bob, seconds, speaking).hold()
                    async with stage.step(GUEST, "leaves"):
                        await bob.does(bob.conference.leave)
                await ada.sees(ParticipantLeft, "Bob leave", lambda event: event.participant.display_name == GUEST)
                async with stage.step(OWNER, "leaves"):
                    await ada.does(ada.conference.leave)
        missing = missing_steps(stage.notes, OWNER, GUEST, speaking_is_told=self._speaking_is_told)
        stage.check("every step of the capture is on the wire", not missing, "; ".join(missing))

    async def _start(self, meeting: Meeting, http: HttpTransport, undo: AsyncExitStack) -> Conference:
        tasks = await undo.enter_async_context(self._home.adapter.backend.tasks())
        connect = noting_connect(tasks.connect, self._ada)
        return await undo.enter_async_context(meeting.start(display_name=OWNER, http=http, connect=connect))

    async def _join(self, link: str, undo: AsyncExitStack) -> Conference:
        """Called in the event loop of the guest."""
        adapter = self._guest.adapter
        http = await undo.enter_async_context(aclosing(NotingHttp(adapter.backend.http(local=True), self._bob)))
        tasks = await undo.enter_async_context(adapter.backend.tasks())
        connect = noting_connect(tasks.connect, self._bob)
        return await undo.enter_async_context(adapter.joiner.join(link, display_name=GUEST, http=http, connect=connect))

    @asynccontextmanager
    async def _seat(
        self, name: str, loop: EventLoop, enter: Callable[[AsyncExitStack], Awaitable[Conference]], what: str
    ) -> AsyncIterator[Seat]:
        seat, joined = Seat(name, self._stage, loop), anyio.Event()
        async with anyio.create_task_group() as tasks:
            async with self._stage.step(name, what):
                tasks.start_soon(loop.do, lambda: seat.sit(enter, joined.set))
                await joined.wait()
            yield seat
            await seat.does(seat.get_up)
