"""Opening a TCP connection with the standard library: what two of the examples share."""

import socket
import ssl
from contextlib import suppress

from m3core.conference.http import Origin

not_now = suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""``with not_now:`` do what goes without waiting, on a non-blocking socket."""


def connect(origin: Origin, timeout: float) -> socket.socket:
    """Open a connection, which blocks; afterwards its timeout is ``timeout``. Raises `OSError`."""
    tcp = socket.create_connection((origin.host, origin.port), timeout=10.0)
    if origin.tls:
        tcp = ssl.create_default_context().wrap_socket(tcp, server_hostname=origin.host)
    tcp.settimeout(timeout)
    return tcp
