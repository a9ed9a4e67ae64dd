"""The controller over real sockets, with foreign clients: REST, handshakes (signaling.md § 1), and bare bytes."""

from __future__ import annotations

import asyncio
import json

import pytest
from house import House, free_port, house, in_loop
from raw import PROTOCOL, bearer, exchange, rest, ticket, upgrade

import m3asyncio as m3

UNKNOWN = "11111111-2222-4333-8444-555555555555"


@in_loop
async def test_rest_as_a_browser_sees_it() -> None:
    async with house() as here, rest(here) as client:
        login = await client.get("/auth/login", headers={"origin": "https://app.example"})
        assert login.status_code == 200
        assert login.headers["access-control-allow-origin"] == "*"
        assert set(login.json()) == {"oidc"}

        preflight = await client.options(
            "/users/me",
            headers={"origin": "https://app.example", "access-control-request-method": "GET"},
        )
        assert preflight.status_code in {200, 204}
        assert preflight.content == b""
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()

        me = await client.get("/users/me", headers=bearer(here))
        assert (me.status_code, me.json()["display_name"]) == (200, "Owner")
        ids = {(await client.get("/auth/login")).headers["x-request-id"] for _ in range(2)}
        assert len(ids) == 2


@in_loop
async def test_rest_refusals() -> None:
    async with house() as here, rest(here) as client:
        room = here.meeting.event.room.id
        json_type = {"content-type": "application/json"}

        for path in ("/nothing", "/users/me/too", "/../v1", "/rooms/not-a-uuid/start"):
            missing = await client.get(path)
            assert missing.status_code == 404, path
            assert missing.json()["code"] == "not_found"
        wrong_method = await client.delete("/users/me")
        assert wrong_method.status_code == 405

        anonymous = await client.get("/users/me")
        assert (anonymous.status_code, anonymous.json()["code"]) == (401, "unauthorized")
        assert anonymous.headers["www-authenticate"].startswith("Bearer ")
        assert anonymous.headers["access-control-allow-origin"] == "*"

        for rooms in (UNKNOWN,):
            hidden = await client.post(f"/rooms/{rooms}/start", json={}, headers=bearer(here))
            assert (hidden.status_code, hidden.content) == (403, b"")

        for body in (b"{", b"[]", b"", b'{"invite_code": 7}', b'{"invite_code": NaN}', b"\xff", b"[" * 100_000):
            bad = await client.post("/invite/verify", content=body, headers=json_type)
            assert bad.status_code == 400, body[:20]
            assert bad.json()["code"] == "invalid_json"
        untyped = await client.post("/invite/verify", content=b"{}", headers={"content-type": "text/plain"})
        assert (untyped.status_code, untyped.json()["code"]) == (400, "invalid_content_type")
        long = await client.post("/invite/verify", content=b" " * (1 << 20) + b"{}", headers=json_type)
        assert (long.status_code, long.json()["code"]) == (400, "payload_overflow")

        unknown = await client.post("/invite/verify", json={"invite_code": UNKNOWN})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        other = await client.post(f"/rooms/{room}/start_invited", json={"invite_code": UNKNOWN})
        assert (other.status_code, other.json()["code"]) == (404, "not_found")


async def _status_and_code(here: House, path: str, protocols: str | None) -> tuple[int, str]:
    answer = await exchange(here, upgrade(path, protocols).replace(b"keep-alive, Upgrade", b"Upgrade"), until=b"}")
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["code"]


@pytest.mark.parametrize("path", ["/signaling", "/signalling"])
@in_loop
async def test_handshake_refusals(path: str) -> None:
    async with house() as here:
        unknown = "x" * 64
        for protocols, expected in {
            None: (400, "missing_protocol"),
            "": (400, "missing_protocol"),
            "chat": (400, "missing_protocol"),
            f"ticket#{unknown}": (400, "missing_protocol"),
            PROTOCOL: (401, "missing_ticket"),
            f"{PROTOCOL}, ticket#short": (401, "invalid_ticket"),
            f"ticket#{unknown}x, {PROTOCOL}": (401, "invalid_ticket"),
            f"ticket#{unknown}, {PROTOCOL}": (401, "invalid_ticket"),
        }.items():
            assert await _status_and_code(here, path, protocols) == expected, protocols


@pytest.mark.parametrize("path", ["/signaling", "/signalling", "/signaling?x=1"])
@in_loop
async def test_a_ticket_opens_one_websocket(path: str) -> None:
    async with house() as here:
        given = f"{PROTOCOL},unknown , ticket#{await ticket(here)}"
        head = await exchange(here, upgrade(path, given), until=b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert f"sec-websocket-protocol: {PROTOCOL}\r\n".encode() in head.lower()
        assert b"ticket" not in head.lower()
        assert await _status_and_code(here, path, given) == (401, "invalid_ticket")


@in_loop
async def test_other_paths_are_no_websockets() -> None:
    async with house() as here:
        given = await ticket(here)
        assert (await _status_and_code(here, "/v1/auth/login", f"ticket#{given}, {PROTOCOL}"))[0] == 404
        old = upgrade("/signaling", PROTOCOL).replace(b"Version: 13", b"Version: 8")
        assert b" 426 " in await exchange(here, old)
        keyless = upgrade("/signaling", PROTOCOL).replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short")
        assert b" 400 " in await exchange(here, keyless)


@in_loop
async def test_bytes_that_are_not_http() -> None:
    async with house() as here, here.meeting.start(display_name="Olga") as owner:
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 100, b"HELO\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            answer = await exchange(here, garbage + b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 400 "), garbage
        assert (await exchange(here, b"GET /" + b"a" * 40_000)).startswith(b"HTTP/1.1 4")
        assert owner.ended is None
        assert (await here.account.me()).display_name == "Owner"


@in_loop
async def test_a_client_that_closes_half_of_its_connection_still_gets_its_answer() -> None:
    async with house() as here:
        reader, writer = await asyncio.open_connection(*here.address)
        writer.write(b"GET /v1/auth/login HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.write_eof()
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        writer.close()
        await writer.wait_closed()


@in_loop
async def test_a_slow_request_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as here:
        monkeypatch.setattr("m3core.controller.front.HTTP_TIMEOUT", 0.05)
        for beginning in (b"", b"G", b"POST /v1/invite/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
            assert await exchange(here, beginning) == b""


@in_loop
async def test_the_server_takes_its_leave_from_idle_and_half_finished_connections_at_once() -> None:
    writers: list[asyncio.StreamWriter] = []
    async with house() as here:
        for beginning in (b"", b"GET /v1/au", b"GET /v1/auth/login HTTP/1.1\r\nHost: x\r\n\r\n"):
            reader, writer = await asyncio.open_connection(*here.address)
            writers.append(writer)
            writer.write(beginning)
            if b"\r\n\r\n" in beginning:
                await reader.readuntil(b"}}")
        server = here.server
    assert server._peers == {}
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    await server.aclose()  # a second time


@in_loop
async def test_addresses_that_cannot_be_served() -> None:
    async with house() as here:
        with pytest.raises(
            m3.TransportError, match=r"^cannot listen on 127\.0\.0\.1 port \d+: Address already in use$"
        ):
            async with m3.serve(port=here.address[1]):
                pytest.fail("two on one port")
    async with m3.serve(port=free_port(), public_url="http://localhost:1", owner_token="t0ken") as server:
        assert server.base_url == "http://localhost:1"
        assert server.owner.access_token.reveal() == "t0ken"
