"""A server in a process of its own, and blocking clients for it: one asks in a steady rhythm, and many can join.

Everything is at 127.0.0.1. The clients share no code with the library.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from attrs import define, field

from benchmarks.attack_bytes import text

GET = b"GET /v1/auth/login HTTP/1.1\r\nHost: a\r\n\r\n"
PATIENCE = 60.0
"""Seconds after which a client gives up: only a server that hangs takes so long."""
_JOINED = rb'"message":"joined","id":"([0-9a-f-]{36})"[^}]*"display_name":"Camera"'
# Not k3k-signaling-json-v1.0: a client that offers only this name is told of one stream at a time, and its own publish
# waits for its turn, too (media.md § 10 row 4).
_HEAD = (
    "GET /signaling HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: opentalk-signaling-json-v1.0, ticket#{}\r\n\r\n"
)


@define
class Place:
    """A served meeting."""

    port: int
    code: str
    room: str = ""

    def post(self, path: str, body: object) -> dict[str, str]:
        """The JSON answer to one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            answer: dict[str, str] = json.load(connection.getresponse())
        finally:
            connection.close()
        return answer

    def connect(self) -> socket.socket:
        """A TCP connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def join(self, name: str) -> tuple[socket.socket, str]:
        """A WebSocket that has joined, and the id of its participant."""
        ticket = self.post(f"/v1/rooms/{self.room}/start_invited", {"invite_code": self.code})["ticket"]
        ours = self.connect()
        ours.sendall(_HEAD.format(ticket).encode() + text("control", action="join", display_name=name))
        own_id = re.search(
            rb'join_success.*?"id":"([0-9a-f-]{36})', until(ours, rb'join_success.*?"id":"[0-9a-f-]{36}')
        )
        assert own_id is not None
        return ours, own_id[1].decode()

    @contextlib.contextmanager
    def publishing(self, witness: socket.socket) -> Iterator[str]:
        """A participant with a real stream, in a process of its own; its id, as ``witness``, who is there, hears it."""
        link = f"http://127.0.0.1:{self.port}/invite/{self.code}"
        command = [sys.executable, "-m", "m3asyncio", "join", link, "--name", "Camera", "--publish", "pattern"]
        options = ["--no-chat", "--stay"]
        with subprocess.Popen(command + options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                told = re.search(_JOINED, until(witness, _JOINED), re.DOTALL)
                assert told is not None
                yield told[1].decode()
            finally:
                process.kill()


@contextlib.contextmanager
def serving(loop: str) -> Iterator[Place]:
    """`m3 serve` on the event loop ``loop``."""
    command = [sys.executable, "-m", "m3asyncio", "serve", "--json", "--loop", loop]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            host, _, code = told["invitation"].rpartition("/invite/")
            place = Place(int(host.rpartition(":")[2]), code)
            place.room = place.post("/v1/invite/verify", {"invite_code": code})["room_id"]
            yield place
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def until(ours: socket.socket, pattern: bytes) -> bytes:
    """Read until the bytes match ``pattern``. Raises `EOFError` if the server closes before."""
    read = b""
    while not re.search(pattern, read, re.DOTALL):
        data = ours.recv(1 << 16)
        if not data:
            raise EOFError
        read += data
    return read


@define
class Bystander:
    """Asks every `RHYTHM` seconds, in a thread, and notes how long each answer takes."""

    RHYTHM = 0.011
    """Seconds: within the budget of a connection."""
    place: Place
    waits: list[float] = field(factory=list)
    _over: threading.Event = field(factory=threading.Event)

    def _run(self) -> None:
        with self.place.connect() as ours:
            while not self._over.wait(self.RHYTHM):
                begun = time.perf_counter()
                ours.sendall(GET)
                if not ours.recv(1 << 16):
                    raise EOFError("the server closed the connection of a client that did nothing wrong")
                self.waits.append(time.perf_counter() - begun)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Ask for as long as the block runs, and wait for the last answer."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    @property
    def worst(self) -> float:
        """Seconds."""
        return max(self.waits)

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.waits)
