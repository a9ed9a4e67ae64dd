"""The account engine: it logs in first, refreshes once for all requests, retries once, and answers every request."""

from __future__ import annotations

import pytest

from m3core.account import Account, Answered, Perform, RefreshTokens, Tokens
from m3core.errors import ApiError, AuthError, LinkError, LocalProtocolError, M3Error, TransportError
from m3core.io import Authorization, HttpRequest, HttpResponse, RequestId
from m3core.values import Secret

BASE = "https://controller.example"
OK = HttpResponse(200, body=b"{}")
REFUSED = HttpResponse(401, body=b'{"code":"unauthorized"}')
NO_ROOM = HttpResponse(404, body=b'{"code":"not_found"}')


class Driver:
    """Drives an account step by step, as a client and a controller."""

    def __init__(
        self,
        *,
        can_refresh: bool = True,
        id_token: str | None = "id-1",
        seeks_api: bool = False,
        allow_private: bool = False,
    ) -> None:
        tokens = Tokens(Secret("access-1"), None if id_token is None else Secret(id_token))
        self.account = Account(BASE, tokens, can_refresh=can_refresh, seeks_api=seeks_api, allow_private=allow_private)
        self.performed: list[HttpRequest] = []
        self.answered: dict[int, HttpResponse | M3Error] = {}
        self.refreshes = 0

    def drain(self) -> None:
        for output in self.account.outputs():
            match output:
                case Perform(request=request):
                    self.performed.append(request)
                case RefreshTokens():
                    self.refreshes += 1
                case Answered(id=number, response=response, error=error):
                    assert number not in self.answered, "answered twice"
                    assert (response is None) is not (error is None)
                    answer = response or error
                    assert answer is not None
                    self.answered[number] = answer

    def ask(self, *numbers: int) -> None:
        for number in numbers:
            self.account.request(HttpRequest(RequestId(number), "GET", f"{BASE}/v1/users/me"))
            self.drain()

    def under_way(self) -> HttpRequest:
        """The oldest request that is not answered yet."""
        return self.performed.pop(0)

    def reply(self, *responses: HttpResponse) -> None:
        for response in responses:
            self.account.http_response(self.under_way().id, response)
            self.drain()

    def log_in(self) -> None:
        assert self.performed[0].url == f"{BASE}/v1/auth/login"
        self.reply(OK)

    def refreshed(self, token: str = "access-2") -> None:
        self.account.refreshed(Tokens(Secret(token), Secret("id-2")))
        self.drain()

    def failed(self, error: M3Error) -> None:
        self.account.http_failed(self.under_way().id, error)
        self.drain()


def _token(request: HttpRequest) -> str:
    return dict(request.headers)["authorization"]


@pytest.mark.parametrize(("id_token", "sent"), [("id-1", b"id-1"), (None, b"access-1")])
def test_it_logs_in_first_and_requests_wait(id_token: str | None, sent: bytes) -> None:
    driver = Driver(id_token=id_token)
    driver.ask(1, 2)
    assert [request.url for request in driver.performed] == [f"{BASE}/v1/auth/login"]
    assert driver.performed[0].body == b'{"id_token":"' + sent + b'"}'
    assert all(name != "authorization" for name, _ in driver.performed[0].headers)
    driver.log_in()
    assert [_token(request) for request in driver.performed] == ["Bearer access-1"] * 2
    assert {request.authorization for request in driver.performed} == {Authorization.NONE}
    driver.reply(OK, NO_ROOM)
    assert driver.answered == {1: OK, 2: NO_ROOM}
    driver.ask(3)  # no second login
    driver.reply(OK)
    assert driver.answered[3] == OK


def test_one_refresh_serves_all_and_each_is_sent_once_more() -> None:
    driver = Driver()
    driver.ask(1, 2, 3)
    driver.log_in()
    driver.reply(REFUSED, REFUSED)
    assert (driver.refreshes, driver.answered) == (1, {})
    driver.ask(4)
    driver.refreshed()
    driver.performed.sort(key=lambda request: not request.url.endswith("login"))
    driver.log_in()
    late, *again = driver.performed
    assert [_token(request) for request in again] == ["Bearer access-2"] * 3
    driver.reply(REFUSED)  # of 3, sent with the old token before the refresh
    assert _token(late) == "Bearer access-1"
    assert _token(driver.performed[-1]) == "Bearer access-2"
    driver.reply(OK, OK, OK, OK)
    assert driver.answered == {1: OK, 2: OK, 3: OK, 4: OK}
    assert driver.refreshes == 1


