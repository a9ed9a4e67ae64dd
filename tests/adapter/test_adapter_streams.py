"""Iterators of frames: no frame is lost between `pop` and the wait, and the end of the stream ends the wait."""

from __future__ import annotations

import asyncio
import threading

import pytest
from house import in_loop

from m3asyncio.loop import BACKEND
from m3asyncio.received import ReceivedTrack
from m3core.client.streams import FrameStream


@in_loop
async def test_frames_from_another_thread() -> None:
    track: ReceivedTrack[int] = ReceivedTrack()
    stream = FrameStream(BACKEND, track)
    frames = aiter(stream)
    assert aiter(stream) is frames

    def put() -> None:
        for number in range(3):
            track.put(number)
        track.end()

    waiting = asyncio.create_task(anext(frames))
    await asyncio.sleep(0)
    thread = threading.Thread(target=put)
    thread.start()
    assert [await waiting] + [number async for number in stream] == [0, 1, 2]
    thread.join()
    assert stream.dropped == 0
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@in_loop
async def test_who_waits_for_a_frame_is_told_of_the_detaching() -> None:
    track: ReceivedTrack[int] = ReceivedTrack()
    stream = FrameStream(BACKEND, track)
    waiting = asyncio.create_task(anext(stream))  # without `aiter`: it listens all the same
    while stream._changed._event is None:
        await asyncio.sleep(0)
    stream.detach()
    with pytest.raises(StopAsyncIteration):
        await waiting
    track.put(1)
    assert [number async for number in stream] == []


def test_a_frame_for_a_loop_that_is_gone() -> None:
    track: ReceivedTrack[int] = ReceivedTrack()

    async def listen() -> None:
        aiter(FrameStream(BACKEND, track))

    asyncio.run(listen())
    track.put(1)
    track.end()


@in_loop
async def test_who_reads_a_full_queue_lets_others_run() -> None:
    track: ReceivedTrack[int] = ReceivedTrack()
    stream = FrameStream(BACKEND, track)
    iterator = aiter(stream)
    for number in range(3):
        track.put(number)
    ran: list[int] = []

    async def other() -> None:
        while True:
            ran.append(len(ran))
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    assert [await anext(iterator) for _ in range(3)] == [0, 1, 2]
    assert len(ran) >= 3
    task.cancel()
