"""The test controller with default switches: our clients hold a conference with it, on both loops."""

from __future__ import annotations

import pytest
from manners import Controller, Manners, Sfu, controller
from manners_clients import ADAPTERS, BACKENDS, each_loop, run

from m3asyncio import sources
from m3core.client.joining import Joiner
from m3core.testing.stage import StagedBackend

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@each_loop
def test_two_meet_and_talk(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def scenario(there: Controller) -> None:
        async with m3.Account(there.base_url, "a-token") as account:
            await account.me()
            meeting = await account.create_meeting(title="Manners")
            assert await meeting.invite() == there.link
            async with meeting.start(display_name="Olga") as olga, m3.join(there.link, display_name="Ada") as ada:
                async with ada.events(m3.ChatMessage) as messages:
                    await olga.chat("hello")
                    assert (await anext(messages)).content == "hello"
                await ada.raise_hand()
                await there.seen(lambda: True if there.room.person("Ada").hand else None)
                assert there.people() == ["Olga", "Ada"]
            assert there.people() == []

    with controller() as there:
        run(loop, lambda: scenario(there))


@each_loop
def test_streams_by_script(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def scenario(there: Controller) -> None:
        joiner = Joiner(StagedBackend(BACKENDS[loop]))
        async with (
            joiner.join(there.link, display_name="Ada") as ada,
            joiner.join(there.link, display_name="Bob") as bob,
        ):
            publication = await ada.publish(video=sources.pattern())
            started = await bob.wait_for(m3.StreamStarted)
            async with bob.subscribe(started.participant), bob.events(m3.StreamStopped) as told:
                await publication.stop()
                await anext(told)

    with controller() as there:
        run(loop, lambda: scenario(there))


@each_loop
def test_streams_by_relay(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def scenario(there: Controller) -> None:
        async with m3.join(there.link, display_name="Ada") as ada, m3.join(there.link, display_name="Bob") as bob:
            await ada.publish(video=sources.pattern(width=64, height=48))
            await bob.wait_for(m3.StreamStarted)
            async with bob.subscribe(ada.own) as stream:
                await anext(stream.video)

    with controller(Manners(sfu=Sfu.RELAY)) as there:
        run(loop, lambda: scenario(there))
