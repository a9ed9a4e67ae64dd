"""The commands of `m3` with their options and their help. Imports only what these need, so that ``--help`` is quick."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from m3core.controller.features import FeatureLevel
from m3core.limits import MAX_PARTICIPANTS

NEWEST: Final = list(FeatureLevel)[-1]
MAX_SECONDS: Final = 86_400
EXIT_CODES: Final = """\
exit codes:
  0    success
  1    it failed, and one line on stderr, or FAILED in the demo, says why
  2    wrong arguments, or an optional part is not installed
  130  stopped by Ctrl-C, SIGTERM, or a terminal that was closed{stop}
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = _parser(
        None,
        prog="m3",
        description="M3 video conferences from the terminal: watch a demo, run a server, join a conference.",
        epilog="examples:\n"
        "  m3 demo                       hold a conference on this machine, and check that media flow\n"
        "  m3 serve                      run a controller here; it prints an invitation URL\n"
        "  m3 join URL --publish pattern   join, and publish a test pattern\n\n"
        + EXIT_CODES.format(stop=";\n       0 if it already served, or had joined"),
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_serve(commands)
    _add_join(commands)
    return parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, and the token of `M3_TOKEN` as one of them. Ends the process with status 2 if they are wrong."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    options.token = os.environ.get("M3_TOKEN") or None
    if options.command == "join" and options.account:
        if options.controller is None:
            parser.error("--account needs --controller URL: your token goes to that server, which no link may name")
        if options.token is None:
            parser.error("--account needs your access token: put it into the environment variable M3_TOKEN")
    return options


class _Version(argparse.Action):
    """Prints the version. `importlib.metadata` is imported only then: it takes longer than all the options."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib import metadata

        try:
            version = metadata.version("m3-conference")
        except metadata.PackageNotFoundError:
            version = "(not installed: run from its sources)"
        print(f"m3 {version}")
        parser.exit()


_Commands = Any  # argparse gives its sub-parsers a private type


def _parser(commands: _Commands, **arguments: Any) -> argparse.ArgumentParser:
    make: Callable[..., argparse.ArgumentParser] = commands.add_parser if commands else argparse.ArgumentParser
    return make(formatter_class=argparse.RawDescriptionHelpFormatter, **arguments)


def _add_demo(commands: _Commands) -> None:
    parser = _parser(
        commands,
        name="demo",
        help="hold a conference on this machine, and check that media flow",
        description="Holds a real conference on this machine: a controller with its media server on a free loopback\n"
        "port, the owner Ada and her guest Bob, over real HTTP, WebSocket and WebRTC. Prints every step,\n"
        "checks that each receives the other's pictures and sound, and draws what the two saw into a picture.",
        epilog="examples:\n"
        "  m3 demo\n"
        "  m3 demo --seconds 10 --picture seen.png\n"
        "  m3 demo --file clip.mp4      Ada publishes the clip instead of a test pattern\n"
        "  m3 demo --loop both          Ada on asyncio, Bob on trio\n"
        "  m3 demo --json               for programs\n\n" + EXIT_CODES.format(stop=""),
    )
    parser.add_argument("--seconds", type=_seconds, default=4.0, metavar="N", help="how long all streams run (4)")
    parser.add_argument("--file", metavar="FILE", help="a media file that Ada publishes instead of the pattern")
    parser.add_argument("--picture", default="demo.png", metavar="PATH", help="the file for the picture (demo.png)")
    parser.add_argument("--no-picture", dest="picture", action="store_const", const=None, help="draw no picture")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object on stdout, and everything else on stderr"
    )
    _add_feature_level(parser)
    _add_loop(parser, "asyncio", "trio", "both")
    _add_debug(parser)


def _add_serve(commands: _Commands) -> None:
    parser = _parser(
        commands,
        name="serve",
        help="run a controller with its media server until stopped",
        description="Runs a controller with its media server until you stop it (Ctrl-C), creates a meeting, and\n"
        "prints an invitation URL that others join with `m3 join URL`.",
        epilog="examples:\n"
        "  m3 serve                     only this machine can reach it\n"
        "  m3 serve --port 8080 --title 'Stand-up'\n"
        "  m3 serve --port 8080 --public-url https://meet.example.org   for others, behind a TLS proxy\n"
        "  m3 serve --trusted-proxy 127.0.0.1 --port 8080 --public-url https://meet.example.org   behind a proxy\n"
        "  m3 serve --port 8080 --web-url http://localhost:3000   invitations open a web client that runs there\n"
        "  M3_TOKEN=sesame m3 serve --waiting-room   who joins with that token is a moderator\n\n"
        "which client needs what (--feature-level):\n"
        f"  OpenTalk's web client  {NEWEST.value}: it wants the sub-protocol opentalk-signaling-json-v1.0, and\n"
        "                         tariff.quotas and force mute in join_success\n"
        "  Mustang's client       any: it ignores what later levels add. It shows no rename and no kick, and it has\n"
        "                         no waiting room: with --waiting-room its guests can never come in\n"
        "  tests against the original capture   capture; nothing else needs that level\n\n"
        + EXIT_CODES.format(stop=";\n       0 if it already served"),
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen at (127.0.0.1: only this machine can reach it)"
    )
    parser.add_argument("--port", type=_port, default=0, help="the TCP port (0: a free one)")
    parser.add_argument("--title", default="Meeting", help="the title of the meeting")
    parser.add_argument(
        "--public-url", metavar="URL", help="the address by which guests reach it, if that is not host and port"
    )
    parser.add_argument(
        "--web-url", metavar="URL", help="the address of a web client, which invitations open (URL/invite/...)"
    )
    _add_feature_level(parser)
    parser.add_argument("--waiting-room", action="store_true", help="guests wait until a moderator lets them in")
    parser.add_argument(
        "--participant-limit", type=_count, metavar="N", help="how many participants there may be (level 0.3 or later)"
    )
    parser.add_argument(
        "--time-limit", type=_seconds, metavar="N", help="seconds until the meeting ends (level 0.3 or later)"
    )
    parser.add_argument(
        "--trusted-proxy",
        type=_network,
        action="append",
        default=[],
        metavar="CIDR",
        help="believe the proxies of this network (127.0.0.1, 10.0.0.0/8) about the address of their client, by"
        " X-Forwarded-For or the PROXY protocol, which they must write themselves; may be repeated",
    )
    parser.add_argument(
        "--limit-loopback",
        action="store_true",
        help="limit requests and wrong passwords of clients on this machine, too, as those of every other address",
    )
    parser.add_argument(
        "--ice-candidates",
        choices=("all", "private", "public"),
        help="to which addresses that participants name the media server may send: all, only those of private\n"
        "networks, or only public ones (default: all at a loopback or private --host, else public)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line instead of text")
    _add_loop(parser, "asyncio", "trio")
    _add_debug(parser)


def _add_join(commands: _Commands) -> None:
    parser = _parser(
        commands,
        name="join",
        help="join a conference with its invitation URL",
        description="Joins a conference, receives all its streams, and prints what happens: who comes and goes,\n"
        "speaks, writes, shares a screen or raises a hand, polls and timers. What you type goes to the chat;\n"
        "/help lists what else can be typed. Ctrl-C and Ctrl-D leave.",
        epilog="examples:\n"
        "  m3 join http://127.0.0.1:8080/invite/95e0...\n"
        "  m3 join URL --name Ada --publish pattern --screen slides.mp4\n"
        "  m3 join URL --save-frames frames --seconds 60     a picture a second of each stream\n"
        "  m3 join URL --events jsonl | jq .event            for programs\n"
        "  M3_TOKEN=sesame m3 join URL --account --controller http://127.0.0.1:8080\n\n"
        "a bot is a program that reads events and writes commands, one JSON object a line\n"
        "(docs/scripting.md; examples/bot.sh):\n"
        "  m3 join URL --no-receive --events jsonl --commands -\n"
        '  {"do": "chat", "text": "hello"}           {"do": "wait", "event": "ChatMessage", "timeout": 10}\n'
        '  {"do": "moderation.kick", "target": "Bob"}  {"do": "help"}\n\n'
        + EXIT_CODES.format(stop=";\n       0 if it had already joined"),
    )
    parser.add_argument("url", metavar="URL", help="the invitation URL (m3 serve prints one)")
    parser.add_argument(
        "--name", help="your name, as the others see it (default: that of the account, or your login name)"
    )
    parser.add_argument("--publish", metavar="pattern|FILE", help="publish a test pattern with a tone, or a media file")
    parser.add_argument("--screen", metavar="pattern|FILE", help="share a test pattern or a media file as your screen")
    parser.add_argument("--save-frames", metavar="DIR", help="write one PNG a second of each stream into DIR")
    parser.add_argument(
        "--no-receive",
        dest="receive",
        action="store_false",
        help="receive no streams; then no media libraries are needed",
    )
    parser.add_argument(
        "--controller", metavar="URL", help="the address of the controller, if the link does not lead to it"
    )
    parser.add_argument(
        "--allow-private",
        action="store_true",
        help="accept a link, or a controller of --account, in a private network",
    )
    parser.add_argument("--password", help="the password of the room")
    parser.add_argument(
        "--account",
        action="store_true",
        help="join with your account at --controller; the access token is in the environment variable M3_TOKEN",
    )
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="leave after N seconds")
    parser.add_argument(
        "--events", choices=("jsonl",), help="print each event as a line of JSON on stdout; text for people: stderr"
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--chat",
        action=argparse.BooleanOptionalAction,
        help="read chat and /commands from stdin (default: only from a terminal, and without --events)",
    )
    given.add_argument(
        "--commands", metavar="-|FILE", help="carry out commands, one JSON object a line, from stdin (-) or a file"
    )
    parser.add_argument("--stay", action="store_true", help="do not leave when the input ends")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a command of --commands failed")
    _add_loop(parser, "asyncio", "trio")
    _add_debug(parser)


def _add_feature_level(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--feature-level",
        choices=[level.value for level in FeatureLevel],
        default=NEWEST.value,
        metavar="LEVEL",
        help=f"the server version to behave like: capture (about 0.1), 0.3 ... {NEWEST.value} ({NEWEST.value})",
    )


def _add_loop(parser: argparse.ArgumentParser, *loops: str) -> None:
    both = "; both: the owner on asyncio, the guest on trio" if "both" in loops else ""
    parser.add_argument("--loop", choices=loops, default=loops[0], help=f"the event loop ({loops[0]}){both}")


def _add_debug(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--debug", action="store_true", help="print a traceback of an error")


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= MAX_SECONDS:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number of seconds, more than 0 and at most {MAX_SECONDS}")


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a network, such as 10.0.0.0/8, or an address: {error}") from None


def _count(text: str) -> int:
    return _whole(text, 1, MAX_PARTICIPANTS)


def _port(text: str) -> int:
    return _whole(text, 0, 65_535)


def _whole(text: str, least: int, most: int) -> int:
    with contextlib.suppress(ValueError):
        if least <= int(text) <= most:
            return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")
