"""A conference on anyio, which runs on asyncio and on trio.

Run: python examples/embedding/with_anyio.py asyncio|trio INVITATION_URL [SECONDS]
"""

import math
import sys
from collections.abc import Callable
from functools import partial

import anyio
from anyio.abc import ByteStream, TaskGroup
from visitor import Visitor

from m3core.conference.wire import Open, Shut, SocketId, Write


class Loop:
    """`feed` is one input and its outputs; `run` sleeps until something is due; a task for each connection reads."""

    def __init__(self, visitor: Visitor, tasks: TaskGroup) -> None:
        self.visitor, self.wire, self.tasks, self.timer = visitor, visitor.wire, tasks, anyio.CancelScope()
        self.connections: dict[SocketId, Connection] = {}

    def feed(self, give: Callable[[float], object]) -> None:
        """No await in here: nothing may come between an input and its outputs."""
        give(anyio.current_time())
        for output in self.wire.outputs():
            match output:
                case Open(socket=number):
                    self.connections[number] = Connection(self, output)
                    self.tasks.start_soon(self.connections[number].run)
                case Write(socket=number, data=data):
                    self.connections[number].to_write.send_nowait(data)
                case Shut(socket=number, abort=True):
                    self.connections[number].scope.cancel()
                case Shut(socket=number):
                    self.connections[number].to_write.close()
                case _:
                    self.visitor.tell(output)
        self.timer.cancel()

    async def run(self) -> None:
        """Until it is over."""
        self.feed(self.visitor.start)
        while not self.wire.is_over:
            with anyio.move_on_after(self.visitor.timeout(anyio.current_time())) as self.timer:
                await anyio.sleep_forever()
            self.feed(self.visitor.advance)


class Connection:
    """One TCP connection. Its end is that of what waits to be written, or of ``scope``."""

    def __init__(self, loop: Loop, wanted: Open) -> None:
        self.loop, self.number, self.origin, self.scope = loop, wanted.socket, wanted.origin, anyio.CancelScope()
        self.to_write, self.waiting = anyio.create_memory_object_stream[bytes](math.inf)

    async def run(self) -> None:
        """Open it, and read to the end."""
        host, port, feed, wire = self.origin.host, self.origin.port, self.loop.feed, self.loop.wire
        with self.scope, self.to_write, self.waiting:
            try:
                tcp = await (anyio.connect_tcp(host, port, tls=True) if self.origin.tls else anyio.connect_tcp(host, port))
                async with tcp, anyio.create_task_group() as tasks:
                    tasks.start_soon(self.write, tcp)
                    async for data in tcp:
                        feed(partial(wire.data_received, self.number, data))
                    feed(partial(wire.data_received, self.number, b""))
            except* (OSError, anyio.BrokenResourceError):
                feed(partial(wire.socket_lost, self.number))

    async def write(self, tcp: ByteStream) -> None:
        """Write until there is no more to write."""
        async for data in self.waiting:
            await tcp.send(data)
        self.scope.cancel()


async def main(visitor: Visitor) -> int:
    """Run it; the exit code."""
    async with anyio.create_task_group() as tasks:
        await Loop(visitor, tasks).run()
    return visitor.exit_code


if __name__ == "__main__":
    sys.exit(anyio.run(main, Visitor("Anya", *sys.argv[2:]), backend=sys.argv[1]))
