"""A conference on blocking sockets. Each socket has a thread that reads and one that writes; the main one is the loop.

Run: python examples/embedding/threads.py INVITATION_URL [SECONDS]"""

import queue
import sys
import time
from contextlib import suppress
from functools import partial
from threading import Thread

from blocking import Duplex
from visitor import Input, Visitor

from m3core.conference.wire import Open, Shut, SocketId, Wire, Write


class Connection:
    """One TCP connection. Its threads put everything that happens into the queue of inputs."""

    def __init__(self, wire: Wire, wanted: Open, inputs: queue.SimpleQueue[Input]) -> None:
        self.inputs, self.wire, self.number, self.origin = inputs, wire, wanted.socket, wanted.origin
        self.tcp: Duplex | None = None
        self.to_write = queue.SimpleQueue[bytes]()
        self.writer = Thread(target=self.write, daemon=True)
        self.writer.start()

    def write(self) -> None:
        """Open the connection, and write what is in the queue until b"" comes."""
        with suppress(OSError):
            self.tcp = Duplex(self.origin, patience=60.0)  # the server pings every 15 s (signaling.md § 2)
            Thread(target=self.read, args=(self.tcp,), daemon=True).start()
            while data := self.to_write.get():
                self.tcp.sendall(data)
        self.inputs.put(partial(self.wire.socket_lost, self.number))
        self.hang_up()

    def read(self, tcp: Duplex) -> None:
        with suppress(OSError):
            while data := tcp.recv():
                self.inputs.put(partial(self.wire.data_received, self.number, data))
        self.inputs.put(partial(self.wire.data_received, self.number, b""))

    def hang_up(self) -> None:
        """End both threads."""
        self.to_write.put(b"")
        if self.tcp is not None:
            self.tcp.shutdown()


def main(visitor: Visitor) -> int:
    """Give one input, perform its outputs, sleep until the next input or the deadline, and so on."""
    connections, inputs = dict[SocketId, Connection](), queue.SimpleQueue[Input]()
    inputs.put(visitor.conference.start)
    while not visitor.wire.is_over:
        try:
            give = inputs.get(timeout=visitor.timeout(time.monotonic()))
        except queue.Empty:
            give = visitor.advance
        give(time.monotonic())
        for output in visitor.wire.outputs():
            match output:
                case Open(number):
                    connections[number] = Connection(visitor.wire, output, inputs)
                case Write(number, data):
                    connections[number].to_write.put(data)
                case Shut(number, abort):
                    connections[number].hang_up() if abort else connections[number].to_write.put(b"")
                case _:
                    visitor.tell(output)
    for connection in connections.values():
        connection.writer.join(1.0)
    return visitor.exit_code


if __name__ == "__main__":
    sys.exit(main(Visitor("Thea", *sys.argv[1:])))
