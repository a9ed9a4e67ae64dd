"""A conference on anyio, which runs on asyncio and on trio.

Run: python examples/embedding/with_anyio.py asyncio|trio INVITATION_URL [SECONDS]"""

import math
import sys
from functools import partial

import anyio
from anyio.abc import ByteStream
from visitor import Input, Visitor

from m3core.conference.wire import Open, Shut, SocketId, Write


class Loop:
    """`feed` gives one input and performs its outputs; `run` sleeps until the deadline; connections have tasks."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.wire = visitor, visitor.wire
        self.connections = dict[SocketId, Connection]()

    def feed(self, give: Input) -> None:
        """There must be no `await` in here: nothing may come between an input and its outputs."""
        give(anyio.current_time())
        for output in self.wire.outputs():
            match output:
                case Open(number):
                    self.connections[number] = Connection(self, output)
                    self.tasks.start_soon(self.connections[number].run)
                case Write(number, data):
                    self.connections[number].to_write.send_nowait(data)
                case Shut(number, abort):
                    self.connections[number].to_write.close()
                    if abort:
                        self.connections[number].scope.cancel()
                case _:
                    self.visitor.tell(output)
        self.timer.cancel()

    async def run(self) -> int:
        async with anyio.create_task_group() as self.tasks:
            self.timer = anyio.CancelScope()
            self.feed(self.visitor.conference.start)
            while not self.wire.is_over:
                with anyio.move_on_after(self.visitor.timeout(anyio.current_time())) as self.timer:
                    await anyio.sleep_forever()
                self.feed(self.visitor.advance)
        return self.visitor.exit_code


class Connection:
    """One TCP connection. It ends when ``to_write`` is closed and written, or when ``scope`` is cancelled."""

    def __init__(self, loop: Loop, wanted: Open) -> None:
        self.loop, self.number, self.origin, self.scope = loop, wanted.socket, wanted.origin, anyio.CancelScope()
        self.to_write, self.waiting = anyio.create_memory_object_stream[bytes](math.inf)

    async def run(self) -> None:
        at = (self.origin.host, self.origin.port)
        with self.scope, self.to_write, self.waiting:
            try:
                connecting = anyio.connect_tcp(*at, tls=True) if self.origin.tls else anyio.connect_tcp(*at)
                async with await connecting as tcp, anyio.create_task_group() as tasks:
                    tasks.start_soon(self.write, tcp)
                    async for data in tcp:
                        self.loop.feed(partial(self.loop.wire.data_received, self.number, data))
                    self.loop.feed(partial(self.loop.wire.data_received, self.number, b""))
            except* (OSError, anyio.BrokenResourceError):
                self.loop.feed(partial(self.loop.wire.socket_lost, self.number))

    async def write(self, tcp: ByteStream) -> None:
        async for data in self.waiting:
            await tcp.send(data)
        self.scope.cancel()


if __name__ == "__main__":
    sys.exit(anyio.run(Loop(Visitor("Anya", *sys.argv[2:])).run, backend=sys.argv[1]))
