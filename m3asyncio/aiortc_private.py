"""Every private name of aiortc that this package touches, in one place.

aiortc has no public way to pass encoded media through (docs/architecture.md, decision 7). It is pinned to its minor
version, and tests/media/test_aiortc_private.py asserts that these names exist. Where they do not, `available` is False,
and the embedded SFU decodes and encodes again, with public names only.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from aiortc import InvalidStateError, RTCDtlsTransport, RTCRtpReceiver, RTCRtpSender
from attrs import frozen

from m3core.limits import MAX_SSRCS

_DECODER_QUEUE: Final = "_RTCRtpReceiver__decoder_queue"
_RECEIVER_METHODS: Final = ("_handle_rtp_packet", "_send_rtcp_pli")
_SENDER_METHODS: Final = ("_send_keyframe", "_retransmit")
_SETUP: Final = "_setup_srtp"
_INBOUND: Final = "_rx_srtp"
_CONNECT: Final = "RTCPeerConnection.__connect"


class EncodedFrame(Protocol):
    """A whole encoded frame: its bytes, and its RTP timestamp, counted from that of the first frame."""

    data: bytes
    timestamp: int


@frozen
class ArrivedPacket:
    """The parts of one RTP packet that are used. ``level`` is dB below full scale (RFC 6464), or None without one."""

    ssrc: int
    sequence_number: int
    timestamp: int
    payload: bytes
    level: int | None


Watch: TypeAlias = Callable[[ArrivedPacket], None]


def available() -> bool:
    """Whether this aiortc has all the private names that passing encoded media through needs."""
    return (
        all(callable(getattr(RTCRtpReceiver, name, None)) for name in _RECEIVER_METHODS)
        and all(callable(getattr(RTCRtpSender, name, None)) for name in _SENDER_METHODS)
        and callable(getattr(RTCDtlsTransport, _SETUP, None))
        and _INBOUND in RTCDtlsTransport.__init__.__code__.co_names
        and _DECODER_QUEUE in RTCRtpReceiver.__init__.__code__.co_names
    )


def is_connect_after_close(context: Mapping[str, object]) -> bool:
    """Whether ``context``, for the exception handler of a loop, is that of aiortc connecting a closed peer connection.

    A handshake that is under way at `RTCPeerConnection.close` may still finish. The task of aiortc that waits for it
    then uses a transport that is closed, and nothing awaits that task.
    """
    task = context.get("future")
    name = getattr(task.get_coro(), "__qualname__", "") if isinstance(task, asyncio.Task) else ""
    return name == _CONNECT and isinstance(context.get("exception"), InvalidStateError)


class _DecoderQueue(queue.Queue[Any]):
    """Takes the encoded frames before the decoder thread gets them. The None that ends the thread goes through."""

    def __init__(self, forward: Callable[[EncodedFrame], None]) -> None:
        super().__init__()
        self._forward = forward

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            super().put(item, block, timeout)
        else:
            self._forward(item[1])


def take_encoded_frames(receiver: RTCRtpReceiver, forward: Callable[[EncodedFrame], None]) -> None:
    """Call ``forward`` with each encoded frame, in the thread of the loop; nothing is decoded.

    To be called right after `setRemoteDescription`, before the receiver starts its decoder thread.
    """
    setattr(receiver, _DECODER_QUEUE, _DecoderQueue(forward))


def watch_packets(receiver: RTCRtpReceiver, watch: Watch) -> None:
    """Call ``watch`` with each arriving RTP packet, before the receiver handles it as usual."""
    handle: Callable[..., Awaitable[None]] = receiver._handle_rtp_packet

    async def handle_and_watch(packet: Any, arrival_time_ms: int) -> None:
        level = packet.extensions.audio_level
        watch(
            ArrivedPacket(
                packet.ssrc,
                packet.sequence_number,
                packet.timestamp,
                packet.payload,
                None if level is None else level[1],
            )
        )
        await handle(packet, arrival_time_ms=arrival_time_ms)

    setattr(receiver, _RECEIVER_METHODS[0], handle_and_watch)


def on_keyframe_request(sender: RTCRtpSender, request: Callable[[], None]) -> None:
    """Call ``request`` when the remote end asks for a keyframe (PLI or FIR, RFC 4585 s.6.3.1, RFC 5104 s.3.5.1)."""
    setattr(sender, _SENDER_METHODS[0], request)


def limit_retransmissions(sender: RTCRtpSender, may_send: Callable[[], bool]) -> None:
    """Send a lost packet again (NACK, RFC 4585 s.6.2.1) only if ``may_send`` allows it."""
    retransmit: Callable[[int], Awaitable[None]] = sender._retransmit

    async def retransmit_if_allowed(sequence_number: int) -> None:
        if may_send():
            await retransmit(sequence_number)

    setattr(sender, _SENDER_METHODS[1], retransmit_if_allowed)


class _Session(Protocol):
    """An SRTP session of pylibsrtp."""

    def unprotect(self, packet: bytes) -> bytes: ...
    def unprotect_rtcp(self, packet: bytes) -> bytes: ...


class _LimitedSession:
    """The inbound side of SRTP for at most `MAX_SSRCS` sources. Packets of others become empty, and aiortc drops those.

    libsrtp and aiortc keep state for every source. Only a packet with the right key takes one of the places, because
    anybody can send to the socket.
    """

    def __init__(self, session: _Session) -> None:
        self._session = session
        self._known: set[bytes] = set()

    def unprotect(self, packet: bytes) -> bytes:
        """Decrypt an RTP packet (its SSRC: RFC 3550 s.5.1)."""
        return self._checked(packet[8:12], packet, self._session.unprotect)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Decrypt an RTCP packet (the SSRC of its sender: RFC 3550 s.6.4.1)."""
        return self._checked(packet[4:8], packet, self._session.unprotect_rtcp)

    def _checked(self, ssrc: bytes, packet: bytes, unprotect: Callable[[bytes], bytes]) -> bytes:
        if ssrc not in self._known and len(self._known) >= MAX_SSRCS:
            return b""
        plain = unprotect(packet)
        self._known.add(ssrc)
        return plain


def limit_sources(transport: RTCDtlsTransport) -> None:
    """Take packets of at most `MAX_SSRCS` sources. To be called before the handshake; a second time changes nothing."""
    if not available() or _SETUP in vars(transport):
        return
    set_up: Callable[[], None] = transport._setup_srtp

    def set_up_limited() -> None:
        set_up()
        session = getattr(transport, _INBOUND)
        if session is not None:
            setattr(transport, _INBOUND, _LimitedSession(session))

    setattr(transport, _SETUP, set_up_limited)


async def request_keyframe(receiver: RTCRtpReceiver) -> None:
    """Ask the remote sender for a keyframe (PLI) on every source that has sent in the last 10 s."""
    for source in receiver.getSynchronizationSources():
        await receiver._send_rtcp_pli(source.source)
