"""Clients that may break every rule: HTTP with httpx, WebSockets with `websockets`, and bare bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from house import House
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

PROTOCOL = "k3k-signaling-json-v1.0"
Json = dict[str, Any]


@asynccontextmanager
async def rest(here: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the REST API, not logged in."""
    async with httpx.AsyncClient(base_url=f"{here.server.base_url}/v1", trust_env=False) as client:
        yield client


def bearer(here: House) -> dict[str, str]:
    """The owner's `Authorization`."""
    return {"authorization": f"Bearer {here.server.owner.access_token.reveal()}"}


async def ticket(here: House) -> str:
    """A fresh ticket of a guest."""
    async with rest(here) as client:
        code = here.link.rpartition("/")[2]
        room = (await client.post("/invite/verify", json={"invite_code": code})).json()["room_id"]
        answer = await client.post(f"/rooms/{room}/start_invited", json={"invite_code": code})
        text: str = answer.json()["ticket"]
        return text


@asynccontextmanager
async def websocket(here: House, given: str | None = None, path: str = "/signaling") -> AsyncIterator[ClientConnection]:
    """An open WebSocket, not joined."""
    given = given or await ticket(here)
    url = here.server.base_url.replace("http", "ws", 1) + path
    protocols = [Subprotocol(PROTOCOL), Subprotocol(f"ticket#{given}")]
    async with connect(url, subprotocols=protocols, compression=None, ping_interval=None, proxy=None) as connection:
        yield connection


async def join(connection: ClientConnection, name: str = "Raw") -> Json:
    """Join; the payload of `join_success`."""
    await connection.send(json.dumps({"namespace": "control", "payload": {"action": "join", "display_name": name}}))
    return await heard(connection)


async def heard(connection: ClientConnection) -> Json:
    """The payload of the next message."""
    payload: Json = json.loads(await connection.recv())["payload"]
    return payload


async def exchange(here: House, request: bytes, *, until: bytes | None = None) -> bytes:
    """Send ``request`` and read until the bytes ``until`` come, or without them until the server closes."""
    reader, writer = await asyncio.open_connection(*here.address)
    try:
        writer.write(request)
        if until is not None:
            return await reader.readuntil(until)
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def upgrade(path: str, protocols: str | None) -> bytes:
    """A WebSocket handshake."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    if protocols is not None:
        lines.append(f"Sec-WebSocket-Protocol: {protocols}")
    return "\r\n".join([*lines, "", ""]).encode()
