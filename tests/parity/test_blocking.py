"""No call of a server or client blocks the event loop, on asyncio and on trio."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from types import ModuleType

import anyio
import pytest
from blockbuster import BlockingError
from blocked_calls import watching
from patience import PATIENCE
from places import ADAPTERS

pytestmark = pytest.mark.usefixtures("nothing_is_left")


async def visit(m3: ModuleType) -> None:
    """Serve, join, publish, subscribe, chat, leave; all in one loop."""
    with anyio.fail_after(PATIENCE):
        async with m3.serve() as server, m3.Account(server.base_url, server.owner) as account:
            meeting = await account.create_meeting(title="Watched")
            link = await meeting.invite()
            async with meeting.start(display_name="Olga") as owner, m3.join(link, display_name="Gus") as guest:
                async with guest.events(m3.ChatMessage) as said:
                    await owner.chat("hello")
                    await anext(said)
                publication = await owner.publish(
                    video=m3.sources.pattern(width=64, height=48), audio=m3.sources.tone()
                )
                await guest.wait_for(m3.StreamStarted)
                async with guest.subscribe(owner.own) as stream:
                    for _ in range(3):
                        await anext(stream.video)
                        await anext(stream.audio)
                    assert stream.stats.video.frames_received >= 3
                await publication.mute()
                await publication.replace(video=m3.sources.pattern(width=64, height=48))
                await publication.stop()
                await guest.leave()


def run(monkeypatch: pytest.MonkeyPatch, loop: str, main: Callable[..., Awaitable[None]], *args: object) -> list[str]:
    """Run a coroutine function, and name what it blocks on."""
    with watching(monkeypatch) as watch:
        options = {"instruments": [watch]} if loop == "trio" else {}
        try:
            anyio.run(main, *args, backend=loop, backend_options=options)
        except BaseException:
            assert watch.blocked == []
            raise
    return watch.blocked


@pytest.mark.parametrize("loop", ADAPTERS)
def test_no_call_blocks(monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    assert run(monkeypatch, loop, visit, ADAPTERS[loop]) == []


@pytest.mark.parametrize("loop", ADAPTERS)
def test_a_call_that_blocks_is_named_with_its_task(monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    async def sleepy() -> None:
        with pytest.raises(BlockingError):
            sleep()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(sleepy)

    def sleep() -> None:
        time.sleep(1.0)

    (blocked,) = run(monkeypatch, loop, main)
    assert "sleepy" in blocked
    assert blocked.endswith("time.sleep")
