"""Servers that answer every connection in the same way, with TLS or without, and a self-signed certificate."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path

import anyio
import anyio.abc
from anyio.streams.tls import TLSListener
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path) -> Path:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "nobody.pem"
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(*form) + signed.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server in a thread that treats each connection so; its port."""

    def serve() -> None:
        while True:
            stream, _ = listener.accept()
            with stream, suppress(OSError):
                if not stream.recv(1, socket.MSG_PEEK):
                    return
                answer(stream)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=serve)
        thread.start()
        yield port
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()


@contextmanager
def tls(folder: Path) -> Iterator[int]:
    """A TLS server whose certificate must not be trusted; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))
    with listening(lambda stream: context.wrap_socket(stream, server_side=True).close()) as port:
        yield port


@asynccontextmanager
async def tls_front(certificate: Path, port: int) -> AsyncIterator[str]:
    """TLS for the server at ``port``, which has none; the URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def copy(source: anyio.abc.ByteStream, sink: anyio.abc.ByteStream) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for data in source:
                await sink.send(data)
        await sink.aclose()

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as inner, anyio.create_task_group() as tasks:
            tasks.start_soon(copy, stream, inner)
            tasks.start_soon(copy, inner, stream)

    plain = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with TLSListener(plain, context, standard_compatible=False) as front, anyio.create_task_group() as tasks:
        tasks.start_soon(front.serve, serve)
        yield f"https://127.0.0.1:{plain.extra(anyio.abc.SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()
