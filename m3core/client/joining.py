"""`join`, and the context manager that it makes: it enters a conference and leaves it again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType

from m3core.arguments import checks_arguments
from m3core.client.conference import AUDIO, VIDEO, Conference, Receive
from m3core.client.loop import Backend, Tasks
from m3core.client.session import Session
from m3core.client.transports import HttpTransport, SendSigned, WebSocketConnect
from m3core.client.watching import Watch, WatchFrames
from m3core.conference.engine import Conference as Engine
from m3core.conference.entrance import Entrance, GuestEntrance
from m3core.conference.events import ConferenceEvent
from m3core.conference.state import EndReason
from m3core.errors import ApiError, ConferenceEnded, LocalProtocolError, M3Error, WrongValue
from m3core.io import HttpRequest, HttpResponse
from m3core.rest.busy import BUSY, Patience, retry_after
from m3core.rest.discovery import Search
from m3core.rest.link import InviteLink, is_local
from m3core.values import Secret


@checks_arguments
class Joiner:
    """Binds `join`, the function for guests, to one backend."""

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

        ``url`` is an invitation link; its server is asked where the controller is (`m3core.rest.discovery`).
        ``controller`` is the address of the controller, for servers that cannot tell it. ``receive`` without `VIDEO`
        asks for streams without their video.

        A link into a private network is refused unless ``allow_private``. An address of this machine is always allowed,
        and so is every ``controller``, because you have named it. ``http`` and ``connect`` are transports of your own
        (`m3core.client.transports`), which you close; an `HttpPool` is shared by many conferences.

        ``observe`` is called with every event as it happens, also with those before the room (`WaitingRoomEntered`). It
        must be quick, and must not raise. ``wire`` is called with `sent` or `received` and the text of each frame of
        the signaling, in order, over all connections. The frames hold chat messages and other private data, but no
        ticket or token. ``wire`` must be quick. If it raises, it is not called again, and its error is raised at the
        end of the block, unless another error is.

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
    """A conference that will be joined: an async context manager, which joins at its start and leaves at its end.

    It needs a ``link`` or an ``entrance``. With ``send_signed`` the requests that need an account are signed and sent
    by it.
    """

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
        send_signed: SendSigned | None = None,
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
        self._send_signed = send_signed
        self._receive = receive
        self._http = http
        self._connect = connect
        self._observe = observe
        self._wire = wire
        self._resources: _Resources | None = None

    async def __aenter__(self) -> Conference:
        if self._resources is not None:
            raise LocalProtocolError("this object is in a conference already; call join() again for another one")
        resources = await _Resources.open(self._backend)
        try:
            conference = Conference(await self._enter(resources), self._receive)
        except BaseException as error:
            await resources.close(error)
            raise
        self._resources, resources.conference = resources, conference
        return conference

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        resources, self._resources = self._resources, None
        if resources is None or resources.conference is None:
            return
        conference = resources.conference
        ended = conference.ended  # asked before closing, which leaves a conference that has not ended
        await resources.close(error)
        if error is None and resources.watch is not None and resources.watch.error is not None:
            raise resources.watch.error
        if error is None and ended is not None and ended is not EndReason.LEFT:
            raise ConferenceEnded(ended.value, conference.ended_detail)

    async def _enter(self, resources: _Resources) -> Session:
        http = self._http
        if http is None:
            http = self._backend.http(local=self._is_local())
            resources.when_closed(http.aclose)
        connect = self._connect or resources.tasks.connect
        if self._wire is not None:
            resources.watch = Watch(self._wire, connect)
            connect = resources.watch.connect
        entrance = self._entrance or await self._find(http)
        session = Session(
            Engine(
                entrance,
                display_name=self._display_name,
                jitter=self._random,
                utc_at_zero=self._backend.utc_now() - dt.timedelta(seconds=self._backend.now()),
            ),
            self._backend,
            resources.tasks,
            http=http,
            connect=connect,
            send_signed=self._send_signed,
            loopback=is_local(entrance.base_url),
            observe=self._observe,
        )
        resources.when_closed(session.close)
        await session.call(session.engine.start)
        return session

    def _random(self) -> float:
        return int.from_bytes(self._backend.entropy(4)) / (1 << 32)

    def _is_local(self) -> bool:
        """Whether the controller is on this machine; then no proxy is used."""
        link = "" if self._link is None else self._link.origin
        return is_local(self._entrance.base_url if self._entrance is not None else self._controller or link)

    async def _find(self, http: HttpTransport) -> GuestEntrance:
        """Find the controller of the link; the way in for guests."""
        link = self._link
        if link is None:
            raise WrongValue("a Joining needs a way into the room: link= for guests, or entrance=")
        search = Search(link, self._controller, allow_private=self._allow_private)
        while search.request is not None:
            search.answered(await self._ask(http, search.request, search.timeout))
        found = search.found
        return GuestEntrance(
            base_url=found.base_url, api_url=found.api_url, invite_code=link.invite_code, password=self._password
        )

    async def _ask(self, http: HttpTransport, request: HttpRequest, seconds: float | None) -> HttpResponse | None:
        """The answer; None when none came within ``seconds``. Discovery then asks at the next address."""
        patience = Patience()
        while True:
            try:
                async with self._backend.timeout(seconds):
                    response = await http.request(request)
            except (M3Error, TimeoutError):
                return None
            # Only a server that says when to come back is worth a wait. Else any web server that is out of order would
            # cost a long one, on the way to a controller that is elsewhere.
            told = retry_after(response.headers) if response.status in BUSY else None
            wait = None if told is None else patience.wait(ApiError(response.status, retry_after=told))
            if wait is None:
                return response
            await self._backend.sleep(wait)


class _Resources:
    """The resources of one conference: its tasks, and what is to be closed after it is left."""

    def __init__(self, backend: Backend, place: AbstractAsyncContextManager[Tasks], tasks: Tasks) -> None:
        self._backend = backend
        self._place = place
        self._closers = AsyncExitStack()
        self.tasks = tasks
        self.conference: Conference | None = None
        self.watch: Watch | None = None

    @classmethod
    async def open(cls, backend: Backend) -> _Resources:
        """Open the place for tasks."""
        place = backend.tasks()
        return cls(backend, place, await place.__aenter__())

    def when_closed(self, close: Callable[[], Awaitable[None]]) -> None:
        """Call ``close`` at the end. What was added last is closed first: the session before its HTTP transport."""
        self._closers.push_async_callback(close)

    async def close(self, error: BaseException | None) -> None:
        """Close all, also when the caller is cancelled meanwhile. ``error``: what the block of the user has raised.

        An error of the place for tasks (a bug of a task) is raised instead of ``error``.
        """
        try:
            await self._backend.shielded(self._closers.aclose())
        except BaseException as other:
            await self._place.__aexit__(type(other), other, other.__traceback__)
            raise
        traceback = None if error is None else error.__traceback__
        await self._place.__aexit__(None if error is None else type(error), error, traceback)
