"""A WebSocket of the test controller: the sans-IO part of `websockets`, on plain streams, so that it may misbehave."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from manners_switches import Json, Manners
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    from manners_people import Person
    from manners_room import Room

PROTOCOL: Final = "k3k-signaling-json-v1.0"


class Socket:
    """One WebSocket connection, of one participant."""

    def __init__(
        self, manners: Manners, room: Room, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._manners = manners
        self._room = room
        self._reader = reader
        self._writer = writer
        self._protocol = ServerProtocol(select_subprotocol=lambda _, offered: _select(offered))
        self._person: Person | None = None
        self._text = b""
        self._beat: asyncio.Task[None] | None = None

    async def run(self, head: bytes) -> None:
        """Serve the connection from the upgrade request ``head`` to the end of TCP."""
        self._protocol.receive_data(head)
        for event in self._protocol.events_received():
            assert isinstance(event, Request)
            self._enter(event)
        self._flush()
        if self._person is None:
            return
        try:
            await self._listen(self._person)
        finally:
            if self._beat is not None:
                self._beat.cancel()
            self._room.lost(self._person, self, closed=self._protocol.close_rcvd is not None)

    def _enter(self, request: Request) -> None:
        offered = [one.strip() for one in request.headers.get("sec-websocket-protocol", "").split(",")]
        ticket = next((one.partition("#")[2] for one in offered if one.startswith("ticket#")), "")
        person = self._room.tickets.pop(ticket, None)
        if person is None:
            self._protocol.send_response(self._protocol.reject(401, '{"code": "invalid_ticket", "message": ""}'))
            return
        self._protocol.send_response(self._protocol.accept(request))
        self._person, person.socket = person, self
        if self._manners.ping_interval is not None:
            self._beat = asyncio.create_task(self._ping_for_ever(self._manners.ping_interval))

    async def _listen(self, person: Person) -> None:
        while data := await self._reader.read(1 << 16):
            self._protocol.receive_data(data)
            self._flush()
            for frame in self._protocol.events_received():
                assert isinstance(frame, Frame)
                if frame.opcode not in {Opcode.TEXT, Opcode.CONT}:
                    continue
                self._text += frame.data
                if frame.fin:
                    text, self._text = self._text, b""
                    told = json.loads(text)
                    await self._room.take(person, told["namespace"], told["payload"])
                    self._room.ring()
            if self._protocol.close_rcvd is not None:
                self._room.lost(person, self, closed=True)
                if not self._manners.leaves_tcp_open:
                    return

    async def _ping_for_ever(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            self.ping()

    # -- what it sends ---
    def say(self, message: Json) -> None:
        """Send one text message, unless the connection is closing."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(json.dumps(message).encode())
            self._flush()

    def ping(self) -> None:
        """Send a ping with the payload of the real controller."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"heartbeat")
            self._flush()

    def babble(self) -> None:
        """Send bytes that are no WebSocket frame."""
        self._writer.write(b"\xff" * 8)

    def close(self, code: int) -> None:
        """Send a close frame."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code)
            self._flush()

    def abort(self) -> None:
        """Reset the TCP connection."""
        with suppress(OSError):
            plain = self._writer.get_extra_info("socket")
            # SO_LINGER with a time of 0: the kernel sends RST instead of FIN.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._writer.transport.abort()
        if self._person is not None:
            self._room.lost(self._person, self, closed=False)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data != SEND_EOF:
                self._writer.write(data)


def _select(offered: object) -> Subprotocol | None:
    assert isinstance(offered, list | tuple)
    return Subprotocol(PROTOCOL) if PROTOCOL in offered else None
