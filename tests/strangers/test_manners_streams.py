"""Streams and a server that sends `webrtc_down` late, loses streams, or crashes; over sockets, on both loops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest
from extent import extent
from manners import Controller, Down, Manners, Sfu, controller
from manners_clients import ADAPTERS, BACKENDS, each_loop, run

from m3core.client.conference import Conference
from m3core.client.joining import Joiner
from m3core.conference import events
from m3core.conference.state import EndReason
from m3core.media import VideoFrame
from m3core.testing.adapter import Picture
from m3core.testing.stage import StagedBackend

pytestmark = pytest.mark.usefixtures("nothing_is_left")
OURS = (events.PublicationStopped, events.SubscriptionStopped, events.PeerMisbehaved, events.ServerRefused)


@asynccontextmanager
async def staged(loop: str, there: Controller, *names: str) -> AsyncIterator[tuple[list[Any], list[object]]]:
    """Conferences without media, and the events of theirs that no test expects."""
    told: list[object] = []

    def note(event: object) -> None:
        if isinstance(event, OURS):
            told.append(event)

    async with AsyncExitStack() as stack:
        yield (
            [
                await stack.enter_async_context(
                    Joiner(StagedBackend(BACKENDS[loop])).join(there.link, display_name=name, observe=note)
                )
                for name in names
            ],
            told,
        )


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that broke is begun anew almost at once."""
    monkeypatch.setattr("m3core.conference.mending.STREAM_RENEWAL_DELAY", 0.01)


# -- stop and publish again ---
@pytest.mark.soak
@pytest.mark.parametrize("down", Down)
@each_loop
def test_stop_and_publish(loop: str, down: Down) -> None:
    """The new stream lives, whenever `webrtc_down` of the old one comes."""

    async def scenario(there: Controller) -> None:
        async with staged(loop, there, "Ada") as ((ada,), told):
            for _ in range(extent(whole=200, part=10)):
                publication = await ada.publish(video=Picture())
                await publication.stop()
                if down is Down.HELD:
                    there.release_downs()
            publication = await ada.publish(video=Picture())
            there.release_downs()
            await ada.chat("all messages before this one have come")
            assert [one.is_live for one in ada.state.publications] == [True]
            assert [one for one in told if not (isinstance(one, events.PublicationStopped) and not one.reason)] == []

    with controller(Manners(webrtc_down=down)) as there:
        run(loop, lambda: scenario(there))


# -- streams that break ---
@pytest.mark.usefixtures("at_once")
@each_loop
def test_a_media_server_that_restarts(loop: str) -> None:
    """Without media: the publisher and the subscriber go on, and learn only that the stream is live again."""

    async def scenario(there: Controller) -> None:
        async with staged(loop, there, "Ada", "Bob") as ((ada, bob), told):
            await ada.publish(video=Picture())
            await bob.wait_for(events.StreamStarted)
            async with (
                bob.subscribe(ada.own),
                ada.events(events.PublicationStarted) as live,
                bob.events(events.StreamStopped, events.StreamStarted) as seen,
            ):
                await anext(seen)  # the stream that runs already
                there.restart_sfu()
                await anext(live)
                assert isinstance(await anext(seen), events.StreamStopped)
                assert isinstance(await anext(seen), events.StreamStarted)
                while not [one for one in bob.state.subscriptions if one.is_live]:
                    await anyio.sleep(0.001)
                assert told == []
                there.restart_sfu()  # a second break within a minute ends streams
                while len(told) < 2:
                    await anyio.sleep(0.001)
            reasons = {type(one): one.reason for one in told}  # type: ignore[attr-defined]
            assert reasons == {
                events.PublicationStopped: "the media connection ended",
                events.SubscriptionStopped: "the publisher stopped the stream",
            }

    with controller() as there:
        run(loop, lambda: scenario(there))


async def frames(stream: AsyncIterator[VideoFrame], count: int) -> None:
    """Receive so many pictures."""
    for _ in range(count):
        await anext(stream)


