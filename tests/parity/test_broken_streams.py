"""A path that is lost at one end: real media goes on with the same sources and readers, on both loops."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest
from patience import PATIENCE
from places import ADAPTERS

from m3asyncio import sources
from m3core.client.conference import Conference
from m3core.io import Down
from m3core.media import VideoFrame

pytestmark = pytest.mark.usefixtures("nothing_is_left", "mended_soon")
SOURCE = sources.pattern(width=64, height=48)


async def frames(reader: AsyncIterator[VideoFrame], count: int) -> None:
    """Wait for so many pictures."""
    for _ in range(count):
        await anext(reader)


@pytest.fixture(autouse=True)
def _publishers_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publisher whose stream broke may take longer than 3 s to publish again, on a machine that is busy."""
    monkeypatch.setattr("m3core.conference.returning.PUBLISHER_RENEWAL", PATIENCE)


def lose_path(conference: Conference) -> None:
    """Let the media engine lose its path to the server, which does not notice."""
    engine = conference._session.engine
    (session,) = (*engine.publications.all(), *engine.subscriptions.all())
    conference._session.driver.media_report(Down(session.peer))


@pytest.mark.parametrize("at", ["publisher", "subscriber"])
@pytest.mark.parametrize("loop", ADAPTERS)
def test_a_path_that_is_lost_at_one_end(loop: str, at: str) -> None:
    m3 = ADAPTERS[loop]
    told: list[object] = []

    def note(event: object) -> None:
        if isinstance(event, (m3.PublicationStopped, m3.SubscriptionStopped, m3.PeerMisbehaved, m3.ServerRefused)):
            told.append(event)

    def is_live(conference: Conference) -> bool:
        state = conference.state
        return all([one.is_live for one in state.publications] + [one.is_live for one in state.subscriptions])

    async def main() -> None:
        async with m3.serve() as server, m3.Account(server.base_url, server.owner) as account:
            meeting = await account.create_meeting(title="Lost")
            link = await meeting.invite()
            async with (
                meeting.start(display_name="Olga", observe=note) as owner,
                m3.join(link, display_name="Gus", observe=note) as guest,
            ):
                await owner.publish(video=SOURCE)
                await guest.wait_for(m3.StreamStarted)
                async with guest.subscribe(owner.own) as stream:
                    reader = aiter(stream.video)
                    await frames(reader, 3)
                    lost = owner if at == "publisher" else guest
                    await anyio.to_thread.run_sync(lose_path, lost)
                    while is_live(lost):
                        await anyio.sleep(0.001)
                    while not is_live(lost):
                        await anyio.sleep(0.001)
                    await frames(reader, 40)  # more than those that waited
                assert told == []

    async def bounded() -> None:
        with anyio.fail_after(PATIENCE):
            await main()

    anyio.run(bounded, backend=loop)
