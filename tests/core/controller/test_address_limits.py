"""What a controller refuses because of the address that it comes from: room passwords, and requests without a login."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from stage import Stage
from test_controller_api import EVENT, Rest, problem

from m3core.controller.config import ControllerConfig, Identities, TokenTable, User
from m3core.errors import LocalProtocolError
from m3core.io import Accept, ConnectionId, Headers, HttpReply, HttpResponse, Reject, RequestId
from m3core.limits import ADDRESS_BUDGET, PASSWORD_GUESSES
from m3core.testing.pair import OWNER, OWNER_TOKEN
from m3core.values import Secret

HERE, ELSEWHERE = "203.0.113.5", "203.0.113.6"


class Guests:
    """A controller with a room that has a password, asked from addresses."""

    def __init__(self, identities: Identities | None = None, **config: Any) -> None:
        self.rest = Rest(ControllerConfig(web_url="https://meet.example", **config), identities)
        self.room, self.code = self.rest.room(password="sesame")
        self.now = 0.0

    def ask(
        self, method: str, path: str, body: object = None, token: str | None = None, *, address: str = HERE
    ) -> HttpResponse:
        headers: Headers = (("content-type", "application/json"),)
        if token is not None:
            headers = (*headers, ("authorization", f"Bearer {token}"))
        controller = self.rest.controller
        data = b"" if body is None else json.dumps(body).encode()
        controller.http_request(RequestId(1), method, path, headers, data, self.now, address)
        (reply,) = controller.outputs()
        assert isinstance(reply, HttpReply)
        return reply.response

    def enter(self, password: str | None, *, address: str = HERE, room: str = "", code: str = "") -> HttpResponse:
        body = {"invite_code": code or self.code, "password": password}
        return self.ask("POST", f"/v1/rooms/{room or self.room}/start_invited", body, address=address)

    def block(self, address: str = HERE) -> None:
        for number in range(PASSWORD_GUESSES):
            assert problem(self.enter(f"wrong {number}", address=address)) == (401, "wrong_room_password")

    def drain(self, address: str = HERE) -> None:
        for _ in range(ADDRESS_BUDGET):
            assert self.ask("GET", "/v1/auth/login", address=address).status == 200


def _retry_after(response: HttpResponse) -> int:
    assert problem(response) == (429, "too_many_requests")
    headers = dict(response.headers)
    assert headers["access-control-allow-origin"] == "*"
    assert "retry-after" in headers["access-control-expose-headers"]
    return int(headers["retry-after"])


# -- passwords ---
def test_a_guesser_is_not_heard_and_the_right_one_from_elsewhere_works() -> None:
    guests = Guests()
    guests.block()
    assert _retry_after(guests.enter("wrong")) == 6
    assert _retry_after(guests.enter("sesame")) == 6  # the answer tells nothing about the password
    assert _retry_after(guests.enter(None)) == 6
    assert guests.enter("sesame", address=ELSEWHERE).status == 200
    guests.now = 6.0
    assert guests.enter("sesame").status == 200


def test_ten_guesses_a_minute_and_no_more() -> None:
    guests = Guests()
    looked_at = 0
    for tenth in range(3_000):  # five minutes, ten guesses a second
        guests.now = tenth / 10
        looked_at += guests.enter(f"{tenth}").status == 401
    assert looked_at == PASSWORD_GUESSES + 5 * PASSWORD_GUESSES - 1  # the last tenth of a minute is not over


def test_only_wrong_passwords_count() -> None:
    guests = Guests()
    for _ in range(3 * PASSWORD_GUESSES):
        assert guests.enter("sesame").status == 200
    for _ in range(3 * PASSWORD_GUESSES):  # a client asks without a password first
        assert problem(guests.enter(None)) == (401, "wrong_room_password")
    guests.block()


def test_a_guesser_is_heard_in_other_rooms() -> None:
    guests = Guests()
    other, code = guests.rest.room(password="other")
    guests.block()
    assert guests.enter("other", room=other, code=code).status == 200


def test_a_room_without_a_password_blocks_nobody() -> None:
    guests = Guests()
    room, code = guests.rest.room()
    for _ in range(2 * PASSWORD_GUESSES):
        assert guests.enter("any", room=room, code=code).status == 200


def test_guesses_of_a_network_of_ipv6_count_together() -> None:
    guests = Guests()
    for number in range(PASSWORD_GUESSES):
        assert guests.enter("wrong", address=f"2001:db8::{number}").status == 401
    assert guests.enter("sesame", address="2001:db8::99").status == 429
    assert guests.enter("sesame", address="2001:db8:0:1::1").status == 200


def test_passwords_from_loopback_are_limited_only_if_it_is_wanted() -> None:
    guests = Guests(limit_loopback=True)
    guests.block("127.0.0.1")
    assert guests.enter("sesame", address="127.0.0.1").status == 429
    guests = Guests()
    for _ in range(3 * PASSWORD_GUESSES):
        assert guests.enter("wrong", address="127.0.0.1").status == 401
    assert guests.enter("sesame", address="127.0.0.1").status == 200


# -- requests without a login ---
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/auth/login"),
        ("POST", "/v1/auth/login"),
        ("POST", "/v1/invite/verify"),
        ("POST", "/v1/turn"),
        ("GET", "/v1/turn"),
        ("GET", "/v1/users/me"),
        ("POST", "/v1/services/recording/start"),
        ("GET", "/.well-known/opentalk/client"),
        ("PUT", "/.well-known/opentalk/api"),
        ("GET", "/nothing"),
        ("PUT", "/v1/turn"),
    ],
)
def test_an_address_without_budget_gets_429_whatever_it_asks(method: str, path: str) -> None:
    guests = Guests(recorder_token=Secret("recorder"))
    guests.drain()
    for token in (None, "wrong", guests.code, "recorder"):
        assert _retry_after(guests.ask(method, path, {}, token)) == 1
    assert guests.ask(method, path, {}, address=ELSEWHERE).status != 429


@pytest.mark.parametrize(
    ("method", "path", "token"),
    [
        ("GET", "/v1/auth/login", None),
        ("GET", "/v1/users/me", "wrong"),
        ("GET", "/nothing", None),
        ("GET", "/.well-known/opentalk/api", None),
        ("PUT", "/v1/turn", None),
    ],
)
def test_each_request_without_a_login_uses_the_budget(method: str, path: str, token: str | None) -> None:
    guests = Guests()
    statuses = [guests.ask(method, path, None, token).status for _ in range(ADDRESS_BUDGET + 1)]
    assert statuses.index(429) == ADDRESS_BUDGET


def test_users_neither_use_the_budget_nor_need_it() -> None:
    guests = Guests()
    token = OWNER_TOKEN.reveal()
    for _ in range(ADDRESS_BUDGET):
        assert guests.ask("GET", "/v1/users/me", None, token).status == 200
    guests.drain()
    assert guests.ask("GET", "/v1/users/me", None, token).status == 200
    assert guests.ask("POST", "/v1/events", EVENT, token).status == 200
    assert guests.ask("GET", "/v1/auth/login", None, token).status == 429  # it takes no token


def test_a_preflight_uses_no_budget() -> None:
    guests = Guests()
    for _ in range(2 * ADDRESS_BUDGET):
        assert guests.ask("OPTIONS", "/v1/users/me").status == 204
    guests.drain()
    assert guests.ask("OPTIONS", "/v1/users/me").status == 204


class _Watched(TokenTable):
    """Notes the tokens that it is asked about."""

    def __init__(self) -> None:
        super().__init__({OWNER_TOKEN: OWNER})
        self.seen: list[str] = []

    def user_of(self, access_token: Secret) -> User | None:
        self.seen.append(access_token.reveal())
        return super().user_of(access_token)


def test_only_access_tokens_are_shown_to_the_identities() -> None:
    identities = _Watched()
    guests = Guests(recorder_token=Secret("recorder"), identities=identities)
    identities.seen.clear()
    assert guests.ask("POST", "/v1/services/recording/start", {"room_id": guests.room}, "recorder").status == 200
    assert guests.ask("GET", "/v1/turn", None, guests.code).status == 204
    assert identities.seen == []
    assert guests.ask("GET", "/v1/users/me", None, OWNER_TOKEN.reveal()).status == 200
    assert identities.seen == [OWNER_TOKEN.reveal()]


# -- WebSocket handshakes ---
def test_a_handshake_needs_a_ticket_or_a_budget() -> None:
    stage = Stage()
    numbers = itertools.count(1)

    def knock(ticket: str, *, path: str = "/signaling", address: str = HERE) -> int:
        header = ("sec-websocket-protocol", f"ticket#{ticket}, k3k-signaling-json-v1.0")
        stage.controller.websocket_requested(ConnectionId(next(numbers)), path, (header,), stage.now, address)
        (output,) = stage.controller.outputs()
        if isinstance(output, Accept):
            return 101
        assert isinstance(output, Reject)
        if output.response.status == 429:
            assert dict(output.response.headers)["retry-after"] == "1"
        return output.response.status

    status, started = stage.start_invited()
    assert status == 200
    assert [knock("x" * 64) for _ in range(ADDRESS_BUDGET + 1)] == [401] * ADDRESS_BUDGET + [429]
    assert knock("x" * 64, path="/nothing") == 429
    assert knock("") == 429
    assert knock("x" * 64, address=ELSEWHERE) == 401
    assert knock(started["ticket"]) == 101  # its start has used the budget


# -- settings ---
@pytest.mark.parametrize("network", ["10.0.0.0/33", "10.0.0.1/8", "proxy.example", "", "fd00::/129"])
def test_a_proxy_that_is_no_network_is_refused(network: str) -> None:
    with pytest.raises(LocalProtocolError, match="trusted_proxies are networks"):
        ControllerConfig(web_url="", trusted_proxies=("10.0.0.0/8", network))
