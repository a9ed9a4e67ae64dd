"""The one loop that feeds inputs to a client engine, performs its outputs, and arms one timer.

It decides nothing: it queues what the engine wants (a writer and a bounded queue for each connection, a task for each
request, the media engine's own queues) and hands back what came of it. Draining is synchronous.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeVar

from m3asyncio.transports import HttpTransport, WebSocket, WebSocketConnect, WebSocketRefused
from m3core.conference.engine import Conference
from m3core.conference.outbox import Output
from m3core.errors import AuthError, CallCancelled, ConferenceEnded, M3Error, MediaError, TransportError
from m3core.io import (
    Authorization,
    CallDone,
    CallId,
    Close,
    Connect,
    ConnectionId,
    Failed,
    HttpRequest,
    HttpResponse,
    MediaCommand,
    MediaReport,
    Notify,
    Ping,
    SendText,
)
from m3core.limits import MAX_WRITE_QUEUE

T = TypeVar("T")


async def unbroken(work: Awaitable[T]) -> T:
    """Finish ``work`` even if we are cancelled meanwhile, however often; then be cancelled."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # seen: being cancelled is what matters now
        raise cancelled
    return task.result()


class MediaPort(Protocol):
    """What a driver needs of a media engine."""

    def submit(self, command: MediaCommand) -> None:
        """Carry out a command; never blocks."""
        ...


