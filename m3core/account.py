"""A user's tokens: signs requests, logs in at the controller, refreshes once for all waiters, retries one 401.

An engine like all others (`m3core.io`). It does not know how the user got the tokens, nor what the requests are for.

Theory of operation. A controller knows a user from `POST /auth/login` on, and forgets them when the id token that came
with it expires (rest.md § 1). So: ask where its API is (`m3core.rest.discovery`), and log in, first; on a 401 get fresh
tokens, log in again, and send each refused request once more. A second 401 is the answer. Requests that come meanwhile
wait; one refresh serves all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Final, TypeAlias

from attrs import evolve, field, frozen

from m3core.errors import ApiError, AuthError, LinkError, LocalProtocolError, M3Error, TransportError
from m3core.io import Authorization, HttpRequest, HttpResponse, RequestId
from m3core.limits import DISCOVERY_TIMEOUT
from m3core.rest.auth import LOGIN, LoginRequest
from m3core.rest.discovery import API_PATH, ask, read_api
from m3core.values import Secret

UNAUTHORIZED: Final = 401
SERVER_TROUBLE: Final = 500


def _check_token(_tokens: object, _attribute: object, token: Secret) -> None:
    """What goes into a header must be visible ASCII (RFC 6750 s.2.1); a library's own complaint would show it."""
    text = token.reveal()
    if not text or not all("!" <= character <= "~" for character in text):
        raise LocalProtocolError("an access token is made of visible ASCII characters")


@frozen
class Tokens:
    """What an identity provider gave. Without ``id_token`` the access token stands for it, as in development."""

    access_token: Secret = field(validator=_check_token)
    id_token: Secret | None = None


@frozen
class Perform:
    """Send this request, signed already; answer with `http_response` or `http_failed`.

    ``of`` is the request that came in by `Account.request`; None for the login, which is everybody's. Without a
    response within ``timeout`` seconds it has failed; None: as long as any request may take.
    """

    request: HttpRequest
    of: RequestId | None = None
    timeout: float | None = None


@frozen
class Answered:
    """The end of a request that came in by `request`: its response, or why there is none."""

    id: RequestId
    response: HttpResponse | None = None
    error: M3Error | None = None


@frozen
class RefreshTokens:
    """Get fresh tokens; answer with `refreshed` or `refresh_failed`."""


Output: TypeAlias = Perform | Answered | RefreshTokens


class _State(Enum):
    LOGGED_OUT = "logged out"
    LOGGING_IN = "logging in"
    READY = "ready"
    REFRESHING = "refreshing"
    FAILED = "failed"


