"""Between the bytes of a connection of the server and the bytes of its socket. No I/O, no tasks."""

from __future__ import annotations

from typing import Protocol


class Wire(Protocol):
    """The form that the bytes of one connection have on its socket, if they are not the same.

    Sans-IO, so that TLS fits in with `ssl.MemoryBIO`. A wire may have something to send after each of its methods, for
    instance its part of a handshake: ask `data_to_send` then.
    """

    def receive(self, data: bytes) -> bytes:
        """Take ``data`` of the socket, and return the bytes of the connection in it, if any.

        Raises `OSError`, as `ssl.SSLError` is, if the other end breaks the rules. The connection is aborted then.
        """
        ...

    def send(self, data: bytes) -> None:
        """Take ``data`` of the connection."""
        ...

    def close(self) -> None:
        """The connection sends nothing more."""
        ...

    def data_to_send(self) -> bytes:
        """What is to be written to the socket, in order; each byte is given once."""
        ...
