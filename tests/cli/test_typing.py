"""Lines that are typed in a terminal, or piped in. Ctrl-D and Ctrl-C end `m3 join`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cli_processes import EVENTS, Command, m3

from m3asyncio import serve
from m3core.client.conference import Conference
from m3core.conference.events import HandRaised
from m3core.conference.modules.conversations import ChatMessage

Act = Callable[[Command, Conference], Awaitable[None]]


def with_guest(folder: Path, act: Act, *arguments: str, stdin: int) -> tuple[int, str, str]:
    """Run ``act`` with a process of `m3 join` and the conference of the owner; how the process ended."""

    async def main() -> tuple[int, str, str]:
        async with serve() as server, server.account() as account:
            meeting = await account.create_meeting(title="Typing")
            link = await meeting.invite()
            async with meeting.start(display_name="Ada") as ada:
                with m3(folder, "join", link, "--name", "Bob", "--no-receive", *arguments, stdin=stdin) as bob:
                    await act(bob, ada)
                    return await asyncio.to_thread(bob.end)

    return asyncio.run(main())


def until(bob: Command, text: str) -> Awaitable[str]:
    return asyncio.to_thread(bob.until, lambda line: text in line)


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals of POSIX")
@pytest.mark.parametrize(
    ("end", "loop"), [("ctrl-d", "asyncio"), ("ctrl-c", "asyncio"), ("/quit", "trio"), ("ctrl-c", "trio")]
)
def test_a_terminal(tmp_path: Path, end: str, loop: str) -> None:
    ours, theirs = os.openpty()

    async def act(bob: Command, ada: Conference) -> None:
        await until(bob, "/help lists")
        async with ada.events(ChatMessage) as said:
            os.write(ours, b"hello\n/private Ada psst\n")
            heard = [await anext(said), await anext(said)]
            assert [(one.content, one.scope.value) for one in heard] == [("hello", "global"), ("psst", "private")]
            await ada.chat("welcome\nBob left")
        await until(bob, "Ada: welcome Bob left")
        os.write(ours, b"/hand\n")
        await ada.wait_for(HandRaised)
        os.write(ours, b"/dance\n")
        await until(bob, "not done: there is no /dance")
        if end == "ctrl-c":
            bob.process.send_signal(2)
        else:
            os.write(ours, b"\x04" if end == "ctrl-d" else b"/quit\n")

    try:
        status, _out, err = with_guest(tmp_path, act, "--loop", loop, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (status, err) == (0, "")


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_piped_text_goes_to_the_chat_with_the_option(tmp_path: Path, loop: str) -> None:
    reading, writing = os.pipe()
    threading.Thread(target=_write, args=(writing, b"one\ntwo"), daemon=True).start()

    async def act(bob: Command, ada: Conference) -> None:
        async with ada.events(ChatMessage) as said:
            assert [(await anext(said)).content for _ in range(2)] == ["one", "two"]

    try:
        status, out, err = with_guest(tmp_path, act, "--chat", "--loop", loop, stdin=reading)
    finally:
        os.close(reading)
    assert (status, err) == (0, "")
    assert out.index("you: one") < out.index("you: two")


def _write(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def test_piped_text_is_not_read_otherwise(tmp_path: Path) -> None:
    async def act(bob: Command, ada: Conference) -> None:
        await until(bob, "you joined as Bob")
        await ada.chat("bye")
        await until(bob, "Ada: bye")
        bob.process.send_signal(15)

    status, out, err = with_guest(tmp_path, act, stdin=subprocess.DEVNULL)
    assert (status, err) == (0, "")
    assert "/help" not in out


def test_limits_of_the_server_and_its_waiting_room(tmp_path: Path) -> None:
    limited = ("--feature-level", "0.3", "--participant-limit", "1")
    with m3(tmp_path, "serve", "--json", *limited) as server:
        link = server.event("serving")["invitation"]
        with m3(tmp_path, "join", link, "--name", "Bob", *EVENTS) as bob:
            bob.event("ConferenceJoined")
            with m3(tmp_path, "join", link, "--name", "Eve") as eve:
                status, _out, err = eve.end()
    assert status == 1
    assert "participant_limit_reached - the room is full" in err
    with m3(tmp_path, "serve", "--feature-level", "capture", "--participant-limit", "1") as server:
        status, _out, err = server.end()
    assert (status, err.count("\n")) == (1, 1)
    assert "feature level 0.3 or later" in err


def test_a_moderator_lets_a_guest_in_from_the_waiting_room(tmp_path: Path) -> None:
    with m3(tmp_path, "serve", "--json", "--waiting-room", M3_TOKEN="sesame") as server:
        told = server.event("serving")
        link, controller = told["invitation"], told["controller"]
        moderate = ("--account", "--controller", controller, "--commands", "-")
        with m3(tmp_path, "join", link, *moderate, stdin=subprocess.PIPE, M3_TOKEN="sesame") as ada:
            with m3(tmp_path, "join", link, "--name", "Bob") as bob:
                bob.until(lambda line: "you are in the waiting room" in line)
                assert ada.process.stdin is not None
                ada.process.stdin.write(
                    '{"do": "wait", "event": "WaitingRoomJoined"}\n{"do": "moderation.accept", "target": "Bob"}\n'
                )
                ada.process.stdin.flush()
                bob.until(lambda line: "you joined as Bob" in line)
                assert bob.interrupt()[0] == 0
            ada.process.stdin.close()
            ada.process.stdin = None
            assert ada.end()[0] == 0
