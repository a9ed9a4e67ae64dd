"""What our controller says of where it is (`m3core.rest.discovery`), to anybody and at every level."""

from __future__ import annotations

import json

import pytest

from m3core.controller.config import ControllerConfig, TokenTable
from m3core.controller.engine import Controller
from m3core.controller.features import FeatureLevel
from m3core.io import HttpReply, HttpResponse, RequestId
from m3core.rest.discovery import API_PATH, CLIENT_PATH, read_api, read_client
from m3core.testing.pair import UTC_AT_ZERO, seeded_entropy

PUBLIC = "https://meet.example"


def asked(
    path: str, *, public_url: str = "", host: str = "", method: str = "GET", level: FeatureLevel = FeatureLevel.V0_16
) -> HttpResponse:
    controller = Controller(
        ControllerConfig(web_url="https://web.example", public_url=public_url, feature_level=level),
        TokenTable({}),
        entropy=seeded_entropy(),
        utc_at_zero=UTC_AT_ZERO,
    )
    controller.http_request(RequestId(7), method, path, (("host", host),) if host else (), b"", 0.0)
    (reply,) = controller.outputs()
    assert isinstance(reply, HttpReply)
    assert dict(reply.response.headers)["access-control-allow-origin"] == "*"
    return reply.response


@pytest.mark.parametrize("level", FeatureLevel)
def test_both_documents_are_there(level: FeatureLevel) -> None:
    client = asked(CLIENT_PATH, public_url=PUBLIC, host="10.0.0.1:80", level=level)
    assert json.loads(client.body) == {"opentalk_controller": {"base_url": PUBLIC}}
    assert read_client(client, "https://web.example") == PUBLIC
    api = asked(API_PATH, level=level)
    assert json.loads(api.body) == {"opentalk_api": {"v1": {"base_url": "/v1"}}}
    assert read_api(api, PUBLIC) == f"{PUBLIC}/v1"
    for answer in (client, api):
        assert (answer.status, dict(answer.headers)["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:9000", "[::1]:80", "demo.localhost"])
def test_without_a_public_url_it_is_where_it_was_asked(host: str) -> None:
    """The same through a forwarded port."""
    told = json.loads(asked(CLIENT_PATH, host=host).body)["opentalk_controller"]["base_url"]
    assert told == f"http://{host}".removesuffix(":80")


@pytest.mark.parametrize(
    "host",
    ["", "meet.example", "10.0.0.1:8080", "93.184.216.34", "127.0.0.1/evil", "127.0.0.1@evil.example", "\\", "a b"],
)
def test_who_came_through_something_is_not_told_what_is_behind_it(host: str) -> None:
    assert asked(CLIENT_PATH, host=host).status == 404


@pytest.mark.parametrize("path", [CLIENT_PATH, API_PATH])
def test_they_are_documents_and_nothing_else(path: str) -> None:
    assert asked(f"http://meet.example{path}?x=y", public_url=PUBLIC).status == 200
    assert asked(path, public_url=PUBLIC, method="HEAD").status == 200
    refused = asked(path, public_url=PUBLIC, method="POST")
    assert (refused.status, dict(refused.headers)["allow"]) == (405, "GET")
    assert asked(path, public_url=PUBLIC, method="OPTIONS").status == 204
    for other in (f"{path}/", f"/v1{path}", path.upper(), "/.well-known/opentalk"):
        assert asked(other, public_url=PUBLIC).status == 404
