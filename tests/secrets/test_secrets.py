"""Tokens, tickets, passwords and ICE passwords appear in no log, output, warning, repr or traceback.

A whole conference with real media runs with all loggers at DEBUG, those of third parties included. Wrappers around the
transports note every secret that passes. Then the test looks for these secrets in everything that a person could read.
"""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import re
import secrets
import traceback
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from patience import PATIENCE

import m3asyncio as m3
from m3asyncio.http import HttpxTransport
from m3asyncio.loop import BACKEND, connect_websocket
from m3core.client.transports import WebSocket, WrappedWebSocket
from m3core.client.websocket import StreamWebSocket
from m3core.conference.entrance import GuestEntrance
from m3core.errors import M3Error
from m3core.io import HttpRequest, HttpResponse
from m3core.messages import decode_command, decode_event
from m3core.rest.link import InviteLink

PASSWORD = "room-canary-7f3a"
TOKEN = "owner-canary-91bc"
_ICE_PASSWORD = re.compile(r"a=ice-pwd:([^\s\\]+)")


class Witness:
    """Notes every secret that passes, and every text that a person could read."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {TOKEN: "token", PASSWORD: "password"}
        self.readable: list[tuple[str, str]] = []

    def http(self, body: bytes) -> None:
        for name in ("ticket", "resumption"):
            for text in re.findall(rf'"{name}":"([^"]+)"'.encode(), body):
                self.secrets[text.decode()] = name

    def sdp(self, data: bytes) -> None:
        for text in _ICE_PASSWORD.findall(data.decode()):
            self.secrets[text] = "ice-pwd"

    def read(self, where: str, text: str) -> None:
        self.readable.append((where, text))

    def leaks(self) -> list[str]:
        """Which kind of secret was leaked where, without the secret itself."""
        return [
            f"{kind} in {where}"
            for where, text in self.readable
            for secret, kind in self.secrets.items()
            if secret in text
        ]

    def kinds(self) -> set[str]:
        return set(self.secrets.values())


class Transport(HttpxTransport):
    """HTTP that reports to the witness."""

    def __init__(self, witness: Witness) -> None:
        super().__init__(BACKEND, local=True)
        self.witness = witness

    async def request(self, request: HttpRequest) -> HttpResponse:
        response = await super().request(request)
        self.witness.http(response.body)
        self.witness.read("repr of HTTP", f"{request!r} {response!r}")
        return response


class Socket(WrappedWebSocket):
    """A WebSocket that reports to the witness. With ``spoil`` it breaks the descriptions that it receives."""

    def __init__(self, inner: StreamWebSocket, witness: Witness, *, spoil: bool) -> None:
        super().__init__(inner)
        self.witness = witness
        self.spoil = spoil

    async def send(self, data: bytes) -> None:
        self.witness.sdp(data)
        self.witness.read("repr of a command", repr(decode_command(data)))
        await super().send(data)

    async def messages(self) -> AsyncIterator[bytes]:
        async for data in super().messages():
            self.witness.sdp(data)
            if self.spoil and b"ice-pwd" in data:
                data = data.replace(b"v=0\\r\\n", b"v=7\\r\\n")
            else:
                self.witness.read("repr of an event", repr(decode_event(data)))
            yield data


class Connector:
    """Opens WebSockets that report to the witness."""

    def __init__(self, witness: Witness, *, spoil: bool = False) -> None:
        self.witness = witness
        self.spoil = spoil

    async def __call__(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        for name in subprotocols:
            if name.startswith("ticket#"):
                self.witness.secrets[name.removeprefix("ticket#")] = "ticket"
        return Socket(await connect_websocket(url, subprotocols), self.witness, spoil=self.spoil)


@contextmanager
def loud(witness: Witness) -> Iterator[None]:
    """Set every logger of this process to DEBUG, later ones included; what they write goes to the witness."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(args)r"))
    root = logging.getLogger()
    before = {logger: (logger.level, logger.propagate) for logger in [root, *_loggers()]}
    root.addHandler(handler)
    try:
        for logger in before:
            logger.setLevel(logging.DEBUG)
            logger.propagate = True
        yield
    finally:
        root.removeHandler(handler)
        for logger, (level, propagates) in before.items():
            logger.setLevel(level)
            logger.propagate = propagates
        witness.read("logs", text.getvalue())
        assert "httpcore" in text.getvalue()
        assert "aioice" in text.getvalue()


def _loggers() -> list[logging.Logger]:
    known = logging.Logger.manager.loggerDict
    return [logger for logger in known.values() if isinstance(logger, logging.Logger)]


