"""The demo from the first login to the last goodbye."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from m3asyncio.cli.demo_conversation import GUEST, OWNER, Clip, Conversation, Played
from m3asyncio.cli.demo_stage import Seat, Stage
from m3asyncio.cli.demo_steps import missing_steps
from m3asyncio.cli.demo_wire import NotingHttp, noting_connect
from m3asyncio.client import Account, join
from m3asyncio.server import serve
from m3core.client.joining import Joining
from m3core.conference.events import ParticipantJoined, ParticipantLeft


async def play(stage: Stage, played: Played, seconds: float, clip: Clip | None) -> None:
    """Hold the conference. Raises `DemoFailed`, and whatever the library raises."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve())
        stage.line("server", f"controller and SFU at {server.base_url}")
        owner_http = await stack.enter_async_context(aclosing(NotingHttp(stage.log, OWNER)))
        guest_http = await stack.enter_async_context(aclosing(NotingHttp(stage.log, GUEST)))
        account = await stack.enter_async_context(Account(server.base_url, server.owner, http=owner_http))
        async with stage.step(OWNER, "logs in with a token"):
            await account.me()
        async with stage.step(OWNER, "creates an event"):
            meeting = await account.create_meeting(title="Demo")
        async with stage.step(OWNER, "invites"):
            link = await meeting.invite()
        owner_joins = meeting.start(
            display_name=OWNER,
            http=owner_http,
            connect=noting_connect(stage.log, OWNER),
        )
        guest_joins = join(
            link,
            display_name=GUEST,
            http=guest_http,
            connect=noting_connect(stage.log, GUEST),
        )
        async with _seat(stage, OWNER, owner_joins, "starts the conference") as ada:
            async with _seat(stage, GUEST, guest_joins, "joins with the invitation URL") as bob:
                await ada.sees(ParticipantJoined, "Bob join", lambda event: event.participant.id == bob.id)
                await Conversation(stage, played, ada, bob, seconds, clip).hold()
                async with stage.step(GUEST, "leaves", sends="WebSocket close"):
                    await bob.conference.leave()
            await ada.sees(ParticipantLeft, "Bob leave", lambda event: event.participant.display_name == GUEST)
            async with stage.step(OWNER, "leaves", sends="WebSocket close"):
                await ada.conference.leave()
    missing = missing_steps(stage.log.notes, OWNER, GUEST)
    stage.check("every step of the capture is on the wire", not missing, "; ".join(missing))


@asynccontextmanager
async def _seat(stage: Stage, name: str, joining: Joining, what: str) -> AsyncIterator[Seat]:
    async with AsyncExitStack() as outer:
        async with stage.step(name, what):
            conference = await outer.enter_async_context(joining)
        async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
            seat = Seat(name, stage, conference, stack)
            listening = tasks.create_task(seat.listen())
            try:
                yield seat
            finally:
                if conference.ended is None:
                    listening.cancel()
