"""Somebody of the demo may live in another event loop: what is done there comes back, errors and cancellation too."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest
import sniffio
from cli_helpers import new_threads

from m3asyncio.cli.adapters import adapter
from m3asyncio.cli.demo_place import Here, Place, elsewhere

BETWEEN = pytest.mark.parametrize(("home", "other"), [("asyncio", "trio"), ("trio", "asyncio")])


def between(home: str, other: str, act: Callable[[Place], Awaitable[None]]) -> None:
    """Run ``act`` in the loop ``home`` with a place in ``other``, whose thread must end with it."""
    before = threading.enumerate()

    async def main() -> None:
        async with elsewhere(adapter(home), adapter(other)) as place:
            await act(place)

    anyio.run(main, backend=home)
    assert new_threads(before) == set()


@BETWEEN
def test_results_and_what_is_told_come_in_order(home: str, other: str) -> None:
    told: list[tuple[str, object]] = []

    async def act(place: Place) -> None:
        def tell(what: object) -> None:
            told.append((sniffio.current_async_library(), what))

        async def work() -> str:
            await anyio.lowlevel.checkpoint()
            for number in range(3):
                place.tell(lambda number=number: tell(number))  # type: ignore[misc]  # a default binds it
            return sniffio.current_async_library()

        tell(await place.do(work))

    between(home, other, act)
    assert told == [(home, 0), (home, 1), (home, 2), (home, other)]


@BETWEEN
def test_errors_are_raised_where_somebody_waits(home: str, other: str) -> None:
    async def act(place: Place) -> None:
        async def work() -> None:
            await anyio.lowlevel.checkpoint()
            raise ValueError("there")

        with pytest.raises(ValueError, match="there"):
            await place.do(work)

    between(home, other, act)


@BETWEEN
def test_who_waits_no_more_cancels_the_work(home: str, other: str) -> None:
    beginnings: list[str] = []
    ended: list[str] = []

    async def act(place: Place) -> None:
        begun = anyio.Event()

        async def work() -> None:
            beginnings.append(sniffio.current_async_library())
            try:
                place.tell(begun.set)
                await anyio.sleep_forever()
            finally:
                ended.append(sniffio.current_async_library())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(place.do, work)
            await begun.wait()
            tasks.cancel_scope.cancel()
        assert ended == [other]
        with anyio.CancelScope() as scope:
            scope.cancel()
            await place.do(work)  # perhaps it does not even begin
        assert ended == beginnings

    between(home, other, act)


@BETWEEN
def test_a_place_that_is_not_wanted_any_more_when_it_begins(home: str, other: str) -> None:
    async def main() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            async with elsewhere(adapter(home), adapter(other)):
                pytest.fail("nobody waits for it")

    anyio.run(main, backend=home)


def test_the_loop_of_the_demo_itself() -> None:
    told: list[str] = []

    async def main() -> str:
        place = Here(adapter("trio"))

        async def work() -> str:
            place.tell(lambda: told.append("told"))
            return sniffio.current_async_library()

        return await place.do(work)

    assert anyio.run(main, backend="trio") == "trio"
    assert told == ["told"]
