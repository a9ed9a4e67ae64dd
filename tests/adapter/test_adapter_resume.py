"""A real client whose WebSocket is cut: the same objects go on."""

from __future__ import annotations

import asyncio

import pytest
from house import house, in_loop
from patience import PATIENCE

import m3asyncio as m3
from m3asyncio.loop import connect_websocket
from m3core.client.transports import WebSocket
from m3core.conference.state import Phase
from m3core.values import MediaSessionType


class Cable:
    """A WebSocket transport that can be cut."""

    def __init__(self) -> None:
        self.sockets: list[WebSocket] = []

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        self.sockets.append(await connect_websocket(url, subprotocols))
        return self.sockets[-1]

    async def cut(self) -> None:
        """Abort the present connection."""
        await self.sockets[-1].close(None)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the first attempt to reconnect come at once."""
    monkeypatch.setattr("m3core.client.joining.Joining._random", lambda _: 0.0)


async def frames(stream: m3.FrameStream[m3.VideoFrame], count: int) -> None:
    """Wait for so many more pictures."""
    async for _ in stream:
        count -= 1
        if not count:
            return
    raise AssertionError("the stream ended")


@in_loop
async def test_frames_flow_again_after_the_websocket_was_cut() -> None:
    cable = Cable()
    async with (
        house() as here,
        here.meeting.start(display_name="Olga") as owner,
        m3.join(here.link, display_name="Gus", connect=cable.connect) as guest,
        guest.events(m3.ConnectionLost, m3.Resumed, m3.SubscriptionStopped, m3.PublicationStopped) as told,
    ):
        await owner.publish(video=m3.sources.pattern(width=64, height=48))
        publication = await guest.publish(video=m3.sources.pattern(width=64, height=48))
        await publication.mute(video=False, audio=True)
        await guest.wait_for(m3.StreamStarted, timeout=PATIENCE)
        async with guest.subscribe(owner.own) as received:
            await frames(received.video, 3)
            before = publication.stats.video.frames_sent
            await cable.cut()
            assert isinstance(await anext(told), m3.ConnectionLost)
            assert guest.state.phase is Phase.RECONNECTING
            with pytest.raises(m3.LocalProtocolError, match="reconnecting"):
                await guest.raise_hand()
            with pytest.raises(m3.LocalProtocolError, match="reconnecting"):
                await publication.mute()
            assert publication._sending == [False, True]
            resumed = await anext(told)
            assert isinstance(resumed, m3.Resumed)
            assert resumed.participant == guest.own
            assert resumed.same_id
            arrived = received.stats.video.frames_received
            while received.stats.video.frames_received < arrived + 5:
                await frames(received.video, 1)
            again = await owner.wait_for(
                m3.StreamStarted, where=lambda event: event.participant.id == guest.own.id, timeout=PATIENCE
            )
            async with owner.subscribe(again.participant) as seen:
                await frames(seen.video, 3)
            assert publication.stats.video.frames_sent > before
        await publication.stop()
        assert len(cable.sockets) == 2


@in_loop
async def test_leaving_while_reconnecting() -> None:
    cable = Cable()
    async with house() as here, m3.join(here.link, display_name="Gus", connect=cable.connect) as guest:
        lost = guest.events(m3.ConnectionLost)
        await cable.cut()
        await anext(lost)
    assert guest.ended is m3.EndReason.LEFT


@in_loop
async def test_a_publication_that_is_under_way_survives_the_cut() -> None:
    cable = Cable()
    async with house() as here, m3.join(here.link, display_name="Gus", connect=cable.connect) as guest:
        publishing = asyncio.create_task(guest.publish(video=m3.sources.pattern(width=64, height=48)))
        while not guest.state.publications:
            await asyncio.sleep(0.01)
        await cable.cut()
        publication = await publishing
        (state,) = guest.state.publications
        assert state.is_live
        assert state.media_session_type is publication.media_session_type is MediaSessionType.VIDEO
