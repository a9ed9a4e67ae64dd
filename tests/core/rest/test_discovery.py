"""The search for the controller of a link. The documents of servers are as hostile as the link."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3core.errors import LinkError
from m3core.io import Authorization, HttpResponse
from m3core.limits import DISCOVERY_TIMEOUT, MAX_HTTP_BODY, MAX_LINK
from m3core.rest.discovery import (
    API_PATH,
    CLIENT_PATH,
    ControllerAddress,
    Search,
    api_document,
    client_document,
    read_api,
    read_client,
)
from m3core.rest.link import InviteLink, signaling_url

CODE: Final = "126b1a70-e891-4f9e-b401-ac39af0860c4"
WEB: Final = "https://meet.example"
API_MISSING: Final = HttpResponse(404, (), b'{"code":"not_found"}')
PROVIDER: Final = HttpResponse(200, body=b'{"oidc":{"name":"default","url":""}}')


def link(origin: str = WEB, *, allow_private: bool = False) -> InviteLink:
    return InviteLink.parse(f"{origin}/invite/{CODE}", allow_private=allow_private)


def api_at(base_url: str | None) -> HttpResponse:
    v1 = None if base_url is None else {"base_url": base_url, "later": True}
    return HttpResponse(200, body=json.dumps({"opentalk_api": {"v1": v1, "v2": {}}}).encode())


def client_at(base_url: str) -> HttpResponse:
    return HttpResponse(200, body=json.dumps({"opentalk_controller": {"base_url": base_url}, "later": 1}).encode())


def searched(search: Search, answers: Mapping[str, HttpResponse | None]) -> tuple[ControllerAddress, list[str]]:
    """The result of a search, and its requests in order. A request that ``answers`` does not have gets no response."""
    asked = []
    while search.request is not None:
        request = search.request
        assert (request.method, request.headers, request.body) == ("GET", (), b"")
        assert request.authorization is Authorization.NONE
        assert CODE not in request.url
        assert search.timeout == (None if request.url.endswith("/v1/auth/login") else DISCOVERY_TIMEOUT)
        asked.append(request.url)
        search.answered(answers.get(request.url))
    return search.found, asked


CLIENT = WEB + CLIENT_PATH
API = WEB + API_PATH
THERE: Final = "https://controller.example.org"
SILENT: Final[HttpResponse | None] = None
GUESSED: Final = ControllerAddress("https://controller.meet.example", "https://controller.meet.example/v1")


@pytest.mark.parametrize(
    ("answers", "found", "asked"),
    [
        (
            {CLIENT: client_at(THERE), THERE + API_PATH: api_at("/v1")},
            (THERE, f"{THERE}/v1"),
            [CLIENT, THERE + API_PATH],
        ),
        (
            {CLIENT: client_at(f"{THERE}/"), THERE + API_PATH: api_at("v1")},
            (THERE, f"{THERE}/v1"),
            [CLIENT, THERE + API_PATH],
        ),
        (
            {CLIENT: client_at(f"{THERE}:8443/ot/"), f"{THERE}:8443/ot{API_PATH}": api_at("/api/v1/")},
            (f"{THERE}:8443/ot", f"{THERE}:8443/ot/api/v1"),
            [CLIENT, f"{THERE}:8443/ot{API_PATH}"],
        ),
        (
            {CLIENT: client_at(THERE), THERE + API_PATH: api_at("https://api.example.net/opentalk/v1")},
            (THERE, "https://api.example.net/opentalk/v1"),
            [CLIENT, THERE + API_PATH],
        ),
        ({CLIENT: client_at(THERE)}, (THERE, f"{THERE}/v1"), [CLIENT, THERE + API_PATH]),
        (
            {CLIENT: client_at(THERE), THERE + API_PATH: api_at(None)},
            (THERE, f"{THERE}/v1"),
            [CLIENT, THERE + API_PATH],
        ),
        ({CLIENT: API_MISSING, API: api_at("v1")}, (WEB, f"{WEB}/v1"), [CLIENT, API]),
        ({CLIENT: API_MISSING, API: api_at("")}, (WEB, WEB), [CLIENT, API]),
        # servers without the documents
        (
            {CLIENT: API_MISSING, API: API_MISSING, f"{WEB}/v1/auth/login": PROVIDER},
            (WEB, f"{WEB}/v1"),
            [CLIENT, API, f"{WEB}/v1/auth/login"],
        ),
        (
            {CLIENT: API_MISSING, API: api_at("ftp://evil.example/v1"), f"{WEB}/v1/auth/login": PROVIDER},
            (WEB, f"{WEB}/v1"),
            [CLIENT, API, f"{WEB}/v1/auth/login"],
        ),
    ],
)
def test_where_a_search_ends(answers: dict[str, HttpResponse], found: tuple[str, str], asked: list[str]) -> None:
    assert searched(Search(link()), answers) == (ControllerAddress(*found), asked)


def test_without_answers_there_is_the_guess() -> None:
    login = f"{WEB}/v1/auth/login"
    assert searched(Search(link()), {}) == (GUESSED, [CLIENT, login])
    assert searched(Search(link()), {CLIENT: API_MISSING}) == (GUESSED, [CLIENT, API, login])
    for origin in ("http://127.0.0.1:8080", "https://93.184.216.34"):
        found, asked = searched(Search(link(origin)), {})
        assert (found, asked) == (ControllerAddress(origin, f"{origin}/v1"), [origin + CLIENT_PATH])


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(404),
        HttpResponse(204),
        HttpResponse(302, (("location", "https://evil.example"),), client_at("https://evil.example").body),
        HttpResponse(500, (), client_at("https://evil.example").body),
        HttpResponse(200, (), b"<html>"),
        HttpResponse(200, (), b"\xff"),
        HttpResponse(200, (), b"[" * 100_000),
        HttpResponse(200, (), client_at(THERE).body.ljust(MAX_HTTP_BODY + 1)),
        HttpResponse(200, (), b"null"),
        HttpResponse(200, (), b"[]"),
        HttpResponse(200, (), b"{}"),
        HttpResponse(200, (), b'{"opentalk_controller": null, "opentalk_api": null}'),
        HttpResponse(200, (), b'{"opentalk_controller": "https://a.example", "opentalk_api": "v1"}'),
        HttpResponse(200, (), b'{"opentalk_controller": {}, "opentalk_api": {}}'),
        HttpResponse(
            200, (), b'{"opentalk_controller": {"base_url": null}, "opentalk_api": {"v1": {"base_url": null}}}'
        ),
        HttpResponse(
            200, (), b'{"opentalk_controller": {"base_url": []}, "opentalk_api": {"v1": [{"base_url": "v1"}]}}'
        ),
    ],
)
def test_what_is_no_document_is_none(answer: HttpResponse) -> None:
    assert read_client(answer, WEB) is None
    assert read_api(answer, WEB) is None
    assert searched(Search(link()), {CLIENT: answer})[0] == GUESSED


HOSTILE: Final = [
    "",
    "controller.example.org",
    "//controller.example.org",
    "/controller",
    "ftp://controller.example.org",
    "javascript:alert(1)",
    "http://controller.example.org",
    "http://93.184.216.34",
    "http://127.0.0.1:8080",
    "http://localhost",
    "https://127.0.0.1",
    "https://[::1]:443",
    "https://demo.localhost",
    "https://good.example@evil.example",
    "https://user:password@controller.example.org",
    "https://controller.example.org\\@evil.example",
    "https://controller.example.org#x",
    "https://controller.example.org?x=y",
    "https://controller.example.org/v1?x=y",
    "https://controller.example.org/../v1",
    "https://controller.example.org/.",
    "https://controller.example.org/a//b",
    "https://controller.example.org/%2e%2e/v1",
    "https://controller.example.org/v1\r\nX: y",
    "https://controller.example.org/" + "x" * 65,
    "https://controller.example.org" + "/x" * 9,
    "https://controller.example.org/".ljust(MAX_LINK + 1, "x"),
    "https://controller.example.org:0",
    "https://0x7f.1",
    "https://2130706433",
    "https://127.1",
]
PRIVATE: Final = [
    "https://10.0.0.1",
    "https://192.168.1.1/v1",
    "https://169.254.169.254",
    "https://[fd00::1]",
    "https://0.0.0.0",
]
BELOW: Final = {"", "controller.example.org", "/controller"}
"""Paths, which are legal for an API and not for a controller."""


@pytest.mark.parametrize("url", HOSTILE)
def test_nothing_hostile_is_followed(url: str) -> None:
    assert read_client(client_at(url), WEB) is None
    assert read_client(client_at(url), WEB, allow_private=True) is None
    assert searched(Search(link()), {CLIENT: client_at(url)})[0] == GUESSED
    if url not in BELOW:
        assert read_api(api_at(url), THERE) is None
        there = {CLIENT: client_at(THERE), THERE + API_PATH: api_at(url)}
        assert searched(Search(link()), there)[0] == ControllerAddress(THERE, f"{THERE}/v1")


@pytest.mark.parametrize(
    "url", ["..", "/..", "a/../b", "./v1", "v1?x", "v1#x", "v1\n", "\\v1", "a//b", "v1/%2e", "/" + "v" * 65]
)
def test_a_path_of_the_api_is_plain(url: str) -> None:
    assert read_api(api_at(url), THERE) is None


@pytest.mark.parametrize("url", PRIVATE)
def test_private_networks_are_for_who_allows_them(url: str) -> None:
    """The error names the way out, as that of a link does. No request goes to the private network before."""
    with pytest.raises(LinkError) as caught:
        searched(Search(link()), {CLIENT: client_at(url)})
    assert caught.value.is_private
    with pytest.raises(LinkError):
        read_api(api_at(url), THERE)
    assert read_client(client_at(url), WEB, allow_private=True) == url
    assert searched(Search(link(), allow_private=True), {CLIENT: client_at(url)})[0].base_url == url
    # the user allowed private networks for this link, and so for this controller
    assert read_client(client_at(url), "https://10.9.9.9") == url
    assert read_api(api_at(url), "https://10.9.9.9") == url


@pytest.mark.parametrize(
    ("origin", "url", "is_followed"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:8080", True),
        ("http://127.0.0.1:3000", "http://localhost:8080/ot", True),
        ("http://127.0.0.1:3000", "https://[::1]:8080", True),
        ("https://localhost:3000", "http://localhost:8080", False),
        ("http://127.0.0.1:3000", THERE, False),
        ("http://127.0.0.1:3000", "http://controller.example.org", False),
        ("https://10.0.0.1", THERE, True),
        ("https://10.0.0.1", "https://127.0.0.1", False),
    ],
)
def test_this_machine_and_others_are_kept_apart(origin: str, url: str, is_followed: bool) -> None:
    assert read_client(client_at(url), origin, allow_private=True) == (url if is_followed else None)
    assert read_api(api_at(url), origin, allow_private=True) == (url if is_followed else None)


@pytest.mark.parametrize("controller", ["https://controller.lan", "https://10.0.0.1:8443", "http://127.0.0.1:8080"])
def test_a_controller_that_is_named_is_asked_for_its_api_alone(controller: str) -> None:
    asks = [controller + API_PATH]
    for answer, api_url in (
        (SILENT, f"{controller}/v1"),
        (API_MISSING, f"{controller}/v1"),
        (api_at("/v1"), f"{controller}/v1"),
        (api_at(f"{controller}/api"), f"{controller}/api"),
    ):
        found, asked = searched(Search(link(), controller), {controller + API_PATH: answer})
        assert (found, asked) == (ControllerAddress(controller, api_url), asks)


def test_our_documents_are_read() -> None:
    assert read_client(client_document(THERE), WEB) == THERE
    assert read_api(api_document(), f"{THERE}/ot") == f"{THERE}/ot/v1"
    assert signaling_url(f"{THERE}/ot") == "wss://controller.example.org/ot/signaling"
    with pytest.raises(LinkError):
        signaling_url(f"{THERE}/../ot")


_json = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["opentalk_api", "opentalk_controller", "v1", "base_url"]), inner)
    ),
)


@given(_json | st.text(), st.sampled_from([200, 204, 404]))
def test_whatever_is_answered_there_is_an_end(value: Any, status: int) -> None:
    answer = HttpResponse(status, body=json.dumps(value).encode())
    for one in (answer, client_at(str(value)), api_at(str(value))):
        for origin in (WEB, "http://127.0.0.1:1"):
            with contextlib.suppress(LinkError):
                search, asked = Search(link(origin)), 0
                while search.request is not None:
                    asked += 1
                    search.answered(one)
                assert asked <= 3
                assert search.found.base_url.startswith("http")
