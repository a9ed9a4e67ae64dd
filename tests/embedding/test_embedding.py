"""The examples of docs/embedding.md, each in a process of its own, with our controller over sockets."""

from __future__ import annotations

import ast
import asyncio
import datetime as dt
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from house import free_port, house
from patience import PATIENCE

import m3asyncio as m3
from m3core.client.streams import EventStream
from m3core.conference.modules.conversations import ChatMessage

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "embedding"
LOOPS = {
    "threads": ("Thea", "threads.py"),
    "selectors": ("Selma", "selectors_loop.py"),
    "anyio on asyncio": ("Anya", "with_anyio.py", "asyncio"),
    "anyio on trio": ("Anya", "with_anyio.py", "trio"),
    "qt": ("Quinn", "with_qt.py"),
}
each_loop = pytest.mark.parametrize(("name", "command"), [(row[0], row[1:]) for row in LOOPS.values()], ids=LOOPS)


@asynccontextmanager
async def visitor(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an example; kill it at the end if it has not ended by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        EXAMPLES / command[0],
        *command[1:],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environment},
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def end_of(process: asyncio.subprocess.Process) -> tuple[int | None, list[str]]:
    """Wait until it ends; its exit code and the lines that it printed."""
    output, _ = await process.communicate()
    return process.returncode, output.decode().splitlines()


async def comes(events: EventStream[m3.ConferenceEvent], name: str) -> m3.Participant:
    """Wait until the visitor has joined and said hello."""
    joined = await anext(events)
    assert isinstance(joined, m3.ParticipantJoined)
    assert joined.participant.display_name == name
    assert await said(events) == "hello"
    return joined.participant


async def said(events: EventStream[m3.ConferenceEvent]) -> str:
    """The text of the next chat message that is not our own."""
    async for event in events:
        if isinstance(event, ChatMessage) and not event.is_own:
            return event.content
    raise AssertionError("the conference is over")


@each_loop
def test_a_visitor_says_hello_answers_and_is_kicked(name: str, command: tuple[str, ...]) -> None:
    async def main() -> None:
        async with (
            house() as here,
            here.meeting.start(display_name="Olga") as owner,
            owner.events(m3.ParticipantJoined, ChatMessage) as events,
            visitor(*command, here.link) as process,
        ):
            guest = await comes(events, name)
            await owner.chat("grüß dich, wie geht's?")
            assert await said(events) == "there are 2 of us"
            await owner.moderation.kick(guest)
            status, lines = await end_of(process)
            assert status == 0, lines
            assert lines == ["here: 'Olga'", "'Olga': \"grüß dich, wie geht's?\"", "over: kicked "]

    asyncio.run(main())


@each_loop
def test_a_visitor_sees_others_go_and_leaves_when_its_time_is_up(name: str, command: tuple[str, ...]) -> None:
    async def main() -> None:
        async with (
            house() as here,
            here.meeting.start(display_name="Olga") as owner,
            owner.events(m3.ParticipantJoined, m3.ParticipantLeft, ChatMessage) as events,
            visitor(*command, here.link, "0") as process,
        ):
            guest = await comes(events, name)
            left = await anext(events)
            assert isinstance(left, m3.ParticipantLeft)
            assert left.participant.id == guest.id
            assert await end_of(process) == (0, ["here: 'Olga'", "over: left "])

    asyncio.run(main())


@each_loop
def test_a_visitor_that_finds_nobody_says_so(name: str, command: tuple[str, ...]) -> None:
    async def main() -> None:
        link = f"http://127.0.0.1:{free_port()}/invite/9b1c8d8e-6a3e-4d5a-9c77-0d8e5a6a1f10"
        async with visitor(*command, link) as process:
            status, lines = await end_of(process)
            assert status == 1, lines
            assert lines[0].startswith("over: failed ")
            assert len(lines) == 1

    asyncio.run(main())


def make_certificate(folder: Path) -> Path:
    """A self-signed certificate for `localhost`, in one file with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(pem) + private)
    return path


@asynccontextmanager
async def tls_in_front(host: str, port: int, certificate: Path) -> AsyncIterator[int]:
    """Accept TLS and pass the bytes to a controller without TLS; yields the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    tasks = set[asyncio.Task[None]]()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, port)
        for source, sink in ((reader, inner_writer), (inner_reader, writer)):
            tasks.add(asyncio.create_task(copy(source, sink)))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as listener:
        yield listener.sockets[0].getsockname()[1]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@each_loop
def test_tls_is_checked(name: str, command: tuple[str, ...], tmp_path: Path) -> None:
    """A certificate that is not trusted ends the example; a trusted one works (Qt reads no SSL_CERT_FILE)."""

    async def main() -> None:
        certificate = make_certificate(tmp_path)
        async with (
            house() as here,
            tls_in_front(*here.address, certificate) as port,
            here.meeting.start(display_name="Olga") as owner,
            owner.events(m3.ParticipantJoined, ChatMessage) as events,
        ):
            link = here.link.replace(here.server.base_url, f"https://localhost:{port}")
            async with visitor(*command, link, "0") as process:
                status, lines = await end_of(process)
                assert (status, len(lines)) == (1, 1), lines
                assert lines[0].startswith("over: failed ")
            if name != "Quinn":
                async with visitor(*command, link, "0", SSL_CERT_FILE=str(certificate)) as process:
                    await comes(events, name)
                    assert await end_of(process) == (0, ["here: 'Olga'", "over: left "])

    asyncio.run(main())


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_knows_no_adapter(example: Path) -> None:
    text = example.read_text("utf-8")
    assert len(text.splitlines()) < 80
    imported = {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for name in node.names}
    assert not {name.partition(".")[0] for name in imported} & {"m3asyncio", "m3trio", "asyncio", "trio"}