def test_a_second_401_is_the_answer() -> None:
    driver = Driver()
    driver.ask(1)
    driver.log_in()
    driver.reply(REFUSED)
    driver.refreshed()
    driver.log_in()
    driver.reply(REFUSED)
    assert driver.answered == {1: REFUSED}
    driver.ask(2)  # the account goes on: the next 401 leads to another refresh
    driver.reply(REFUSED)
    assert driver.refreshes == 2


def test_without_a_refresh_a_401_is_the_answer() -> None:
    driver = Driver(can_refresh=False)
    driver.ask(1)
    driver.log_in()
    driver.reply(REFUSED)
    assert (driver.answered, driver.refreshes) == ({1: REFUSED}, 0)


def test_a_refresh_that_fails_is_an_auth_error_for_all_for_ever() -> None:
    driver = Driver()
    driver.ask(1, 2, 3)
    driver.log_in()
    driver.reply(REFUSED, REFUSED)
    driver.account.refresh_failed(ApiError(400, "invalid_grant", "refresh"))
    driver.drain()
    assert {number: type(answer) for number, answer in driver.answered.items()} == {1: AuthError, 2: AuthError}
    driver.reply(REFUSED)  # a request that was under way must not wait for another refresh
    driver.ask(4)
    assert {type(answer) for answer in driver.answered.values()} == {AuthError}
    assert set(driver.answered) == {1, 2, 3, 4}
    assert "invalid_grant" in str(driver.answered[4])


def test_an_auth_error_of_the_refresh_is_kept() -> None:
    driver = Driver()
    driver.ask(1)
    driver.log_in()
    driver.reply(REFUSED)
    error = AuthError("log in again")
    driver.account.refresh_failed(error)
    driver.drain()
    assert driver.answered[1] is error


def test_a_network_that_fails_during_the_refresh_is_not_the_end() -> None:
    driver = Driver()
    driver.ask(1, 2)
    driver.log_in()
    driver.reply(REFUSED)
    unplugged = TransportError("unplugged")
    driver.account.refresh_failed(unplugged)
    driver.drain()
    assert driver.answered == {1: unplugged}
    driver.reply(REFUSED)  # request 2 has its own attempt, and does not wait for one of another request
    driver.log_in()
    driver.reply(OK)
    assert driver.answered[2] == OK


def test_a_network_that_fails_during_the_login_is_not_the_end() -> None:
    driver = Driver()
    driver.ask(1, 2)
    unplugged = TransportError("unplugged")
    driver.failed(unplugged)
    assert driver.answered == {1: unplugged, 2: unplugged}
    driver.ask(3)
    driver.log_in()
    driver.failed(unplugged)
    assert driver.answered[3] is unplugged


@pytest.mark.parametrize("status", [429, 500, 503])
def test_server_trouble_at_the_login_says_nothing_of_the_tokens(status: int) -> None:
    driver = Driver()
    driver.ask(1)
    driver.reply(HttpResponse(status, (("retry-after", "7"),)))
    error = driver.answered[1]
    assert isinstance(error, ApiError)
    assert (error.status, error.retry_after) == (status, 7.0)
    assert driver.refreshes == 0
    driver.ask(2)
    driver.log_in()
    driver.reply(OK)
    assert driver.answered[2] == OK


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_where_its_api_is(status: int) -> None:
    driver = Driver(seeks_api=True)
    driver.ask(1)
    driver.reply(HttpResponse(status))
    driver.reply(HttpResponse(status))
    driver.ask(2)
    assert driver.under_way().url == f"{BASE}/.well-known/opentalk/api"


def test_tokens_that_expired_before_the_first_login_are_refreshed_once() -> None:
    driver = Driver()
    driver.ask(1)
    driver.reply(REFUSED)
    assert driver.refreshes == 1
    driver.refreshed()
    driver.reply(REFUSED)
    assert isinstance(driver.answered[1], AuthError)
    assert driver.refreshes == 1


