"""The driver with an engine that the test controls: which outputs it performs, and what it does not begin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import pytest
from house import house, in_loop

import m3asyncio as m3
from m3asyncio.loop import BACKEND, AsyncioTasks, connect_websocket, unbroken
from m3core.client.driver import Driver
from m3core.client.transports import WebSocket, WebSocketRefused
from m3core.client.websocket import StreamWebSocket
from m3core.conference.engine import Conference as Engine
from m3core.errors import AuthError, CallCancelled, MediaError, TransportError
from m3core.io import (
    Authorization,
    CallDone,
    CallId,
    Close,
    ClosePeer,
    CommandId,
    Connect,
    ConnectionId,
    Failed,
    HttpRequest,
    HttpResponse,
    MediaCommand,
    Notify,
    PeerId,
    Ping,
    RequestId,
    SendText,
    Up,
)

ONE, TWO = ConnectionId(1), ConnectionId(2)


class Puppet:
    """An engine whose outputs the test gives. It records its inputs."""

    def __init__(self) -> None:
        self.todo: list[object] = []
        self.inputs: list[tuple[object, ...]] = []
        self.deadline: float | None = None
        self.changed = asyncio.Event()

    def outputs(self) -> Iterator[object]:
        todo, self.todo = self.todo, []
        return iter(todo)

    def __getattr__(self, name: str) -> Callable[..., None]:
        def take(*given: object, **named: object) -> None:
            self.inputs.append((name, *given[:-1], *named.values()))  # without `now`
            self.changed.set()
            self.deadline = None

        return take

    async def until(self, name: str) -> tuple[object, ...]:
        """The next input of that name."""
        while not (found := [entry for entry in self.inputs if entry[0] == name]):
            self.changed.clear()
            await self.changed.wait()
        self.inputs.remove(found[0])
        return found[0]


class Line:
    """A WebSocket whose messages the test gives."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.sent: list[bytes] = []
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.closed: list[int | None] = []
        self.close_code: int | None = None
        self.on_ping: Callable[[], None] | None = None

    async def send(self, data: bytes) -> None:
        await self.may_send.wait()
        self.sent.append(data)

    async def ping(self, payload: bytes) -> None:
        if self.closed:
            raise TransportError("closed")
        self.sent.append(payload)

    async def messages(self) -> AsyncIterator[bytes]:
        while (data := await self.incoming.get()) is not None:
            yield data

    async def close(self, code: int | None) -> None:
        self.closed.append(code)
        if code is not None:
            self.close_code = 1000
            self.incoming.put_nowait(None)


class Silent:
    """HTTP without a controller."""

    async def request(self, request: HttpRequest) -> HttpResponse:
        if request.method == "DELETE":
            raise TransportError("unplugged")
        return HttpResponse(204)

    async def aclose(self) -> None:
        pass


class Dead:
    """A media engine whose thread is dead."""

    def submit(self, command: MediaCommand) -> None:
        raise MediaError("the media engine is not running")


def make(puppet: Puppet, line: WebSocket | Exception | None = None, events: list[object] | None = None) -> Driver:
    async def connect(_url: str, _subprotocols: tuple[str, ...]) -> WebSocket:
        if isinstance(line, Exception):
            raise line
        assert line is not None
        return line

    return Driver(
        cast(Engine, puppet),
        BACKEND,
        AsyncioTasks(),
        http=Silent(),
        connect=connect,
        send_signed=None,
        media=Dead,
        notify=([] if events is None else events).append,
    )


def give(driver: Driver, *outputs: object) -> None:
    """An input whose outputs are these."""
    driver.feed(lambda _now: cast(Any, driver.engine).todo.extend(outputs))


@in_loop
async def test_a_connection_from_its_opening_to_its_loss() -> None:
    puppet, line = Puppet(), Line()
    driver = make(puppet, line)
    give(driver, Connect(ONE, "ws://x", ()), SendText((ONE, TWO), b"early"), Ping(ONE, b"p"))
    assert await puppet.until("connected") == ("connected", ONE)
    assert await puppet.until("pong") == ("pong", ONE, b"p")
    line.incoming.put_nowait(b"hello")
    assert await puppet.until("receive_text") == ("receive_text", ONE, b"hello")
    give(driver, SendText((ONE,), b"last"), Close(ONE, 1000), SendText((ONE,), b"too late"))
    assert await puppet.until("connection_lost") == ("connection_lost", ONE, 1000, "")
    await driver.aclose()
    assert line.sent == [b"early", b"p", b"last"]
    assert line.closed == [1000, None]
    assert puppet.inputs == []


