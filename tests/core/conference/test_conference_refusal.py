"""What a client keeps of a refusal on the way into a room."""

from __future__ import annotations

import json

from m3core.conference.entrance import GuestEntrance
from m3core.errors import ApiError
from m3core.io import CallId, HttpResponse, RequestId
from m3core.testing.pair import BASE_URL, World
from m3core.values import Secret


def test_what_a_server_says_of_a_refusal_is_kept_unless_it_tells_the_password() -> None:
    for told, kept in (("the room is closed", "the room is closed"), ("'swordfish' is too short", "")):
        world = World()
        entrance = GuestEntrance(base_url=BASE_URL, invite_code=world.invite_code, password=Secret("swordfish"))
        bob = world._enter(entrance, "Bob")
        for _ in range(2):
            world.channels["http", 0].popleft()()
        body = {"code": "gone", "message": told, "errors": [{"field": "password", "code": "invalid_length"}]}
        bob.conference.http_response(RequestId(2), HttpResponse(422, body=json.dumps(body).encode()), world.now)
        world.drain(bob)
        error = bob.done[CallId(1)].error
        assert isinstance(error, ApiError)
        assert (error.message, error.errors[0].field) == (kept, "password")
        assert "swordfish" not in repr(vars(error))