@pytest.mark.parametrize(
    "answer", [HttpResponse(403), HttpResponse(400, body=b"{}"), HttpResponse(200, body=b"<html>")]
)
def test_a_login_that_is_refused_is_an_auth_error(answer: HttpResponse) -> None:
    driver = Driver()
    driver.ask(1)
    driver.reply(answer)
    driver.ask(2)
    assert {type(answer) for answer in driver.answered.values()} == {AuthError}
    assert driver.performed == []


def test_what_nobody_waits_for_is_not_answered() -> None:
    driver = Driver()
    driver.ask(1, 2)
    driver.account.cancel(RequestId(1))
    driver.log_in()
    driver.account.cancel(RequestId(2))
    assert len(driver.performed) == 1
    driver.reply(OK)
    driver.ask(3)
    driver.account.cancel(RequestId(3))
    driver.failed(TransportError("unplugged"))
    driver.account.http_response(RequestId(99), OK)
    driver.account.http_failed(RequestId(99), TransportError("unplugged"))
    driver.drain()
    assert driver.answered == {}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/users/me",
        f"{BASE}.evil.example/v1",
        f"{BASE}@evil.example/v1",
        "http://controller.example/v1",
    ],
)
def test_no_token_goes_to_another_origin(url: str) -> None:
    driver = Driver()
    with pytest.raises(LocalProtocolError, match="own controller"):
        driver.account.request(HttpRequest(RequestId(1), "GET", url))
    driver.drain()
    assert driver.performed == []


# -- where the API is ---
def told(base_url: str) -> HttpResponse:
    return HttpResponse(200, body=b'{"opentalk_api": {"v1": {"base_url": "%s"}}}' % base_url.encode())


@pytest.mark.parametrize(
    ("answer", "api"),
    [
        (told("/v1"), f"{BASE}/v1"),
        (told("ot/api"), f"{BASE}/ot/api"),
        (told("https://api.example/v1"), "https://api.example/v1"),
        (NO_ROOM, f"{BASE}/v1"),
        (HttpResponse(200, body=b"<html>"), f"{BASE}/v1"),
        (told("http://api.example/v1"), f"{BASE}/v1"),
        (told("https://127.0.0.1/v1"), f"{BASE}/v1"),
        (told("https://good@evil.example/v1"), f"{BASE}/v1"),
    ],
)
def test_the_controller_says_once_where_its_api_is(answer: HttpResponse, api: str) -> None:
    driver = Driver(seeks_api=True)
    driver.ask(1, 2)
    (search,) = driver.performed
    assert (search.url, search.headers, search.body) == (f"{BASE}/.well-known/opentalk/api", (), b"")
    driver.reply(answer)
    assert [request.url for request in driver.performed] == [f"{api}/auth/login"]
    driver.reply(OK)
    assert [request.url for request in driver.performed] == [f"{api}/users/me"] * 2
    driver.reply(REFUSED)
    driver.refreshed()
    assert [request.url for request in driver.performed] == [f"{api}/users/me", f"{api}/auth/login"]


def test_a_search_that_fails_costs_no_login_and_is_made_again() -> None:
    driver = Driver(seeks_api=True)
    driver.ask(1)
    driver.failed(TransportError("late"))
    assert driver.performed[0].url == f"{BASE}/v1/auth/login"
    driver.failed(TransportError("unplugged"))
    assert isinstance(driver.answered[1], TransportError)
    driver.ask(2)
    driver.reply(told("https://api.example/v1"))
    assert driver.performed[0].url == "https://api.example/v1/auth/login"


def test_no_token_goes_into_a_private_network_unless_allowed() -> None:
    driver = Driver(seeks_api=True)
    driver.ask(1)
    driver.reply(told("https://10.0.0.1/v1"))
    error = driver.answered[1]
    assert isinstance(error, LinkError)
    assert error.is_private
    driver.ask(2)
    assert driver.answered[2] is error
    assert driver.performed == []
    driver = Driver(seeks_api=True, allow_private=True)
    driver.ask(1)
    driver.reply(told("https://10.0.0.1/v1"))
    assert driver.performed[0].url == "https://10.0.0.1/v1/auth/login"


@pytest.mark.parametrize("text", ["", "a b", "a\r\nX: y", "t\N{LATIN SMALL LETTER O WITH DIAERESIS}ken"])
def test_a_token_that_does_not_fit_a_header_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Tokens(Secret(text))
    assert not text or text not in str(caught.value)
    assert "access-1" not in repr(Tokens(Secret("access-1"), Secret("id-1")))
