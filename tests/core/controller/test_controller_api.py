"""The REST server role, by raw requests through the controller: the capture's flow, the order of checks, errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from everything import EVENT as WHOLE_EVENT
from worlds import VIDEO

from m3core.controller import store
from m3core.controller.config import ControllerConfig, Identities, TokenTable, User
from m3core.controller.engine import Controller
from m3core.controller.features import FeatureLevel
from m3core.io import HttpReply, HttpResponse, RequestId
from m3core.limits import MAX_STREAMING_TARGETS
from m3core.rest.events import CreateEvent
from m3core.rest.routes import ENDPOINTS
from m3core.rest.turn import TurnServer
from m3core.testing.pair import OWNER, OWNER_TOKEN, UTC_AT_ZERO, World, seeded_entropy
from m3core.values import Secret, UserId, is_uuid

OTHER = User(id=UserId("2c1b3d9a-6a05-4bb5-9a5e-54c4ef2f2a31"), email="eve@example.org", display_name="Eve")
OTHER_TOKEN = Secret("other-token")
NOWHERE = "00000000-0000-4000-8000-000000000000"
EVENT = {"title": "Team", "description": "", "is_time_independent": True, "is_adhoc": True}


class Rest:
    """A controller, asked over HTTP."""

    def __init__(self, config: ControllerConfig | None = None, identities: Identities | None = None) -> None:
        self.controller = Controller(
            config or ControllerConfig(web_url="https://meet.example", issuer="https://id.example"),
            identities or TokenTable({OWNER_TOKEN: OWNER, OTHER_TOKEN: OTHER}),
            entropy=seeded_entropy(),
            utc_at_zero=UTC_AT_ZERO,
        )

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str | None = None,
        now: float = 0.0,
        kind: str = "application/json",
    ) -> HttpResponse:
        headers = (("content-type", kind),) if body is not None else ()
        if token is not None:
            headers = (*headers, ("authorization", token))
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.controller.http_request(RequestId(7), method, f"/v1{path}", headers, data, now)
        (reply,) = self.controller.outputs()
        assert isinstance(reply, HttpReply)
        assert reply.id == 7
        names = dict(reply.response.headers)
        assert is_uuid(names["x-request-id"])
        assert names["access-control-allow-origin"] == "*"
        return reply.response

    def owner(self, method: str, path: str, body: object = None) -> HttpResponse:
        return self.ask(method, path, body, f"Bearer {OWNER_TOKEN.reveal()}")

    def room(self, **fields: object) -> tuple[str, str]:
        """Log in, make a room and an invitation."""
        self.owner("POST", "/auth/login", {"id_token": OWNER_TOKEN.reveal()})
        room = json.loads(self.owner("POST", "/events", {**EVENT, **fields}).body)["room"]["id"]
        return room, json.loads(self.owner("POST", f"/rooms/{room}/invites", {}).body)["invite_code"]


def problem(response: HttpResponse) -> tuple[int, str]:
    body: Mapping[str, Any] = json.loads(response.body) if response.body else {}
    if response.body:
        assert dict(response.headers)["content-type"] == "text/json; charset=utf-8"
    return response.status, str(body.get("code", ""))


def test_the_flow_of_the_capture() -> None:
    web, issuer = "https://meet.example", "https://id.example"
    rest = Rest(ControllerConfig(web_url=web, issuer=issuer, feature_level=FeatureLevel.CAPTURE))
    login = rest.ask("GET", "/auth/login")
    assert json.loads(login.body) == {"oidc": {"name": "default", "url": "https://id.example"}}
    login = rest.owner("POST", "/auth/login", {"id_token": OWNER_TOKEN.reveal()})
    assert (login.status, login.body) == (200, b"")
    me = json.loads(rest.owner("GET", "/users/me").body)
    assert me["email"] == OWNER.email
    assert me["dashboard_theme"] == "system"
    event = json.loads(rest.owner("POST", "/events", {**EVENT, "password": "s3cret"}).body)
    assert (event["title"], event["is_adhoc"], event["type"]) == ("Team", True, "single")
    assert len(event["room"]["sip_id"]) == 10
    assert json.loads(rest.owner("GET", f"/events/{event['id']}").body) == event
    room = event["room"]["id"]
    found = json.loads(rest.owner("GET", f"/rooms/{room}").body)
    assert found["created_by"]["id"] == OWNER.id
    assert found["password"] == "s3cret"
    assert len(found["created_at"]) == len("2024-03-05T09:30:00.000000Z")
    invite = json.loads(rest.owner("POST", f"/rooms/{room}/invites", {}).body)
    assert invite["active"] is True
    code = invite["invite_code"]
    assert rest.controller.invite_url(code) == f"https://meet.example/invite/{code}"
    assert rest.ask("POST", "/turn", {}).body == b"[]"
    for spelling in (code, code.upper()):
        verified = json.loads(rest.ask("POST", "/invite/verify", {"invite_code": spelling}).body)
        assert verified == {"room_id": room}  # S; later servers say more
        body = {"breakout_room": None, "invite_code": spelling, "password": "s3cret"}
        started = json.loads(rest.ask("POST", f"/rooms/{room}/start_invited", body).body)
        assert len(started["ticket"]) == len(started["resumption"]) == 64
        turn = rest.ask("GET", "/turn", token=f"Bearer {spelling}")
        assert (turn.status, turn.body) == (204, b"")
    started = json.loads(rest.owner("POST", f"/rooms/{room}/start", {"breakout_room": None}).body)
    assert len(started["ticket"]) == 64
    assert rest.owner("GET", "/turn").status == 204


def test_a_recurring_event() -> None:
    rest = Rest()
    rest.room()
    times = {
        "is_time_independent": False,
        "is_all_day": False,
        "starts_at": {"datetime": "2024-03-06T10:00:00Z", "timezone": "Europe/Berlin"},
        "ends_at": {"datetime": "2024-03-06T11:00:00Z", "timezone": "Europe/Berlin"},
        "recurrence_pattern": ["RRULE:FREQ=WEEKLY"],
    }
    event = json.loads(rest.owner("POST", "/events", {**EVENT, **times}).body)
    assert event["type"] == "recurring"
    assert event["starts_at"] == times["starts_at"]


def test_start_checks_in_the_order_of_the_protocol() -> None:
    rest = Rest()
    room, _ = rest.room()
    path, body = f"/rooms/{room}/start", {"breakout_room": NOWHERE}
    assert problem(rest.ask("POST", path, body)) == (401, "unauthorized")
    assert problem(rest.ask("POST", path, body, "Bearer nobody")) == (401, "unauthorized")
    assert problem(rest.ask("POST", path, body, f"Basic {OWNER_TOKEN.reveal()}")) == (401, "unauthorized")
    other = f"Bearer {OTHER_TOKEN.reveal()}"
    assert problem(rest.ask("POST", path, body, other)) == (401, "unknown_sub")
    rest.ask("POST", "/auth/login", {"id_token": OTHER_TOKEN.reveal()})
    assert problem(rest.ask("POST", path, body, other)) == (403, "")
    assert problem(rest.owner("POST", f"/rooms/{NOWHERE}/start", body)) == (403, "")  # before the look-up
    assert problem(rest.owner("POST", path, b"{")) == (400, "invalid_json")
    assert problem(rest.owner("POST", path, body)) == (400, "no_breakout_rooms")
    challenge = dict(rest.ask("POST", path, body).headers)["www-authenticate"]
    assert "access token is invalid" in challenge


def test_an_operator_may_open_all_rooms_to_all_users() -> None:
    """With `open_rooms` users may start in every room, and do nothing else there (rest.md § 4)."""
    rest = Rest(ControllerConfig(web_url="https://meet.example", open_rooms=True))
    room, _ = rest.room()
    other = f"Bearer {OTHER_TOKEN.reveal()}"
    assert problem(rest.ask("POST", f"/rooms/{room}/start", {}, other)) == (401, "unknown_sub")
    rest.ask("POST", "/auth/login", {"id_token": OTHER_TOKEN.reveal()})
    assert rest.ask("POST", f"/rooms/{room}/start", {}, other).status == 200
    assert problem(rest.ask("POST", f"/rooms/{NOWHERE}/start", {}, other)) == (404, "not_found")
    assert problem(rest.ask("GET", f"/rooms/{room}", None, other)) == (403, "")
    assert problem(rest.ask("POST", f"/rooms/{room}/invites", {}, other)) == (403, "")


def test_start_invited_checks_in_the_order_of_the_protocol() -> None:
    rest = Rest()
    room, code = rest.room(password="s3cret")
    other_room, _ = rest.room()

    def start(path_room: str = room, **fields: object) -> tuple[int, str]:
        return problem(rest.ask("POST", f"/rooms/{path_room}/start_invited", {"breakout_room": NOWHERE, **fields}))

    assert start(invite_code="no-uuid") == (422, "validation_failed")
    assert start(other_room, invite_code=NOWHERE) == (404, "not_found")
    assert start(other_room, invite_code=code) == (400, "bad_request")
    assert start(invite_code=code) == (401, "wrong_room_password")
    assert start(invite_code=code, password="guess") == (401, "wrong_room_password")
    assert start(invite_code=code, password="s3cret") == (400, "no_breakout_rooms")
    body = {"invite_code": code, "password": "s3cret", "breakout_room": None}
    assert rest.ask("POST", f"/rooms/{room}/start_invited", body).status == 200


def test_at_the_first_level_an_expiration_is_looked_at_by_verify_only() -> None:
    rest = Rest(ControllerConfig(web_url="https://meet.example", feature_level=FeatureLevel.CAPTURE))
    room, _ = rest.room()
    expiring = {"expiration": "2024-03-05T09:30:10Z"}
    code = json.loads(rest.owner("POST", f"/rooms/{room}/invites", expiring).body)["invite_code"]
    assert rest.ask("POST", "/invite/verify", {"invite_code": code}, now=9.9).status == 200
    assert problem(rest.ask("POST", "/invite/verify", {"invite_code": code}, now=10.0)) == (404, "not_found")
    assert rest.ask("POST", f"/rooms/{room}/start_invited", {"invite_code": code}, now=10.0).status == 200
    assert rest.ask("GET", "/turn", token=f"Bearer {code}", now=10.0).status == 204
    assert problem(rest.ask("POST", "/invite/verify", {"invite_code": NOWHERE})) == (404, "not_found")


def test_later_servers_tell_whether_a_password_is_needed() -> None:
    rest = Rest(ControllerConfig(web_url="https://meet.example", feature_level=FeatureLevel.V0_3))
    for password in (None, "s3cret"):
        room, code = rest.room(password=password)
        verified = json.loads(rest.ask("POST", "/invite/verify", {"invite_code": code}).body)
        assert verified == {"room_id": room, "password_required": password is not None}


def test_made_up_values_pass_strict_validators() -> None:
    """Foreign clients check addresses, URLs and languages before they go on (media.md § 10, row 18)."""
    rest = Rest(ControllerConfig(web_url="https://meet.example"))
    url = json.loads(rest.ask("GET", "/auth/login").body)["oidc"]["url"]
    assert re.fullmatch(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+", url)
    rest.room()
    me = json.loads(rest.owner("GET", "/users/me").body)
    assert re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", me["language"])


TARGET = {
    "name": "Live",
    "kind": "custom",
    "streaming_endpoint": "rtmp://stream.example.org/live",
    "streaming_key": "k3y",
    "public_url": "https://stream.example.org/watch",
}
EVERYTHING = {**WHOLE_EVENT, "waiting_room": True, "has_shared_folder": False, "streaming_targets": [TARGET]}


def test_every_field_of_an_event_is_stored_or_refused() -> None:
    rest = Rest()
    rest.room()
    assert EVERYTHING.keys() == {field.name for field in attrs.fields(CreateEvent)}
    event = json.loads(rest.owner("POST", "/events", EVERYTHING).body)
    assert json.loads(rest.owner("GET", f"/events/{event['id']}").body) == event
    (target,) = event["streaming_targets"]
    assert is_uuid(target.pop("id"))
    told = {**event["room"], **event, "streaming_targets": [target]}
    unknown = {"has_shared_folder": None, "e2e_encryption": None}  # the latter came after 0.16
    assert {name: told.get(name) for name in EVERYTHING} == {**EVERYTHING, **unknown}
    room = json.loads(rest.owner("GET", f"/rooms/{event['room']['id']}").body)
    assert (room["password"], room["waiting_room"]) == ("s3cret", True)
    refused = rest.owner("POST", "/events", {**EVERYTHING, "has_shared_folder": True})
    assert problem(refused) == (422, "validation_failed")
    (error,) = json.loads(refused.body)["errors"]
    assert (error["field"], error["code"]) == ("has_shared_folder", "invalid_value")


def test_streaming_targets_are_bounded() -> None:
    rest = Rest()
    rest.room()
    for targets in ([TARGET] * (MAX_STREAMING_TARGETS + 1), [{**TARGET, "streaming_key": "k" * 1025}]):
        refused = rest.owner("POST", "/events", {**EVERYTHING, "streaming_targets": targets})
        assert [error["field"] for error in json.loads(refused.body)["errors"]] == ["streaming_targets"]


def test_the_answer_to_a_login_has_permissions() -> None:
    """Web clients read the answer; only the capture has an empty body."""
    for level in FeatureLevel:
        rest = Rest(ControllerConfig(web_url="https://meet.example", feature_level=level))
        answer = rest.owner("POST", "/auth/login", {"id_token": OWNER_TOKEN.reveal()})
        assert answer.body == (b"" if level is FeatureLevel.CAPTURE else b'{"permissions":[]}')


def test_a_room_with_a_waiting_room() -> None:
    rest = Rest()
    room, _ = rest.room(waiting_room=True)
    assert json.loads(rest.owner("GET", f"/rooms/{room}").body)["waiting_room"] is True


def test_errors() -> None:
    rest = Rest()
    room, _ = rest.room()
    refused = rest.ask("POST", "/auth/login", {"id_token": "forged"})
    assert problem(refused) == (401, "unauthorized")
    assert "id token" in dict(refused.headers)["www-authenticate"]
    assert problem(rest.owner("POST", "/events", {**EVENT, "is_time_independent": False})) == (400, "bad_request")
    assert problem(rest.owner("POST", "/events", {**EVENT, "title": "x" * 256})) == (422, "validation_failed")
    assert problem(rest.owner("GET", f"/events/{NOWHERE}")) == (403, "")
    assert problem(rest.owner("GET", f"/rooms/{NOWHERE}")) == (403, "")
    assert problem(rest.owner("GET", "/rooms/..%2f..%2fadmin")) == (404, "not_found")
    assert problem(rest.owner("DELETE", f"/rooms/{room}")) == (405, "method_not_allowed")
    assert problem(rest.ask("GET", "/turn", token="Bearer nobody")) == (401, "unauthorized")
    text = f"Bearer {OWNER_TOKEN.reveal()}"
    assert problem(rest.ask("POST", "/events", EVENT, text, kind="text/plain")) == (400, "invalid_content_type")
    rest.ask("POST", "/auth/login", {"id_token": OTHER_TOKEN.reveal()})
    event = json.loads(rest.owner("POST", "/events", EVENT).body)["id"]
    assert problem(rest.ask("GET", f"/events/{event}", token=f"Bearer {OTHER_TOKEN.reveal()}")) == (403, "")


def test_any_page_may_ask() -> None:
    rest = Rest()
    for path in ("/users/me", "/nowhere"):
        answer = rest.ask("OPTIONS", path)
        assert answer.status == 204
        assert dict(answer.headers)["access-control-allow-headers"] == "authorization, content-type"


def test_turn_servers() -> None:
    secret = TurnServer(username="1:x", password=Secret("hidden"), uris=("turn:turn.example",))
    stun = TurnServer(uris=("stun:stun.example",))
    rest = Rest(ControllerConfig(web_url="https://meet.example", turn_servers=(secret, stun)))
    _, code = rest.room()
    assert len(json.loads(rest.ask("GET", "/turn", token=f"Bearer {code}").body)) == 2
    anonymous = json.loads(rest.ask("POST", "/turn", {}).body)
    assert anonymous == [{"uris": ["stun:stun.example"]}]  # no credentials for those who did not say who they are


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = Rest()
    room, _ = rest.room()
    monkeypatch.setattr(store, "MAX_REST_OBJECTS", 1)
    assert problem(rest.owner("POST", "/events", EVENT)) == (500, "internal_server_error")
    assert problem(rest.owner("POST", f"/rooms/{room}/invites", {})) == (500, "internal_server_error")


def test_users_have_worlds_too() -> None:
    cyd = User(id=OTHER.id, email=OTHER.email, display_name="Cyd")
    world = World(ControllerConfig(web_url="http://127.0.0.1:8080", open_rooms=True), users=[cyd])
    client = world.user("Cyd")
    world.run()
    assert client.conference.own is not None
    assert client.conference.own.role.value == "user"


def test_every_endpoint_has_a_handler() -> None:
    rest = Rest()
    rest.room()
    for endpoint in ENDPOINTS:
        path = "/".join(NOWHERE if segment.startswith("{") else segment for segment in endpoint.segments)
        assert rest.owner(endpoint.method, f"/{path}", {}).status not in {405, 500}, endpoint


def test_the_users_of_a_room() -> None:
    """A user who is not the owner comes by the invitation, as a guest (rest.md § 4, start_invited)."""
    world = World()
    ada = world.owner("Ada")
    guest = world.guest("Ada again")
    world.run()
    assert guest.conference.own is not None
    assert guest.conference.own.role.value == "guest"
    assert ada.conference.state.participants[guest.id].streams.get(VIDEO) is None
