"""Programs interrupted while real media runs: threads end, sockets close, and the interruption itself is raised."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable

import psutil
import pytest
from house import house, in_loop

import m3asyncio as m3


async def _watch(on_first_frame: Callable[[], None]) -> None:
    """Two participants; one receives the other's stream until something happens."""
    async with house() as here, here.two() as (owner, guest):
        await guest.publish(video=m3.sources.pattern(), audio=m3.sources.tone())
        await owner.wait_for(m3.StreamStarted)
        async with owner.subscribe(guest.own) as stream:
            async for _ in stream.video:
                on_first_frame()


def _udp() -> int:
    return len(psutil.Process().net_connections("udp"))


@in_loop
async def test_a_cancelled_conference_with_media_leaves_nothing() -> None:
    threads, udp = set(threading.enumerate()), _udp()
    watching = asyncio.Event()
    task = asyncio.create_task(_watch(watching.set))
    await watching.wait()
    names = {thread.name for thread in threading.enumerate()}
    assert {"m3-media", "m3-sfu"} <= names
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()
    assert {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")} <= threads
    assert _udp() == udp
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_ctrl_c_while_media_runs() -> None:
    threads = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(_watch(lambda: signal.raise_signal(signal.SIGINT)), debug=True)
    assert set(threading.enumerate()) <= threads


@in_loop
async def test_publishing_and_leaving_in_one_breath() -> None:
    async with house() as here:
        async with m3.join(here.link, display_name="Gus") as guest:
            publishing = asyncio.create_task(guest.publish(video=m3.sources.pattern()))
            while guest._session._media_engine is None:
                await asyncio.sleep(0)
        with pytest.raises((m3.CallError, m3.LocalProtocolError)):
            await publishing
        assert "m3-media" not in {thread.name for thread in threading.enumerate()}
