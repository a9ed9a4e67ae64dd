"""A driver on bare trio sockets, to prove the contract of `m3core.io`: feed an input, drain at once, keep one timer."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import h11
import trio
import wsproto.events as ws
from wsproto import ConnectionType, WSConnection

from m3core.conference.engine import Conference
from m3core.io import CallDone, CallId, Close, Connect, HttpRequest, HttpResponse, MediaCommand, Notify, Ping, SendText
from m3core.testing.fakes import FakeMedia


class TrioDriver:
    """Runs one conference in a nursery. ``events``: what was notified; ``done``: the calls that ended."""

    def __init__(self, engine: Conference, nursery: trio.Nursery) -> None:
        self.engine, self.nursery, self.media = engine, nursery, FakeMedia()
        self.events, self.done = list[object](), dict[CallId, CallDone]()
        self.changed, self.scope, self.timer = trio.Event(), trio.CancelScope(), trio.CancelScope()

    async def feed(self, give: Callable[[float], object]) -> None:
        give(trio.current_time())
        for output in self.engine.outputs():
            match output:
                case HttpRequest():
                    self.nursery.start_soon(self.request, output)
                case Connect():
                    self.socket, self.scope = WSConnection(ConnectionType.CLIENT), trio.CancelScope()
                    self.to_write, self.written = trio.open_memory_channel[bytes](math.inf)
                    self.nursery.start_soon(self.websocket, output)
                case SendText(data=data):
                    self.send(ws.TextMessage(data.decode()))
                case Ping(payload=payload):
                    self.send(ws.Ping(payload))
                case Close(code=code):
                    self.scope.cancel() if code is None else self.send(ws.CloseConnection(code))
                case MediaCommand():
                    for report in self.media.perform(output):
                        self.nursery.start_soon(self.feed, partial(self.engine.media_report, report))
                case Notify(event=event):
                    self.events.append(event)
                case CallDone(call=call):
                    self.done[call] = output
        self.timer.cancel()
        self.changed.set()
        self.changed = trio.Event()

    def send(self, event: ws.Event) -> None:
        self.to_write.send_nowait(self.socket.send(event))

    async def run(self) -> None:
        while True:
            with trio.CancelScope(deadline=self.engine.deadline or math.inf) as self.timer:
                await trio.sleep_forever()
            await self.feed(self.engine.advance)

    async def request(self, request: HttpRequest) -> None:
        url, http = urlsplit(request.url), h11.Connection(h11.CLIENT)
        headers = [("host", url.netloc), ("connection", "close"), ("content-length", str(len(request.body)))]
        head = h11.Request(method=request.method, target=url.path, headers=[*headers, *request.headers])
        async with await trio.open_tcp_stream(str(url.hostname), url.port or 80) as stream:
            await stream.send_all((http.send(head) or b"") + request.body)
            http.receive_data(b"".join([data async for data in stream]))
        events = list(iter(http.next_event, h11.EndOfMessage()))
        status = next(event.status_code for event in events if isinstance(event, h11.Response))
        response = HttpResponse(status, body=b"".join(event.data for event in events if isinstance(event, h11.Data)))
        await self.feed(lambda now: self.engine.http_response(request.id, response, now))

    async def websocket(self, wanted: Connect) -> None:
        url, connection, code, parts = urlsplit(wanted.url), wanted.connection, None, list[str]()
        host, port = str(url.hostname), url.port or 80
        self.send(ws.Request(url.netloc, url.path, subprotocols=list(wanted.subprotocols)))
        with self.scope:
            async with (
                await trio.open_tcp_stream(host, port) as tcp,
                trio.open_nursery() as tasks,
            ):
                tasks.start_soon(self.write, tcp)
                async for data in tcp:
                    self.socket.receive_data(bytes(data))
                    for event in self.socket.events():
                        if isinstance(event, ws.AcceptConnection):
                            await self.feed(lambda now: self.engine.connected(connection, now))
                        elif isinstance(event, ws.TextMessage):
                            parts.append(event.data)
                            if event.message_finished:
                                await self.feed(partial(self.engine.receive_text, connection, "".join(parts)))
                                parts.clear()
                        elif isinstance(event, ws.Ping):
                            self.send(event.response())
                        elif isinstance(event, ws.Pong):
                            await self.feed(partial(self.engine.pong, connection, bytes(event.payload)))
                        elif isinstance(event, ws.CloseConnection):
                            code = event.code
                tasks.cancel_scope.cancel()
        await self.feed(lambda now: self.engine.connection_lost(connection, now, code=code))

    async def write(self, stream: trio.SocketStream) -> None:
        async for data in self.written:
            await stream.send_all(data)
