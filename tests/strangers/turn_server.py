"""STUN and TURN servers at 127.0.0.1: one that never answers, one that refuses, and a small relay that can die.

The relay (RFC 8656) speaks UDP and TCP at one port and knows one user. It uses aioice's `stun` module, and runs
in a thread with an event loop of its own.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, cast

from aioice import ice, stun, turn

from m3core.rest.turn import turn_password
from m3core.values import Secret

HOST: Final = "127.0.0.1"
USER: Final = "1999999999:somebody"
SECRET: Final = "the-secret-of-the-relays"
PASSWORD: Final = turn_password(Secret(SECRET), USER).reveal()
_REALM: Final = "relay.test"
_NONCE: Final = b"a-nonce-of-the-test"
_CHANNEL: Final = 0x40  # the first two bits tell ChannelData from STUN messages (RFC 8656 s.12)

Address: TypeAlias = tuple[str, int]
Send: TypeAlias = Callable[[bytes], None]


class SilentServer:
    """A UDP socket that answers nothing."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self._asked = 0
        self.port: int = self._socket.getsockname()[1]

    @property
    def asked(self) -> int:
        """Datagrams that came so far."""
        while True:
            try:
                self._socket.recv(1 << 16)
            except BlockingIOError:
                return self._asked
            self._asked += 1

    def close(self) -> None:
        self._socket.close()


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    """A server that never answers."""
    server = SilentServer()
    try:
        yield server
    finally:
        server.close()


def _one_port() -> tuple[socket.socket, socket.socket]:
    """A socket for UDP and one for TCP at the same port: a port that is free for one may be taken for the other."""
    while True:
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        try:
            udp.bind((HOST, 0))
            tcp.bind((HOST, udp.getsockname()[1]))
        except OSError:
            udp.close()
            tcp.close()
        else:
            return udp, tcp


def refusing_port() -> int:
    """A port at which nothing listens: the kernel refuses UDP (ICMP) and TCP (RST)."""
    udp, tcp = _one_port()
    with udp, tcp:
        port: int = udp.getsockname()[1]
        return port


