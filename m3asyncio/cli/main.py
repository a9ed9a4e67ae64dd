"""Arguments, help, errors and exit codes of `m3`."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from m3asyncio.cli.extras import missing_extra
from m3asyncio.cli.options import parse
from m3asyncio.cli.trouble import error_line
from m3core.errors import M3Error

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
STOP_TIMEOUT: Final = 1.8
"""Seconds from Ctrl-C until the process is ended, whatever still holds it."""

_EXTRAS: Final = {
    "demo": ("cli", "asyncio", "controller", "media"),
    "serve": ("cli", "asyncio", "controller", "media"),
    "join": ("cli", "asyncio", "media"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = parse(arguments)
    needed = _EXTRAS[options.command]
    if options.command == "join" and not (options.receive or options.publish or options.screen):
        needed = tuple(extra for extra in needed if extra != "media")
    if line := missing_extra(needed):
        return _fail(f"m3 {options.command}: {line}", USAGE)
    try:
        module = importlib.import_module(f"m3asyncio.cli.{options.command}")
        code = _run(module.run(options), stopped=INTERRUPTED if options.command == "demo" else OK)
    except KeyboardInterrupt:
        code = INTERRUPTED if options.command == "demo" else OK
    except BrokenPipeError:
        # Who read our output has gone: nothing is left to say, also not at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except (M3Error, OSError) as error:
        if options.debug:
            raise
        code = _fail(f"m3 {options.command}: {error_line(error)}", FAILED)
    return code


def _run(work: Coroutine[Any, Any, int], *, stopped: int) -> int:
    """Run ``work``; SIGINT and SIGTERM cancel it, and then it is over within `STOP_TIMEOUT`."""
    asked = False

    async def supervise() -> int:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)

        def stop() -> None:
            nonlocal asked
            if asked:
                os._exit(stopped)  # asked twice: the person does not want to wait
            asked = True
            task.cancel()
            loop.call_later(STOP_TIMEOUT, os._exit, stopped)

        with contextlib.suppress(NotImplementedError):  # Windows: `__main__` ends the process at once
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop)
        try:
            return await task
        except asyncio.CancelledError:
            if asked:
                return stopped
            raise
        except Exception:
            if asked:
                return stopped  # what breaks while everything is being torn down is no news
            raise

    return asyncio.run(supervise())


def _fail(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code
