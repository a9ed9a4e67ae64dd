"""The contract of the engines holds on another event loop: a driver on bare trio, a controller on asyncio."""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from house import House, house
from patience import PATIENCE
from trio_driver import TrioDriver

import m3asyncio as m3
from m3core.conference.engine import Conference
from m3core.conference.entrance import GuestEntrance
from m3core.conference.state import EndReason, Phase
from m3core.io import CallId
from m3core.rest.link import InviteLink
from m3core.values import MediaSessionType, Secret


@contextmanager
def served(password: str | None = None) -> Iterator[tuple[asyncio.AbstractEventLoop, House]]:
    """A `House` in a thread with an event loop of its own."""
    started = threading.Event()
    found: list[tuple[asyncio.AbstractEventLoop, House, asyncio.Event]] = []

    async def main() -> None:
        async with house(password=password) as here:
            stop = asyncio.Event()
            found.append((asyncio.get_running_loop(), here, stop))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main(), debug=True))
    thread.start()
    assert started.wait(PATIENCE)
    loop, here, stop = found[0]
    try:
        yield loop, here
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()


async def call(driver: TrioDriver, give: Callable[[float], CallId | tuple[CallId, object]]) -> object:
    """Give a command and wait for its end."""
    calls: list[CallId] = []

    def note(now: float) -> None:
        made = give(now)
        calls.append(made[0] if isinstance(made, tuple) else made)

    await driver.feed(note)
    await until(driver, lambda: calls[0] in driver.done)
    done = driver.done.pop(calls[0])
    if done.error is not None:
        raise done.error
    return done.result


async def until(driver: TrioDriver, holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    while not holds():
        await driver.changed.wait()


def entrance(here: House, password: str | None = None) -> GuestEntrance:
    """The entrance of a guest."""
    code = InviteLink.parse(here.link).invite_code
    return GuestEntrance(
        base_url=here.server.base_url, invite_code=code, password=None if password is None else Secret(password)
    )


async def asyncio_guest(loop: asyncio.AbstractEventLoop, here: House, name: str) -> None:
    """A guest on the asyncio loop, who joins, raises a hand, and leaves."""

    async def come_and_go() -> None:
        async with m3.join(here.link, display_name=name) as guest:
            await guest.wait_for(m3.ParticipantJoined, timeout=PATIENCE)
            await guest.raise_hand()

    await trio.to_thread.run_sync(asyncio.run_coroutine_threadsafe(come_and_go(), loop).result)


def test_a_trio_client_joins_raises_a_hand_sees_others_and_leaves() -> None:
    with served() as (loop, here):

        async def main() -> None:
            with trio.fail_after(PATIENCE):
                async with trio.open_nursery() as nursery:
                    engine = Conference(entrance(here), display_name="Tria")
                    driver = TrioDriver(engine, nursery)
                    nursery.start_soon(driver.run)
                    await call(driver, engine.start)
                    assert engine.state.phase is Phase.JOINED
                    await call(driver, engine.raise_hand)
                    assert engine.state.own is not None
                    assert engine.state.own.hand_is_up

                    await asyncio_guest(loop, here, "Ada")
                    await until(driver, lambda: any(isinstance(event, m3.ParticipantLeft) for event in driver.events))
                    kinds = [type(event) for event in driver.events]
                    assert (
                        kinds.index(m3.ParticipantJoined) < kinds.index(m3.HandRaised) < kinds.index(m3.ParticipantLeft)
                    )
                    await call(driver, engine.leave)
                    assert engine.state.ended is EndReason.LEFT
                    assert isinstance(driver.events[-1], m3.Ended)
                    assert engine.deadline is None
                    nursery.cancel_scope.cancel()

        trio.run(main)


def test_a_cut_connection_resumes_there_too() -> None:
    with served() as (_loop, here):

        async def main() -> None:
            with trio.fail_after(PATIENCE):
                async with trio.open_nursery() as nursery:
                    engine = Conference(entrance(here), display_name="Tria", jitter=lambda: 0.0)
                    driver = TrioDriver(engine, nursery)
                    nursery.start_soon(driver.run)
                    await call(driver, engine.start)
                    driver.scope.cancel()
                    await until(driver, lambda: any(isinstance(event, m3.ConnectionLost) for event in driver.events))
                    await until(driver, lambda: any(isinstance(event, m3.Resumed) for event in driver.events))
                    await call(driver, engine.raise_hand)
                    await call(driver, engine.leave)
                    assert engine.state.ended is EndReason.LEFT
                    nursery.cancel_scope.cancel()

        trio.run(main)


def test_media_commands_are_performed_in_order_by_a_fake() -> None:
    """The media server refuses the offer, and the call ends with its error."""
    with served() as (_loop, here):

        async def main() -> None:
            with trio.fail_after(PATIENCE):
                async with trio.open_nursery() as nursery:
                    engine = Conference(entrance(here), display_name="Tria")
                    driver = TrioDriver(engine, nursery)
                    nursery.start_soon(driver.run)
                    await call(driver, engine.start)
                    driver.media.refuse_next = "no camera"
                    with pytest.raises(m3.MediaError, match="no camera"):
                        await call(
                            driver, lambda now: engine.publish(MediaSessionType.VIDEO, audio=True, video=True, now=now)
                        )
                    assert [type(command.operation).__name__ for command in driver.media.commands] == [
                        "OpenPublisher",
                        "ClosePeer",
                    ]
                    await call(driver, engine.leave)
                    nursery.cancel_scope.cancel()

        trio.run(main)


def test_a_refusal_is_an_error_there_too() -> None:
    with served(password="swordfish") as (_loop, here):

        async def main() -> None:
            with trio.fail_after(PATIENCE):
                async with trio.open_nursery() as nursery:
                    engine = Conference(entrance(here, "wrong"), display_name="Tria")
                    driver = TrioDriver(engine, nursery)
                    with pytest.raises(m3.ApiError, match="wrong_room_password"):
                        await call(driver, engine.start)
                    assert engine.state.ended is EndReason.FAILED

        trio.run(main)


def test_the_driver_is_short_and_knows_nothing_of_asyncio() -> None:
    text = (Path(__file__).parent / "trio_driver.py").read_text()
    assert len(text.splitlines()) < 110
    imported = {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for name in node.names}
    assert not [name for name in imported if name.split(".")[0] in {"m3asyncio", "asyncio", "anyio", "websockets"}]