class Account:
    """One user at one controller. ``can_refresh``: `RefreshTokens` can be performed.

    Requests are for the controller at ``base_url``; with ``seeks_api`` it is asked where its API is, and those to `/v1`
    go there. ``allow_private``: that may be in a private network.
    """

    def __init__(
        self,
        base_url: str,
        tokens: Tokens,
        *,
        can_refresh: bool = False,
        seeks_api: bool = False,
        allow_private: bool = False,
    ) -> None:
        self.base_url = base_url
        self._api_url = f"{base_url}/v1"
        self._seeks_api = seeks_api
        self._allow_private = allow_private
        self.tokens = tokens
        self._can_refresh = can_refresh
        self._state = _State.LOGGED_OUT
        self._error: M3Error | None = None
        self._is_fresh = False
        """The tokens come from a refresh, and no login has proved them yet."""
        self._waiting: list[HttpRequest] = []
        self._sent: dict[RequestId, tuple[HttpRequest, Secret]] = {}
        """By the id under which it was performed."""
        self._retried: set[RequestId] = set()
        self._last = 0
        self._search: RequestId | None = None
        self._login: RequestId | None = None
        self._queue: deque[Output] = deque()

    def outputs(self) -> Iterator[Output]:
        """What to perform, drained after every input."""
        while self._queue:
            yield self._queue.popleft()

    # -- inputs ---
    def request(self, request: HttpRequest) -> None:
        """A request to sign. Raises `LocalProtocolError` for one to another origin: no token goes there."""
        if not request.url.startswith(f"{self.base_url}/"):
            raise LocalProtocolError("this account's tokens are for its own controller")
        if self._state is _State.FAILED:
            self._queue.append(Answered(request.id, error=self._error))
        elif self._state is _State.READY:
            self._send(request)
        else:
            self._waiting.append(request)
            if self._state is _State.LOGGED_OUT:
                self._log_in()

    def http_response(self, request: RequestId, response: HttpResponse) -> None:
        """The answer to a `Perform`."""
        if request == self._search:
            self._found(response)
            return
        if request == self._login:
            self._logged_in(response)
            return
        sent, token = self._sent.pop(request, (None, None))
        if sent is None:
            return
        first_refusal = response.status == UNAUTHORIZED and sent.id not in self._retried
        if first_refusal and (self._can_refresh or token != self.tokens.access_token):
            self._retried.add(sent.id)
            self._again(sent, token)
        else:
            self._retried.discard(sent.id)
            self._queue.append(Answered(sent.id, response))

    def http_failed(self, request: RequestId, error: M3Error) -> None:
        """A `Perform` could not be performed."""
        if request == self._search:
            self._search = None
            self._log_in_there()  # at the usual place; the next login asks again
            return
        if request == self._login:
            self._login = None
            self._state = _State.LOGGED_OUT  # the network failed, not the login: the next request tries again
            self._refuse_waiting(error)
            return
        sent, _ = self._sent.pop(request, (None, None))
        if sent is not None:
            self._retried.discard(sent.id)
            self._queue.append(Answered(sent.id, error=error))

    def refreshed(self, tokens: Tokens) -> None:
        """Fresh tokens: log in with them, then send what waits."""
        self.tokens = tokens
        self._is_fresh = True
        self._log_in()

    def refresh_failed(self, error: M3Error) -> None:
        """There are no fresh tokens. After a `TransportError` the next request may try again, else nobody may."""
        if isinstance(error, TransportError):
            self._state = _State.LOGGED_OUT
            self._refuse_waiting(error)
        else:
            self._fail(error if isinstance(error, AuthError) else AuthError(f"there are no fresh tokens: {error}"))

    def cancel(self, request: RequestId) -> None:
        """Nobody waits for that answer any more."""
        self._waiting = [one for one in self._waiting if one.id != request]
        self._sent = {key: pair for key, pair in self._sent.items() if pair[0].id != request}
        self._retried.discard(request)

    # -- steps ---
    def _again(self, request: HttpRequest, token: Secret | None) -> None:
        if self._state is _State.READY and token != self.tokens.access_token:
            self._send(request)  # the tokens were refreshed while it was under way
            return
        if self._state is _State.FAILED:
            self._queue.append(Answered(request.id, error=self._error))
            return
        self._waiting.append(request)
        if self._state is _State.READY:
            self._ask_for_tokens()
        elif self._state is _State.LOGGED_OUT:
            self._log_in()

    def _ask_for_tokens(self) -> None:
        self._state = _State.REFRESHING
        self._queue.append(RefreshTokens())

    def _log_in(self) -> None:
        self._state = _State.LOGGING_IN
        if self._seeks_api:
            self._search = self._new_id()
            self._queue.append(Perform(ask(self._search, self.base_url, API_PATH), timeout=DISCOVERY_TIMEOUT))
        else:
            self._log_in_there()

    def _found(self, response: HttpResponse) -> None:
        """The controller said where its API is, or has nothing to say of it."""
        self._search = None
        try:
            found = read_api(response, self.base_url, allow_private=self._allow_private)
        except LinkError as error:
            self._fail(error)
            return
        self._api_url = found or self._api_url
        self._seeks_api = False
        self._log_in_there()

    def _log_in_there(self) -> None:
        id_token = self.tokens.id_token or self.tokens.access_token
        self._login = self._new_id()
        self._queue.append(Perform(LOGIN.request_below(self._login, self._api_url, LoginRequest(id_token=id_token))))

    def _logged_in(self, response: HttpResponse) -> None:
        self._login = None
        try:
            LOGIN.read(response)
        except ApiError as error:
            if error.status >= SERVER_TROUBLE:
                self._state = _State.LOGGED_OUT  # it says nothing of the tokens: the next request tries again
                self._refuse_waiting(error)
            elif error.status == UNAUTHORIZED and self._can_refresh and not self._is_fresh:
                self._ask_for_tokens()
            else:
                refused = AuthError(f"the controller refused the login: HTTP {error.status} {error.code}".rstrip())
                refused.__cause__ = error
                self._fail(refused)
            return
        except M3Error as error:
            self._fail(AuthError(f"the login had an answer that is not one: {error}"))
            return
        self._state = _State.READY
        self._is_fresh = False
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            self._send(request)

    def _fail(self, error: M3Error) -> None:
        self._state = _State.FAILED
        self._error = error
        self._refuse_waiting(error)

    def _refuse_waiting(self, error: M3Error) -> None:
        waiting, self._waiting = self._waiting, []
        self._queue.extend(Answered(request.id, error=error) for request in waiting)

    def _send(self, request: HttpRequest) -> None:
        token = self.tokens.access_token
        headers = (*request.headers, ("authorization", f"Bearer {token.reveal()}"))
        performed = self._new_id()
        self._sent[performed] = (request, token)
        below = request.url.removeprefix(f"{self.base_url}/v1/")
        url = request.url if below == request.url else f"{self._api_url}/{below}"
        signed = evolve(request, id=performed, url=url, headers=headers, authorization=Authorization.NONE)
        self._queue.append(Perform(signed, request.id))

    def _new_id(self) -> RequestId:
        self._last += 1
        return RequestId(self._last)
