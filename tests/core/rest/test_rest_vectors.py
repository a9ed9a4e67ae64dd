"""Every request and response of our endpoints in the vectors, in each role."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from m3core.errors import ApiError, FieldError
from m3core.io import Authorization, HttpResponse, RequestId
from m3core.rest.body import read_body, write_body
from m3core.rest.errors import Challenge, Problem, api_error
from m3core.rest.routes import ENDPOINTS, Match, route
from m3core.values import InviteCode

_VECTORS = Path(__file__).parents[2] / "vectors"
_REST: list[dict[str, Any]] = json.loads((_VECTORS / "rest.json").read_text())
_ERRORS: list[dict[str, Any]] = json.loads((_VECTORS / "errors.json").read_text())
_BY_TYPE = {str(endpoint): endpoint for endpoint in ENDPOINTS}
_SERVED = [entry for entry in _REST if entry["type"] in _BY_TYPE]
_REQUESTS = [entry for entry in _SERVED if entry["direction"] == "to_server"]
_RESPONSES = [entry for entry in _SERVED if entry["direction"] == "to_client"]
_LATER_ONLY = {"r053"}  # fields of later servers, which are ignored


def _body(entry: dict[str, Any]) -> bytes:
    return b"" if entry["json"] is None else json.dumps(entry["json"]).encode()


def test_the_vectors_cover_every_endpoint() -> None:
    assert {entry["type"] for entry in _SERVED} == set(_BY_TYPE)


@pytest.mark.parametrize("entry", _REQUESTS, ids=lambda entry: str(entry["pair"]))
def test_requests(entry: dict[str, Any]) -> None:
    match = route(entry["method"], entry["path"])
    assert isinstance(match, Match)
    endpoint = match.endpoint
    assert str(endpoint) == entry["type"]
    sent = {name.lower(): value for name, value in entry["headers"].items()}
    typed = endpoint.read_request(_body(entry), sent.get("content-type"))

    bearer = sent.get("authorization", "").removeprefix("Bearer ")
    invite = InviteCode(bearer) if bearer.count("-") == 4 else None
    request = endpoint.request(RequestId(1), "https://controller.example.org", typed, invite=invite, **match.ids)
    assert request.method == entry["method"]
    assert request.url == "https://controller.example.org" + entry["path"].partition("?")[0]
    assert dict(request.headers).get("content-type") == sent.get("content-type")
    if invite:
        assert request.authorization is Authorization.INVITE
        assert dict(request.headers)["authorization"] == sent["authorization"]
    else:
        assert request.authorization is (Authorization.ACCOUNT if bearer else Authorization.NONE)
    if entry["json"] is None:
        assert request.body == b""
        return
    expected = dict(entry["json"])
    if entry["pair"] == "r028":  # null in a request means absent (rest.md § 1)
        assert expected.pop("resumption") is None
    assert json.loads(request.body) == expected


@pytest.mark.parametrize("entry", _RESPONSES, ids=lambda entry: str(entry["pair"]))
def test_responses(entry: dict[str, Any]) -> None:
    endpoint = _BY_TYPE[entry["type"]]
    typed = endpoint.read(HttpResponse(entry["status"], (), _body(entry)))
    if entry["pair"] in _LATER_ONLY:
        return
    answer = endpoint.response(typed)
    assert answer.status == entry["status"]
    if entry["json"] is None:
        assert (answer.headers, answer.body) == ((), b"")
        return
    assert dict(answer.headers) == {"content-type": "application/json"}
    assert json.loads(answer.body) == entry["json"]


@pytest.mark.parametrize("entry", _RESPONSES, ids=lambda entry: str(entry["pair"]))
def test_any_success_status_is_accepted(entry: dict[str, Any]) -> None:
    endpoint = _BY_TYPE[entry["type"]]
    for status in (200, 201, 204, 299):
        endpoint.read(HttpResponse(status, (), _body(entry)))


@pytest.mark.parametrize("entry", _ERRORS, ids=lambda entry: f"{entry['status']}-{entry['json']['code']}")
def test_errors(entry: dict[str, Any]) -> None:
    body = entry["json"]
    problem = Problem(
        entry["status"],
        body["code"],
        read_body(json.dumps(body.get("errors", [])).encode(), tuple[FieldError, ...]),
    )
    challenge = entry["headers"].get("WWW-Authenticate")
    if challenge:
        problem = problem.with_header("www-authenticate", Challenge(challenge).value)
    answer = problem.response()
    assert answer.status == entry["status"]
    assert dict(answer.headers) == {name.lower(): value for name, value in entry["headers"].items()}
    assert json.loads(answer.body) == body

    error = api_error(answer, entry["type"])
    assert isinstance(error, ApiError)
    assert (error.status, error.code, error.what) == (entry["status"], body["code"], entry["type"])


def test_bodies_round_trip_through_the_writer() -> None:
    for entry in _REQUESTS:
        if entry["json"]:
            endpoint = _BY_TYPE[entry["type"]]
            typed = read_body(_body(entry), endpoint.request_type)
            assert read_body(write_body(typed), endpoint.request_type) == typed
