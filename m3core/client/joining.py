"""How one gets into a conference, and out of it again: `join`, and the context manager that it makes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from m3core.client.conference import AUDIO, VIDEO, Conference, Receive
from m3core.client.loop import Backend, Tasks
from m3core.client.session import Session
from m3core.client.transports import HttpTransport, WebSocketConnect
from m3core.client.watching import Watch, WatchFrames
from m3core.conference.engine import Conference as Engine
from m3core.conference.entrance import Entrance, GuestEntrance
from m3core.conference.events import ConferenceEvent
from m3core.conference.state import EndReason
from m3core.errors import ConferenceEnded, LocalProtocolError, M3Error
from m3core.io import HttpRequest, HttpResponse
from m3core.rest.discovery import Search
from m3core.rest.link import InviteLink, is_local
from m3core.values import Secret

if TYPE_CHECKING:
    from m3core.client.account import Account


class Door:
    """Where guests come in: `join`, on one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def join(
        self,
        url: str,
        *,
        display_name: str,
        password: str | None = None,
        controller: str | None = None,
        receive: Receive = AUDIO | VIDEO,
        allow_private: bool = False,
        http: HttpTransport | None = None,
        connect: WebSocketConnect | None = None,
        observe: Callable[[ConferenceEvent], None] | None = None,
        wire: WatchFrames | None = None,
    ) -> Joining:
        """Join as a guest: ``async with m3.join(url, display_name="Ada") as conference``.

        ``url`` is an invitation link, whose server is asked where the controller is (`m3core.rest.discovery`);
        ``controller`` is its address where that cannot be told.
        ``receive`` without `VIDEO` asks for streams without their video. Links into private networks are refused
        unless ``allow_private``; a ``controller`` that is named is trusted, and this machine always good. ``http`` and
        ``connect`` are transports of your own (`m3core.client.transports`), which you close; an `HttpPool` is for many
        conferences. ``observe`` is called with every event as it happens, those before we are in the room included
        (`WaitingRoomEntered`); it must be quick, and not raise. ``wire`` is called with `sent` or `received` and each
        text frame of the signaling, in order, over all connections: what people say is in them, and all else that is
        private, but no ticket or token. It must be quick; what it raises is raised at the end of the block, unless
        something else is, and until then it is not called again.

        Raises `LinkError`, `ApiError`, `CallError`, `TransportError`.
        """
        link = InviteLink.parse(url, controller=controller, allow_private=allow_private)
        return Joining(
            self._backend,
            display_name,
            link=link,
            password=None if password is None else Secret(password),
            controller=controller,
            allow_private=allow_private,
            receive=receive,
            http=http,
            connect=connect,
            observe=observe,
            wire=wire,
        )


class Joining:
    """A conference that is about to be joined: an async context manager."""

    def __init__(
        self,
        backend: Backend,
        display_name: str,
        *,
        link: InviteLink | None = None,
        entrance: Entrance | None = None,
        password: Secret | None = None,
        controller: str | None = None,
        allow_private: bool = False,
        account: Account | None = None,
        receive: Receive = AUDIO | VIDEO,
        http: HttpTransport | None = None,
        connect: WebSocketConnect | None = None,
        observe: Callable[[ConferenceEvent], None] | None = None,
        wire: WatchFrames | None = None,
    ) -> None:
        self._backend = backend
        self._display_name = display_name
        self._link = link
        self._entrance = entrance
        self._password = password
        self._controller = controller
        self._allow_private = allow_private
        self._account = account
        self._receive = receive
        self._http = http
        self._connect = connect
        self._observe = observe
        self._wire = wire
        self._stay: _Stay | None = None

    async def __aenter__(self) -> Conference:
        if self._stay is not None:
            raise LocalProtocolError("one conference is joined by it already")
        stay = await _Stay.begin(self._backend)
        try:
            conference = Conference(await self._enter(stay), self._receive)
        except BaseException as error:
            await stay.end(error)
            raise
        self._stay, stay.conference = stay, conference
        return conference

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stay, self._stay = self._stay, None
        if stay is None or stay.conference is None:
            return
        conference = stay.conference
        ended = conference.ended
        await stay.end(error)
        if error is None and stay.watch is not None and stay.watch.error is not None:
            raise stay.watch.error
        if error is None and ended is not None and ended is not EndReason.LEFT:
            raise ConferenceEnded(ended.value, conference.ended_detail)

    async def _enter(self, stay: _Stay) -> Session:
        http = self._http
        if http is None:
            http = self._backend.http(local=self._is_local())
            stay.when_over(http.aclose)
        connect = self._connect or stay.tasks.connect
        if self._wire is not None:
            stay.watch = Watch(self._wire, connect)
            connect = stay.watch.connect
        entrance = self._entrance or await self._find(http)
        session = Session(
            Engine(
                entrance,
                display_name=self._display_name,
                jitter=self._random,
                utc_at_zero=self._backend.utc_now() - dt.timedelta(seconds=self._backend.now()),
            ),
            self._backend,
            stay.tasks,
            http=http,
            connect=connect,
            account=self._account,
            loopback=is_local(entrance.base_url),
            observe=self._observe,
        )
        stay.when_over(session.close)
        await session.call(lambda engine, now: engine.start(now))
        return session

    def _random(self) -> float:
        return int.from_bytes(self._backend.entropy(4)) / (1 << 32)

    def _is_local(self) -> bool:
        """Whether the controller is on this machine, so that no proxy is asked."""
        link = "" if self._link is None else self._link.origin
        return is_local(self._entrance.base_url if self._entrance is not None else self._controller or link)

    async def _find(self, http: HttpTransport) -> GuestEntrance:
        """The controller of the link."""
        link = self._link
        if link is None:
            raise LocalProtocolError("join needs a link or an entrance")
        search = Search(link, self._controller, allow_private=self._allow_private)
        while search.request is not None:
            search.answered(await self._ask(http, search.request, search.timeout))
        found = search.found
        return GuestEntrance(
            base_url=found.base_url, api_url=found.api_url, invite_code=link.invite_code, password=self._password
        )

    async def _ask(self, http: HttpTransport, request: HttpRequest, seconds: float | None) -> HttpResponse | None:
        """What is answered, if anything is in so many seconds."""
        try:
            async with self._backend.timeout(seconds):
                return await http.request(request)
        except (M3Error, TimeoutError):
            return None


class _Stay:
    """The time in a conference: a place for its tasks, and what is to be done when it is over."""

    def __init__(self, backend: Backend, place: AbstractAsyncContextManager[Tasks], tasks: Tasks) -> None:
        self._backend = backend
        self._place = place
        self._undo = AsyncExitStack()
        self.tasks = tasks
        self.conference: Conference | None = None
        self.watch: Watch | None = None

    @classmethod
    async def begin(cls, backend: Backend) -> _Stay:
        """Make the place."""
        place = backend.tasks()
        return cls(backend, place, await place.__aenter__())

    def when_over(self, do: Callable[[], Awaitable[None]]) -> None:
        """Do it at the end, and the last such thing first."""
        self._undo.push_async_callback(do)

    async def end(self, error: BaseException | None) -> None:
        """Undo all, also if cancelled meanwhile; then end the place, whose errors are told instead of ours."""
        try:
            await self._backend.shielded(self._undo.aclose())
        except BaseException as other:
            await self._place.__aexit__(type(other), other, other.__traceback__)
            raise
        traceback = None if error is None else error.__traceback__
        await self._place.__aexit__(None if error is None else type(error), error, traceback)
