"""The examples run; those that need a controller run with the embedded one, over sockets."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import subprocess
import sys
import textwrap
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from extent import cases
from patience import PATIENCE

import m3asyncio as m3
from m3core.conference.modules.conversations import ChatMessage
from m3core.controller.config import ControllerConfig
from m3core.controller.features import FeatureLevel

EXAMPLES = Path(__file__).parents[2] / "examples"


def serve(level: FeatureLevel) -> AbstractAsyncContextManager[m3.Server]:
    """A controller that behaves like the server version ``level``."""
    return m3.serve(config=ControllerConfig(web_url="", feature_level=level))


async def run(*arguments: str, program: str = sys.executable) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        env={**os.environ, "M3": f"{sys.executable} -m m3asyncio", "PYTHONIOENCODING": "utf-8"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=EXAMPLES.parent,
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def until_kicked(meeting: m3.Meeting, program: Path, *arguments: str) -> tuple[str, tuple[int | None, str]]:
    """Run a program that joins a conference where Eve publishes, and kick it after its first line.

    Returns that line, the exit status and the other output.
    """
    async with meeting.start(display_name="Eve") as eve:
        await eve.publish(video=m3.sources.pattern("Eve", 320, 240))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-u", str(program), *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            first = await process.stdout.readline()
            (guest,) = (one for one in eve.state.participants.values() if one.is_here)
            await eve.moderation.kick(guest)
            rest, _ = await process.communicate()
        return first.decode(), (process.returncode, rest.decode())


def test_signaling_only() -> None:
    status, output = asyncio.run(run(str(EXAMPLES / "signaling_only.py")))
    assert status == 0, output
    assert "server got Join(display_name='Ada')" in output
    assert "`$.payload.target`" in output
    assert "client may not:" in output


@pytest.mark.soak
@pytest.mark.parametrize("level", cases(reversed(FeatureLevel), part=1))
def test_watch(level: FeatureLevel) -> None:
    async def main() -> tuple[str, tuple[int | None, str]]:
        async with serve(level) as server, server.account() as account:
            meeting = await account.create_meeting(title="Example")
            link = await meeting.invite()
            first, _ = await until_kicked(meeting, EXAMPLES / "watch.py", link)
            return first, await run(str(EXAMPLES / "watch.py"), link, "0")

    first, ended = asyncio.run(main())
    assert re.fullmatch(r"Eve: 320x240 at \d+\.\d\d s\n", first)
    assert ended == (0, "that was it\n")


README = (EXAMPLES.parent / "README.md").read_text("utf-8")
FIRST = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]


@pytest.mark.soak
@pytest.mark.parametrize("level", cases(reversed(FeatureLevel), part=1))
@pytest.mark.parametrize("adapter", ["m3asyncio", "m3trio"])
def test_the_first_program_of_the_readme_runs_on_both_loops(adapter: str, level: FeatureLevel, tmp_path: Path) -> None:
    """Only the import differs. The program runs until its conference ends, so it is kicked."""

    async def main() -> tuple[str, tuple[int | None, str]]:
        async with serve(level) as server, server.account() as account:
            meeting = await account.create_meeting(title="Example")
            link = await meeting.invite()
            program = tmp_path / "program.py"
            program.write_text(
                FIRST.replace("import m3asyncio as m3", f"import {adapter} as m3").replace(
                    "http://127.0.0.1:.../invite/...", link
                ),
                encoding="utf-8",
            )
            return await until_kicked(meeting, program)

    first, (status, output) = asyncio.run(main())
    assert first.startswith("Eve 320 240 ")
    assert (status, output.rstrip().splitlines()[-1]) == (
        1,
        "m3core.errors.ConferenceEnded: the conference ended: kicked",
    )


@pytest.mark.parametrize("adapter", ["m3asyncio", "m3trio"])
def test_the_readme_shares_connections_on_both_loops(adapter: str) -> None:
    (block,) = (each for each in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "HttpPool" in each)
    names: dict[str, Any] = {"m3": importlib.import_module(adapter)}
    exec(f"async def share(red, blue):\n{textwrap.indent(block, '    ')}", names)

    async def main() -> str:
        async with names["m3"].serve() as server, server.account() as account:
            red, blue = await account.create_meeting(title="Red"), await account.create_meeting(title="Blue")
            async with (
                red.start(display_name="Olga"),
                blue.start(display_name="Olga") as owner,
                owner.events(ChatMessage) as said,
            ):
                await names["share"](await red.invite(), await blue.invite())
                return str((await anext(said)).content)

    assert anyio.run(main, backend=adapter.removeprefix("m3")) == "1 others are in the red meeting"


@pytest.mark.soak
@pytest.mark.parametrize("level", cases(reversed(FeatureLevel), part=1))
@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_a_shell_script_is_a_bot(level: FeatureLevel) -> None:
    async def main() -> tuple[int | None, str, list[str]]:
        async with serve(level) as server, server.account() as account:
            link = await (await account.create_meeting(title="Example")).invite()
            async with m3.join(link, display_name='Ada "\\n" Byron') as ada, ada.events(ChatMessage) as said:
                bot = asyncio.create_task(run(str(EXAMPLES / "bot.sh"), link, program="sh"))
                heard = [(await anext(said)).content]
                for text in ('echo "quoted" \\ und Umlaute: äöü', "not for you", "echo twice"):
                    await ada.chat(text)
                    heard.append((await anext(said)).content)
                    if text.startswith("echo"):
                        heard.append((await anext(said)).content)
                await ada.chat("bye")
                status, output = await bot
        return status, output, heard

    status, output, heard = asyncio.run(main())
    assert status == 0, output
    assert heard == [
        'Hello, Ada "\\n" Byron!',
        'echo "quoted" \\ und Umlaute: äöü',
        '"quoted" \\ und Umlaute: äöü',
        "not for you",
        "echo twice",
        "twice",
    ]
