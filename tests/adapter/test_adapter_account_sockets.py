"""The account over real sockets: a token that expires, refreshes that fail, and closing while others wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from house import House, house, in_loop

import m3asyncio as m3
from m3core.controller.config import TokenTable, User
from m3core.io import HttpRequest, HttpResponse


class Provider:
    """An identity provider whose tokens can be made to expire."""

    def __init__(self, here: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.valid = {owner := here.server.owner.access_token}
        for method in (TokenTable.user_of, TokenTable.login):
            monkeypatch.setattr(TokenTable, method.__name__, self._only_if_valid(method, owner))
        self.given = 0
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    def _only_if_valid(self, method: Callable[[TokenTable, m3.Secret], User | None], owner: m3.Secret) -> object:
        return lambda table, token: method(table, owner) if token in self.valid else None

    def expire(self) -> None:
        self.valid.clear()

    async def refresh(self) -> m3.Tokens:
        self.given += 1
        self.asked.set()
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        token = m3.Secret(f"fresh-{self.given}")
        self.valid.add(token)
        return m3.Tokens(token)


@in_loop
async def test_a_token_expires_and_one_refresh_serves_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as here:
        provider = Provider(here, monkeypatch)
        provider.may_answer.set()
        async with m3.Account(here.server.base_url, here.server.owner, refresh=provider.refresh) as account:
            assert (await account.me()).display_name == "Owner"
            for _ in range(2):
                provider.expire()
                answers = await asyncio.gather(*(account.me() for _ in range(5)))
                assert {answer.display_name for answer in answers} == {"Owner"}
            assert provider.given == 2
            meeting = await account.create_meeting(title="Later")
            provider.expire()
            async with meeting.start(display_name="Olga") as owner:
                assert owner.own.display_name == "Olga"
            assert provider.given == 3


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (m3.AuthError("log in again"), m3.AuthError),
        (m3.TransportError("unplugged"), m3.TransportError),
        (KeyError("access_token"), m3.AuthError),
    ],
)
@in_loop
async def test_a_refresh_that_fails_is_told_to_everybody(
    error: Exception, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house() as here:
        provider = Provider(here, monkeypatch)
        provider.may_answer.set()
        provider.error = error
        async with m3.Account(here.server.base_url, here.server.owner, refresh=provider.refresh) as account:
            provider.expire()
            answers = await asyncio.gather(*(account.me() for _ in range(3)), return_exceptions=True)
            assert {type(answer) for answer in answers} == {raised}


@in_loop
async def test_without_a_refresh_the_controllers_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as here:
        await here.account.me()
        Provider(here, monkeypatch).expire()
        with pytest.raises(m3.ApiError) as caught:
            await here.account.me()
        assert (caught.value.status, caught.value.code) == (401, "unauthorized")
        with pytest.raises(m3.AuthError):
            async with m3.Account(here.server.base_url, "stale") as account:
                await account.me()


@in_loop
async def test_closing_tells_those_who_wait_and_cancelling_one_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as here:
        provider = Provider(here, monkeypatch)
        provider.expire()
        account = m3.Account(here.server.base_url, here.server.owner, refresh=provider.refresh)
        impatient, patient = asyncio.create_task(account.me()), asyncio.create_task(account.me())
        await provider.asked.wait()
        impatient.cancel()
        await asyncio.wait((impatient,))
        assert impatient.cancelled()
        assert not patient.done()
        await account.aclose()
        with pytest.raises(m3.LocalProtocolError, match="was closed"):
            await patient
        with pytest.raises(m3.LocalProtocolError, match="is closed"):
            await account.me()
        await account.aclose()


class Quoting:
    """HTTP to a server that repeats what it does not like."""

    async def request(self, request: HttpRequest) -> HttpResponse:
        if not request.url.endswith("/v1/events"):
            return HttpResponse(200)
        token = dict(request.headers)["authorization"].removeprefix("Bearer ")
        told = json.dumps({"code": "bad_request", "message": f"{token} may not say {request.body.decode()}"})
        return HttpResponse(400, (), told.encode())

    async def aclose(self) -> None:
        """Nothing is open."""


@in_loop
async def test_a_refusal_tells_neither_tokens_nor_passwords() -> None:
    for password in ("swordfish", None):
        async with m3.Account("https://controller.example", "sesame", http=Quoting()) as account:
            with pytest.raises(m3.ApiError) as caught:
                await account.create_meeting(title="Quoted", password=password)
        assert (caught.value.code, caught.value.message) == ("bad_request", "")
