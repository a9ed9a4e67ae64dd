"""What every test shares: how Hypothesis draws, and fixtures of several folders."""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from aiortc import RTCPeerConnection
from hypothesis import HealthCheck, settings
from patience import PATIENCE

# A slow machine is no fault of ours (no deadline, no complaint about slow draws), and a test that fails, fails again.
settings.register_profile("test", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
# `make soak`: see tests/extent.py.
settings.register_profile("soak", settings.get_profile("test"), max_examples=2_000)
settings.load_profile("test")

# A shell ignores Ctrl-C for what it starts in the background (`make test &` in a script), and nohup the end of a
# terminal. Children inherit that, but not handlers: the commands of the tests are to hear both.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

_POOLS = ("asyncio_", "Trio thread", "AnyIO worker thread")
"""Idle threads of the loops' own pools end by themselves."""


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays: to look at it anew costs a second for each that asks what is left."""
    gc.collect()
    gc.freeze()


def _sockets() -> set[tuple[int, str, str]]:
    return {(entry.fd, str(entry.laddr), str(entry.raddr)) for entry in psutil.Process().net_connections("inet")}


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(_POOLS)}


@pytest.fixture
def nothing_is_left(recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    """Whatever the test does, it leaves no thread, socket, peer connection or warning."""
    gc.collect()
    threads, sockets = _threads(), _sockets()
    yield
    gc.collect()  # what was dropped without being closed complains here
    deadline = time.monotonic() + PATIENCE  # for the server, which hears of it over its sockets
    while (_threads() - threads or _sockets() - sockets) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _threads() <= threads
    assert _sockets() - sockets == set()
    assert [str(warning.message) for warning in recwarn] == []
    peers = [entry for entry in gc.get_objects() if isinstance(entry, RTCPeerConnection)]
    assert [peer for peer in peers if peer.connectionState != "closed"] == []


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was cut off comes back as soon as they may."""
    monkeypatch.setattr("m3core.client.joining.Joining._random", lambda _: 0.0)


@pytest.fixture
def mended_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that breaks is begun anew at once."""
    monkeypatch.setattr("m3core.conference.mending.STREAM_RENEWAL_DELAY", 0.01)
