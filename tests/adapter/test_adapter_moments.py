"""Streams whose caller is cancelled in the moment in which the call succeeds, or is refused; on both loops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from test_parity import run_asyncio, run_trio

from m3core.client.conference import Conference
from m3core.client.loop import Backend
from m3core.errors import LocalProtocolError
from m3core.io import CallDone
from m3core.testing import Stage
from m3core.testing.adapter import Picture
from m3core.testing.client import Client
from m3core.values import MediaSessionType

Check = Callable[[Backend], Awaitable[object]]
each_loop = pytest.mark.parametrize("run", [run_asyncio, run_trio])


def staged(backend: Backend) -> tuple[Stage, Client]:
    """A stage on which Ada publishes."""
    stage = Stage(backend)
    (ada,) = stage.joined("Ada")
    ada.publish()
    stage.settle()
    return stage, ada


async def cancelled_as_it_ends(bob: Conference, work: Callable[[], Awaitable[object]]) -> None:
    """Run ``work``, which is cancelled in the moment in which its call ends."""
    driver, backend = bob._session.driver, bob._session.backend
    finish = driver._finish

    async def run() -> None:
        async with backend.timeout(None) as timeout:

            def cancel(done: CallDone) -> None:
                driver._finish = finish  # type: ignore[method-assign]
                assert done.error is None
                timeout.cancel()
                finish(done)

            driver._finish = cancel  # type: ignore[method-assign]
            await work()

    with pytest.raises(TimeoutError):
        await run()


@each_loop
def test_a_publish_that_succeeds_as_it_is_cancelled_is_taken_back(run: Callable[[Check], object]) -> None:
    async def check(backend: Backend) -> None:
        stage, _ada = staged(backend)
        async with stage.join("Bob") as bob:
            await cancelled_as_it_ends(bob, lambda: bob.publish(video=Picture()))
            assert bob.state.publications == ()
            (engine,) = stage.backend.engines
            assert engine.sources == {}
            await bob.publish(video=Picture())

    run(check)


@each_loop
def test_a_publish_that_is_refused_gives_its_sources_back(run: Callable[[Check], object]) -> None:
    async def check(backend: Backend) -> None:
        stage, _ada = staged(backend)
        async with stage.join("Bob") as bob:
            await bob.publish(video=Picture())
            (engine,) = stage.backend.engines
            sources = dict(engine.sources)
            with pytest.raises(LocalProtocolError):
                await bob.publish(video=Picture())
            assert engine.sources == sources
            assert len(bob.state.publications) == 1

    run(check)


@each_loop
def test_a_subscribe_that_succeeds_as_it_is_cancelled_is_parked(run: Callable[[Check], object]) -> None:
    async def check(backend: Backend) -> None:
        stage, ada = staged(backend)
        async with stage.join("Bob") as bob:

            async def look() -> None:
                async with bob.subscribe(ada.id):
                    raise AssertionError("cancelled before")

            await cancelled_as_it_ends(bob, look)
            assert [one.is_parked for one in bob.state.subscriptions] == [True]
            assert bob._session._readers == {}

    run(check)


@each_loop
def test_the_end_of_an_old_subscription_leaves_the_one_that_took_over(run: Callable[[Check], object]) -> None:
    async def check(backend: Backend) -> None:
        stage, ada = staged(backend)
        async with stage.join("Bob") as bob:
            engine = bob._session.engine
            old, new = bob.subscribe(ada.id), bob.subscribe(ada.id)
            async with old:
                bob._session.driver.feed(lambda now: engine.park(ada.id, MediaSessionType.VIDEO, now))
                await new.__aenter__()
                with pytest.raises(StopAsyncIteration):
                    await anext(old.video)
            assert [one.is_parked for one in bob.state.subscriptions] == [False]
            await new.__aexit__()
            assert [one.is_parked for one in bob.state.subscriptions] == [True]

    run(check)


@each_loop
def test_each_track_is_muted_and_unmuted_by_itself(run: Callable[[Check], object]) -> None:
    async def check(backend: Backend) -> None:
        stage, _ada = staged(backend)
        async with stage.join("Bob") as bob:
            publication = await bob.publish(video=Picture(), audio=Picture())
            heard: list[tuple[bool, bool]] = []
            for turn in (
                publication.mute(video=False),
                publication.mute(audio=False),
                publication.unmute(video=False),
                publication.unmute(),
            ):
                await turn
                (state,) = bob.state.publications
                heard.append((state.audio, state.video))
            assert heard == [(False, True), (False, False), (True, False), (True, True)]

    run(check)
