"""The private names of aiortc that the SFU touches exist: fails first when a new aiortc moves them."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from aioice import ice
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, rtcrtpreceiver

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


def test_a_missing_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RTCRtpReceiver, "_send_rtcp_pli")
    assert not aiortc_private.available()
