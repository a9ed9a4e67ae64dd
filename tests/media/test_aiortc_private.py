"""The private names of aiortc and aioice that are used exist: this fails first when a new version moves them."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from aioice import ice, turn
from aiortc import (
    InvalidStateError,
    RTCIceGatherer,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    rtcrtpreceiver,
)
from media_helpers import call
from turn_server import HOST, PASSWORD, USER, turn_relay

from m3asyncio import aiortc_private, ice_private, sources
from m3core.io import IceServer
from m3core.values import Secret


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


def test_the_private_names_of_ice_exist() -> None:
    assert ice_private.available()

    async def look() -> None:
        gatherer = RTCIceGatherer(iceServers=[])
        connection = ice_private.connection_of(RTCIceTransport(gatherer))
        assert connection is gatherer._connection
        assert connection._remote_candidates_resolving == 0
        assert connection._remote_candidates_expected()
        await connection.add_remote_candidate(None)
        assert not connection._remote_candidates_expected()
        ice_private.hold(connection)
        assert connection._remote_candidates_expected()
        await connection.close()

    asyncio.run(look())
    assert list(inspect.signature(ice.server_reflexive_candidate).parameters) == ["protocol", "stun_server"]
    assert list(inspect.signature(ice.Connection._pair_remote_candidate).parameters) == ["self", "remote_candidate"]
    assert inspect.iscoroutinefunction(turn.TurnTransport._connect)
    assert inspect.iscoroutinefunction(turn.TurnClientMixin.delete)
    assert list(inspect.signature(turn.TurnClientMixin.__init__).parameters)[1:] == [
        "server", "username", "password", "lifetime", "channel_refresh_time",
    ]  # fmt: skip
    assert "await protocol.close()" in inspect.getsource(ice.Connection.close)
    assert "self._nominated.clear()" in inspect.getsource(ice.Connection.close)


@pytest.mark.parametrize("name", ["_pair_remote_candidate", "_end_remote_candidates"])
def test_without_the_names_of_ice_peers_gather_as_aiortc_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with turn_relay() as relay, call() as it:
        with monkeypatch.context() as patch:
            patch.setattr(ice_private, "_METHODS", (f"{name}_that_was_renamed",))
            assert not ice_private.available()
            servers = IceServer((f"turn:{HOST}:{relay.port}",), USER, Secret(PASSWORD))
            offer = it.offer(it.peer(), None, sources.tone(), (servers,))
        assert " typ relay " in offer
        assert "a=end-of-candidates" in offer


def test_a_missing_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RTCRtpReceiver, "_send_rtcp_pli")
    assert not aiortc_private.available()


def test_a_peer_that_is_closed_while_it_connects_is_no_trouble() -> None:
    """aiortc then uses a closed transport in a task that is never awaited. All other errors are still logged."""
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
