"""Candidates that come late; ICE servers that are silent, refuse or die; and the peers that need them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from aioice import ice, stun
from aiortc import RTCIceTransport
from media_helpers import KEY, Call, call, split
from patience import PATIENCE
from tls_places import certificate
from turn_server import HOST, PASSWORD, USER, refusing_port, relayed_only, silent_server, turn_relay

from m3asyncio import connection, gathering, ice_private, loopback, sources
from m3asyncio.ice_servers import IceServers, addresses
from m3core.controller.sfu import AcceptPublisher
from m3core.io import (
    AddCandidates,
    ApplyAnswer,
    ClosePeer,
    Described,
    Down,
    Failed,
    IceServer,
    MediaCommand,
    MediaReport,
    OpenSubscriber,
    PeerId,
    SetSending,
    Trickled,
    Up,
)
from m3core.limits import MAX_ICE_ADDRESSES
from m3core.values import Secret

TONE = sources.tone()


@pytest.fixture
def silence_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make gathering wait for a silent server without limit."""
    monkeypatch.setattr(gathering, "GATHER_TIMEOUT", 1000 * PATIENCE)


@pytest.fixture
def nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing is written to stderr, and no socket is left open."""
    before = len(psutil.Process().net_connections())
    yield
    assert capfd.readouterr().err == ""
    assert len(psutil.Process().net_connections()) == before


def servers(*urls: str, password: str = PASSWORD) -> tuple[IceServer, ...]:
    return (IceServer(urls, USER, Secret(password)),)


def turn(port: int, transport: str = "udp") -> str:
    return f"turn:{HOST}:{port}?transport={transport}"


def stun_url(port: int) -> str:
    return f"stun:{HOST}:{port}"


def trickle(it: Call, peer: PeerId, ice_servers: tuple[IceServer, ...]) -> PeerId:
    """Publish as ``peer``. The SFU gets the host candidates of the client, and those that are trickled."""
    server_peer, mark = it.peer(), it.client.reports.mark()
    offer = it.offer(peer, None, TONE, ice_servers)
    bare, offered = split(offer)
    accepted = it.sfu.do(server_peer, AcceptPublisher(bare, 1_500_000))
    it.sfu.do(server_peer, AddCandidates(offered, end="a=end-of-candidates" in offer))

    def pass_on(report: object) -> None:
        if isinstance(report, Trickled) and report.peer == peer:
            candidates = () if report.candidate is None else ((report.candidate, report.mline_index),)
            it.sfu.do(server_peer, AddCandidates(candidates, end=report.candidate is None))

    it.client.reports.forward(pass_on, mark)
    answer, answered = split(it.sfu.reports.wait(Described, lambda r: r.id == accepted).sdp)
    it.client.do(peer, ApplyAnswer(answer))
    it.client.do(peer, AddCandidates(answered, end=True))
    return server_peer


def publish(it: Call, ice_servers: tuple[IceServer, ...], peer: PeerId | None = None) -> PeerId:
    """Publish, and wait until both ends are up."""
    peer, mark = peer or it.peer(), it.client.reports.mark()
    server_peer = trickle(it, peer, ice_servers)
    it.client.reports.wait(Up, lambda r: r.peer == peer, mark)
    it.sfu.reports.wait(Up, lambda r: r.peer == server_peer)
    return peer


def relays(it: Call, peer: PeerId) -> list[str]:
    """The relayed candidates of ``peer`` so far."""
    reports = [one for one in it.client.reports.all if isinstance(one, Trickled) and one.peer == peer]
    return [one.candidate for one in reports if one.candidate is not None and " typ relay " in one.candidate]


def ends(it: Call, peer: PeerId, since: int = 0) -> list[MediaReport]:
    """The reports of the end of ``peer``."""
    return [one for one in it.client.reports.all[since:] if isinstance(one, Down | Failed) and one.peer == peer]


@pytest.mark.usefixtures("silence_lasts", "nothing_on_stderr")
def test_nothing_waits_for_a_silent_server() -> None:
    with call() as it, silent_server() as silent:
        named = servers(stun_url(silent.port), turn(silent.port))
        peer = it.peer()
        offer = it.offer(peer, None, TONE, named)
        assert " typ host" in offer
        assert "end-of-candidates" not in offer
        publish(it, named)
        assert silent.asked > 0
        subscriber = it.peer()
        operation = OpenSubscriber(KEY, split(offer)[0], named)
        assert "end-of-candidates" not in it.client.described(subscriber, operation)
        assert not [one for one in it.client.reports.all if isinstance(one, Trickled)]


@pytest.mark.usefixtures("silence_lasts", "nothing_on_stderr")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_good_relay_beside_silent_ones_is_enough(transport: str) -> None:
    with silent_server() as silent, turn_relay() as relay, relayed_only(), call() as it:
        urls = (turn(silent.port), stun_url(silent.port), turn(refusing_port(), "tcp"), turn(relay.port, transport))
        publisher = publish(it, servers(*urls))
        assert len(relays(it, publisher)) == 1
        assert relay.carried > 0
        it.client.do(publisher, ClosePeer())
    assert (relay.made, relay.released) == (1, 1)


@pytest.mark.usefixtures("nothing_on_stderr")
def test_every_address_gives_its_candidate() -> None:
    with turn_relay() as one, turn_relay() as two, relayed_only(one.port, two.port), call() as it:
        urls = (turn(one.port), turn(one.port, "tcp"), f"turn:{HOST}:{two.port}", stun_url(one.port))
        nonsense = IceServer(("nonsense:", "stun:x:99999", "turn:"))
        peer = publish(it, (*servers(*urls[:2]), *servers(*urls[1:]), nonsense))
        it.client.reports.wait(Trickled, lambda r: r.peer == peer and r.candidate is None)
        candidates = [text.split() for text in relays(it, peer)]
        assert 1 <= len(candidates) <= 3  # what came when the first had connected already, was given back
        assert (one.made, two.made) == (2, 1)
        assert len({words[0] for words in candidates}) == len(candidates)
        assert len({words[3] for words in candidates}) == len(candidates)
    assert (one.released, two.released) == (2, 1)


@pytest.mark.usefixtures("nothing_on_stderr")
def test_candidates_that_come_when_all_others_failed_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks of the host candidates fail before the relay is there."""
    with call() as it, turn_relay() as relay, relayed_only():
        may_allocate = threading.Event()
        open_relay = ice_private.open_relay

        async def later(*arguments: Any) -> ice.StunProtocol:
            await asyncio.to_thread(may_allocate.wait, PATIENCE)
            return await open_relay(*arguments)

        monkeypatch.setattr(ice_private, "open_relay", later)
        monkeypatch.setattr(stun, "RETRY_MAX", 0)
        monkeypatch.setattr(stun, "RETRY_RTO", 0.05)
        pairs = failures(monkeypatch)
        peer = it.peer()
        server_peer = trickle(it, peer, servers(turn(relay.port)))
        assert pairs.acquire(timeout=PATIENCE)
        monkeypatch.undo()
        may_allocate.set()
        it.client.reports.wait(Up, lambda r: r.peer == peer)
        it.sfu.reports.wait(Up, lambda r: r.peer == server_peer)


