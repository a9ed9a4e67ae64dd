"""A server in a process of its own: ``python -m benchmarks.served {asyncio,trio,bare}``.

It prints the port and the invitation code, and then, for each line that it reads, the processor time that it has used.
It ends with its input. ``bare`` is no controller: an asyncio server that answers each piece of data by writing one
ready frame to all connections. Nothing that is written in Python and sends to each connection by itself can be quicker.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from attrs import frozen

import m3asyncio
import m3trio
from m3core.controller.http import frame_text

MESSAGE = (
    b'{"namespace":"chat","payload":{"message":"message_sent","id":"84a1c872-94bb-4b7d-b841-bc59eb4a0e0a",'
    b'"source":"84a1c872-94bb-4b7d-b841-bc59eb4a0e0b","content":"hello there, everybody","scope":"global"},'
    b'"timestamp":"2024-03-05T09:20:11Z"}'
)
"""A chat message as the controller sends it."""


@frozen
class Running:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int
    code: str

    def seconds(self) -> float:
        """The processor time that it has used."""
        if self.process.stdin is None or self.process.stdout is None:
            raise AssertionError("the process has no pipes")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def running(kind: str) -> Iterator[Running]:
    """A server of ``kind`` in a new process."""
    command = [sys.executable, "-m", "benchmarks.served", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the process has no pipes")
        try:
            port, code = process.stdout.readline().split()
            yield Running(process, int(port), code)
        finally:
            process.stdin.close()


class _Bare(asyncio.Protocol):
    def __init__(self, transports: dict[object, asyncio.Transport]) -> None:
        self._transports = transports
        self._frame = frame_text(MESSAGE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transports[self] = transport

    def data_received(self, _data: bytes) -> None:
        for transport in self._transports.values():
            transport.write(self._frame)

    def connection_lost(self, _error: Exception | None) -> None:
        del self._transports[self]


async def _bare() -> None:
    transports: dict[object, asyncio.Transport] = {}
    server = await asyncio.get_running_loop().create_server(lambda: _Bare(transports), "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], "none", flush=True)
    await asyncio.Event().wait()


async def _controller(kind: str) -> None:
    module = m3trio if kind == "trio" else m3asyncio
    async with module.serve() as server:
        async with server.account() as account:
            link = await (await account.create_meeting(title="Benchmark")).invite()
        print(server.address[1], link.rpartition("/")[2], flush=True)
        await anyio.sleep_forever()


def _tell_time() -> None:
    for _ in sys.stdin:
        print(time.process_time(), flush=True)
    os._exit(0)


def main(kind: str) -> None:
    """The command."""
    threading.Thread(target=_tell_time, daemon=True).start()
    if kind == "bare":
        asyncio.run(_bare())
    else:
        anyio.run(_controller, kind, backend=kind)


if __name__ == "__main__":
    main(sys.argv[1])
