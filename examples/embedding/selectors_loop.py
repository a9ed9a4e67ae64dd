"""A conference in a loop around `selectors`, as many servers have one: one thread, non-blocking sockets.

Run: python examples/embedding/selectors_loop.py INVITATION_URL [SECONDS]"""

import socket
import sys
import time
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

from blocking import connect, not_now
from visitor import Input, Visitor

from m3core.conference.wire import Open, Shut, SocketId, Write


class Loop:
    """`feed` gives one input and notes what its outputs ask for; `run` does that, and sleeps."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.wire, self.selector, self.is_busy = visitor, visitor.wire, DefaultSelector(), True
        self.opening, self.sockets = dict[SocketId, Open](), dict[SocketId, socket.socket]()
        self.to_write, self.closing = dict[SocketId, bytes](), set[SocketId]()

    def feed(self, give: Input) -> None:
        give(time.monotonic())
        for output in self.wire.outputs():
            match output:
                case Open(number):
                    self.opening[number], self.to_write[number] = output, b""
                case Write(number, data):
                    self.to_write[number] += data
                case Shut(number, abort):
                    self.closing.add(number)
                    self.to_write[number] *= not abort
                case _:
                    self.visitor.tell(output)
            self.is_busy = True

    def run(self) -> int:
        """Sleep until a socket is ready or the deadline has come; then transfer what is possible without waiting."""
        self.feed(self.visitor.conference.start)
        while self.to_write or not self.wire.is_over:
            self.selector.select(0.0 if self.is_busy else self.visitor.timeout(time.monotonic()))
            self.is_busy = False
            for number in list(self.to_write):
                try:
                    self.transfer(number)
                except OSError:
                    self.close(number)
                    self.feed(partial(self.wire.socket_lost, number))
            self.feed(self.visitor.advance)
        return self.visitor.exit_code

    def transfer(self, number: SocketId) -> None:
        if number in self.opening:  # `connect` blocks: a real server does this in a thread
            self.sockets[number] = connect(self.opening.pop(number).origin, timeout=0.0)
            self.selector.register(self.sockets[number], EVENT_READ)
        tcp = self.sockets[number]
        with not_now:
            while self.to_write[number]:
                self.to_write[number] = self.to_write[number][tcp.send(self.to_write[number]) :]
        with not_now:
            while number not in self.closing:
                self.feed(partial(self.wire.data_received, number, tcp.recv(1 << 16)))
        self.selector.modify(tcp, EVENT_READ | (EVENT_WRITE if self.to_write[number] else 0))
        if number in self.closing and not self.to_write[number]:
            self.close(number)

    def close(self, number: SocketId) -> None:
        self.to_write.pop(number)
        if tcp := self.sockets.pop(number, None):
            self.selector.unregister(tcp)
            tcp.close()


if __name__ == "__main__":
    sys.exit(Loop(Visitor("Selma", *sys.argv[1:])).run())