@in_loop
async def test_a_ping_on_a_closed_connection_is_nobodys_pong() -> None:
    puppet, line = Puppet(), Line()
    driver = make(puppet, line)
    give(driver, Connect(ONE, "ws://x", ()))
    await puppet.until("connected")
    line.closed.append(None)
    give(driver, Ping(ONE, b"p"))
    line.incoming.put_nowait(None)
    await puppet.until("connection_lost")
    await driver.aclose()
    assert puppet.inputs == []


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (WebSocketRefused(401, b"{}"), ("connect_refused", ONE, 401, b"{}")),
        (TransportError("unplugged"), ("connection_lost", ONE, None, "unplugged")),
    ],
)
@in_loop
async def test_a_connection_that_does_not_come_about(failure: Exception, told: tuple[object, ...]) -> None:
    puppet = Puppet()
    driver = make(puppet, failure)
    give(driver, Connect(ONE, "ws://x", ()))
    assert await puppet.until(str(told[0])) == told
    await driver.aclose()


@in_loop
async def test_an_abort_drops_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    puppet, line = Puppet(), Line()
    driver = make(puppet, line)
    line.may_send.clear()
    give(driver, Connect(ONE, "ws://x", ()), SendText((ONE,), b"one"), SendText((ONE,), b"two"))
    await puppet.until("connected")
    give(driver, Close(ONE, None))
    await driver.aclose()
    assert (line.sent, line.closed) == ([], [None])


@in_loop
async def test_a_full_queue_is_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.client.driver.MAX_WRITE_QUEUE", 10)
    puppet, line = Puppet(), Line()
    driver = make(puppet, line)
    line.may_send.clear()
    give(driver, Connect(ONE, "ws://x", ()), SendText((ONE,), b"12345"), SendText((ONE,), b"67890"))
    await puppet.until("connected")
    give(driver, SendText((ONE,), b"!"), SendText((ONE,), b"!"))
    assert await puppet.until("connection_lost") == ("connection_lost", ONE, None)
    await driver.aclose()
    assert line.sent == []


