"""Runs a command of `m3`, and turns errors and signals into exit codes."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from m3asyncio.cli.extras import missing_extra
from m3asyncio.cli.options import parse
from m3asyncio.cli.signals import ending
from m3asyncio.cli.trouble import error_line, only_error
from m3core.errors import M3Error

if TYPE_CHECKING:
    import anyio

    from m3core.client.loop import Portal

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
STOP_TIMEOUT: Final = 1.8
"""Seconds from a signal until the process is ended, whether its tasks have ended or not."""
SIGNAL_DELAY: Final = 0.5
"""Seconds until a signal is noticed that came at the wrong moment."""

_EXTRAS: Final = {"demo": ("controller", "media"), "serve": ("controller", "media"), "join": ("media",)}
"""The extras that a command needs besides `cli` and those of the event loop."""
_LOOPS: Final = {"asyncio": ("asyncio",), "trio": ("trio",), "both": ("asyncio", "trio")}
"""The extras for ``--loop``, which have the names of the event loops. The first is the loop of the main thread."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` ask for; the exit code."""
    options = parse(arguments)
    options.begun = False
    loops, needed = _LOOPS[options.loop], _EXTRAS[options.command]
    if options.command == "join" and not (options.receive or options.publish or options.screen):
        needed = ()
    if line := missing_extra(("cli", *loops, *needed)):
        return _fail(f"m3 {options.command}: {line}", USAGE)
    try:
        module = importlib.import_module(f"m3asyncio.cli.{options.command}")
        code = _run(module.run, options, loops[0])
    except BrokenPipeError:
        # The program that read our output has ended. The interpreter flushes stdout when it exits, which would fail
        # again, with a traceback; so stdout leads to nowhere from now on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except (M3Error, OSError) as error:
        if options.debug:
            raise
        code = _fail(f"m3 {options.command}: {error_line(error, joining=options.command == 'join')}", FAILED)
    return code


def _stopped(options: argparse.Namespace) -> int:
    """The exit code after a signal: 0 if the command already served or had joined, because people end it so."""
    return OK if options.begun else INTERRUPTED


def _run(work: Callable[[argparse.Namespace], Awaitable[int]], options: argparse.Namespace, loop: str) -> int:
    """Run ``work`` on ``loop``. The signals of `ending` cancel it, and then it is over within `STOP_TIMEOUT`."""
    import anyio  # not at the top: ``--help`` works without any extra

    from m3asyncio.cli.adapters import adapter

    asked = False

    async def supervise() -> int:
        portal = adapter(loop).backend.portal()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wake_up)
            with anyio.CancelScope() as scope, _listening(lambda: stop(portal, scope)):
                try:
                    return await work(options)
                finally:
                    tasks.cancel_scope.cancel()
        return _stopped(options)

    async def wake_up() -> None:
        # A signal that comes just before asyncio begins to wait does not interrupt that wait, and Python calls the
        # handler only when the loop wakes up again, which may be never in a server without connections.
        while True:  # noqa: ASYNC110 - to wake up is the purpose
            await anyio.sleep(SIGNAL_DELAY)

    def stop(portal: Portal, scope: anyio.CancelScope) -> None:
        nonlocal asked
        if asked:
            os._exit(_stopped(options))  # a second Ctrl-C: the person does not want to wait
        asked = True
        _end_later(_stopped(options))
        portal(scope.cancel)

    try:
        return anyio.run(supervise, backend=loop)
    except BaseExceptionGroup as group:
        if asked:
            return _stopped(options)  # errors of tasks that were cancelled by the signal help nobody
        raise only_error(group) from None


@contextlib.contextmanager
def _listening(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` for each signal of `ending`, in the main thread, between two steps of what it does.

    Not by the signal handlers of the event loop: asyncio has none on Windows, and calls them when the loop gets to it,
    which is never if something blocks it.
    """
    before = {number: signal.signal(number, lambda *_: stop()) for number in ending()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_later(code: int) -> None:
    """End the process after `STOP_TIMEOUT`, even if something blocks its event loop by then."""
    timer = threading.Timer(STOP_TIMEOUT, os._exit, (code,))
    timer.daemon = True  # a process that ends in time does not wait for it
    timer.start()


def _fail(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code
