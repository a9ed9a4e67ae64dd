"""Closing in every phase of a conference: in bounded time, several times, and nothing is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from types import ModuleType

import anyio
import anyio.lowlevel
import pytest
from patience import PATIENCE
from places import ADAPTERS, BACKENDS, ServedPlace, served

from m3asyncio import sources
from m3core.client.conference import Conference
from m3core.client.transports import HttpTransport
from m3core.conference.modules.moderation import WaitingRoomEntered
from m3core.io import HttpRequest, HttpResponse

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.fixture(params=ADAPTERS)
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(loop: str) -> Iterator[ServedPlace]:
    with served(loop, sources.pattern(width=64, height=48)) as place:
        yield place


class Visit:
    """A place as a client sees it: the adapter of the loop, and a link that leads through the cable."""

    def __init__(self, loop: str, place: ServedPlace) -> None:
        self.m3: ModuleType = ADAPTERS[loop]
        self.backend = BACKENDS[loop]
        self.place = place
        self.link = ""

    def run(self, scenario: Callable[[], Awaitable[None]], *, waiting_room: bool = False) -> None:
        """In a run of its own."""

        async def main() -> None:
            with anyio.fail_after(PATIENCE):
                account = self.m3.Account(self.place.base_url, self.place.owner)
                meeting = await account.create_meeting(title="Closing", waiting_room=waiting_room)
                self.link = await meeting.invite(web_url=self.place.guest_url)
                await scenario()
                await account.aclose()
                await account.aclose()

        anyio.run(main, backend="asyncio" if self.m3.__name__ == "m3asyncio" else "trio")


@pytest.fixture
def visit(loop: str, place: ServedPlace) -> Visit:
    return Visit(loop, place)


class Freezing:
    """HTTP that freezes the cable after the ticket: the WebSocket gets no answer."""

    def __init__(self, visit: Visit) -> None:
        self._http: HttpTransport = visit.backend.http(local=True)
        self._cable = visit.place.cable
        self.is_frozen = anyio.Event()

    async def request(self, request: HttpRequest) -> HttpResponse:
        response = await self._http.request(request)
        if request.url.endswith("/start_invited"):
            self._cable.frozen = True
            self.is_frozen.set()
        return response

    async def aclose(self) -> None:
        await self._http.aclose()


def test_before_it_was_joined(visit: Visit) -> None:
    async def scenario() -> None:
        joining = visit.m3.join(visit.link, display_name="Gus")
        for _ in range(2):
            await joining.__aexit__(None, None, None)
        account = visit.m3.Account(visit.place.base_url, visit.place.owner)
        for _ in range(2):
            await account.aclose()

    visit.run(scenario)


async def cancelled_when(event: anyio.Event, joining: AbstractAsyncContextManager[object]) -> None:
    """Join, and be cancelled when ``event`` is set, before the room."""

    async def enter() -> None:
        async with joining:
            pytest.fail("got in")

    async with anyio.create_task_group() as group:
        group.start_soon(enter)
        await event.wait()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()


def test_while_http_gets_no_answer(visit: Visit) -> None:
    async def scenario() -> None:
        visit.place.cable.frozen = True
        begun = anyio.Event()
        begun.set()
        await cancelled_when(begun, visit.m3.join(visit.link, display_name="Gus"))

    visit.run(scenario)


def test_while_the_websocket_gets_no_answer(visit: Visit) -> None:
    async def scenario() -> None:
        http = Freezing(visit)
        await cancelled_when(http.is_frozen, visit.m3.join(visit.link, display_name="Gus", http=http))
        await http.aclose()

    visit.run(scenario)


def test_in_the_waiting_room(visit: Visit) -> None:
    async def scenario() -> None:
        waits = anyio.Event()

        def observe(event: object) -> None:
            if isinstance(event, WaitingRoomEntered):
                waits.set()

        await cancelled_when(waits, visit.m3.join(visit.link, display_name="Gus", observe=observe))

    visit.run(scenario, waiting_room=True)


@pytest.mark.parametrize("is_frozen", [False, True])
def test_in_the_room(visit: Visit, is_frozen: bool) -> None:
    """Also when the server is silent, and the client has not noticed yet."""

    async def scenario() -> None:
        joining = visit.m3.join(visit.link, display_name="Gus")
        async with joining as guest:
            heard = guest.events()
            visit.place.cable.frozen = is_frozen
            for _ in range(2):
                await guest.leave()
            for _ in range(2):
                await heard.__aexit__(None, None, None)
        await joining.__aexit__(None, None, None)
        await guest.leave()
        assert guest.ended is visit.m3.EndReason.LEFT

    visit.run(scenario)


@pytest.mark.parametrize("is_frozen", [False, True])
def test_while_it_publishes_and_subscribes(visit: Visit, is_frozen: bool) -> None:
    async def scenario() -> None:
        m3, told = visit.m3, []

        async def publish(guest: Conference) -> None:
            try:
                await guest.publish(video=visit.place.source)
            except m3.M3Error as error:
                told.append(error)

        async with anyio.create_task_group() as group, m3.join(visit.link, display_name="Gus") as guest:
            visit.place.cable.frozen = is_frozen
            group.start_soon(publish, guest)
            while not guest.state.publications:
                await anyio.sleep(0.001)
        assert [type(error) for error in told] == [m3.CallCancelled]

    visit.run(scenario)


def test_with_media(visit: Visit) -> None:
    async def scenario() -> None:
        m3 = visit.m3
        async with m3.join(visit.link, display_name="Gus") as guest, m3.join(visit.link, display_name="Ada") as ada:
            publication = await guest.publish(video=visit.place.source)
            await ada.wait_for(m3.StreamStarted)
            stream = ada.subscribe(guest.own)
            async with stream:
                await anext(stream.video)
                await guest.leave()
                with pytest.raises(m3.M3Error):
                    await publication.stop()
            await stream.__aexit__(None, None, None)

    visit.run(scenario)


@pytest.mark.parametrize("is_dead", [False, True])
def test_while_it_reconnects(visit: Visit, is_dead: bool) -> None:
    """With a stream, when the connection is lost, to a server that lives or that has died."""

    async def scenario() -> None:
        m3 = visit.m3
        async with m3.join(visit.link, display_name="Gus") as guest:
            await guest.publish(video=visit.place.source)
            async with guest.events(m3.ConnectionLost) as lost:
                if is_dead:
                    await anyio.to_thread.run_sync(visit.place.end)
                else:
                    await visit.place.cut()
                await anext(lost)
            if is_dead:
                await guest.leave()
        assert guest.ended is m3.EndReason.LEFT

    visit.run(scenario)


@pytest.mark.parametrize("loop", ADAPTERS, indirect=False)
def test_a_server_with_guests_inside(loop: str) -> None:
    """The server ends first, cancelled or not; all in one loop."""
    m3 = ADAPTERS[loop]

    async def main() -> None:
        with anyio.fail_after(PATIENCE):
            for is_cancelled in (False, True):
                with anyio.CancelScope() as scope:
                    async with anyio.create_task_group() as group, m3.serve() as server:
                        async with m3.Account(server.base_url, server.owner) as account:
                            link = await (await account.create_meeting(title="Full")).invite()
                        inside = anyio.Event()
                        group.start_soon(_stay, m3, link, inside)
                        await inside.wait()
                        if is_cancelled:
                            scope.cancel()
                        else:
                            group.cancel_scope.cancel()
                        await anyio.lowlevel.checkpoint()
                await server.aclose()

    async def _stay(m3: ModuleType, link: str, inside: anyio.Event) -> None:
        async with m3.join(link, display_name="Gus"):
            inside.set()
            await anyio.sleep_forever()

    anyio.run(main, backend=loop)
