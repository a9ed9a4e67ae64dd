"""Accounts and meetings for asyncio: the `m3core.account` engine with httpx around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

from attrs import evolve

from m3asyncio.client import Joining, Receive
from m3asyncio.driver import unbroken
from m3asyncio.http import HttpxTransport
from m3asyncio.transports import HttpTransport, WebSocketConnect
from m3asyncio.websocket import connect_websocket, is_local
from m3core import account as core
from m3core.account import Tokens
from m3core.conference.entrance import MemberEntrance
from m3core.errors import AuthError, LocalProtocolError, M3Error
from m3core.io import HttpRequest, HttpResponse, RequestId
from m3core.rest.endpoint import Endpoint
from m3core.rest.events import CREATE_EVENT, CreateEvent, Event
from m3core.rest.invites import CREATE_INVITE, CreateInvite
from m3core.rest.link import parse_controller_url
from m3core.rest.users import GET_ME, PrivateUser
from m3core.values import Secret

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
Refresh = Callable[[], Awaitable[Tokens]]


class Account:
    """A user at a controller.

    ``tokens`` are those of the identity provider; a plain string is an access token. ``refresh`` gets fresh ones when
    the controller refuses the old. Use it as an async context manager, or close it with `aclose`.
    """

    def __init__(
        self,
        controller_url: str,
        tokens: Tokens | str,
        *,
        refresh: Refresh | None = None,
        http: HttpTransport | None = None,
    ) -> None:
        self.base_url = parse_controller_url(controller_url, allow_private=True)
        if isinstance(tokens, str):
            tokens = Tokens(Secret(tokens))
        self._engine = core.Account(self.base_url, tokens, can_refresh=refresh is not None)
        self._refresh = refresh
        self._http: HttpTransport = http if http is not None else HttpxTransport(local=is_local(self.base_url))
        self._owns_http = http is None
        self._answers: dict[RequestId, asyncio.Future[HttpResponse]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = 0
        self._closed = False

    async def me(self) -> PrivateUser:
        """Who the tokens belong to."""
        return await self.ask(GET_ME, None)

    async def create_meeting(
        self, *, title: str, description: str = "", password: str | None = None, waiting_room: bool = False
    ) -> Meeting:
        """An ad-hoc event and its room. ``waiting_room``: guests wait until a moderator lets them in."""
        request = CreateEvent(
            title=title,
            description=description,
            password=None if password is None else Secret(password),
            waiting_room=waiting_room,
            is_time_independent=True,
            recurrence_pattern=(),
            is_adhoc=True,
        )
        return Meeting(self, await self.ask(CREATE_EVENT, request))

    async def perform(self, request: HttpRequest) -> HttpResponse:
        """Sign a request (`Authorization.ACCOUNT`) and send it; raises `TransportError` or `AuthError`."""
        if self._closed:
            raise LocalProtocolError("the account is closed")
        self._last += 1
        request_id = RequestId(self._last)
        answer: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = answer
        try:
            self._feed(lambda: self._engine.request(evolve(request, id=request_id)))
            return await answer
        finally:
            self._answers.pop(request_id, None)
            self._engine.cancel(request_id)

    async def aclose(self) -> None:
        """End what is under way, its callers are told, and close all connections (of a transport of our own)."""
        await unbroken(self._close())

    async def _close(self) -> None:
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(LocalProtocolError("the account was closed"))
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> Account:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def ask(self, endpoint: Endpoint[RequestT, ResponseT], body: RequestT, **ids: str) -> ResponseT:
        """Call any endpoint of `m3core.rest` as this user."""
        request = endpoint.request(RequestId(0), self.base_url, body, invite=None, **ids)
        return endpoint.read(await self.perform(request))

    def _feed(self, give: Callable[[], None]) -> None:
        give()
        for output in self._engine.outputs():
            match output:
                case core.Perform(request=request):
                    self._spawn(self._send(request))
                case core.RefreshTokens():
                    self._spawn(self._refresh_tokens())
                case core.Answered():
                    self._answer(output)

    def _answer(self, output: core.Answered) -> None:
        answer = self._answers.get(output.id)
        if answer is None or answer.done():
            return
        if output.response is not None:
            answer.set_result(output.response)
        else:
            error = output.error or AuthError("no answer")
            answer.set_exception(error.with_traceback(None))  # one error may go to many callers

    async def _send(self, request: HttpRequest) -> None:
        try:
            response = await self._http.request(request)
        except M3Error as error:
            failure = error
            self._feed(lambda: self._engine.http_failed(request.id, failure))
        else:
            self._feed(lambda: self._engine.http_response(request.id, response))

    async def _refresh_tokens(self) -> None:
        if self._refresh is None:
            return
        try:
            tokens = await self._refresh()
        except M3Error as error:
            failure = error
            self._feed(lambda: self._engine.refresh_failed(failure))
        except Exception as error:  # noqa: BLE001 - the user's function; those who wait for it must not wait for ever
            unknown = AuthError(f"the refresh of the tokens raised {type(error).__name__}")
            unknown.__cause__ = error
            self._feed(lambda: self._engine.refresh_failed(unknown))
        else:
            self._feed(lambda: self._engine.refreshed(tokens))

    def _spawn(self, coroutine: Awaitable[None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Meeting:
    """An event of an account, and its room."""

    def __init__(self, account: Account, event: Event) -> None:
        self._account = account
        self.event = event

    async def invite(self, *, web_url: str | None = None) -> str:
        """A new invitation link for guests. ``web_url``: where the web client is, if not beside the controller."""
        invite = await self._account.ask(CREATE_INVITE, CreateInvite(), room_id=self.event.room.id)
        return f"{(web_url or self._account.base_url).rstrip('/')}/invite/{invite.invite_code}"

    def start(
        self,
        *,
        display_name: str,
        receive: Receive = Receive.AUDIO | Receive.VIDEO,
        http: HttpTransport | None = None,
        connect: WebSocketConnect = connect_websocket,
    ) -> Joining:
        """Join as the owner: ``async with meeting.start(display_name="Ada") as conference``. The rest as in `join`."""
        entrance = MemberEntrance(base_url=self._account.base_url, room_id=self.event.room.id)
        return Joining(
            display_name, entrance=entrance, account=self._account, receive=receive, http=http, connect=connect
        )
