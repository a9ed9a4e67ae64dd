"""Our WebSockets and a server that leaves TCP open, or sends only pings; and `join(wire=...)`, which shows frames."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from manners import Controller, Manners, controller
from manners_clients import ADAPTERS, BACKENDS, each_loop, run
from tls_places import certificate

from m3core import limits
from m3core.client.transports import WebSocket, WrappedWebSocket
from m3core.conference.state import EndReason

pytestmark = pytest.mark.usefixtures("nothing_is_left")
LONG = 1e6
"""Seconds; longer than any test takes."""


@pytest.fixture(params=["http", "https"])
def trusted(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path | None:
    """The certificate of the controller, if it has one; our clients trust it."""
    if request.param == "http":
        return None
    path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setattr("m3asyncio.tls._made", [])
    return path


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without time-outs: a client that waits for the end of TCP, or for a sign of life, waits for ever."""
    monkeypatch.setattr("m3core.conference.life.LEAVE_TIMEOUT", LONG)
    monkeypatch.setattr("m3core.conference.keepalive.KEEPALIVE_INTERVAL", LONG)
    monkeypatch.setattr("m3core.client.websocket.CLOSE_TIMEOUT", LONG)


# -- a connection ends with the close frames, not with TCP ---
@pytest.mark.usefixtures("endless")
@each_loop
def test_leaving_and_moving_where_tcp_stays_open(loop: str, trusted: Path | None) -> None:
    m3 = ADAPTERS[loop]

    async def scenario(there: Controller) -> None:
        async with m3.join(there.link, display_name="Ada") as ada:
            (room,) = there.open_breakouts("A")
            await ada.wait_for(m3.BreakoutStarted)
            await ada.switch_room(room)
            await ada.switch_room(None)
            await ada.leave()
        assert ada.ended is EndReason.LEFT

    with controller(Manners(leaves_tcp_open=True), certificate=trusted) as there:
        run(loop, lambda: scenario(there))


@pytest.mark.usefixtures("endless")
@each_loop
def test_a_kick_is_noticed_where_tcp_stays_open(loop: str, trusted: Path | None) -> None:
    m3 = ADAPTERS[loop]

    async def scenario(there: Controller) -> None:
        joining = m3.join(there.link, display_name="Ada")
        ada = await joining.__aenter__()
        there.kick("Ada")
        await ada.wait_for(m3.Ended)
        with pytest.raises(m3.ConferenceEnded, match="kicked"):
            await joining.__aexit__(None, None, None)
        assert ada.ended is EndReason.KICKED

    with controller(Manners(leaves_tcp_open=True), certificate=trusted) as there:
        run(loop, lambda: scenario(there))


