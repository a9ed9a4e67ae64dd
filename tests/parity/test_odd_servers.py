"""Servers that break a rule, or want to harm: the same error or the same events on both loops."""

from __future__ import annotations

import socket

import anyio
import pytest
from odd_controller import OddController, message, odd_controller, response, talk, text
from odd_refusals import REFUSALS, Refusal
from odd_visits import VISITS, Visit
from places import ADAPTERS, BACKENDS
from running import run

from m3core.conference.events import ConferenceEvent
from m3core.io import HttpRequest, RequestId

pytestmark = pytest.mark.usefixtures("nothing_is_left", "soon")
each_loop = pytest.mark.parametrize("loop", ADAPTERS)
SOON = 0.2
"""Seconds that a client waits for a server that never does what the client waits for."""


@each_loop
@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
def test_a_server_with_which_no_room_is_entered(loop: str, case: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    m3 = ADAPTERS[loop]

    async def scenario() -> None:
        with odd_controller(case.rest, case.upgrade) as there:
            with pytest.raises(m3.M3Error, match=case.why) as caught:
                async with m3.join(there.link, display_name="Gus"):
                    pytest.fail("got in")
            assert type(caught.value).__name__ in case.error.split("|")

    for name in case.times:
        monkeypatch.setattr(name, SOON)
    run(loop, scenario)


class Observer:
    """The classes of the events after `ConferenceJoined`, and when ``last`` was told."""

    def __init__(self, last: str) -> None:
        self.told: list[str] = []
        self.over = anyio.Event()
        self._last = last

    def __call__(self, event: ConferenceEvent) -> None:
        name = type(event).__name__
        if name != "ConferenceJoined" and not self.over.is_set():
            self.told.append(name)
            if name == self._last:
                self.over.set()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients leave at once a server that does not answer their close frame, and come back at once."""
    monkeypatch.setattr("m3core.conference.life.LEAVE_TIMEOUT", 0.05)
    monkeypatch.setattr("m3core.conference.backoff.RECONNECT_MIN", 0.01)


@pytest.mark.usefixtures("hasty")
@each_loop
@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.name)
def test_a_server_that_is_odd_in_the_room(loop: str, visit: Visit) -> None:
    m3 = ADAPTERS[loop]

    async def scenario() -> None:
        observer = Observer(visit.told[-1])
        with odd_controller(upgrade=visit.upgrade) as there:
            try:
                async with m3.join(there.link, display_name="Gus", observe=observer):
                    await observer.over.wait()
            except m3.ConferenceEnded:
                assert visit.told[-1] == "Ended"
        assert tuple(observer.told) == visit.told

    run(loop, scenario)


@pytest.mark.usefixtures("hasty")
@each_loop
def test_a_waiting_room_without_end_can_be_left(loop: str) -> None:
    m3 = ADAPTERS[loop]

    async def scenario() -> None:
        with (
            odd_controller(upgrade=talk(text(message("moderation", "in_waiting_room")))) as there,
            anyio.CancelScope() as scope,
        ):
            async with m3.join(there.link, display_name="Gus", observe=lambda _: scope.cancel()):
                pytest.fail("got in")
        assert scope.cancelled_caught

    run(loop, scenario)


@each_loop
def test_cookies_are_not_kept(loop: str) -> None:
    """A pool lives long, and is shared by many accounts."""

    async def scenario() -> None:
        cookies = "".join(f"set-cookie: name{number}=value; path=/\r\n" for number in range(50))

        def say(_controller: OddController, stream: socket.socket, _path: str) -> None:
            stream.sendall(response(b"{}", more=cookies))

        with odd_controller(say) as there:
            http = BACKENDS[loop].http(local=True)
            for number in range(2):
                await http.request(HttpRequest(RequestId(number), "GET", f"http://127.0.0.1:{there.port}/"))
            await http.aclose()
            assert "cookie" not in there.heads[-1].lower()
            assert "accept-encoding: identity" in there.heads[-1].lower()

    run(loop, scenario)
