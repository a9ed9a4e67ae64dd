"""Whole conferences with STUN and TURN servers that never answer, refuse or die; and with coturn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from coturn import coturn
from patience import PATIENCE
from places import ADAPTERS
from turn_server import HOST, PASSWORD, USER, refusing_port, relayed_only, silent_server, turn_relay

from m3asyncio import connection, gathering, sources
from m3core.client.conference import Conference
from m3core.conference.events import StreamStarted
from m3core.controller.config import ControllerConfig
from m3core.rest.turn import TurnServer
from m3core.values import Secret

pytestmark = pytest.mark.usefixtures("nothing_is_left")
each_loop = pytest.mark.parametrize("loop", ADAPTERS)


@asynccontextmanager
async def two(loop: str, *uris: str, password: str = PASSWORD) -> AsyncIterator[tuple[Conference, Conference]]:
    """An owner and a guest; the controller tells them to use the servers at ``uris``."""
    m3 = ADAPTERS[loop]
    servers = (TurnServer(username=USER, password=Secret(password), uris=uris),)
    config = ControllerConfig(web_url="", turn_servers=servers)
    with anyio.fail_after(PATIENCE):
        async with m3.serve(config=config) as server, server.account() as account:
            meeting = await account.create_meeting(title="Relays")
            guest_link = await meeting.invite()
            async with (
                meeting.start(display_name="Olga") as owner,
                m3.join(guest_link, display_name="Gus") as guest,
            ):
                yield owner, guest


def turn(port: int, transport: str = "udp") -> str:
    return f"turn:{HOST}:{port}?transport={transport}"


async def sound_arrives(owner: Conference, guest: Conference) -> None:
    """The owner publishes a tone, and the guest receives it."""
    publication = await owner.publish(audio=sources.tone())
    await guest.wait_for(StreamStarted)
    async with guest.subscribe(owner.own) as stream:
        async for frame in stream.audio:
            if frame.level > -40:
                break
    await publication.stop()


@each_loop
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_one_relay_that_answers_is_enough(loop: str, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "GATHER_TIMEOUT", 1000 * PATIENCE)  # a client that waits for a silent server hangs

    async def main(*uris: str) -> None:
        async with two(loop, *uris) as (owner, guest):
            await sound_arrives(owner, guest)

    with silent_server() as silent, turn_relay() as relay, relayed_only():
        uris = (f"stun:{HOST}:{silent.port}", turn(silent.port), turn(refusing_port(), "tcp"))
        anyio.run(main, *uris, turn(relay.port, transport), backend=loop)
        assert relay.carried > 0
        assert (relay.made, relay.released) == (2, 2)
        assert silent.asked > 0


@each_loop
def test_if_nothing_connects_the_user_reads_why(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "GATHER_TIMEOUT", 0.3)
    monkeypatch.setattr(connection, "NO_PATH_TIMEOUT", 0.6)
    m3 = ADAPTERS[loop]

    async def main(*uris: str) -> str:
        async with two(loop, *uris, password="wrong") as (owner, _):
            with pytest.raises(m3.MediaError) as error:
                await owner.publish(audio=sources.tone())
        return str(error.value)

    with silent_server() as silent, turn_relay() as relay, relayed_only():
        uris = (f"stun:{HOST}:{silent.port}", turn(silent.port), turn(relay.port, "tcp"))
        told = anyio.run(main, *uris, backend=loop)
    for words in ("no path found", *(f"{uri}: no answer" for uri in uris[:2]), f"{uris[2]}: refused the credentials"):
        assert words in told
    assert USER not in told


@each_loop
def test_a_conference_outlives_its_relay(loop: str, capfd: pytest.CaptureFixture[str]) -> None:
    m3 = ADAPTERS[loop]

    async def main(*uris: str) -> None:
        async with two(loop, *uris) as (owner, guest):
            with relayed_only():
                publication = await owner.publish(audio=sources.tone())
            relay.is_silent = True
            await publication.stop()
            screen = await owner.share_screen(sources.pattern("Olga", 320, 240))
            await guest.wait_for(
                StreamStarted, where=lambda event: event.media_session_type is m3.MediaSessionType.SCREEN
            )
            async with guest.subscribe(owner.own, m3.MediaSessionType.SCREEN) as stream:
                async for _ in stream.video:
                    break
            await screen.stop()

    with turn_relay() as relay:
        anyio.run(main, turn(relay.port), turn(relay.port, "tcp"), backend=loop)
    assert capfd.readouterr().err == ""


@each_loop
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_with_coturn(loop: str, transport: str) -> None:
    async def main(*uris: str) -> None:
        async with two(loop, *uris) as (owner, guest):
            await sound_arrives(owner, guest)

    with coturn() as port, relayed_only():
        anyio.run(main, turn(port, transport), backend=loop)
