"""Accounts and meetings: the `m3core.account` engine with a transport around it.

An account has no task of its own, so that it can be used outside of a block: each caller that waits for an answer
performs the requests that its answer needs. One of the waiting callers performs what all of them need (the login, the
refresh of the tokens); when that caller is cancelled, another one performs it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Self, TypeAlias, TypeVar

from attrs import evolve

from m3core import account as core
from m3core.account import Tokens
from m3core.arguments import checked, checks_arguments
from m3core.client.conference import Receive
from m3core.client.joining import Joining
from m3core.client.loop import Backend, Signal, Timeout
from m3core.client.transports import HttpTransport, WebSocketConnect
from m3core.client.watching import WatchFrames
from m3core.conference.entrance import MemberEntrance
from m3core.conference.events import ConferenceEvent
from m3core.errors import ApiError, AuthError, LocalProtocolError, M3Error, TransportError
from m3core.io import HttpRequest, HttpResponse, RequestId
from m3core.rest.busy import Patience
from m3core.rest.endpoint import Endpoint
from m3core.rest.events import CREATE_EVENT, CreateEvent, Event
from m3core.rest.invites import CREATE_INVITE, CreateInvite
from m3core.rest.link import is_local, parse_controller_url
from m3core.rest.users import GET_ME, PrivateUser
from m3core.values import RoomId, Secret

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
Refresh = Callable[[], Awaitable[Tokens]]
_Job: TypeAlias = core.Perform | core.RefreshTokens


class _Answer:
    """The answer that one caller waits for. ``timeout`` is the block in which the caller waits."""

    def __init__(self, timeout: Timeout) -> None:
        self.timeout = timeout
        self.done: core.Answered | None = None


@checks_arguments
class Account:
    """A user at a controller.

    ``tokens`` are those of the identity provider; a plain string is an access token. ``refresh`` gets fresh tokens when
    the controller refuses the old ones; it is called again if the caller that waited for it was cancelled. ``http`` is
    a transport of your own (such as an `HttpPool`), which you close. Use the account as an async context manager, or
    close it with `aclose`.

    An address in a private network is refused unless ``allow_private``, so that no token goes there; an address of this
    machine is always allowed. Before the first login the controller is asked where its API is, which may be another
    address (`m3core.rest.discovery`). Raises `LinkError`.
    """

    backend: ClassVar[Backend]
    """The event loop; each adapter has a subclass with its own."""

    @checked
    def __init__(
        self,
        controller_url: str,
        tokens: Tokens | str,
        *,
        refresh: Refresh | None = None,
        allow_private: bool = False,
        http: HttpTransport | None = None,
    ) -> None:
        self.base_url = parse_controller_url(controller_url, allow_private=allow_private)
        self.web_url = self.base_url
        """The address of the web client, for the links of `Meeting.invite`."""
        if isinstance(tokens, str):
            tokens = Tokens(Secret(tokens))
        self._engine = core.Account(
            self.base_url, tokens, can_refresh=refresh is not None, seeks_api=True, allow_private=allow_private
        )
        self._refresh = refresh
        self._http: HttpTransport = http if http is not None else self.backend.http(local=is_local(self.base_url))
        self._owns_http = http is None
        self._answers: dict[RequestId, _Answer] = {}
        self._jobs: deque[_Job] = deque()
        self._changed = Signal(self.backend)
        self._last = 0
        self._closed = False

    async def me(self) -> PrivateUser:
        """The user that the tokens belong to."""
        return await self.ask(GET_ME, None)

    async def create_meeting(
        self, *, title: str, description: str = "", password: str | None = None, waiting_room: bool = False
    ) -> Meeting:
        """Create an ad-hoc event with its room. ``waiting_room``: guests wait until a moderator accepts them."""
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

    def join(
        self,
        room_id: RoomId,
        *,
        display_name: str,
        receive: Receive = Receive.AUDIO | Receive.VIDEO,
        http: HttpTransport | None = None,
        connect: WebSocketConnect | None = None,
        observe: Callable[[ConferenceEvent], None] | None = None,
        wire: WatchFrames | None = None,
    ) -> Joining:
        """Join any room as this user. The other arguments are those of `join` for guests."""
        return Joining(
            self.backend,
            display_name,
            entrance=MemberEntrance(base_url=self.base_url, room_id=room_id),
            send_signed=self.perform,
            receive=receive,
            http=http,
            connect=connect,
            observe=observe,
            wire=wire,
        )

    async def perform(self, request: HttpRequest) -> HttpResponse:
        """Sign a request (`Authorization.ACCOUNT`) and send it; raises `TransportError` or `AuthError`."""
        if self._closed:
            raise LocalProtocolError("this account was closed before the request; make a new Account")
        self._last += 1
        number = RequestId(self._last)
        try:
            async with self.backend.timeout(None) as timeout:
                answer = self._answers[number] = _Answer(timeout)
                self._feed(lambda: self._engine.request(evolve(request, id=number)))
                done = await self._answered(number, answer)
        except TimeoutError:
            if not self._closed:
                raise
            raise LocalProtocolError("this account was closed before the answer came; make a new Account") from None
        finally:
            self._answers.pop(number, None)
            self._engine.cancel(number)
            self._jobs = deque(job for job in self._jobs if _owner(job) != number)
            # Another caller takes over what this one has left undone, and `aclose` waits for the last caller.
            self._changed.set()
        if done.response is not None:
            return done.response
        error = done.error or AuthError("the request ended without an answer")
        # A failed login is raised to all callers that waited for it: each gets a traceback of its own.
        raise error.with_traceback(None)

    async def aclose(self) -> None:
        """End the requests under way, whose callers get `LocalProtocolError`, and close all connections.

        A transport that was given as ``http`` remains open.
        """
        await self.backend.shielded(self._close())

    async def _close(self) -> None:
        self._closed = True
        self._changed.set()
        for answer in self._answers.values():
            answer.timeout.cancel()
        while self._answers:
            await self._changed.wait()
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def ask(self, endpoint: Endpoint[RequestT, ResponseT], body: RequestT, **ids: str) -> ResponseT:
        """Call any endpoint of `m3core.rest` as this user; ``ids`` fill the template of its path.

        A request that a busy server refuses (429, 503) is repeated, within `limits.BUSY_PATIENCE`. Raises `ApiError`,
        `TransportError`, `AuthError`.
        """
        request = endpoint.request(RequestId(0), self.base_url, body, invite=None, **ids)  # `perform` numbers it
        patience = Patience()
        while True:
            try:
                return endpoint.read(await self.perform(request), (body, self._engine.tokens))
            except ApiError as error:  # also that of a login on which the request waited
                wait = patience.wait(error)
                if wait is None:
                    raise
            await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        """Wait until ``seconds`` are over, or the account is closed."""
        with suppress(TimeoutError):
            async with self.backend.timeout(seconds):
                while not self._closed:
                    await self._changed.wait()

    # -- the engine ---
    def _feed(self, give: Callable[[], None]) -> None:
        give()
        for output in self._engine.outputs():
            if not isinstance(output, core.Answered):
                self._jobs.append(output)
            elif (answer := self._answers.get(output.id)) is not None:
                answer.done = output
        self._changed.set()

    async def _answered(self, number: RequestId, answer: _Answer) -> core.Answered:
        """Wait for an answer, and perform meanwhile what it needs."""
        while answer.done is None:
            job = next((job for job in self._jobs if _owner(job) in (None, number)), None)
            if job is None:
                await self._changed.wait()
                continue
            self._jobs.remove(job)
            try:
                await self._do(job)
            except BaseException:
                # Cancelled. Another caller performs what all of them need; `perform` removes what only this one needed.
                self._jobs.appendleft(job)
                raise
        return answer.done

    async def _do(self, job: _Job) -> None:
        match job:
            case core.Perform(request=request, timeout=seconds):
                try:
                    async with self.backend.timeout(seconds):
                        response = await self._http.request(request)
                except TimeoutError:
                    if seconds is None:  # there was no limit: a transport raised it, which its protocol forbids
                        raise
                    late = TransportError(f"the controller did not answer within {seconds:g} s")
                    self._feed(lambda: self._engine.http_failed(request.id, late))
                except M3Error as error:
                    failure = error
                    self._feed(lambda: self._engine.http_failed(request.id, failure))
                else:
                    self._feed(lambda: self._engine.http_response(request.id, response))
            case core.RefreshTokens() if self._refresh is not None:
                await self._refresh_tokens(self._refresh)

    async def _refresh_tokens(self, refresh: Refresh) -> None:
        try:
            tokens = await refresh()
        except M3Error as error:
            failure = error
            self._feed(lambda: self._engine.refresh_failed(failure))
        except Exception as error:  # noqa: BLE001 - the user's function; other callers wait for its end
            unknown = AuthError(f"the refresh of the tokens raised {type(error).__name__}")
            unknown.__cause__ = error
            self._feed(lambda: self._engine.refresh_failed(unknown))
        else:
            self._feed(lambda: self._engine.refreshed(tokens))


def _owner(job: _Job) -> RequestId | None:
    """The request that needs ``job``; None: all requests need it."""
    return job.of if isinstance(job, core.Perform) else None


@checks_arguments
class Meeting:
    """An event of an account, and its room. `Account.create_meeting` gives one."""

    def __init__(self, account: Account, event: Event) -> None:
        self._account = account
        self.event = event

    async def invite(self, *, web_url: str | None = None) -> str:
        """Create an invitation; its link for guests. ``web_url``: the web client, if not at `Account.web_url`."""
        invite = await self._account.ask(CREATE_INVITE, CreateInvite(), room_id=self.event.room.id)
        return f"{(web_url or self._account.web_url).rstrip('/')}/invite/{invite.invite_code}"

    def start(
        self,
        *,
        display_name: str,
        receive: Receive = Receive.AUDIO | Receive.VIDEO,
        http: HttpTransport | None = None,
        connect: WebSocketConnect | None = None,
        observe: Callable[[ConferenceEvent], None] | None = None,
        wire: WatchFrames | None = None,
    ) -> Joining:
        """Join as the owner: ``async with meeting.start(display_name="Ada") as conference``.

        The other arguments are those of `join` for guests.
        """
        return self._account.join(
            self.event.room.id,
            display_name=display_name,
            receive=receive,
            http=http,
            connect=connect,
            observe=observe,
            wire=wire,
        )
