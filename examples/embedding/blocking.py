"""TCP and TLS with the standard library: what `threads.py` and `selectors_loop.py` share."""

import socket
import ssl
from contextlib import suppress
from select import select
from threading import Lock

from m3core.conference.http import Origin

not_now = suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""``with not_now:`` ignores the errors by which a non-blocking socket says that it would have to wait."""


def connect(origin: Origin, timeout: float) -> socket.socket:
    """Open a connection and block until it is open. Later calls wait for ``timeout`` seconds. Raises `OSError`."""
    tcp = socket.create_connection((origin.host, origin.port), timeout=10.0)
    if origin.tls:
        tcp = ssl.create_default_context().wrap_socket(tcp, server_hostname=origin.host)
    tcp.settimeout(timeout)
    return tcp


class Duplex:
    """A connection that one thread may read while another writes. TLS sessions do not allow that, so it has a lock.

    Both calls block. They raise `OSError`, also after ``patience`` seconds in which the socket was not ready.
    """

    def __init__(self, origin: Origin, patience: float) -> None:
        self.tcp, self.patience, self.lock = connect(origin, timeout=0.0), patience, Lock()

    def recv(self) -> bytes:
        """The next bytes; b"" when the server has closed its side."""
        while True:
            if not select([self.tcp], [], [], self.patience)[0]:
                raise TimeoutError
            with self.lock, not_now:
                return self.tcp.recv(1 << 16)

    def sendall(self, data: bytes) -> None:
        """Write all of ``data``."""
        while data:
            if not select([], [self.tcp], [], self.patience)[1]:
                raise TimeoutError
            with self.lock, not_now:
                data = data[self.tcp.send(data) :]

    def shutdown(self) -> None:
        """Wake both threads."""
        with self.lock, suppress(OSError):
            self.tcp.shutdown(socket.SHUT_RDWR)