class _Connection:
    """One WebSocket on its way out: what waits to be written, in order."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[SendText | Ping | Close] = asyncio.Queue()
        self.waiting = 0
        """Bytes."""
        self.task: asyncio.Task[None] | None = None


class Driver:
    """Runs one `Conference` engine in the current event loop."""

    def __init__(
        self,
        engine: Conference,
        *,
        http: HttpTransport,
        connect: WebSocketConnect,
        sign: Callable[[HttpRequest], Coroutine[Any, Any, HttpResponse]] | None,
        media: Callable[[], MediaPort],
        notify: Callable[[object], None],
    ) -> None:
        self.engine = engine
        self._http = http
        self._connect = connect
        self._sign = sign
        self._media = media
        self._notify = notify
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: dict[ConnectionId, _Connection] = {}
        self._calls: dict[CallId, asyncio.Future[object]] = {}
        self._early: dict[CallId, CallDone] = {}
        self._closed = False

    def now(self) -> float:
        """The engine's clock: monotonic seconds."""
        return self._loop.time()

    def feed(self, give: Callable[[float], T]) -> T:
        """One input, then the drain."""
        try:
            return give(self.now())
        finally:
            for output in self.engine.outputs():
                self._perform(output)
            self._arm()

    async def finished(self, call: CallId) -> object:
        """Wait for the end of a call; its result, or its error raised. Cancelling cancels the call."""
        done = self._early.pop(call, None)
        if done is None:
            if self._closed:
                raise ConferenceEnded("closed")
            future: asyncio.Future[object] = self._loop.create_future()
            self._calls[call] = future
            try:
                return await future
            except asyncio.CancelledError:
                if self._calls.pop(call, None) is not None and not self._closed:
                    self.feed(lambda now: self.engine.cancel(call, now))
                self._early.pop(call, None)
                raise
        if done.error is not None:
            raise done.error
        return done.result

    def media_report(self, report: MediaReport) -> None:
        """The media engine says something, in its own thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(self._take_report, report)

    async def aclose(self) -> None:
        """Stop all tasks; the engine gets no more inputs."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        calls, self._calls = self._calls, {}
        for future in calls.values():
            future.set_exception(CallCancelled("the conference was closed"))

    # -- performing ---
    def _perform(self, output: Output) -> None:
        if self._closed and not isinstance(output, CallDone | Notify):
            return  # nothing is begun that nobody would end
        match output:
            case SendText(connections=connections):
                for connection in connections:
                    self._enqueue(connection, output)
            case Notify(event=event):
                self._notify(event)
            case CallDone():
                self._finish(output)
            case MediaCommand():
                self._submit(output)
            case HttpRequest():
                self._spawn(self._request(output))
            case Connect():
                entry = self._connections[output.connection] = _Connection()
                entry.task = self._spawn(self._run(output, entry))
            case Ping() | Close():
                self._enqueue(output.connection, output)

    def _enqueue(self, connection: ConnectionId, output: SendText | Ping | Close) -> None:
        entry = self._connections.get(connection)
        if entry is None:
            return
        if isinstance(output, Close) and output.code is None:
            self._drop(connection, entry)
            return
        if isinstance(output, SendText):
            entry.waiting += len(output.data)
        if entry.waiting > MAX_WRITE_QUEUE:
            self._drop(connection, entry)
            self._loop.call_soon(self._lost, connection, None)
        else:
            entry.queue.put_nowait(output)

    def _submit(self, command: MediaCommand) -> None:
        try:
            self._media().submit(command)
        except MediaError as error:  # its thread is gone: the engine hears it as an input of its own
            self._loop.call_soon(self._take_report, Failed(command.id, command.peer, str(error)))

    def _finish(self, done: CallDone) -> None:
        future = self._calls.pop(done.call, None)
        if future is None:
            self._early[done.call] = done
        elif future.cancelled():
            pass  # its caller has been cancelled, and has not yet had a turn to say so
        elif done.error is not None:
            future.set_exception(done.error)
        else:
            future.set_result(done.result)

    def _arm(self) -> None:
        deadline = None if self._closed else self.engine.deadline
        if self._timer is not None:
            if self._timer.when() == deadline:
                return
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._advance)

    def _advance(self) -> None:
        self._timer = None
        self.feed(self.engine.advance)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _take_report(self, report: MediaReport) -> None:
        if not self._closed:
            self.feed(lambda now: self.engine.media_report(report, now))

    # -- tasks ---
    async def _request(self, request: HttpRequest) -> None:
        try:
            if request.authorization is Authorization.ACCOUNT:
                if self._sign is None:
                    raise AuthError("this request needs an account")
                response = await self._sign(request)
            else:
                response = await self._http.request(request)
        except M3Error as error:
            failure = error
            self.feed(lambda now: self.engine.http_failed(request.id, failure, now))
        else:
            self.feed(lambda now: self.engine.http_response(request.id, response, now))

    async def _run(self, wanted: Connect, entry: _Connection) -> None:
        connection = wanted.connection
        try:
            socket = await self._connect(wanted.url, wanted.subprotocols)
        except WebSocketRefused as refused:
            status, body = refused.status, refused.body
            self._connections.pop(connection, None)
            self.feed(lambda now: self.engine.connect_refused(connection, status, body, now))
            return
        except TransportError:
            self._lost(connection, None)
            return
        writer = self._spawn(self._write(entry, socket))
        try:
            self.feed(lambda now: self.engine.connected(connection, now))
            async for data in socket.messages():
                self.feed(partial(self.engine.receive_text, connection, data))
        finally:
            writer.cancel()
            try:
                self._lost(connection, socket.close_code)
            finally:
                with contextlib.suppress(TransportError):
                    await socket.close(None)

    async def _write(self, entry: _Connection, socket: WebSocket) -> None:
        with contextlib.suppress(TransportError):  # the reader notices the loss
            while True:
                output = await entry.queue.get()
                match output:
                    case SendText(data=data):
                        await socket.send(data)
                        entry.waiting -= len(data)
                    case Ping(connection=connection, payload=payload):
                        self._spawn(self._ping(connection, socket, payload))
                    case Close(code=code):
                        await socket.close(code)
                        return

    async def _ping(self, connection: ConnectionId, socket: WebSocket, payload: bytes) -> None:
        with contextlib.suppress(TransportError):
            await socket.ping(payload)
            self.feed(lambda now: self.engine.pong(connection, payload, now))

    def _drop(self, connection: ConnectionId, entry: _Connection) -> None:
        """Abort: what waits is not written, and the engine is not told, because it knows."""
        del self._connections[connection]
        if entry.task is not None:
            entry.task.cancel()

    def _lost(self, connection: ConnectionId, code: int | None) -> None:
        self._connections.pop(connection, None)
        if not self._closed:
            self.feed(lambda now: self.engine.connection_lost(connection, now, code=code))
