"""Opening a TCP connection with the standard library: what two of the examples share."""

import socket
import ssl

from m3core.conference.http import Origin

NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What a non-blocking socket raises where another would block."""


def connect(origin: Origin, timeout: float) -> socket.socket:
    """Open a connection; blocks. ``timeout`` is that of the socket from then on, too. Raises `OSError`."""
    tcp = socket.create_connection((origin.host, origin.port), timeout)
    if origin.tls:
        tcp = ssl.create_default_context().wrap_socket(tcp, server_hostname=origin.host)
    return tcp