@pytest.mark.usefixtures("endless", "soon")
@each_loop
def test_an_invalid_frame_ends_the_connection_though_tcp_is_open(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def scenario(there: Controller) -> None:
        async with m3.join(there.link, display_name="Ada") as ada, ada.events(m3.ConnectionLost, m3.Resumed) as told:
            there.do(lambda: there.room.person("Ada").wire().babble())
            assert isinstance(await anext(told), m3.ConnectionLost)
            await there.seen(lambda: True if there.room.person("Ada").socket is None else None)
            assert isinstance(await anext(told), m3.Resumed)

    with controller(Manners(leaves_tcp_open=True)) as there:
        run(loop, lambda: scenario(there))


# -- pings are signs of life ---
@pytest.mark.usefixtures("soon")
@each_loop
def test_a_server_that_only_pings_is_alive(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server answers no echo. Each ping puts the next echo off; without pings the connection counts as lost."""
    m3 = ADAPTERS[loop]

    async def scenario(there: Controller) -> None:
        async with m3.join(there.link, display_name="Ada") as ada, ada.events(m3.ConnectionLost) as lost:
            keepalive = ada._session.engine.life.keepalive
            due = keepalive.deadline
            for _ in range(3):
                there.ping("Ada")
                while keepalive.deadline == due:
                    await anyio.sleep(0.001)
                due = keepalive.deadline
            monkeypatch.setattr("m3core.conference.keepalive.KEEPALIVE_INTERVAL", 0.01)
            monkeypatch.setattr("m3core.conference.keepalive.KEEPALIVE_TIMEOUT", 0.01)
            there.ping("Ada")
            await anext(lost)

    with controller(Manners(pings_only=True, ping_interval=None)) as there:
        run(loop, lambda: scenario(there))


@each_loop
def test_a_wrapped_websocket_passes_pings_on(loop: str) -> None:
    async def scenario(there: Controller) -> None:
        ticket = there.do(lambda: there.room.start(None, None, guest=True)["ticket"])
        pinged: list[int] = []
        async with BACKENDS[loop].tasks() as tasks:
            url = there.base_url.replace("http", "ws", 1) + "/signaling"
            socket = await tasks.connect(url, (f"ticket#{ticket}", "k3k-signaling-json-v1.0"))
            wrapped: WebSocket = WrappedWebSocket(socket)
            assert wrapped.on_ping is None
            person = await there.seen(lambda: next((p for p in there.room.people.values() if p.socket), None))
            there.do(person.wire().ping)  # nobody listens
            wrapped.on_ping = lambda: pinged.append(1)
            for count in range(1, 4):
                there.do(person.wire().ping)
                while len(pinged) < count:
                    await anyio.sleep(0.001)
            await wrapped.ping(b"there?")
            assert wrapped.close_code is None
            await wrapped.close(1000)
            await tasks.close()

    with controller(Manners(ping_interval=None)) as there:
        run(loop, lambda: scenario(there))


# -- join(wire=...) ---
@pytest.mark.usefixtures("soon")
@each_loop
def test_frames_are_shown_in_order(loop: str) -> None:
    m3 = ADAPTERS[loop]
    seen: list[tuple[str, str]] = []

    async def scenario(there: Controller) -> None:
        joining = m3.join(there.link, display_name="Ada", wire=lambda *frame: seen.append(frame))
        async with joining as ada, ada.events(m3.Resumed) as resumed:
            await ada.chat("hello")
            there.cut("Ada")
            await anext(resumed)
            await ada.raise_hand()
            await there.seen(lambda: True if there.room.person("Ada").hand else None)
        said = there.heard("Ada")
        sent = [json.loads(text) for direction, text in seen if direction == "sent"]
        assert [(told["namespace"], told["payload"]) for told in sent] == said
        told = [(d, json.loads(text)["payload"]) for d, text in seen]
        names = [(d, payload.get("action") or payload["message"]) for d, payload in told]
        assert names == [
            ("sent", "join"),
            ("received", "join_success"),
            ("sent", "send_message"),
            ("received", "message_sent"),
            ("sent", "join"),
            ("received", "join_success"),
            ("sent", "raise_hand"),
        ]
        secrets = there.do(lambda: [*there.room.tokens, *there.room.tickets])
        assert not any(secret in text for secret in secrets for _, text in seen)

    with controller() as there:
        run(loop, lambda: scenario(there))


@each_loop
def test_the_frames_of_an_owner(loop: str) -> None:
    m3 = ADAPTERS[loop]
    seen: list[str] = []

    async def scenario(there: Controller) -> None:
        async with m3.Account(there.base_url, "a-token") as account:
            meeting = await account.create_meeting(title="Frames")
            async with meeting.start(display_name="Olga", wire=lambda direction, _: seen.append(direction)):
                assert seen == ["sent", "received"]

    with controller() as there:
        run(loop, lambda: scenario(there))


@each_loop
def test_an_error_of_the_wire_function_is_raised_at_the_end(loop: str) -> None:
    """The conference goes on without the function. If the block raises an error, that one is raised instead."""
    m3 = ADAPTERS[loop]
    calls: list[str] = []

    def fail(direction: str, _text: str) -> None:
        calls.append(direction)
        raise ZeroDivisionError

    async def scenario(there: Controller) -> None:
        with pytest.raises(ZeroDivisionError):
            async with m3.join(there.link, display_name="Ada", wire=fail) as ada:
                await ada.chat("hello")
        assert (calls, ada.ended, there.people()) == (["sent"], EndReason.LEFT, [])
        with pytest.raises(KeyError):
            async with m3.join(there.link, display_name="Ada", wire=fail):
                raise KeyError

    with controller() as there:
        run(loop, lambda: scenario(there))


def test_limits_leave_room_for_a_polite_server() -> None:
    assert limits.CLOSE_GRACE < limits.LEAVE_TIMEOUT < limits.CLOSE_TIMEOUT
