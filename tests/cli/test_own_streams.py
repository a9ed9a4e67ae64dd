"""Commands can mute and end the streams that `--publish` and `--screen` published."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import anyio
import pytest
from cli_bots import LOOPS, TOKEN, Printed, meeting, options, run

from m3asyncio.cli import join
from m3asyncio.cli.publishing import OwnStreams
from m3core.client.conference import Conference
from m3core.errors import LocalProtocolError
from m3core.values import MediaSessionType

VIDEO, SCREEN = MediaSessionType.VIDEO, MediaSessionType.SCREEN


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M3_TOKEN", TOKEN)


@LOOPS
def test_lines_mute_and_end_what_options_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], loop: str
) -> None:
    async def main() -> int:
        async with meeting(loop=loop) as (_server, _, link):
            lines: list[dict[str, object]] = [
                {"do": "set_sending", "audio": False, "video": True, "id": "mute"},
                {"do": "state", "id": "muted"},
                {"do": "unpublish", "media_session_type": "screen", "id": "stop"},
                {"do": "unpublish", "media_session_type": "screen", "id": "again"},
                {"do": "state", "id": "stopped"},
            ]
            more = f"--publish pattern --screen pattern --loop {loop}"
            return await join.run(options(tmp_path, link, *lines, more=more))

    assert run(main, loop) == 0
    printed = Printed(capsys)
    muted, stopped = (
        {one["media_session_type"]: one for one in printed.done[name]["result"]["publications"]}
        for name in ("muted", "stopped")
    )
    assert (muted["video"]["audio"], muted["video"]["video"]) == (False, True)
    assert set(stopped) == {"video"}
    assert printed.error("again")["message"] == "no screen stream was published"


class _Publication:
    def __init__(self, done: list[str], kind: str) -> None:
        self._done = done
        self._kind = kind

    async def unmute(self, *, audio: bool, video: bool) -> None:
        self._done.append(f"unmute {self._kind} {audio} {video}")

    async def mute(self, *, audio: bool, video: bool) -> None:
        self._done.append(f"mute {self._kind} {audio} {video}")

    async def stop(self) -> None:
        self._done.append(f"stop {self._kind}")


class _Conference:
    """Publishes a kind of stream once its event in ``may`` is set."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.may = {"video": anyio.Event(), "screen": anyio.Event()}
        self.fails = False

    @property
    def own(self) -> _Conference:
        return self

    display_name = "Ada"

    async def publish(self, *, video: object, audio: object) -> _Publication:
        del video, audio
        return await self._published("video")

    async def share_screen(self, video: object) -> _Publication:
        del video
        return await self._published("screen")

    async def _published(self, kind: str) -> _Publication:
        await self.may[kind].wait()
        if self.fails:
            raise LocalProtocolError("there is no camera")
        self.done.append(f"publish {kind}")
        return _Publication(self.done, kind)


@LOOPS
def test_a_command_for_a_stream_that_is_being_published_waits(loop: str) -> None:
    async def main() -> int:
        conference = _Conference()
        streams = OwnStreams(cast("Conference", conference))
        async with anyio.create_task_group() as tasks:
            await tasks.start(streams.begin, "pattern", "pattern")
            tasks.start_soon(lambda: streams.set_sending(VIDEO, audio=False, video=True))
            tasks.start_soon(streams.unpublish, SCREEN)
            await anyio.wait_all_tasks_blocked()
            assert conference.done == []
            conference.may["video"].set()
            await anyio.wait_all_tasks_blocked()
            first = ["publish video", "unmute video False True", "mute video True False"]
            assert conference.done == first
            conference.may["screen"].set()
        assert conference.done == [*first, "publish screen", "stop screen"]
        return 0

    run(main, loop)


@LOOPS
def test_only_what_options_name_is_waited_for(loop: str) -> None:
    async def main() -> int:
        conference = _Conference()
        streams = OwnStreams(cast("Conference", conference))
        async with anyio.create_task_group() as tasks:
            await tasks.start(streams.begin, "pattern", None)
            with pytest.raises(LocalProtocolError, match="no screen stream was published"):
                await streams.unpublish(SCREEN)
            conference.may["screen"].set()
            await streams.share_screen("pattern")
            conference.may["video"].set()
        assert conference.done == ["publish screen", "publish video"]
        return 0

    run(main, loop)


def test_a_command_that_waited_for_a_stream_that_failed_fails() -> None:
    async def main() -> int:
        conference = _Conference()
        conference.fails = True
        streams = OwnStreams(cast("Conference", conference))
        told: list[str] = []

        async def published() -> None:
            with pytest.raises(LocalProtocolError, match="there is no camera"):
                await streams.publish("pattern")

        async def muted() -> None:
            with pytest.raises(LocalProtocolError, match="no video stream was published"):
                await streams.set_sending(VIDEO, audio=False, video=False)
            told.append("muted")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(published)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(muted)
            await anyio.wait_all_tasks_blocked()
            assert told == []
            conference.may["video"].set()
        return 0

    run(main)