@pytest.mark.usefixtures("at_once")
@each_loop
def test_pictures_go_on_where_a_media_server_restarts(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def scenario(there: Controller) -> None:
        source = m3.sources.pattern(width=64, height=48, fps=10)
        async with (
            m3.join(there.link, display_name="Ada") as ada,
            m3.join(there.link, display_name="Bob") as bob,
            bob.events(m3.SubscriptionStopped) as stopped,
        ):
            publication = await ada.publish(video=source)
            await bob.wait_for(m3.StreamStarted)
            async with bob.subscribe(ada.own) as stream, ada.events(m3.PublicationStarted) as live:
                reader = aiter(stream.video)
                await frames(reader, 2)
                there.restart_sfu()
                await anext(live)
                while not [one for one in bob.state.subscriptions if one.is_live]:
                    await anyio.sleep(0.001)
                await frames(reader, 12)  # more than may be in the queue
                await publication.stop()
                assert (await anext(stopped)).reason == "the publisher stopped the stream"
                async for _ in reader:
                    pass

    with controller(Manners(sfu=Sfu.RELAY)) as there:
        run(loop, lambda: scenario(there))


@pytest.mark.usefixtures("at_once")
@each_loop
def test_a_second_subscription_takes_the_stream_over(loop: str) -> None:
    """A second subscription takes the stream over, and the reader of the first one ends."""

    async def scenario(there: Controller) -> None:
        async with staged(loop, there, "Ada", "Bob") as ((ada, bob), told), anyio.create_task_group() as tasks:
            begun, over = [0], anyio.Event()

            async def read(conference: Conference) -> None:
                begun[0] += 1
                async with conference.subscribe(ada.own) as stream:
                    async for _ in stream.video:
                        pass
                over.set()

            await ada.publish(video=Picture())
            async with bob.events(events.StreamStarted) as started:
                for _ in range(2):
                    await anext(started)
                    tasks.start_soon(read, bob)
                    while not [one for one in bob.state.subscriptions if one.is_live and not one.is_parked]:
                        await anyio.sleep(0.001)
                    if begun == [1]:
                        there.restart_sfu()
            await over.wait()
            assert begun == [2]
            assert [(one.is_live, one.is_parked) for one in bob.state.subscriptions] == [(True, False)]
            assert told == []
            tasks.cancel_scope.cancel()

    with controller() as there:
        run(loop, lambda: scenario(there))


# -- connections that are lost ---
def cut(there: Controller, *names: str) -> None:
    """Cut connections at the same time: none of them receives that another one was lost."""
    wires = [there.room.person(name).wire() for name in names]
    for wire in wires:
        wire._writer.transport.abort()
    for wire in wires:
        wire.abort()


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("order", [("Ada", "Bob"), ("Bob", "Ada")])
@each_loop
def test_a_loss_that_hits_both(loop: str, order: tuple[str, str]) -> None:
    """Both keep their subscriptions, in whichever order they come back."""

    async def scenario(there: Controller) -> None:
        async with staged(loop, there, "Ada", "Bob") as ((ada, bob), told):
            for one in (ada, bob):
                await one.publish(video=Picture())
            for one, other in ((ada, bob), (bob, ada)):
                await one.wait_for(
                    events.StreamStarted, where=lambda event, other=other: event.participant.id == other.own.id
                )
            async with ada.subscribe(bob.own), bob.subscribe(ada.own), ada.events(events.Resumed) as resumed:
                there.do(lambda: cut(there, *order))
                await anext(resumed)
                while not all(
                    one.is_live for each in (ada, bob) for one in (*each.state.publications, *each.state.subscriptions)
                ):
                    await anyio.sleep(0.001)
                assert [len(one.state.subscriptions) for one in (ada, bob)] == [1, 1]
                assert told == []

    with controller() as there:
        run(loop, lambda: scenario(there))


@pytest.mark.usefixtures("soon")
@each_loop
def test_a_crashed_controller_is_entered_as_somebody_new(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client publishes as a new participant. Subscriptions to the old one, whom nobody removes, end."""
    monkeypatch.setattr("m3core.conference.backoff.SESSION_RUNNING_PATIENCE", 0.5)
    monkeypatch.setattr("m3core.conference.backoff.RECONNECT_MIN", 0.05)

    async def scenario(there: Controller) -> None:
        async with staged(loop, there, "Ada", "Bob") as ((ada, bob), told):
            await ada.publish(video=Picture())
            await bob.wait_for(events.StreamStarted)
            before = ada.own.id
            async with (
                bob.subscribe(ada.own),
                ada.events(events.Resumed) as resumed,
                ada.events(events.PublicationStarted) as live,
                bob.events(events.StreamStarted) as seen,
                bob.events(events.SubscriptionStopped) as stopped,
            ):
                await anext(seen)
                there.crash()
                back = await anext(resumed)
                assert (back.same_id, back.previous_id) == (False, before)
                await anext(live)
                assert "invalid_request_offer" in (await anext(stopped)).reason
                while True:
                    present = bob.state.participants
                    found = [one for one in present.values() if one.display_name == "Ada" and one.id != before]
                    if found and found[0].streams:
                        break
                    await anyio.sleep(0.001)
            async with bob.subscribe(found[0]):
                assert found[0].id == ada.own.id
            asked = [one for _, one in there.heard("Bob") if one.get("target") == before]
            assert [one["action"] for one in asked if one["action"] == "subscribe"] == ["subscribe"]
            assert [type(one) for one in told] == [events.SubscriptionStopped]

    with controller(Manners(session_running=1e6)) as there:
        run(loop, lambda: scenario(there))


# -- the end of the conference ---
@pytest.mark.parametrize(("message", "reason"), [("kicked", EndReason.KICKED), ("banned", EndReason.BANNED)])
@each_loop
def test_a_conference_ends_though_the_server_never_closes(loop: str, message: str, reason: EndReason) -> None:
    async def scenario(there: Controller) -> None:
        async with staged(loop, there, "Ada") as ((ada,), _), ada.events(events.Ended) as ended:
            there.say("Ada", "moderation", {"message": message})
            assert (await anext(ended)).reason is reason

    with controller() as there, pytest.raises(Exception, match=reason.value):
        run(loop, lambda: scenario(there))
