"""Arguments, help, errors and exit codes of `m3`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib import metadata
from typing import Any, Final

from m3asyncio.cli.extras import missing_extra
from m3core.errors import ApiError, CallRefused, M3Error

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
STOP_TIMEOUT: Final = 1.8
"""Seconds from Ctrl-C until the process is ended, whatever still holds it."""

EXIT_CODES: Final = """\
exit codes:
  0    all went well
  1    it failed; one line on stderr says why (--debug: all that is known)
  2    wrong usage, or an optional part is not installed
  130  ended by Ctrl-C{stop}
"""

_EXTRAS: Final = {
    "demo": ("cli", "asyncio", "controller", "media"),
    "serve": ("cli", "asyncio", "controller", "media"),
    "join": ("cli", "asyncio", "media"),
}


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = _parser(
        None,
        prog="m3",
        description="M3 video conferences from the terminal: see one happen, run a server, join one.",
        epilog="examples:\n"
        "  m3 demo                    hold a whole conference on this machine and check it\n"
        "  m3 serve                   run a controller here; prints an invitation URL\n"
        "  m3 join URL --publish pattern\n\n" + EXIT_CODES.format(stop=" (serve and join: 0, that is how they end)"),
    )
    parser.add_argument("--version", action="version", version=f"m3 {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_serve(commands)
    _add_join(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = build_parser().parse_args(arguments)
    if line := missing_extra(_EXTRAS[options.command]):
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
        code = _fail(f"m3 {options.command}: {_line(error)}", FAILED)
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


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    code = error.code if isinstance(error, (ApiError, CallRefused)) else ""
    hint = _HINTS.get(code) or _HINTS.get(type(error).__name__, "")
    return f"{text} - {hint}" if hint else text


_HINTS: Final = {
    "LinkError": "check the link; --controller URL names the controller",
    "TransportError": "is the controller running, and its address right?",
    "AuthError": "this needs a login",
    "CallTimedOut": "the server is slow or gone; try again",
    "not_found": "the invitation is unknown, or has expired",
    "wrong_room_password": "the room has a password: --password",
    "invalid_username": "a name has 1 to 100 bytes: --name",
    "invalid_ticket": "the ticket was used or is too old; try again",
    "participant_limit_reached": "the room is full; try again later",
}


def _version() -> str:
    try:
        return metadata.version("m3-conference")
    except metadata.PackageNotFoundError:
        return "(not installed: run from its sources)"


# -- arguments ---
_Commands = Any  # argparse gives its sub-parsers a private type


def _parser(commands: _Commands, **arguments: Any) -> argparse.ArgumentParser:
    make: Callable[..., argparse.ArgumentParser] = commands.add_parser if commands else argparse.ArgumentParser
    return make(formatter_class=argparse.RawDescriptionHelpFormatter, **arguments)


def _add_demo(commands: _Commands) -> None:
    parser = _parser(
        commands,
        name="demo",
        help="hold a real conference on this machine, and check it",
        description="Holds a real conference on this machine: a controller with its media server on a free loopback\n"
        "port, the owner Ada and her guest Bob, over real HTTP, WebSocket and WebRTC. Shows what happens,\n"
        "checks every picture that arrives, and draws what the two saw into a picture.",
        epilog="examples:\n"
        "  m3 demo\n"
        "  m3 demo --seconds 10 --picture seen.png\n"
        "  m3 demo --file clip.mp4      Ada publishes the clip instead of a test pattern\n"
        "  m3 demo --json | tail -1     for programs\n\n" + EXIT_CODES.format(stop=""),
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=4.0, metavar="N", help="how long each stream is received (4)"
    )
    parser.add_argument("--file", metavar="FILE", help="a media file that Ada publishes instead of the pattern")
    parser.add_argument("--picture", default="demo.png", metavar="PATH", help="where the picture goes (demo.png)")
    parser.add_argument("--no-picture", dest="picture", action="store_const", const=None, help="draw no picture")
    parser.add_argument(
        "--json", action="store_true", help="the last line of stdout is one JSON object; the rest: stderr"
    )
    _add_debug(parser)


def _add_serve(commands: _Commands) -> None:
    parser = _parser(
        commands,
        name="serve",
        help="run a controller with its media server until stopped",
        description="Runs a controller with its media server until you stop it (Ctrl-C), creates a meeting, and\n"
        "prints an invitation URL that others join with `m3 join URL`.",
        epilog="examples:\n"
        "  m3 serve                     for this machine alone\n"
        "  m3 serve --port 8080 --title 'Stand-up'\n"
        "  m3 serve --port 8080 --public-url https://meet.example.org   for others, behind a TLS proxy\n\n"
        + EXIT_CODES.format(stop=" before it served; afterwards Ctrl-C is its proper end: 0"),
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (127.0.0.1: this machine alone)")
    parser.add_argument("--port", type=_port, default=0, help="the TCP port (0: a free one)")
    parser.add_argument("--title", default="Meeting", help="the title of the meeting")
    parser.add_argument("--public-url", metavar="URL", help="how guests reach it, if not at host and port")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line instead of text")
    _add_debug(parser)


def _add_join(commands: _Commands) -> None:
    parser = _parser(
        commands,
        name="join",
        help="join a conference with its invitation URL",
        description="Joins a conference, receives all its streams, and prints who comes and goes, talks, shares a\n"
        "screen, mutes, or raises a hand, until you stop it (Ctrl-C) or the conference ends.",
        epilog="examples:\n"
        "  m3 join http://127.0.0.1:8080/invite/95e0...\n"
        "  m3 join URL --name Ada --publish pattern --screen slides.mp4\n"
        "  m3 join URL --save-frames frames --seconds 60     a picture a second of each stream\n"
        "  m3 join URL --json | jq .event                    for programs\n\n"
        + EXIT_CODES.format(stop=" before it had joined; afterwards Ctrl-C is its proper end: 0"),
    )
    parser.add_argument("url", metavar="URL", help="the invitation URL (m3 serve prints one)")
    parser.add_argument("--name", help="your name, as the others see it (your login name)")
    parser.add_argument("--publish", metavar="pattern|FILE", help="publish a test pattern with a tone, or a media file")
    parser.add_argument("--screen", metavar="pattern|FILE", help="share a test pattern or a media file as your screen")
    parser.add_argument("--save-frames", metavar="DIR", help="write one PNG a second of each stream into DIR")
    parser.add_argument("--controller", metavar="URL", help="the controller, if it cannot be told from the link")
    parser.add_argument("--password", help="the password of the room")
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="leave after N seconds")
    parser.add_argument("--json", action="store_true", help="print each event, and at the end a summary, as JSON lines")
    _add_debug(parser)


def _add_debug(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--debug", action="store_true", help="show where errors come from (a traceback)")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError("seconds are above 0 and at most 86400")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError("a port is 0 to 65535")
    return value
