"""The media server is imported in a thread before the first request; without it, everything else is served."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import anyio
import pytest
from patience import PATIENCE
from places import ADAPTERS, BACKENDS

from m3asyncio import sources
from m3asyncio.sfu import EmbeddedSfu
from m3core.serving import Host, MediaServerFactory

pytestmark = pytest.mark.usefixtures("nothing_is_left")
FOLDER = Path(__file__).parent
each_loop = pytest.mark.parametrize("loop", ADAPTERS)


@each_loop
def test_the_first_to_publish_waits_for_no_import(loop: str) -> None:
    process = subprocess.run(
        [sys.executable, str(FOLDER / "serving_publish.py"), loop], stdout=subprocess.PIPE, timeout=PATIENCE, check=True
    )
    assert json.loads(process.stdout) == [True, [], []]


@each_loop
def test_the_media_server_sends_only_where_it_may(loop: str) -> None:
    """Participants whose candidates are all refused still connect: their checks reach the server."""
    m3 = ADAPTERS[loop]

    async def main() -> None:
        config = m3.ControllerConfig(web_url="", ice_candidates=m3.IceCandidates.PUBLIC, own_ports=(7,))
        with anyio.fail_after(PATIENCE):
            async with m3.serve(config=config) as server, server.account() as account:
                assert server._controller.config.ice_candidates is m3.IceCandidates.PUBLIC
                assert server._controller.config.own_ports == (7, server.address[1])
                meeting = await account.create_meeting(title="Elsewhere")
                async with (
                    meeting.start(display_name="Olga") as owner,
                    m3.join(await meeting.invite(), display_name="Gus") as guest,
                ):
                    await guest.publish(video=sources.pattern("Gus", 64, 48))
                    await owner.wait_for(m3.StreamStarted)
                    async with owner.subscribe(guest.own) as stream:
                        async for _ in stream.video:
                            break

    anyio.run(main, backend=loop)


@each_loop
def test_a_server_of_this_machine_sends_everywhere_on_it(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def main() -> None:
        async with m3.serve() as server:
            assert server._controller.config.ice_candidates is m3.IceCandidates.ALL
        async with m3.serve("0.0.0.0") as server:
            assert server._controller.config.ice_candidates is m3.IceCandidates.PUBLIC

    anyio.run(main, backend=loop)


@each_loop
def test_a_server_without_media_serves_all_else(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    m3 = ADAPTERS[loop]

    async def main() -> None:
        with anyio.fail_after(PATIENCE):
            async with m3.serve() as server, server.account() as account:
                meeting = await account.create_meeting(title="No media")
                async with meeting.start(display_name="Olga") as owner:
                    with pytest.raises(m3.CallRefused):
                        await owner.publish(audio=sources.tone())
                    await owner.chat("hello")
                async with m3.join(await meeting.invite(), display_name="Gus") as guest:
                    await guest.chat("hello")

    monkeypatch.setitem(sys.modules, "m3asyncio.sfu", None)  # the client's media is there
    anyio.run(main, backend=loop)


@each_loop
def test_who_is_cancelled_meanwhile_serves_nobody(loop: str) -> None:
    async def main() -> None:
        call = BACKENDS[loop].portal()
        listen = import_module(f"{ADAPTERS[loop].__name__}.server")._listen
        with anyio.fail_after(PATIENCE), anyio.CancelScope() as scope:
            host = Host(BACKENDS[loop], ADAPTERS[loop].Account, listen, lambda: slowly(call, scope))
            async with host.serve():
                pytest.fail("serves")
        assert scope.cancelled_caught

    anyio.run(main, backend=loop)


def slowly(call: Callable[[Callable[[], object]], None], scope: anyio.CancelScope) -> MediaServerFactory:
    """An import in the middle of which the server is cancelled."""
    cancelled = threading.Event()
    call(scope.cancel)
    call(cancelled.set)
    assert cancelled.wait(PATIENCE)
    return EmbeddedSfu
