"""`m3 join --commands --events jsonl` with the embedded controller, in this process."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest
from cli_bots import LOOPS, TOKEN, Printed, meeting, options, run

from m3asyncio.cli import join
from m3asyncio.cli.adapters import adapter
from m3asyncio.cli.options import parse
from m3core.conference.events import HandRaised
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.modules.moderation import WaitingRoomJoined
from m3core.errors import ConferenceEnded


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M3_TOKEN", TOKEN)


async def guest(link: str, loop: str) -> None:
    """Bob joins, and remains until the conference ends for him."""
    async with adapter(loop).joiner.join(link, display_name="Bob") as bob:
        async for _event in bob.events():
            pass


class Bot:
    """`m3 join` as a task."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.code = -1

    async def run(self) -> None:
        self.code = await join.run(self._options)


@LOOPS
def test_a_moderator_in_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str], loop: str) -> None:
    async def main() -> int:
        async with meeting(waiting_room=True, loop=loop) as (server, _, link):
            owner = options(
                tmp_path,
                link,
                {"do": "wait", "event": "WaitingRoomJoined", "timeout": 30},
                {"do": "moderation.accept", "target": "Bob"},
                {"do": "wait", "event": "ParticipantJoined", "where": {"participant.display_name": "Bob"}},
                {"do": "chat", "text": "hello", "id": "greeting"},
                {"do": "polls.start", "topic": "Lunch?", "choices": ["Pizza", "Pasta"], "duration": 60, "id": "poll"},
                {"do": "polls.vote", "choices": "Pasta"},
                {"do": "polls.finish"},
                {"do": "wait", "event": "PollDone", "id": "done"},
                {"do": "moderation.kick", "target": "Bob"},
                {"do": "wait", "event": "ParticipantLeft", "id": "left"},
                more=f"--account --controller {server.base_url} --strict --loop {loop}",
            )
            bot = Bot(owner)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bot.run)
                with pytest.raises(ConferenceEnded, match="kicked"):
                    await guest(link, loop)
            return bot.code

    assert run(main, loop) == 0
    printed = Printed(capsys)
    assert [line["ok"] for line in printed.done.values()] == [True] * 10
    assert printed.done["greeting"]["result"]["content"] == "hello"
    assert [choice["count"] for choice in printed.done["done"]["result"]["poll"]["choices"]] == [0, 1]
    assert printed.done["left"]["result"]["participant"]["display_name"] == "Bob"
    assert printed.events[0] == "ConferenceJoined"
    assert printed.events[-1] == "Ended"
    assert "you: hello" in printed.text.err
    assert "2  Pasta  [####################] 1" in printed.text.err


@pytest.mark.parametrize(("more", "status"), [("", 0), ("--strict", 1)])
def test_wrong_lines_are_answered_and_the_bot_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, status: int
) -> None:
    async def main() -> int:
        async with meeting() as (_server, _, link):
            return await join.run(
                options(
                    tmp_path,
                    link,
                    "# what does not work, and an empty line at the end",
                    "nonsense",
                    "[1]",
                    '{"do": "sleep", "seconds": NaN}',
                    "[" * 100_000,
                    {"do": "dance\ud800"},
                    {"do": "state", "id": [1]},
                    {"do": "chat", "txt": "hello"},
                    {"do": "raise_hand", "background": 1},
                    {"do": "polls.start", "topic": "a?", "choices": ["b", "c"], "duration": 60, "id": "refused"},
                    {"do": "polls.finish", "id": "impossible"},
                    {"do": "wait", "event": "Dance", "id": "event"},
                    {"do": "wait", "event": "PollDone", "timeout": 0.001, "id": "timeout"},
                    {"do": "publish", "source": str(tmp_path / "missing.mp4"), "id": "file"},
                    {"do": "unpublish", "id": "unpublish"},
                    {"do": "chat", "text": "I am still here", "id": "last"},
                    "",
                    more=more,
                )
            )

    assert run(main) == status
    printed = Printed(capsys)
    lines = [line for line in printed.lines if "done" in line]
    assert [line["done"] for line in lines[:8]] == [2, 3, 4, 5, 6, 7, 8, 9]
    messages = [line["error"]["message"] for line in lines[:8]]
    assert [line["error"]["line"] for line in lines[:8]] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert [line["error"]["argument"] for line in lines[:8]] == ["", "", "", "", "do", "id", "txt", "background"]
    assert "not JSON" in messages[0]
    assert "not a JSON object" in messages[1]
    errors = {line["done"]: line["error"] for line in lines[8:-1]}
    assert (errors["refused"]["type"], errors["refused"]["code"]) == ("CallRefused", "insufficient_permissions")
    assert errors["impossible"]["type"] == "LocalProtocolError"
    assert "PollDone" in errors["event"]["message"]
    assert (errors["timeout"]["type"], errors["timeout"]["message"]) == ("TimeoutError", "no PollDone within 0.001 s")
    assert errors["file"]["type"] == "MediaError"
    assert "no video stream was published" in errors["unpublish"]["message"]
    assert (lines[-1]["done"], lines[-1]["ok"]) == ("last", True)