class _Relayed(asyncio.DatagramProtocol):
    """One allocation: a socket that peers send to, and the addresses of peers that have permission."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.transport: asyncio.DatagramTransport | None = None
        self.channels: dict[int, Address] = {}
        self.permitted: set[str] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    @property
    def address(self) -> Address:
        assert self.transport is not None
        address: Address = self.transport.get_extra_info("sockname")
        return address

    def to_peer(self, data: bytes, peer: Address) -> None:
        assert self.transport is not None
        self.transport.sendto(data, peer)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if addr[0] not in self.permitted:
            return
        channel = next((number for number, peer in self.channels.items() if peer == addr), None)
        if channel is not None:
            self._send(struct.pack("!HH", channel, len(data)) + data)
            return
        indication = stun.Message(stun.Method.DATA, stun.Class.INDICATION)
        indication.attributes["XOR-PEER-ADDRESS"] = addr
        indication.attributes["DATA"] = data
        self._send(bytes(indication))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class TurnRelay:
    """A TURN server at `port`, UDP and TCP. `turn_relay` makes it; any thread may call its public methods."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self._tls = tls
        self.made = 0
        """Allocations that were made so far."""
        self.released = 0
        """Allocations that their client released."""
        self.carried = 0
        """Datagrams that were relayed, in either direction."""
        self.is_silent = False
        """Whether it answers and relays nothing more, like a machine that was unplugged."""
        self._allocations: dict[object, _Relayed] = {}
        self._loop = asyncio.new_event_loop()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._clients: set[asyncio.Transport] = set()
        self._thread = threading.Thread(target=self._run, name="turn-relay")

    @property
    def is_idle(self) -> bool:
        """Whether there is no allocation."""
        return not self._allocations

    def start(self) -> None:
        """Start its thread and listen."""
        self._thread.start()
        self._call(self._open())

    def refuse(self) -> None:
        """Die like a process that was killed: its sockets are closed, and the kernel refuses what is sent to it."""
        self._call(self._shut())

    def close(self) -> None:
        """Close its sockets and end its thread."""
        self._call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _open(self) -> None:
        relay = self

        class Udp(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Address) -> None:
                relay.handle(data, addr, lambda answer: relay.answer(answer, addr))

        class Tcp(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self._transport, self._waiting = cast(asyncio.Transport, transport), b""
                relay.joined(self._transport)

            def data_received(self, data: bytes) -> None:
                self._waiting += data
                while (size := _size(self._waiting)) and len(self._waiting) >= size:
                    one, self._waiting = self._waiting[:size], self._waiting[size:]
                    relay.handle(one, self._transport, self._send)

            def connection_lost(self, error: Exception | None) -> None:
                del error
                relay.gone(self._transport)

            def _send(self, data: bytes) -> None:
                if not self._transport.is_closing():
                    # Over TCP ChannelData is padded to a multiple of 4 bytes (RFC 8656 s.12.5); STUN always is.
                    self._transport.write(data + bytes(-len(data) % 4))

        udp, tcp = _one_port()
        self.port = udp.getsockname()[1]
        self._udp, _ = await self._loop.create_datagram_endpoint(Udp, sock=udp)
        self._tcp = await self._loop.create_server(Tcp, sock=tcp, ssl=self._tls)

    async def _shut(self) -> None:
        for relayed in self._allocations.values():
            relayed.close()
        self._allocations.clear()
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for client in self._clients:
            client.abort()
        self._udp = self._tcp = None
        await asyncio.sleep(0)  # transports close their sockets in the next turn of the loop
        await asyncio.sleep(0)

    # -- in its thread ---
    def joined(self, client: asyncio.Transport) -> None:
        """A TCP connection was made."""
        self._clients.add(client)

    def gone(self, client: asyncio.Transport) -> None:
        """A TCP connection ended, and its allocation with it."""
        self._clients.discard(client)
        self._end(client)

    def answer(self, data: bytes, to: Address) -> None:
        """Send over UDP."""
        if self._udp is not None:
            self._udp.sendto(data, to)

    def handle(self, data: bytes, client: object, send: Send) -> None:
        """Handle one STUN message of ``client``, or data for a peer."""
        if self.is_silent:
            return

        def unless_dead(answer: bytes) -> None:
            if not self.is_silent:
                self.carried += 1
                send(answer)

        relayed = self._allocations.get(client)
        if data[0] & 0xC0 == _CHANNEL:
            number, length = struct.unpack("!HH", data[:4])
            if relayed is not None and number in relayed.channels:
                self.carried += 1
                relayed.to_peer(data[4 : 4 + length], relayed.channels[number])
            return
        message = stun.parse_message(data)
        if message.message_class is not stun.Class.REQUEST:
            return
        if message.message_method == stun.Method.BINDING:
            send(bytes(self._success(message, {"XOR-MAPPED-ADDRESS": client})))
        elif not self._is_signed(message):
            send(bytes(self._refusal(message, 401)))
        elif message.message_method == stun.Method.ALLOCATE:
            self._loop.create_task(self._allocate(message, client, send, unless_dead))
        elif relayed is None:
            send(bytes(self._refusal(message, 437)))  # Allocation Mismatch (RFC 8656 s.5)
        else:
            send(bytes(self._change(message, relayed, client)))

    def _change(self, message: stun.Message, relayed: _Relayed, client: object) -> stun.Message:
        attributes: dict[str, object] = {}
        if message.message_method == stun.Method.REFRESH:
            attributes["LIFETIME"] = lifetime = message.attributes["LIFETIME"]
            if lifetime == 0:
                self.released += 1
                self._end(client)
        elif message.message_method in (stun.Method.CHANNEL_BIND, stun.Method.CREATE_PERMISSION):
            peer = message.attributes["XOR-PEER-ADDRESS"]
            relayed.permitted.add(peer[0])
            if message.message_method == stun.Method.CHANNEL_BIND:
                relayed.channels[message.attributes["CHANNEL-NUMBER"]] = peer
        return self._signed(self._success(message, attributes))

    async def _allocate(self, message: stun.Message, client: object, send: Send, carry: Send) -> None:
        _, relayed = await self._loop.create_datagram_endpoint(lambda: _Relayed(carry), local_addr=(HOST, 0))
        self.made += 1
        self._allocations[client] = relayed
        mapped = client if isinstance(client, tuple) else (HOST, self.port)
        attributes = {
            "XOR-RELAYED-ADDRESS": relayed.address,
            "XOR-MAPPED-ADDRESS": mapped,
            "LIFETIME": message.attributes["LIFETIME"],
        }
        send(bytes(self._signed(self._success(message, attributes))))

    def _end(self, client: object) -> None:
        relayed = self._allocations.pop(client, None)
        if relayed is not None:
            relayed.close()

    def _is_signed(self, message: stun.Message) -> bool:
        return message.attributes.get("USERNAME") == USER and message.check_message_integrity(self._key)

    @property
    def _key(self) -> bytes:
        return turn.make_integrity_key(USER, _REALM, PASSWORD)

    def _signed(self, message: stun.Message) -> stun.Message:
        message.add_message_integrity(self._key)
        return message

    def _success(self, request: stun.Message, attributes: dict[str, Any]) -> stun.Message:
        answer = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
        answer.attributes.update(attributes)
        return answer

    def _refusal(self, request: stun.Message, code: int) -> stun.Message:
        answer = stun.Message(request.message_method, stun.Class.ERROR, request.transaction_id)
        answer.attributes.update({"ERROR-CODE": (code, "no"), "REALM": _REALM, "NONCE": _NONCE})
        return answer


@contextmanager
def relayed_only(*ports: int) -> Iterator[None]:
    """Only relays work: at host candidates the media engines of clients receive only from servers at ``ports``."""
    receive = ice.StunProtocol.datagram_received

    def receive_from_relays(self: ice.StunProtocol, data: bytes | str, addr: tuple[Any, ...]) -> None:
        is_host = threading.current_thread().name == "m3-media" and self.local_candidate.type == "host"
        if not is_host or addr[1] in ports:
            receive(self, data, addr)

    ice.StunProtocol.datagram_received = receive_from_relays  # type: ignore[method-assign]
    try:
        yield
    finally:
        ice.StunProtocol.datagram_received = receive  # type: ignore[method-assign]


def _size(data: bytes) -> int:
    """Bytes of the first message in a TCP stream (RFC 8656 s.2.1, 12.5); 0 until its header has come."""
    if len(data) < 4:
        return 0
    length: int = struct.unpack("!H", data[2:4])[0]
    return 4 + length + -length % 4 if data[0] & 0xC0 == _CHANNEL else 20 + length


@contextmanager
def turn_relay(tls: ssl.SSLContext | None = None) -> Iterator[TurnRelay]:
    """Run a relay. With ``tls`` its TCP port speaks TLS."""
    relay = TurnRelay(tls)
    relay.start()
    try:
        yield relay
    finally:
        relay.close()
