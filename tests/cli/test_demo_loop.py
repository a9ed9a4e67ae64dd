"""A participant of the demo may run in another event loop: results, errors and cancellation cross the border."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest
import sniffio
from cli_helpers import new_threads

from m3asyncio.cli.adapters import adapter
from m3asyncio.cli.demo_loop import EventLoop, OwnLoop, other_loop

BETWEEN = pytest.mark.parametrize(("home", "other"), [("asyncio", "trio"), ("trio", "asyncio")])


def between(home: str, other: str, act: Callable[[EventLoop], Awaitable[None]]) -> None:
    """Run ``act`` in the loop ``home`` with a there in ``other``, whose thread must end with it."""
    before = threading.enumerate()

    async def main() -> None:
        async with other_loop(adapter(home), adapter(other)) as there:
            await act(there)

    anyio.run(main, backend=home)
    assert new_threads(before) == set()


@BETWEEN
def test_results_and_what_is_told_come_in_order(home: str, other: str) -> None:
    told: list[tuple[str, object]] = []

    async def act(there: EventLoop) -> None:
        def tell(what: object) -> None:
            told.append((sniffio.current_async_library(), what))

        async def work() -> str:
            await anyio.lowlevel.checkpoint()
            for number in range(3):
                there.tell(lambda number=number: tell(number))  # type: ignore[misc]  # a default binds it
            return sniffio.current_async_library()

        tell(await there.do(work))

    between(home, other, act)
    assert told == [(home, 0), (home, 1), (home, 2), (home, other)]


@BETWEEN
def test_errors_are_raised_in_the_loop_that_waits(home: str, other: str) -> None:
    async def act(there: EventLoop) -> None:
        async def work() -> None:
            await anyio.lowlevel.checkpoint()
            raise ValueError("there")

        with pytest.raises(ValueError, match="there"):
            await there.do(work)

    between(home, other, act)


@BETWEEN
def test_cancelling_the_wait_cancels_the_work(home: str, other: str) -> None:
    beginnings: list[str] = []
    ended: list[str] = []

    async def act(there: EventLoop) -> None:
        begun = anyio.Event()

        async def work() -> None:
            beginnings.append(sniffio.current_async_library())
            try:
                there.tell(begun.set)
                await anyio.sleep_forever()
            finally:
                ended.append(sniffio.current_async_library())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(there.do, work)
            await begun.wait()
            tasks.cancel_scope.cancel()
        assert ended == [other]
        with anyio.CancelScope() as scope:
            scope.cancel()
            await there.do(work)  # it may be cancelled before it begins
        assert ended == beginnings

    between(home, other, act)


@BETWEEN
def test_a_loop_that_is_cancelled_while_it_starts(home: str, other: str) -> None:
    async def main() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            async with other_loop(adapter(home), adapter(other)):
                pytest.fail("the block runs although it was cancelled")

    anyio.run(main, backend=home)


def test_the_loop_of_the_demo_itself() -> None:
    told: list[str] = []

    async def main() -> str:
        there = OwnLoop(adapter("trio"))

        async def work() -> str:
            there.tell(lambda: told.append("told"))
            return sniffio.current_async_library()

        return await there.do(work)

    assert anyio.run(main, backend="trio") == "trio"
    assert told == ["told"]
