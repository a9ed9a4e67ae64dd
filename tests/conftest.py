"""The profiles of Hypothesis, and fixtures that several folders use."""

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

# A slow machine must not fail a test (no deadline, no check of slow draws), and a test that fails must fail again.
settings.register_profile("test", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
# For `make soak`, see tests/extent.py.
settings.register_profile("soak", settings.get_profile("test"), max_examples=2_000)
settings.load_profile("test")

# A shell lets programs that it starts in the background (`make test &` in a script) ignore SIGINT, and nohup lets them
# ignore SIGHUP. Child processes inherit that, but not handlers. The tests send both signals to child processes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

_POOLS = ("asyncio_", "Trio thread", "AnyIO worker thread")
"""Names of idle threads of the loops' own pools, which end by themselves."""


def pytest_collection_finish() -> None:
    """Exclude what exists now from the garbage collector: each `gc.collect` of a test would take a second otherwise."""
    gc.collect()
    gc.freeze()


def _sockets() -> set[tuple[int, str, str]]:
    return {(entry.fd, str(entry.laddr), str(entry.raddr)) for entry in psutil.Process().net_connections("inet")}


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(_POOLS)}


@pytest.fixture
def nothing_is_left(recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    """Fail a test that leaves a thread, socket, peer connection or warning."""
    gc.collect()
    threads, sockets = _threads(), _sockets()
    yield
    gc.collect()  # objects that were dropped without being closed warn here
    deadline = time.monotonic() + PATIENCE  # a server closes only when its sockets tell it that clients have closed
    while (_threads() - threads or _sockets() - sockets) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _threads() <= threads
    assert _sockets() - sockets == set()
    assert [str(warning.message) for warning in recwarn] == []
    peers = [entry for entry in gc.get_objects() if isinstance(entry, RTCPeerConnection)]
    assert [peer for peer in peers if peer.connectionState != "closed"] == []


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that lost the connection come back after the shortest wait."""
    monkeypatch.setattr("m3core.client.joining.Joining._random", lambda _: 0.0)


@pytest.fixture
def mended_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that breaks is begun anew after 0.01 seconds."""
    monkeypatch.setattr("m3core.conference.mending.STREAM_RENEWAL_DELAY", 0.01)