@in_loop
async def test_what_was_written_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long conference sends more than the limit in all: only what waits at one time counts."""
    monkeypatch.setattr("m3core.client.driver.MAX_WRITE_QUEUE", 10)
    puppet, line = Puppet(), Line()
    driver = make(puppet, line)
    give(driver, Connect(ONE, "ws://x", ()))
    await puppet.until("connected")
    for number in range(5):
        give(driver, SendText((ONE,), b"12345678"))
        while len(line.sent) == number:
            assert puppet.inputs == []
            await asyncio.sleep(0)
    assert puppet.inputs == []
    await driver.aclose()
    assert line.sent == [b"12345678"] * 5


@in_loop
async def test_requests_and_their_failures() -> None:
    puppet = Puppet()
    driver = make(puppet)
    give(
        driver,
        HttpRequest(RequestId(1), "GET", "http://x"),
        HttpRequest(RequestId(2), "DELETE", "http://x"),
        HttpRequest(RequestId(3), "GET", "http://x", authorization=Authorization.ACCOUNT),
    )
    assert await puppet.until("http_response") == ("http_response", RequestId(1), HttpResponse(204))
    failures = {(await puppet.until("http_failed"))[1:] for _ in range(2)}
    assert {(number, type(error)) for number, error in failures} == {(2, TransportError), (3, AuthError)}
    await driver.aclose()


@in_loop
async def test_a_media_engine_that_is_gone_is_a_report() -> None:
    puppet = Puppet()
    driver = make(puppet)
    give(driver, MediaCommand(CommandId(7), PeerId(8), ClosePeer()))
    told = await puppet.until("media_report")
    assert told[1] == Failed(CommandId(7), PeerId(8), "the media engine is not running")
    driver.media_report(Up(PeerId(8)))
    assert await puppet.until("media_report") == ("media_report", Up(PeerId(8)))
    await driver.aclose()
    driver.media_report(Up(PeerId(8)))
    await asyncio.sleep(0)
    assert puppet.inputs == []


def test_a_report_for_a_loop_that_is_gone_is_not_an_error() -> None:
    async def main() -> Driver:
        return make(Puppet())

    asyncio.run(main()).media_report(Up(PeerId(1)))


@in_loop
async def test_time_and_the_timer() -> None:
    puppet = Puppet()
    driver = make(puppet)
    puppet.deadline = driver.now() + 1000
    give(driver)
    puppet.deadline = driver.now()
    give(driver)  # the earlier deadline counts
    await puppet.until("advance")
    puppet.deadline = driver.now()
    give(driver)
    await driver.aclose()
    await asyncio.sleep(0)
    assert puppet.inputs == []


@in_loop
async def test_calls_end_once_however_they_end() -> None:
    puppet = Puppet()
    driver = make(puppet)
    done, refused, cancelled, closed = (CallId(number) for number in range(1, 5))
    give(driver, CallDone(done, "early"), CallDone(refused, error=MediaError("no")))
    assert await driver.finished(done) == "early"
    with pytest.raises(MediaError):
        await driver.finished(refused)

    waiting = asyncio.create_task(driver.finished(cancelled))
    await asyncio.sleep(0)
    waiting.cancel()
    give(driver, CallDone(cancelled, "in the moment of the cancellation"))
    await asyncio.wait((waiting,))
    assert waiting.cancelled()

    waiting = asyncio.create_task(driver.finished(cancelled))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    assert await puppet.until("cancel") == ("cancel", cancelled)

    waiting = asyncio.create_task(driver.finished(closed))
    await asyncio.sleep(0)
    await driver.aclose()
    with pytest.raises(CallCancelled):
        await waiting
    with pytest.raises(m3.ConferenceEnded):
        await driver.finished(closed)
    assert driver._calls == {}
    assert driver._early == {}


@in_loop
async def test_a_bug_of_a_transport_is_raised_by_calls_that_come_later() -> None:
    puppet = Puppet()
    driver = make(puppet, ZeroDivisionError())
    give(driver, Connect(ONE, "ws://x", ()))
    while driver._bug is None:
        await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        await driver.finished(CallId(1))
    await driver.aclose()


@in_loop
async def test_nothing_is_begun_after_the_end() -> None:
    events: list[object] = []
    puppet = Puppet()
    driver = make(puppet, None, events)
    await driver.aclose()
    await driver.aclose()
    give(
        driver,
        Connect(ONE, "ws://x", ()),
        HttpRequest(RequestId(1), "GET", "http://x"),
        MediaCommand(CommandId(1), PeerId(1), ClosePeer()),
        Notify("an event"),
        CallDone(CallId(1), "result"),
    )
    assert await driver.finished(CallId(1)) == "result"
    assert events == ["an event"]
    assert cast(AsyncioTasks, driver._tasks)._tasks == set()


@in_loop
async def test_unbroken_work_that_is_itself_cancelled() -> None:
    inner = asyncio.ensure_future(asyncio.Event().wait())
    outer = asyncio.create_task(unbroken(inner))
    await asyncio.sleep(0)
    inner.cancel()
    await asyncio.wait((outer,))
    assert outer.cancelled()


@in_loop
async def test_the_websocket_of_the_library() -> None:
    async with house() as here:
        sockets: list[StreamWebSocket] = []

        async def connect(url: str, subprotocols: tuple[str, ...]) -> StreamWebSocket:
            sockets.append(await connect_websocket(url, subprotocols))
            return sockets[-1]

        async with m3.join(here.link, display_name="Gus", connect=connect):
            await sockets[0].ping(b"ping")
            codes = [sockets[0].close_code]
        assert [*codes, sockets[0].close_code] == [None, 1000]
        with pytest.raises(TransportError):
            await sockets[0].send(b"{}")
        with pytest.raises(TransportError):
            await sockets[0].ping(b"ping")
        await sockets[0].close(1000)
        await sockets[0].close(None)
