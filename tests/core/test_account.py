"""The account engine by itself: log in first, refresh once for all, retry once, and nobody waits for ever."""

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


class House:
    """An account, and the world around it, step by step."""

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
    house = House(id_token=id_token)
    house.ask(1, 2)
    assert [request.url for request in house.performed] == [f"{BASE}/v1/auth/login"]
    assert house.performed[0].body == b'{"id_token":"' + sent + b'"}'
    assert all(name != "authorization" for name, _ in house.performed[0].headers)
    house.log_in()
    assert [_token(request) for request in house.performed] == ["Bearer access-1"] * 2
    assert {request.authorization for request in house.performed} == {Authorization.NONE}
    house.reply(OK, NO_ROOM)
    assert house.answered == {1: OK, 2: NO_ROOM}
    house.ask(3)  # no second login
    house.reply(OK)
    assert house.answered[3] == OK


def test_one_refresh_serves_all_and_each_is_sent_once_more() -> None:
    house = House()
    house.ask(1, 2, 3)
    house.log_in()
    house.reply(REFUSED, REFUSED)
    assert (house.refreshes, house.answered) == (1, {})
    house.ask(4)
    house.refreshed()
    house.performed.sort(key=lambda request: not request.url.endswith("login"))
    house.log_in()
    late, *again = house.performed
    assert [_token(request) for request in again] == ["Bearer access-2"] * 3
    house.reply(REFUSED)  # of 3, sent with the old token before the refresh
    assert _token(late) == "Bearer access-1"
    assert _token(house.performed[-1]) == "Bearer access-2"
    house.reply(OK, OK, OK, OK)
    assert house.answered == {1: OK, 2: OK, 3: OK, 4: OK}
    assert house.refreshes == 1


def test_a_second_401_is_the_answer() -> None:
    house = House()
    house.ask(1)
    house.log_in()
    house.reply(REFUSED)
    house.refreshed()
    house.log_in()
    house.reply(REFUSED)
    assert house.answered == {1: REFUSED}
    house.ask(2)  # and the account lives: the next one may have its own refresh
    house.reply(REFUSED)
    assert house.refreshes == 2


def test_without_a_refresh_a_401_is_the_answer() -> None:
    house = House(can_refresh=False)
    house.ask(1)
    house.log_in()
    house.reply(REFUSED)
    assert (house.answered, house.refreshes) == ({1: REFUSED}, 0)


def test_a_refresh_that_fails_is_an_auth_error_for_all_for_ever() -> None:
    house = House()
    house.ask(1, 2, 3)
    house.log_in()
    house.reply(REFUSED, REFUSED)
    house.account.refresh_failed(ApiError(400, "invalid_grant", "refresh"))
    house.drain()
    assert {number: type(answer) for number, answer in house.answered.items()} == {1: AuthError, 2: AuthError}
    house.reply(REFUSED)  # one that was under way does not wait for a refresh that will not come
    house.ask(4)
    assert {type(answer) for answer in house.answered.values()} == {AuthError}
    assert set(house.answered) == {1, 2, 3, 4}
    assert "invalid_grant" in str(house.answered[4])


def test_an_auth_error_of_the_refresh_is_kept() -> None:
    house = House()
    house.ask(1)
    house.log_in()
    house.reply(REFUSED)
    error = AuthError("log in again")
    house.account.refresh_failed(error)
    house.drain()
    assert house.answered[1] is error


def test_a_network_that_fails_during_the_refresh_is_not_the_end() -> None:
    house = House()
    house.ask(1, 2)
    house.log_in()
    house.reply(REFUSED)
    unplugged = TransportError("unplugged")
    house.account.refresh_failed(unplugged)
    house.drain()
    assert house.answered == {1: unplugged}
    house.reply(REFUSED)  # 2 came back meanwhile: it begins anew, and does not wait for somebody else to
    house.log_in()
    house.reply(OK)
    assert house.answered[2] == OK