async def _conference(witness: Witness) -> None:
    """Login, a meeting, two participants, a stream from one to the other, and a refusal of each kind."""
    async with (
        m3.serve(owner_token=TOKEN) as server,
        m3.Account(server.base_url, server.owner, http=Transport(witness)) as account,
    ):
        meeting = await account.create_meeting(title="Canaries", password=PASSWORD)
        link = await meeting.invite()
        witness.secrets[InviteLink.parse(link).invite_code] = "invite code"
        owner_joins = meeting.start(display_name="Olga", http=Transport(witness), connect=Connector(witness))
        guest_joins = m3.join(
            link, display_name="Gus", password=PASSWORD, http=Transport(witness), connect=Connector(witness)
        )
        async with owner_joins as owner, guest_joins as guest:
            events, own_events = owner.events(), guest.events()
            publication = await guest.publish(video=m3.sources.pattern(), audio=m3.sources.tone())
            await owner.wait_for(m3.StreamStarted, timeout=PATIENCE)
            async with owner.subscribe(guest.own) as stream:
                await anext(aiter(stream.video))
                for thing in (
                    server,
                    server.owner,
                    account,
                    meeting,
                    meeting.event,
                    owner_joins,
                    guest_joins,
                    owner,
                    owner.state,
                    guest.state,
                    publication,
                    publication.stats,
                    stream,
                    stream.stats,
                    InviteLink.parse(link),
                    GuestEntrance(
                        base_url=server.base_url,
                        invite_code=InviteLink.parse(link).invite_code,
                        password=m3.Secret(PASSWORD),
                    ),
                ):
                    witness.read(f"repr of {type(thing).__name__}", f"{thing!r} {thing!s} {thing}")
            await publication.stop()
            await _refusals(witness, link)
            await guest.leave()
            async for event in own_events:
                witness.read("repr of events", repr(event))
            await owner.leave()
            async for event in events:
                witness.read("repr of events", repr(event))
        await _close(account, owner_joins, guest_joins)


async def _close(account: m3.Account, *joins: m3.Joining) -> None:
    """Close the transports: the library leaves that to the user who passed them."""
    for http in (account._http, *(joining._http for joining in joins)):
        assert http is not None
        await http.aclose()


async def _refusals(witness: Witness, link: str) -> None:
    async def twice(url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        await (await Connector(witness)(url, subprotocols)).close(None)
        return await Connector(witness)(url, subprotocols)

    wrong = "wrong-canary-55aa"
    witness.secrets[wrong] = "password"
    for joining in (
        m3.join(link, display_name="Gus", password=wrong),
        m3.join(link, display_name="Gus", password=PASSWORD, connect=twice),
    ):
        with pytest.raises(m3.ApiError) as refused:
            await joining.__aenter__()
        _read_error(witness, refused.value)
    async with m3.Account(link.partition("/invite")[0], wrong) as stranger:
        with pytest.raises(m3.AuthError) as barred:
            await stranger.me()
        _read_error(witness, barred.value)
    with pytest.raises(m3.LocalProtocolError) as broken:
        m3.Account("http://127.0.0.1:1", f"{wrong}\r\n")
    _read_error(witness, broken.value)

    http = Transport(witness)
    spoilt = m3.join(link, display_name="Eve", password=PASSWORD, connect=Connector(witness, spoil=True), http=http)
    async with spoilt as guest:
        events = guest.events()
        with pytest.raises(M3Error) as malformed:
            await guest.publish(video=m3.sources.pattern())
        _read_error(witness, malformed.value)
        await guest.leave()
        async for event in events:
            witness.read("repr of events", repr(event))
            if isinstance(event, m3.PeerMisbehaved):
                _read_error(witness, event.error)
    await http.aclose()


def _read_error(witness: Witness, error: BaseException) -> None:
    witness.read(f"traceback of {type(error).__name__}", "".join(traceback.format_exception(error)))
    link: BaseException | None = error
    while link is not None:
        witness.read(f"arguments of {type(link).__name__}", repr(link.args))
        link = link.__cause__ or link.__context__


def test_no_secret_is_ever_readable(capfd: pytest.CaptureFixture[str]) -> None:
    witness = Witness()
    with warnings.catch_warnings(record=True) as caught, loud(witness):
        warnings.simplefilter("always")

        async def main() -> None:
            asyncio.get_running_loop().slow_callback_duration = 0.0  # asyncio logs every callback as slow
            async with asyncio.timeout(PATIENCE):
                await _conference(witness)

        asyncio.run(main(), debug=True)
        gc.collect()
    for warning in caught:
        witness.read("warnings", str(warning.message))
    out, err = capfd.readouterr()
    witness.read("stdout", out)
    witness.read("stderr", err)
    assert witness.kinds() == {"token", "password", "invite code", "ticket", "resumption", "ice-pwd"}
    assert len(witness.secrets) >= 3 + 3 * 2 + 4
    assert witness.leaks() == []


def test_the_witness_would_see_a_leak() -> None:
    witness = Witness()
    witness.http(json.dumps({"ticket": "t" * 64, "resumption": "r" * 64}, separators=(",", ":")).encode())
    witness.sdp(b'{"sdp":"v=0\\r\\na=ice-pwd:abcdefghijklmnopqrstuv\\r\\n"}')
    assert len(witness.secrets) == 5
    for secret in witness.secrets:
        witness.read("here", f"... {secret} ...")
    assert len(witness.leaks()) == 5
    nonce = secrets.token_hex(4)
    witness.read("there", nonce)
    assert len(witness.leaks()) == 5
