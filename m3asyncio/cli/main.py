"""Arguments, help, errors and exit codes of `m3`."""

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
"""Seconds from Ctrl-C until the process is ended, whatever still holds it."""

_EXTRAS: Final = {"demo": ("controller", "media"), "serve": ("controller", "media"), "join": ("media",)}
"""Besides `cli` and those of the event loop."""
_LOOPS: Final = {"asyncio": ("asyncio",), "trio": ("trio",), "both": ("asyncio", "trio")}
"""The event loops of ``--loop``, as their extras are called; the first is that of the main thread."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
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
        # Who read our output has gone: nothing is left to say, also not at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except (M3Error, OSError) as error:
        if options.debug:
            raise
        code = _fail(f"m3 {options.command}: {error_line(error, joining=options.command == 'join')}", FAILED)
    return code


def _stopped(options: argparse.Namespace) -> int:
    """The exit code of a command that was told to end: once it served or had joined, that is its proper end."""
    return OK if options.begun else INTERRUPTED


def _run(work: Callable[[argparse.Namespace], Awaitable[int]], options: argparse.Namespace, loop: str) -> int:
    """Run ``work`` on ``loop``. The signals of `ending` cancel it, and then it is over within `STOP_TIMEOUT`."""
    import anyio

    from m3asyncio.cli.adapters import adapter

    asked = False

    async def supervise() -> int:
        portal = adapter(loop).backend.portal()
        with anyio.CancelScope() as scope, _listening(lambda: stop(portal, scope)):
            return await work(options)
        return _stopped(options)

    def stop(portal: Portal, scope: anyio.CancelScope) -> None:
        nonlocal asked
        if asked:
            os._exit(_stopped(options))  # asked twice: the person does not want to wait
        asked = True
        _end_later(_stopped(options))
        portal(scope.cancel)

    try:
        return anyio.run(supervise, backend=loop)
    except BaseExceptionGroup as group:
        if asked:
            return _stopped(options)  # what breaks while everything is being torn down is no news
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
    """End the process in `STOP_TIMEOUT`, whatever still holds it."""
    timer = threading.Timer(STOP_TIMEOUT, os._exit, (code,))
    timer.daemon = True
    timer.start()


def _fail(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code