@LOOPS
def test_streams_and_what_ends_with_the_conference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], loop: str
) -> None:
    async def main() -> int:
        async with meeting(loop=loop) as (_server, _, link):
            return await join.run(
                options(
                    tmp_path,
                    link,
                    {"do": "publish", "id": "publish"},
                    {"do": "set_sending", "audio": True, "video": False, "id": "mute"},
                    {"do": "share_screen", "id": "share"},
                    {"do": "state", "id": "state"},
                    {"do": "unpublish", "id": "stop"},
                    {"do": "help", "id": "help"},
                    {"do": "sleep", "seconds": 0.001, "id": "nap"},
                    {"do": "wait", "event": "PollDone", "background": True, "id": "never"},
                    {"do": "sleep", "seconds": 3600, "background": True, "id": "night"},
                    {"do": "leave", "id": "leave"},
                    more=f"--loop {loop}",
                )
            )

    assert run(main, loop) == 0
    printed = Printed(capsys)
    for name in ("publish", "mute", "share", "stop", "nap", "night", "leave"):
        assert printed.done[name]["ok"], printed.done[name]
    publications = {one["media_session_type"]: one for one in printed.done["state"]["result"]["publications"]}
    assert (publications["video"]["audio"], publications["video"]["video"]) == (True, False)
    assert publications["screen"]["is_live"]
    assert "text: a text" in printed.done["help"]["result"]["chat"]
    assert printed.error("never")["type"] == "ConferenceEnded"


def test_with_stay_the_bot_does_not_leave_when_the_lines_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> int:
        async with (
            meeting() as (_server, held, link),
            held.start(display_name="Ada") as ada,
            ada.events(ChatMessage) as said,
        ):
            line = {"do": "chat", "text": "hello"}
            bot = Bot(options(tmp_path, link, line, more="--stay"))

            async def kicked() -> None:
                with pytest.raises(ConferenceEnded, match="kicked"):
                    await bot.run()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(kicked)
                message = await anext(said)
                await ada.chat("still there?", to=message.source)
                await ada.moderation.kick(message.source)
            return bot.code

    assert run(main) == -1
    assert Printed(capsys).events[-2:] == ["ChatMessage", "Ended"]


def test_the_waiting_room_is_printed_before_the_bot_is_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> int:
        async with meeting(waiting_room=True) as (_server, held, link), held.start(display_name="Ada") as ada:
            bot = Bot(options(tmp_path, link))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bot.run)
                waiting = await ada.wait_for(WaitingRoomJoined)
                await ada.moderation.accept(waiting.participant)
            return bot.code

    assert run(main) == 0
    printed = Printed(capsys)
    assert printed.events[:2] == ["WaitingRoomEntered", "ConferenceJoined"]
    assert "you are in the waiting room" in printed.text.err


def test_without_events_only_ends_of_commands_are_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "commands"
    path.write_text(
        '{"do": "chat", "text": "hello"}\n{"do": "wait", "event": "ChatMessage", "timeout": 30}\n{"do": "leave"}\n'
    )

    async def main() -> int:
        async with meeting() as (_server, _, link):
            return await join.run(parse(["join", link, "--name", "Bot", "--no-receive", "--commands", str(path)]))

    assert run(main) == 0
    printed = Printed(capsys)
    assert [line["done"] for line in printed.lines] == [1, 2, 3]
    assert "you: hello" in printed.text.err


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    given = parse(["join", "http://127.0.0.1:1/invite/x", "--commands", str(tmp_path / "none")])
    with pytest.raises(FileNotFoundError):
        anyio.run(join.run, given)


@LOOPS
def test_breakout_rooms_are_found_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str], loop: str) -> None:
    async def main() -> int:
        async with meeting(loop=loop) as (_server, held, link), held.start(display_name="Ada") as ada:
            lines: tuple[Mapping[str, object], ...] = (
                {"do": "switch_room", "room": "Red", "id": "too early"},
                {"do": "raise_hand"},
                {"do": "wait", "event": "BreakoutStarted", "timeout": 30, "id": "started"},
                {"do": "switch_room", "room": "red"},
                {"do": "wait", "event": "RoomChanged", "timeout": 30, "id": "there"},
                {"do": "state", "id": "state"},
                {"do": "switch_room", "room": 1, "id": "wrong"},
                {"do": "switch_room", "room": None},
                {"do": "wait", "event": "RoomChanged", "timeout": 30, "id": "back"},
            )
            bot = Bot(options(tmp_path, link, *lines, more=f"--loop {loop}"))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bot.run)
                await ada.wait_for(HandRaised)
                await ada.breakout.start({"Red": [], "Blue": []})
            return bot.code

    assert run(main, loop) == 0
    printed = Printed(capsys)
    assert {name for name, line in printed.done.items() if not line["ok"]} == {"too early", "wrong"}
    assert printed.error("too early")["argument"] == "room"
    rooms = {room["name"]: room["id"] for room in printed.done["started"]["result"]["rooms"]}
    assert set(rooms) == {"Red", "Blue"}
    assert printed.done["there"]["result"]["breakout_room"] == rooms["Red"]
    assert printed.done["state"]["result"]["breakout"]["current"] == rooms["Red"]
    assert printed.done["back"]["result"]["breakout_room"] is None
    said = [line.partition("  ")[2].strip() for line in printed.text.err.splitlines()]
    assert said[said.index("you are in a breakout room now") + 1] == "Red"
    assert "you are in the main room now" in said
