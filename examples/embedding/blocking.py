"""Opening a TCP connection with the standard library: what two of the examples share."""

import socket
import ssl
from contextlib import suppress

from m3core.conference.http import Origin

not_now = suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""``with not_now:`` do what goes without waiting, on a non-blocking socket."""


def connect(origin: Origin, timeout: float) -> socket.socket:
    """Open a connection; blocks. ``timeout`` is that of the socket from then on, too. Raises `OSError`."""
    tcp = socket.create_connection((origin.host, origin.port), timeout)
    if origin.tls:
        tcp = ssl.create_default_context().wrap_socket(tcp, server_hostname=origin.host)
    return tcp
