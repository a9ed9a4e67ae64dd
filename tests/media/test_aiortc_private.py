"""The private names of aiortc that the SFU touches exist: fails first when a new aiortc moves them."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from aioice import ice
from aiortc import InvalidStateError, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, rtcrtpreceiver

from m3asyncio import aiortc_private


def test_the_private_names_exist() -> None:
    assert aiortc_private.available()

    async def look() -> None:
        pc = RTCPeerConnection()
        transceiver = pc.addTransceiver("video")
        assert hasattr(transceiver.receiver, "_RTCRtpReceiver__decoder_queue")
        await pc.close()

    asyncio.run(look())
    assert list(inspect.signature(RTCRtpReceiver._handle_rtp_packet).parameters) == [
        "self", "packet", "arrival_time_ms",
    ]  # fmt: skip
    assert inspect.iscoroutinefunction(RTCRtpReceiver._handle_rtp_packet)
    assert list(inspect.signature(RTCRtpReceiver._send_rtcp_pli).parameters) == ["self", "media_ssrc"]
    assert inspect.iscoroutinefunction(RTCRtpReceiver._send_rtcp_pli)
    assert list(inspect.signature(RTCRtpSender._send_keyframe).parameters) == ["self"]
    assert "encoded_frame" in inspect.getsource(rtcrtpreceiver.decoder_worker)
    assert list(inspect.signature(ice.get_host_addresses).parameters) == ["use_ipv4", "use_ipv6"]
    assert vars(RTCPeerConnection)["_RTCPeerConnection__connect"].__qualname__ == "RTCPeerConnection.__connect"


def test_a_missing_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RTCRtpReceiver, "_send_rtcp_pli")
    assert not aiortc_private.available()


def test_a_peer_that_is_closed_while_it_connects_is_no_trouble() -> None:
    """aiortc goes on to a transport that is closed, in a task that nobody awaits; all else is complained of."""
    told: list[str] = []

    async def connect(error: Exception) -> None:
        raise error

    connect.__qualname__ = "RTCPeerConnection.__connect"

    async def work(error: Exception) -> None:
        raise error

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for make in (connect, work):
            for error in (InvalidStateError("RTCIceTransport is closed"), ValueError("a bug")):
                task = loop.create_task(make(error))
                await asyncio.wait({task})
                context = {"message": "never retrieved", "exception": task.exception(), "future": task}
                told.append(f"{make.__name__} {type(error).__name__} {aiortc_private.is_connect_after_close(context)}")
        assert not aiortc_private.is_connect_after_close({"message": "something else"})

    asyncio.run(main())
    assert told == [
        "connect InvalidStateError True",
        "connect ValueError False",
        "work InvalidStateError False",
        "work ValueError False",
    ]
