"""Listeners are independent, and what goes wrong in the media engine is an event of the conference; on both loops."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import ModuleType

import anyio
import pytest
from patience import PATIENCE
from places import ADAPTERS

from m3asyncio import sources
from m3asyncio.media import MediaEngine
from m3asyncio.sfu import EmbeddedSfu
from m3core.client.conference import Conference
from m3core.conference.modules.conversations import ChatMessage
from m3core.limits import MAX_EVENTS

pytestmark = pytest.mark.usefixtures("nothing_is_left")
SOURCE = sources.pattern(width=64, height=48)


@asynccontextmanager
async def two(m3: ModuleType) -> AsyncIterator[tuple[Conference, Conference]]:
    """A server, an owner and a guest, in one loop."""
    with anyio.fail_after(PATIENCE):
        async with m3.serve() as server, m3.Account(server.base_url, server.owner) as account:
            meeting = await account.create_meeting(title="Two")
            link = await meeting.invite()
            async with meeting.start(display_name="Olga") as owner, m3.join(link, display_name="Gus") as guest:
                await owner.wait_for(m3.ParticipantJoined)
                yield owner, guest


@pytest.mark.parametrize("loop", ADAPTERS)
def test_a_stalled_listener_alone_overflows(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def main() -> None:
        async with two(m3) as (owner, guest):
            quick, stalled = owner.events(m3.ChatMessage), owner.events(m3.ChatMessage)
            other = owner.events(m3.HandRaised)
            await guest.chat("the first")
            first = await anext(quick)
            assert first.content == "the first"
            for _ in range(MAX_EVENTS):  # a flood, which no server would let through
                owner._session._notify(first)
                assert isinstance(await anext(quick), ChatMessage)
            for _ in range(MAX_EVENTS):
                await anext(stalled)
            for _ in range(2):
                with pytest.raises(m3.EventsOverflow, match=str(MAX_EVENTS)):
                    await anext(stalled)
            await guest.raise_hand()
            assert (await anext(other)).participant.id == guest.own.id
            await guest.chat("the last")
            assert (await anext(quick)).content == "the last"
        assert [event async for event in quick] == []

    anyio.run(main, backend=loop)


def in_engine(conference: Conference, function: Callable[[], object]) -> None:
    """Call it in the thread of the media engine."""
    engine: object = conference._session._media_engine  # its port does not know of threads
    assert isinstance(engine, MediaEngine)
    engine._thread.call(function)


def crash(conference: Conference) -> None:
    """Let the media engine's thread die, as a bug in a library would."""
    in_engine(conference, _die)


def _die() -> None:
    raise SystemExit("a bug")


@pytest.mark.usefixtures("mended_soon")
@pytest.mark.parametrize("loop", ADAPTERS)
def test_a_media_engine_that_crashes_ends_its_streams_and_not_the_conference(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def main() -> None:
        async with two(m3) as (owner, guest):
            publication = await guest.publish(video=SOURCE)
            await owner.wait_for(m3.StreamStarted)
            async with owner.subscribe(guest.own) as stream, owner.events(m3.SubscriptionStopped) as stopped:
                await anext(stream.video)
                crash(owner)
                assert "died" in (await anext(stopped)).reason
                async for _ in stream.video:
                    pass
            with pytest.raises(m3.MediaError, match="not running"):
                await owner.publish(video=SOURCE)
            with pytest.raises(m3.MediaError, match="not running"):
                async with owner.subscribe(guest.own):
                    pytest.fail("received by the dead")
            async with owner.events(m3.StreamStopped) as gone, guest.events(m3.PublicationStopped) as stopped:
                crash(guest)
                assert "died" in (await anext(stopped)).reason
                await anext(gone)
            with pytest.raises(m3.MediaError):
                await publication.replace(video=SOURCE)
            await guest.raise_hand()
            assert (owner.ended, guest.ended) == (None, None)

    anyio.run(main, backend=loop)


@pytest.mark.parametrize("is_early", [False, True])
@pytest.mark.parametrize("loop", ADAPTERS)
def test_a_crash_while_a_stream_is_opened_is_told_to_who_opens_it(loop: str, is_early: bool) -> None:
    """``is_early``: the thread dies before it has begun what was handed to it."""
    m3 = ADAPTERS[loop]

    async def main() -> None:
        async with two(m3) as (owner, guest):
            await guest.publish(video=SOURCE)
            await owner.wait_for(m3.StreamStarted)

            async def subscribe() -> None:
                with pytest.raises(m3.MediaError):
                    async with owner.subscribe(guest.own):
                        pytest.fail("received by the dead")

            async def publish() -> None:
                with pytest.raises(m3.MediaError):
                    await owner.publish(video=SOURCE)

            await owner._session.start_media()
            going_on = threading.Event()
            if is_early:
                in_engine(owner, going_on.wait)
                crash(owner)
            async with anyio.create_task_group() as group:
                group.start_soon(subscribe)
                group.start_soon(publish)
                while not (owner.state.subscriptions and owner.state.publications):
                    await anyio.sleep(0.001)
                going_on.set()
                if not is_early:
                    crash(owner)
            await owner.chat("it was only the media")

    anyio.run(main, backend=loop)


@pytest.mark.usefixtures("mended_soon")
@pytest.mark.parametrize("loop", ADAPTERS)
def test_an_sfu_that_crashes_ends_streams_and_nobody_hangs(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def main() -> None:
        with anyio.fail_after(PATIENCE):
            async with m3.serve() as server, m3.Account(server.base_url, server.owner) as account:
                meeting = await account.create_meeting(title="No SFU")
                async with meeting.start(display_name="Olga") as owner:
                    await owner.publish(video=SOURCE)
                    async with owner.events(m3.PublicationStopped) as stopped:
                        assert isinstance(server._sfu, EmbeddedSfu)
                        server._sfu._thread.call(_die)
                        await anext(stopped)
                    with pytest.raises(m3.M3Error):
                        await owner.publish(video=SOURCE)
                    await owner.raise_hand()

    anyio.run(main, backend=loop)
