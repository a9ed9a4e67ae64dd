"""The tokens of a user: an engine that signs requests, logs in at the controller, and refreshes the tokens.

It works like all other engines (`m3core.io`). It does not know how the user got the tokens, nor what requests are for.

A controller knows a user after `POST /auth/login`, until the id token of that login expires (rest.md § 1). So the
account first asks where the API is (`m3core.rest.discovery`), and logs in. After a 401 it gets fresh tokens, logs in
again, and sends the refused request once more. A second 401 is the answer to the request. Requests that come meanwhile
wait. One refresh is enough for all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Final, TypeAlias

from attrs import evolve, field, frozen

from m3core.errors import ApiError, AuthError, LinkError, LocalProtocolError, M3Error, TransportError, WrongValue
from m3core.io import Authorization, HttpRequest, HttpResponse, RequestId
from m3core.limits import DISCOVERY_TIMEOUT
from m3core.rest.auth import LOGIN, LoginRequest
from m3core.rest.busy import BUSY, is_busy
from m3core.rest.discovery import API_PATH, ask, read_api
from m3core.values import Secret

UNAUTHORIZED: Final = 401
SERVER_TROUBLE: Final = 500


def _check_token(_tokens: object, _attribute: object, token: Secret) -> None:
    """Raise `LocalProtocolError` unless ``token`` is visible ASCII (RFC 6750 s.2.1).

    A library for HTTP would refuse it too, with an error that shows the token.
    """
    text = token.reveal()
    if not text or not all("!" <= character <= "~" for character in text):
        raise WrongValue("the access token is empty, or has other characters than visible ASCII")


@frozen
class Tokens:
    """The tokens from an identity provider. Without ``id_token`` the account logs in with the access token."""

    access_token: Secret = field(validator=_check_token)
    id_token: Secret | None = None


@frozen
class Perform:
    """Send this request, which is signed already. The answer is `http_response` or `http_failed`.

    ``of`` is the request of `Account.request`; it is None for requests of the account itself. Without a response within
    ``timeout`` seconds the request has failed; None stands for the usual timeout.
    """

    request: HttpRequest
    of: RequestId | None = None
    timeout: float | None = None


@frozen
class Answered:
    """The end of a request of `Account.request`: its ``response``, or the ``error`` for which it has none."""

    id: RequestId
    response: HttpResponse | None = None
    error: M3Error | None = None


@frozen
class RefreshTokens:
    """Get fresh tokens. The answer is `refreshed` or `refresh_failed`."""


Output: TypeAlias = Perform | Answered | RefreshTokens


class _State(Enum):
    LOGGED_OUT = "logged out"
    LOGGING_IN = "logging in"
    READY = "ready"
    REFRESHING = "refreshing"
    FAILED = "failed"


class Account:
    """One user at one controller. ``can_refresh``: the driver can perform `RefreshTokens`.

    Requests are for the controller at ``base_url``. With ``seeks_api`` the account asks it where its API is, and sends
    requests to `/v1` there. ``allow_private``: the API may be in a private network.
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
        """The tokens come from a refresh, and no login has succeeded with them yet."""
        self._waiting: list[HttpRequest] = []
        self._sent: dict[RequestId, tuple[HttpRequest, Secret]] = {}
        """Requests without an answer and their tokens, by the id of their `Perform`."""
        self._retried: set[RequestId] = set()
        """Requests that were refused once, by the id of `Account.request`."""
        self._last = 0
        self._search: RequestId | None = None
        self._login: RequestId | None = None
        self._queue: deque[Output] = deque()

    def outputs(self) -> Iterator[Output]:
        """The outputs, which are to be drained after every input."""
        while self._queue:
            yield self._queue.popleft()

    # -- inputs ---
    def request(self, request: HttpRequest) -> None:
        """Sign and send a request. Raises `LocalProtocolError` for another origin, which must not get a token."""
        if not request.url.startswith(f"{self.base_url}/"):
            raise LocalProtocolError(
                "an account signs requests to its own controller only: this one is for another server"
            )
        if self._state is _State.FAILED:
            self._queue.append(Answered(request.id, error=self._error))
        elif self._state is _State.READY:
            self._send(request)
        else:
            self._waiting.append(request)
            if self._state is _State.LOGGED_OUT:
                self._log_in()

    def http_response(self, request: RequestId, response: HttpResponse) -> None:
        """A `Perform` got this response."""
        if request == self._search:
            self._found(response)
            return
        if request == self._login:
            self._logged_in(response)
            return
        sent, token = self._sent.pop(request, (None, None))
        if sent is None:
            return
        # Without a refresh a second attempt makes sense only if the tokens have changed since the first.
        first_refusal = response.status == UNAUTHORIZED and sent.id not in self._retried
        if first_refusal and (self._can_refresh or token != self.tokens.access_token):
            self._retried.add(sent.id)
            self._again(sent, token)
        else:
            self._retried.discard(sent.id)
            self._queue.append(Answered(sent.id, response))

    def http_failed(self, request: RequestId, error: M3Error) -> None:
        """A `Perform` got no response."""
        if request == self._search:
            self._search = None
            self._log_in_there()  # at the usual address; the next login asks again
            return
        if request == self._login:
            self._login = None
            self._state = _State.LOGGED_OUT  # the tokens may be good: the next request logs in again
            self._refuse_waiting(error)
            return
        sent, _ = self._sent.pop(request, (None, None))
        if sent is not None:
            self._retried.discard(sent.id)
            self._queue.append(Answered(sent.id, error=error))

    def refreshed(self, tokens: Tokens) -> None:
        """There are fresh tokens: log in with them, then send the requests that wait."""
        self.tokens = tokens
        self._is_fresh = True
        self._log_in()

    def refresh_failed(self, error: M3Error) -> None:
        """There are no fresh tokens. After a `TransportError` the next request tries again; others are final."""
        if isinstance(error, TransportError):
            self._state = _State.LOGGED_OUT
            self._refuse_waiting(error)
        else:
            self._fail(
                error
                if isinstance(error, AuthError)
                else AuthError(f"the tokens could not be refreshed; log in anew: {error}")
            )

    def cancel(self, request: RequestId) -> None:
        """Drop ``request``: nobody waits for its answer any more."""
        self._waiting = [one for one in self._waiting if one.id != request]
        self._sent = {key: pair for key, pair in self._sent.items() if pair[0].id != request}
        self._retried.discard(request)

    # -- steps ---
    def _again(self, request: HttpRequest, token: Secret | None) -> None:
        if self._state is _State.READY and token != self.tokens.access_token:
            self._send(request)  # the tokens were refreshed after the request was sent
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
        """Read the address of the API from the response, if it has one."""
        self._search = None
        if response.status in BUSY:
            self._log_in_there()  # at the usual address; the next login asks again
            return
        try:
            found = read_api(response, self.base_url, allow_private=self._allow_private)
        except LinkError as error:
            self._fail(error)
            return
        self._api_url = found or self._api_url
        self._seeks_api = False  # the controller has answered, so that no login needs to ask again
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
            if error.status >= SERVER_TROUBLE or is_busy(error):
                self._state = _State.LOGGED_OUT  # the tokens may be good: the next request logs in again
                self._refuse_waiting(error)
            # Fresh tokens that the controller refuses would be refreshed for ever.
            elif error.status == UNAUTHORIZED and self._can_refresh and not self._is_fresh:
                self._ask_for_tokens()
            else:
                answer = f"HTTP {error.status} {error.code}".rstrip()
                refused = AuthError(f"the controller refused the login with our tokens; log in anew ({answer})")
                refused.__cause__ = error
                self._fail(refused)
            return
        except M3Error as error:
            self._fail(AuthError(f"the controller answered the login with a body that is not one: {error}"))
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
