"""`check_adapter` for both adapters, which must see the same, event for event."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from collections.abc import Awaitable, Callable

import pytest
import trio
from patience import PATIENCE

import m3asyncio
import m3trio
from m3asyncio.loop import BACKEND as ASYNCIO
from m3core.client.loop import Backend
from m3core.testing.adapter import CHECKS, Outcome, check_visit
from m3trio.loop import BACKEND as TRIO


def run_asyncio(check: Callable[[Backend], Awaitable[object]]) -> object:
    """Run ``check`` in a loop of its own, which must have no tasks and no errors afterwards."""
    complaints: list[object] = []

    async def main() -> object:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(PATIENCE):
            outcome = await check(ASYNCIO)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return outcome

    outcome = asyncio.run(main())
    gc.collect()
    assert complaints == []
    return outcome


def run_trio(check: Callable[[Backend], Awaitable[object]]) -> object:
    """Run ``check`` in a trio run of its own, which must have no tasks afterwards."""

    async def main() -> object:
        before = trio.lowlevel.current_statistics().tasks_living
        with trio.fail_after(PATIENCE):
            outcome = await check(TRIO)
        assert trio.lowlevel.current_statistics().tasks_living == before
        return outcome

    return trio.run(main)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("run", [run_asyncio, run_trio])
def test_an_adapter_passes(
    run: Callable[[Callable[[Backend], Awaitable[object]]], object], check: Callable[[Backend], Awaitable[object]]
) -> None:
    threads = set(threading.enumerate())
    run(check)
    assert [
        thread
        for thread in set(threading.enumerate()) - threads
        if not thread.name.startswith(("asyncio_", "Trio thread"))
    ] == []


def test_both_see_the_same() -> None:
    one, two = run_asyncio(check_visit), run_trio(check_visit)
    assert isinstance(one, Outcome)
    assert isinstance(two, Outcome)
    assert one.events == two.events
    assert one.words() == two.words()


def test_both_have_the_same_names_for_the_same_things() -> None:
    assert sorted(m3asyncio.__all__) == sorted(m3trio.__all__)
    own = {"Account", "HttpPool", "join", "serve"}
    for name in set(m3asyncio.__all__) - own - {"run"}:  # `m3trio.run` is `trio.run`, which takes more
        assert getattr(m3asyncio, name) is getattr(m3trio, name), name
    for name in own:
        assert inspect.signature(getattr(m3asyncio, name)) == inspect.signature(getattr(m3trio, name)), name
    assert [name for name in vars(m3asyncio.Account) if not name.startswith("__")] == ["backend"]