def failures(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released for each pair of a client that failed."""
    failed = threading.Semaphore(0)
    check_state = ice.Connection.check_state

    def note(self: ice.Connection, pair: ice.CandidatePair, state: ice.CandidatePair.State) -> None:
        check_state(self, pair, state)
        if state is ice.CandidatePair.State.FAILED and threading.current_thread().name == "m3-media":
            failed.release()

    monkeypatch.setattr(ice.Connection, "check_state", note)
    return failed


@pytest.mark.usefixtures("nothing_on_stderr")
def test_a_silent_server_is_left_out_as_long_as_media_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "GATHER_TIMEOUT", 0.05)
    monkeypatch.setattr(stun, "RETRY_MAX", 1000)  # aioice itself never gives up
    with call() as it, silent_server() as silent, turn_relay() as relay:
        named = servers(stun_url(silent.port), turn(silent.port), turn(relay.port))
        first = publish(it, named)
        it.client.reports.wait(Trickled, lambda r: r.peer == first and r.candidate is None)
        asked, made = silent.asked, relay.made
        second = publish(it, named)
        it.client.reports.wait(Trickled, lambda r: r.peer == second and r.candidate is None)
        assert silent.asked == asked
        assert relay.made == made + 1
        third = publish(it, (*named, IceServer((stun_url(relay.port),))))  # there are others
        it.client.reports.wait(Trickled, lambda r: r.peer == third and r.candidate is None)
        assert silent.asked > asked


def test_who_was_silent_is_asked_again_when_a_path_is_lost() -> None:
    known = IceServers()
    named = servers("stun:one", "turn:two", "turns:three")
    one, two, three = addresses(named)
    known.was_silent(one)
    known.answered(two)
    known.was_silent(two)
    assert known.choose(named) == ((one, two, three), ())  # others than before: none
    known.was_silent(one)
    known.answered(two)
    known.was_silent(two)
    assert known.choose(named) == ((two, three), (one,))
    known.forget()
    assert known.choose(named) == ((one, two, three), ())


def test_addresses_of_servers() -> None:
    stuns = ("STUN:stun.example.org", "stun:[2001:db8::1]:3479", "stun:x?transport=udp", "http://x", "turn:x:0")
    turns = ("turn:t.example", "turn:t.example?transport=udp", "turns:t.example:443?transport=TCP")
    found = addresses((IceServer(stuns), *servers(*turns, "turns:t.example?transport=udp")))
    assert list(map(str, found)) == [
        "stun:stun.example.org:3478",
        "stun:[2001:db8::1]:3479",
        "turn:t.example:3478?transport=udp",
        "turns:t.example:443?transport=tcp",
        "turns:t.example:5349?transport=udp",
    ]
    assert [address.is_supported for address in found] == [True, True, True, True, False]
    assert PASSWORD not in repr(found)
    many = IceServer(tuple(f"stun:{number}.example" for number in range(3 * MAX_ICE_ADDRESSES)))
    assert len(addresses((many,))) == MAX_ICE_ADDRESSES


@pytest.mark.usefixtures("nothing_on_stderr")
def test_if_nothing_connects_every_server_is_named_with_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "GATHER_TIMEOUT", 0.3)
    monkeypatch.setattr(connection, "NO_PATH_TIMEOUT", 0.6)
    with call() as it, silent_server() as silent, turn_relay() as relay, relayed_only(relay.port):
        refusing = refusing_port()
        named = (
            *servers(stun_url(silent.port), turn(silent.port), turn(refusing), turn(refusing, "tcp"), "stuns:x"),
            *servers(turn(relay.port), stun_url(relay.port), password="wrong"),
        )
        peer = it.peer()
        trickle(it, peer, named)
        assert it.client.reports.wait(Failed) == Failed(
            None,
            peer,
            f"no path found; {stun_url(silent.port)}: no answer, {turn(silent.port)}: no answer, "
            f"{turn(refusing)}: refused the connection, {turn(refusing, 'tcp')}: refused the connection, "
            f"stuns:x:5349: not supported, {turn(relay.port)}: refused the credentials (401), "
            f"{stun_url(relay.port)}: answered",
        )
        # The address that the STUN server sees is that of the host candidate: it is not told again.
        assert {one.candidate for one in it.client.reports.all if isinstance(one, Trickled)} == {None}
        it.client.do(peer, ClosePeer())


@pytest.mark.usefixtures("nothing_on_stderr")
def test_ice_fails_by_itself_once_all_servers_have_had_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "GATHER_TIMEOUT", 0.1)
    monkeypatch.setattr(connection, "NO_PATH_TIMEOUT", 1000 * PATIENCE)
    monkeypatch.setattr(stun, "RETRY_MAX", 0)
    monkeypatch.setattr(stun, "RETRY_RTO", 0.05)
    with call() as it, silent_server() as silent, relayed_only():
        peer = it.peer()
        trickle(it, peer, servers(turn(silent.port)))
        failed = it.client.reports.wait(Failed, lambda r: r.peer == peer)
        assert failed.reason == f"no path found; {turn(silent.port)}: no answer"


@pytest.mark.usefixtures("nothing_on_stderr")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_life_goes_on_when_the_relay_dies_in_mid_call(transport: str) -> None:
    """As when a laptop changes its network: media and the relay are lost, and the peer begins anew."""
    with call() as it, turn_relay() as relay:
        with relayed_only():
            publisher = publish(it, servers(turn(relay.port, transport)))
        relay.is_silent = True
        publish(it, (), publisher)
        publish(it, ())
        it.client.do(publisher, ClosePeer())
        assert publish(it, ())


@pytest.mark.usefixtures("nothing_on_stderr")
def test_closing_does_not_wait_for_a_dead_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice_private, "RELEASE_TIMEOUT", 1000 * PATIENCE)
    monkeypatch.setattr(connection, "PEER_CLOSE_TIMEOUT", 1000 * PATIENCE)
    with call() as it, turn_relay() as relay:
        with relayed_only():
            publisher, _ = (publish(it, servers(turn(relay.port))) for _ in range(2))
        relay.is_silent = True
        it.client.do(publisher, ClosePeer())
        assert "no such peer" in it.client.refused(publisher, ApplyAnswer(""))


@pytest.mark.usefixtures("nothing_on_stderr")
def test_a_relay_that_is_killed_ends_media_once_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel refuses packets for a TURN server that was killed; a new server would have no allocation."""
    monkeypatch.setattr(ice_private, "REFUSED_FOR", 0.1)
    with call() as it, turn_relay() as relay, relayed_only():
        publisher = publish(it, servers(turn(relay.port)))
        mark = it.client.reports.mark()
        relay.refuse()
        it.client.reports.wait(Down, lambda r: r.peer == publisher)
        it.client.do(publisher, ClosePeer())
        assert "no such peer" in it.client.refused(publisher, ApplyAnswer(""))
        assert ends(it, publisher, mark)[:1] == [Down(publisher)]
        assert len(ends(it, publisher, mark)) == 2  # and the refusal


@pytest.mark.usefixtures("nothing_on_stderr")
def test_media_whose_consent_is_lost_is_down_and_no_encoder_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7675: the peer answers no more."""
    monkeypatch.setattr(ice, "CONSENT_INTERVAL", 0.05)
    with call() as it, turn_relay() as relay, relayed_only():
        publisher = publish(it, servers(turn(relay.port)))
        monkeypatch.setattr(stun, "RETRY_RTO", 0.05)
        track = it.engine._connections[publisher].tracks["audio"]

        async def close(self: ice.StunProtocol) -> None:
            while track.readyState == "live":  # until it has noticed first, as it may
                await asyncio.sleep(0.01)
            self.transport.close()

        monkeypatch.setattr(ice_private._Relay, "close", close)
        mark = it.client.reports.mark()
        relay.is_silent = True
        it.client.reports.wait(Down, lambda r: r.peer == publisher)
        it.client.do(publisher, ClosePeer())
        assert "no such peer" in it.client.refused(publisher, ApplyAnswer(""))
        assert [type(one) for one in ends(it, publisher, mark)] == [Down, Failed]


def test_a_peer_whose_closing_hangs_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(psutil.Process().net_connections())
    monkeypatch.setattr(connection, "PEER_CLOSE_TIMEOUT", 0.1)
    stop = RTCIceTransport.stop

    async def hang(self: RTCIceTransport) -> None:
        if threading.current_thread().name == "m3-media":
            await asyncio.Event().wait()
        await stop(self)

    with call() as it:
        publisher = publish(it, ())
        monkeypatch.setattr(RTCIceTransport, "stop", hang)
        for _ in range(3):  # as when media is lost, begun anew and closed
            it.engine._thread.submit(it.engine._connections[publisher].connection.close)
        publish(it, (), publisher)
        it.client.do(publisher, ClosePeer())
        assert publish(it, (), publisher)
    assert "did not close in time" in caplog.text
    assert "Traceback" not in caplog.text
    assert len(psutil.Process().net_connections()) == before


@pytest.mark.parametrize("inside", [True, False])
def test_a_worker_that_is_cancelled_is_told_and_followed(
    inside: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with call() as it:
        publisher = publish(it, ())
        perform = it.engine._perform

        async def be_cancelled(_command: MediaCommand) -> None:
            monkeypatch.setattr(it.engine, "_perform", perform)
            if inside:
                raise asyncio.CancelledError
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        monkeypatch.setattr(it.engine, "_perform", be_cancelled)
        command = it.client.do(publisher, SetSending(audio=False, video=False))
        failed = it.client.reports.wait(Failed, lambda r: r.peer == publisher)
        if inside:
            assert failed == Failed(command, publisher, "SetSending failed: CancelledError")
        else:
            assert failed == Failed(None, publisher, "the media engine was interrupted in the middle of a command")
            assert "ended before its peer" in caplog.text
        publish(it, (), publisher)


@pytest.mark.usefixtures("nothing_on_stderr")
def test_nothing_is_asked_from_an_address_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 127.0.0.1 only this machine can be reached: for other addresses the kernel gives EINVAL."""
    monkeypatch.setattr(connection, "NO_PATH_TIMEOUT", 0.3)
    monkeypatch.setattr(loopback, "_installed", [lambda **_: []])
    sent: list[tuple[str, int]] = []
    send = ice.StunProtocol.send_stun

    def note(self: ice.StunProtocol, message: stun.Message, addr: tuple[str, int]) -> None:
        sent.append(addr)
        send(self, message, addr)

    monkeypatch.setattr(ice.StunProtocol, "send_stun", note)
    with silent_server() as near, call() as it:
        peer = it.peer()
        it.offer(peer, None, TONE, (IceServer(("stun:192.0.2.1", stun_url(near.port))),))
        offer, _ = split(it.offer(it.peer(), None, TONE))
        subscriber = it.peer()
        answer, _ = split(it.client.described(subscriber, OpenSubscriber(KEY, offer)))
        it.client.do(peer, ApplyAnswer(answer))
        it.client.do(peer, AddCandidates((), end=True))
        failed = it.client.reports.wait(Failed, lambda r: r.peer == peer)
        receiving = it.client.reports.wait(Failed, lambda r: r.peer == subscriber)
    assert receiving == Failed(None, subscriber, "no path found")  # it was given no candidate
    assert "stun:192.0.2.1:3478: not asked: no address leads there" in failed.reason
    assert set(sent) == {(HOST, near.port)}


def test_a_resolver_that_takes_its_time_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, may_answer = threading.Event(), threading.Event()
    getaddrinfo = socket.getaddrinfo

    def answer_late(host: Any, *arguments: Any, **options: Any) -> Any:
        if host == "slow.invalid":
            asked.set()
            may_answer.wait(PATIENCE)
            raise socket.gaierror("who?")
        return getaddrinfo(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer_late)
    with call() as it:
        publish(it, (IceServer(("stun:slow.invalid", "turn:slow.invalid")),))
        assert asked.wait(PATIENCE)
    may_answer.set()


@pytest.mark.usefixtures("nothing_on_stderr")
def test_names_that_nobody_knows_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "NO_PATH_TIMEOUT", 0.3)

    def know_nobody(host: Any, *_arguments: Any, **_options: Any) -> Any:
        raise socket.gaierror(str(host))

    monkeypatch.setattr(socket, "getaddrinfo", know_nobody)
    with call() as it, relayed_only():
        peer = it.peer()
        trickle(it, peer, servers("stun:who.invalid", "turn:who.invalid"))
        assert it.client.reports.wait(Failed) == Failed(
            None,
            peer,
            "no path found; stun:who.invalid:3478: its name is not known, "
            "turn:who.invalid:3478?transport=udp: its name is not known",
        )


@pytest.mark.usefixtures("nothing_on_stderr")
@pytest.mark.parametrize("dies", [False, True])
def test_a_relay_over_tls(dies: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(own)
    with turn_relay(tls) as relay, relayed_only(), call() as it:
        named = servers(f"turns:{HOST}:{relay.port}")
        with monkeypatch.context() as patch:
            patch.setattr(connection, "NO_PATH_TIMEOUT", 0.5)
            peer = it.peer()
            trickle(it, peer, named)
            failed = it.client.reports.wait(Failed, lambda r: r.peer == peer)
            assert failed.reason.endswith(f"{relay.port}?transport=tcp: its certificate is not trusted")
        monkeypatch.setattr(gathering, "_tls_context", lambda: ssl.create_default_context(cafile=str(own)))
        publish(it, named)
        assert relay.carried > 0
        relay.is_silent = dies
