"""A conference in a loop around `selectors`, as a server may have one already: one thread, non-blocking sockets.

Run: python examples/embedding/selectors_loop.py INVITATION_URL [SECONDS]
"""

import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

from blocking import NOT_NOW, connect
from visitor import Visitor

from m3core.conference.wire import Open, Origin, Shut, SocketId, Write


class Loop:
    """What is to be opened, what is open, what waits to be written, and what is closed after that."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.wire, self.selector, self.is_busy = visitor, visitor.wire, DefaultSelector(), True
        self.origins, self.sockets = dict[SocketId, Origin](), dict[SocketId, socket.socket]()
        self.to_write, self.closing = dict[SocketId, bytes](), set[SocketId]()

    def feed(self, give: Callable[[float], object]) -> None:
        """One input, then its outputs. Performing them only notes what to do."""
        give(time.monotonic())
        for output in self.wire.outputs():
            match output:
                case Open(number, origin):
                    self.origins[number], self.to_write[number] = origin, b""
                case Write(number, data):
                    self.to_write[number] += data
                case Shut(number, abort):
                    self.closing.add(number)
                    self.to_write[number] *= not abort
                case _:
                    self.visitor.tell(output)
            self.is_busy = True

    def run(self) -> int:
        """Do what goes without waiting; then sleep, but no longer than to the deadline."""
        self.feed(self.visitor.start)
        while self.to_write or not self.wire.is_over:
            self.is_busy = False
            for number in list(self.to_write):
                try:
                    self.transfer(number)
                except OSError:
                    self.close(number)
                    self.feed(partial(self.wire.socket_lost, number))
            self.feed(self.visitor.advance)
            self.selector.select(0.0 if self.is_busy else self.visitor.timeout(time.monotonic()))
        return self.visitor.exit_code

    def transfer(self, number: SocketId) -> None:
        """Open (which blocks: a server has a thread for it), write and read, or close."""
        if number in self.origins:
            self.sockets[number] = tcp = connect(self.origins.pop(number), timeout=10.0)
            tcp.setblocking(False)
            self.selector.register(tcp, EVENT_READ)
        tcp = self.sockets[number]
        with suppress(*NOT_NOW):
            while self.to_write[number]:
                self.to_write[number] = self.to_write[number][tcp.send(self.to_write[number]) :]
        with suppress(*NOT_NOW):
            while number not in self.closing:
                self.feed(partial(self.wire.data_received, number, tcp.recv(1 << 16)))
        if number in self.closing and not self.to_write[number]:
            self.close(number)
        else:
            self.selector.modify(tcp, EVENT_READ | (EVENT_WRITE if self.to_write[number] else 0))

    def close(self, number: SocketId) -> None:
        """Forget it."""
        self.to_write.pop(number)
        if tcp := self.sockets.pop(number, None):
            self.selector.unregister(tcp)
            tcp.close()


if __name__ == "__main__":
    sys.exit(Loop(Visitor("Selma", *sys.argv[1:])).run())
