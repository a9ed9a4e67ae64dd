"""The driver of a client engine: feeds it inputs, performs its outputs, and arms one timer.

It decides nothing. It queues what the engine wants (each connection has a bounded queue and a writer, each request a
task, the media engine queues of its own) and gives the engine what comes of it. Outputs are drained without an await:
their order is data (docs/architecture.md, the engine contract).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from m3core.client.alarm import Alarm
from m3core.client.loop import Backend, Event, Signal, Task, Tasks
from m3core.client.media import MediaPort
from m3core.client.transports import HttpTransport, SendSigned, WebSocket, WebSocketConnect, WebSocketRefused
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
    MediaCommand,
    MediaReport,
    Notify,
    Ping,
    SendText,
)
from m3core.limits import MAX_WRITE_QUEUE

T = TypeVar("T")
P = ParamSpec("P")


class _Connection:
    """The outgoing side of one WebSocket: what waits to be written, in order, and the tasks of the connection."""

    def __init__(self, backend: Backend) -> None:
        self.queue: deque[SendText | Ping | Close] = deque()
        self.changed = Signal(backend)
        self.waiting = 0
        """Bytes of the texts in ``queue``, and of the one that is being written."""
        self.reader: Task | None = None
        self.writer: Task | None = None
        self.pings: dict[int, Task] = {}

    def put(self, output: SendText | Ping | Close) -> None:
        """Write ``output`` after everything that waits."""
        self.queue.append(output)
        self.changed.set()

    def cancel_others(self) -> None:
        """Cancel all tasks except the reader, which calls this at its end."""
        for task in (self.writer, *self.pings.values()):
            if task is not None:
                task.cancel()


class _Call:
    """The end of a call, for which `Driver.finished` waits."""

    def __init__(self, ended: Event) -> None:
        self.ended = ended
        self.done: CallDone | None = None

    def end(self, done: CallDone) -> None:
        """Wake `Driver.finished`."""
        self.done = done
        self.ended.set()


def closed() -> ConferenceEnded:
    """The error for waiting on a conference that was closed on this side, for example by leaving its block."""
    return ConferenceEnded("closed", "it was closed on this side; join again")


class Driver:
    """Runs one `Conference` engine in the current event loop. ``send_signed``: for requests that need an account."""

    def __init__(
        self,
        engine: Conference,
        backend: Backend,
        tasks: Tasks,
        *,
        http: HttpTransport,
        connect: WebSocketConnect,
        send_signed: SendSigned | None,
        media: Callable[[], MediaPort],
        notify: Callable[[object], None],
    ) -> None:
        self.engine = engine
        self._backend = backend
        self._tasks = tasks
        self._http = http
        self._connect = connect
        self._send_signed = send_signed
        self._media = media
        self._notify = notify
        self._portal = backend.portal()
        self._alarm = Alarm(backend, tasks, self._deadline, self._advance)
        self._late: deque[Callable[[float], None]] = deque()
        """Inputs that came of performing outputs. They wait, because an engine takes no input before it is drained."""
        self._connections: dict[ConnectionId, _Connection] = {}
        self._calls: dict[CallId, _Call] = {}
        self._early: dict[CallId, CallDone] = {}
        """Ends of calls before `finished` waits for them: a call may end within the input that began it."""
        self._bug: Exception | None = None
        self._closed = False

    def now(self) -> float:
        """The engine's clock: monotonic seconds."""
        return self._backend.now()

    def feed(self, give: Callable[[float], T]) -> T:
        """Give the engine one input, then perform its outputs. Returns, or raises, what ``give`` does."""
        try:
            return give(self.now())
        finally:  # also after an error: the engine takes no further input before it is drained
            self._drain()
            while self._late:
                self._late.popleft()(self.now())
                self._drain()
            self._alarm.arm()

    async def finished(self, call: CallId) -> object:
        """Wait for the end of a call, and return its result or raise its error. Cancelling cancels the call.

        An exception that a transport must not raise (anything but `M3Error`) is raised here as it is.
        """
        done = self._early.pop(call, None)
        if done is None:
            if self._closed:
                raise closed()
            if self._bug is not None:
                raise self._bug
            waiting = self._calls[call] = _Call(self._backend.event())
            try:
                await waiting.ended.wait()
            except BaseException:
                # If the call is no longer listed, it ended in the moment of the cancellation.
                if self._calls.pop(call, None) is not None and not self._closed:
                    self.feed(lambda now: self.engine.cancel(call, now))
                self._early.pop(call, None)
                raise
            done = waiting.done
        if done is None:
            raise self._bug or CallCancelled("the conference was closed before the command ended")
        if done.error is not None:
            raise done.error
        return done.result

    def media_report(self, report: MediaReport) -> None:
        """Take a report of the media engine; called in its thread."""
        self._portal(lambda: self._take_report(report))

    async def aclose(self) -> None:
        """Stop all tasks; the engine gets no more inputs."""
        self._closed = True
        await self._tasks.close()
        calls, self._calls = self._calls, {}
        for waiting in calls.values():
            waiting.ended.set()

    # -- performing ---
    def _drain(self) -> None:
        for output in self.engine.outputs():
            self._perform(output)

    def _perform(self, output: Output) -> None:
        if self._closed and not isinstance(output, CallDone | Notify):
            return  # nothing would end the tasks and connections that it begins
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
                self._spawn(self._request, output)
            case Connect():
                entry = self._connections[output.connection] = _Connection(self._backend)
                entry.reader = self._spawn(self._run, output, entry)
            case Ping() | Close():
                self._enqueue(output.connection, output)

    def _enqueue(self, connection: ConnectionId, output: SendText | Ping | Close) -> None:
        entry = self._connections.get(connection)
        if entry is None:  # lost meanwhile
            return
        if isinstance(output, Close) and output.code is None:  # an abort: what waits is not written
            self._drop(connection, entry)
            return
        if isinstance(output, SendText):
            entry.waiting += len(output.data)
        if entry.waiting > MAX_WRITE_QUEUE:
            # A server that does not read must not make us grow: the engine comes back over another connection.
            self._drop(connection, entry)
            self._late.append(lambda now: self.engine.connection_lost(connection, now, code=None))
        else:
            entry.put(output)

    def _submit(self, command: MediaCommand) -> None:
        try:
            self._media().submit(command)
        except MediaError as error:  # its thread is dead, so that no report will follow
            failed = Failed(command.id, command.peer, str(error))
            self._late.append(lambda now: self.engine.media_report(failed, now))

    def _finish(self, done: CallDone) -> None:
        waiting = self._calls.pop(done.call, None)
        if waiting is None:
            self._early[done.call] = done
        else:
            waiting.end(done)

    def _deadline(self) -> float | None:
        return None if self._closed else self.engine.deadline

    def _advance(self) -> None:
        self.feed(self.engine.advance)

    def _take_report(self, report: MediaReport) -> None:
        if not self._closed:
            self.feed(lambda now: self.engine.media_report(report, now))

    # -- tasks ---
    def _spawn(self, work: Callable[P, Coroutine[Any, Any, None]], *args: P.args, **kwargs: P.kwargs) -> Task:
        return self._tasks.spawn(self._guarded(work, *args, **kwargs))

    async def _guarded(self, work: Callable[P, Coroutine[Any, Any, None]], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await work(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - a bug, most likely of a transport: no call must wait for ever
            self._bug = error
            for waiting in self._calls.values():
                waiting.ended.set()

    async def _request(self, request: HttpRequest) -> None:
        try:
            if request.authorization is Authorization.ACCOUNT:
                if self._send_signed is None:
                    raise AuthError("this way into the room needs an account: use Account.join, or an invitation link")
                response = await self._send_signed(request)
            else:
                response = await self._http.request(request)
        except M3Error as error:
            failure = error
            self.feed(lambda now: self.engine.http_failed(request.id, failure, now))
        else:
            self.feed(lambda now: self.engine.http_response(request.id, response, now))

    async def _run(self, wanted: Connect, entry: _Connection) -> None:
        """The reader: opens the connection, reads until its end, and closes it."""
        connection = wanted.connection
        try:
            socket = await self._connect(wanted.url, wanted.subprotocols)
        except WebSocketRefused as refused:
            status, body, headers = refused.status, refused.body, refused.headers
            self._connections.pop(connection, None)
            self.feed(lambda now: self.engine.connect_refused(connection, status, body, now, headers=headers))
            return
        except TransportError as error:
            self._lost(connection, None, str(error))
            return
        entry.writer = self._spawn(self._write, entry, socket)
        socket.on_ping = partial(self._pinged, connection)
        reason = ""
        try:
            self.feed(lambda now: self.engine.connected(connection, now))
            async for data in socket.messages():
                self.feed(partial(self.engine.receive_text, connection, data))
        except TransportError as error:
            reason = str(error)
        finally:
            # Also when the reader is cancelled: `_drop` and `aclose` leave the socket to it.
            entry.cancel_others()
            try:
                self._lost(connection, socket.close_code, reason)
            finally:
                with suppress(TransportError):
                    await self._backend.shielded(socket.close(None))

    async def _write(self, entry: _Connection, socket: WebSocket) -> None:
        number = 0
        with suppress(TransportError):  # the reader notices the loss, and tells the engine
            while True:
                while not entry.queue:
                    await entry.changed.wait()
                output = entry.queue.popleft()
                match output:
                    case SendText(data=data):
                        await socket.send(data)
                        entry.waiting -= len(data)
                    case Ping():  # a task of its own, because `ping` waits for the pong
                        number += 1
                        entry.pings[number] = self._spawn(self._ping, entry, number, socket, output)
                    case Close(code=code):
                        await socket.close(code)
                        return

    def _pinged(self, connection: ConnectionId) -> None:
        if not self._closed:
            self.feed(lambda now: self.engine.pinged(connection, now))

    async def _ping(self, entry: _Connection, number: int, socket: WebSocket, ping: Ping) -> None:
        with suppress(TransportError):
            await socket.ping(ping.payload)
            self.feed(lambda now: self.engine.pong(ping.connection, ping.payload, now))
        del entry.pings[number]

    def _drop(self, connection: ConnectionId, entry: _Connection) -> None:
        """Abort: what waits is not written. The engine is not told; it caused this, or the caller tells it."""
        del self._connections[connection]
        if entry.reader is not None:
            entry.reader.cancel()

    def _lost(self, connection: ConnectionId, code: int | None, reason: str = "") -> None:
        self._connections.pop(connection, None)
        if not self._closed:
            self.feed(lambda now: self.engine.connection_lost(connection, now, code=code, reason=reason))
