"""The server with foreign WebSocket clients (signaling.md § 2 and 4), over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import pytest
from house import house, in_loop
from raw import heard, join, ticket, upgrade, websocket
from websockets.exceptions import ConnectionClosedError

import m3asyncio as m3
from m3asyncio.server import _Protocol
from m3core.limits import MAX_MESSAGE

JOIN = {"namespace": "control", "payload": {"action": "join", "display_name": "Raw"}}
RAISE = {"namespace": "control", "payload": {"action": "raise_hand"}}
ECHO = {"namespace": "echo", "payload": {"action": "ping"}}
NOT_JSON = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"{}",
    b'{"namespace":"control"}',
    b'{"payload":{}}',
    b'{"namespace":1,"payload":{}}',
]
BAD_CONTROL = [
    {"namespace": "control", "payload": {}},
    {"namespace": "control", "payload": {"action": "fly"}},
    {"namespace": "control", "payload": {"action": "join", "display_name": 7}},
    {"namespace": "control", "payload": {"action": "grant_moderator_role", "target": "nobody"}},
]


@in_loop
async def test_malformed_messages_before_the_join() -> None:
    async with house() as here, websocket(here) as raw:
        for text in NOT_JSON:
            await raw.send(text, text=True)
            assert (await heard(raw))["error"] == "invalid_json", text
        for message in BAD_CONTROL:
            await raw.send(json.dumps(message))
            assert (await heard(raw))["error"] == "invalid_json", message
        await raw.send(json.dumps(RAISE))
        assert (await heard(raw))["error"] == "not_yet_joined"
        for silent in ({"namespace": "media", "payload": {"action": "publish"}}, {"namespace": "x", "payload": {}}):
            await raw.send(json.dumps(silent))
        await raw.send(json.dumps(ECHO))
        assert await heard(raw) == ECHO["payload"]
        assert (await join(raw))["message"] == "join_success"


@in_loop
async def test_malformed_messages_in_the_room() -> None:
    async with house() as here, websocket(here) as raw:
        assert (await join(raw))["message"] == "join_success"
        for text in NOT_JSON:
            await raw.send(text, text=True)
            assert (await heard(raw))["error"] == "invalid_json", text
        await raw.send(json.dumps(JOIN))
        assert (await heard(raw))["error"] == "already_joined"
        await raw.send(json.dumps({"namespace": "nowhere", "payload": {"action": "x"}}))
        assert (await heard(raw))["error"] == "invalid_namespace"
        for silent in ({"action": "fly"}, {"action": "publish"}, {"action": "publish", "sdp": 1}, {}):
            await raw.send(json.dumps({"namespace": "media", "payload": silent}))
        await raw.send(b'{"namespace":"control","payload":{"action":"enter_room"}}', text=False)  # binary is fine too
        assert (await heard(raw))["error"] == "not_accepted_or_not_in_waiting_room"


@in_loop
async def test_names_are_refused_and_may_be_given_again() -> None:
    async with house() as here, websocket(here) as raw:
        assert (await join(raw, " "))["error"] == "invalid_username"
        assert (await join(raw, "x" * 101))["error"] == "invalid_username"
        answer = await join(raw, "  Ada   Byron ")
        assert (answer["message"], answer["display_name"]) == ("join_success", "Ada Byron")


@pytest.mark.parametrize("fragments", [1, 4])
@in_loop
async def test_an_over_long_message_ends_the_connection_with_a_close_code(fragments: int) -> None:
    async with house() as here, here.meeting.start(display_name="Olga") as owner:
        joins = owner.events(m3.ParticipantJoined, m3.ParticipantLeft)
        async with websocket(here) as raw:
            await join(raw)
            assert isinstance(await anext(joins), m3.ParticipantJoined)
            part = " " * (MAX_MESSAGE // fragments + 1)
            with contextlib.suppress(ConnectionClosedError):  # noticed while sending, or after it
                await (raw.send(part) if fragments == 1 else raw.send([part] * fragments))
            with pytest.raises(ConnectionClosedError) as caught:
                await raw.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1009
        assert isinstance(await anext(joins), m3.ParticipantLeft)
        assert owner.ended is None


@in_loop
async def test_what_is_no_json_is_refused_and_the_connection_lives() -> None:
    async with house() as here, websocket(here) as raw:
        await join(raw)
        for data in ('{"namespace":"media","payload":' + "[" * 9_000, b"\x00\xff\x00\xff"):
            await raw.send(data)
            assert (await heard(raw))["error"] == "invalid_json"


@in_loop
async def test_fragmented_text_that_is_not_utf8_is_discarded() -> None:
    async with house() as here, websocket(here) as raw:
        await join(raw)
        await raw.send([b"\xff", b"\xff"], text=True)
        await raw.send(json.dumps(JOIN))
        assert (await heard(raw))["error"] == "already_joined"


@in_loop
async def test_heartbeats_are_pings_with_that_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library always answers pings; so this client sends bytes."""
    monkeypatch.setattr("m3core.controller.engine.HEARTBEAT_INTERVAL", 0.02)
    async with house() as here:
        heartbeat = b"\x89\x09heartbeat"
        given = f"k3k-signaling-json-v1.0, ticket#{await ticket(here)}"
        reader, writer = await asyncio.open_connection(*here.address)
        writer.write(upgrade("/signaling", given))
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(heartbeat)) == heartbeat
        monkeypatch.setattr("m3core.controller.engine.HEARTBEAT_TIMEOUT", 0.0)
        rest = await reader.read()  # the silent client is dropped, without a close frame
        assert set(rest.split(heartbeat)) == {b""}
        writer.close()
        await writer.wait_closed()


@in_loop
async def test_an_answered_heartbeat_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.controller.engine.HEARTBEAT_INTERVAL", 0.01)
    async with house() as here, websocket(here) as raw:
        (session,) = here.server._controller.sessions.values()
        begun = session.last_pong
        await raw.pong(b"other")
        await join(raw)
        while session.last_pong == begun:
            await asyncio.sleep(0)
        await raw.send(json.dumps(JOIN))
        assert (await heard(raw))["error"] == "already_joined"


@in_loop
async def test_a_client_that_reads_nothing_is_dropped_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.serving.MAX_WRITE_QUEUE", 20_000)
    async with house() as here, here.two() as (owner, guest):
        left = owner.events(m3.ParticipantLeft)
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(lazy, here.address)
        given = f"k3k-signaling-json-v1.0, ticket#{await ticket(here)}"
        text = json.dumps(JOIN).encode()
        frame = bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text
        await loop.sock_sendall(lazy, upgrade("/signaling", given) + frame)
        joined = await owner.wait_for(m3.ParticipantJoined, where=lambda event: event.participant.display_name == "Raw")
        for protocol in here.server._peers.values():
            if isinstance(protocol, _Protocol) and protocol.transport is not None:
                protocol.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        while owner.state.participants[joined.participant.id].is_here:
            is_up = guest.own.hand_is_up
            engine = guest._session.engine
            guest._session.driver.feed(engine.lower_hand if is_up else engine.raise_hand)
            await asyncio.sleep(0)
        assert (await anext(left)).participant.id == joined.participant.id
        assert guest.ended is None
        lazy.close()