def test_a_network_that_fails_during_the_login_is_not_the_end() -> None:
    house = House()
    house.ask(1, 2)
    unplugged = TransportError("unplugged")
    house.failed(unplugged)
    assert house.answered == {1: unplugged, 2: unplugged}
    house.ask(3)
    house.log_in()
    house.failed(unplugged)
    assert house.answered[3] is unplugged


def test_server_trouble_at_the_login_says_nothing_of_the_tokens() -> None:
    house = House()
    house.ask(1)
    house.reply(HttpResponse(503))
    assert isinstance(house.answered[1], ApiError)
    house.ask(2)
    house.log_in()
    house.reply(OK)
    assert house.answered[2] == OK


def test_tokens_that_expired_before_the_first_login_are_refreshed_once() -> None:
    house = House()
    house.ask(1)
    house.reply(REFUSED)
    assert house.refreshes == 1
    house.refreshed()
    house.reply(REFUSED)
    assert isinstance(house.answered[1], AuthError)
    assert house.refreshes == 1


@pytest.mark.parametrize(
    "answer", [HttpResponse(403), HttpResponse(400, body=b"{}"), HttpResponse(200, body=b"<html>")]
)
def test_a_login_that_is_refused_is_an_auth_error(answer: HttpResponse) -> None:
    house = House()
    house.ask(1)
    house.reply(answer)
    house.ask(2)
    assert {type(answer) for answer in house.answered.values()} == {AuthError}
    assert house.performed == []


def test_what_nobody_waits_for_is_not_answered() -> None:
    house = House()
    house.ask(1, 2)
    house.account.cancel(RequestId(1))
    house.log_in()
    house.account.cancel(RequestId(2))
    assert len(house.performed) == 1
    house.reply(OK)
    house.ask(3)
    house.account.cancel(RequestId(3))
    house.failed(TransportError("unplugged"))
    house.account.http_response(RequestId(99), OK)
    house.account.http_failed(RequestId(99), TransportError("unplugged"))
    house.drain()
    assert house.answered == {}


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
    house = House()
    with pytest.raises(LocalProtocolError, match="own controller"):
        house.account.request(HttpRequest(RequestId(1), "GET", url))
    house.drain()
    assert house.performed == []


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
    house = House(seeks_api=True)
    house.ask(1, 2)
    (search,) = house.performed
    assert (search.url, search.headers, search.body) == (f"{BASE}/.well-known/opentalk/api", (), b"")
    house.reply(answer)
    assert [request.url for request in house.performed] == [f"{api}/auth/login"]
    house.reply(OK)
    assert [request.url for request in house.performed] == [f"{api}/users/me"] * 2
    house.reply(REFUSED)
    house.refreshed()
    assert [request.url for request in house.performed] == [f"{api}/users/me", f"{api}/auth/login"]


def test_a_search_that_fails_costs_no_login_and_is_made_again() -> None:
    house = House(seeks_api=True)
    house.ask(1)
    house.failed(TransportError("late"))
    assert house.performed[0].url == f"{BASE}/v1/auth/login"
    house.failed(TransportError("unplugged"))
    assert isinstance(house.answered[1], TransportError)
    house.ask(2)
    house.reply(told("https://api.example/v1"))
    assert house.performed[0].url == "https://api.example/v1/auth/login"


def test_no_token_goes_into_a_private_network_unless_allowed() -> None:
    house = House(seeks_api=True)
    house.ask(1)
    house.reply(told("https://10.0.0.1/v1"))
    error = house.answered[1]
    assert isinstance(error, LinkError)
    assert error.is_private
    house.ask(2)
    assert house.answered[2] is error
    assert house.performed == []
    house = House(seeks_api=True, allow_private=True)
    house.ask(1)
    house.reply(told("https://10.0.0.1/v1"))
    assert house.performed[0].url == "https://10.0.0.1/v1/auth/login"


@pytest.mark.parametrize("text", ["", "a b", "a\r\nX: y", "t\N{LATIN SMALL LETTER O WITH DIAERESIS}ken"])
def test_a_token_that_does_not_fit_a_header_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Tokens(Secret(text))
    assert not text or text not in str(caught.value)
    assert "access-1" not in repr(Tokens(Secret("access-1"), Secret("id-1")))
