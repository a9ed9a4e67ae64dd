"""Join a conference, publish a test picture and a tone, and print every picture that comes in.

Run: python examples/watch.py INVITATION_URL [SECONDS]
"""

from __future__ import annotations

import asyncio
import sys

import m3asyncio as m3


async def watch(conference: m3.Conference, event: m3.StreamStarted) -> None:
    """Print the pictures of one stream until it ends."""
    async with conference.subscribe(event.participant, event.media_session_type) as stream:
        async for frame in stream.video:
            print(f"{event.participant.display_name}: {frame.width}x{frame.height} at {frame.time:.2f} s", flush=True)


async def main(link: str, seconds: float | None) -> None:
    """Remain in the conference for ``seconds``, or until it ends."""
    async with m3.join(link, display_name="Watcher") as conference, asyncio.timeout(seconds):
        await conference.publish(video=m3.sources.pattern("Watcher"), audio=m3.sources.tone())
        async with asyncio.TaskGroup() as tasks:
            async for event in conference.events(m3.StreamStarted):
                tasks.create_task(watch(conference, event))


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else None))
    except TimeoutError:
        print("that was it")
