"""REST of the test controller: the endpoints that our clients call (rest.md § 4), as a table.

Any bearer is an access token of one and the same user, unless it has `expired` and the user has not logged in since
with another token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from manners_room import OWNER, Refusal, Room
from manners_switches import Json

if TYPE_CHECKING:
    from manners_http import Request

OPEN: Final = ("/.well-known/", "/v1/auth/login", "/v1/invite/verify", "/v1/turn")
"""Paths that need no access token. `start_invited` needs none either."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def says(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(body).encode(), {"content-type": "application/json", **headers})


def refusal(status: int, code: str, **headers: str) -> Answer:
    """A refusal with a code (rest.md § 1)."""
    return says({"code": code, "message": code.replace("_", " ")}, status, **headers)


class Rest:
    """The table. ``servers`` is the answer to `GET /turn`; ``more`` has answers to other calls, by method and path."""

    def __init__(self, room: Room) -> None:
        self.base_url = ""
        self.expired: set[str] = set()
        self.servers: list[Json] = []
        self.more: dict[tuple[str, str], Answer] = {}
        self.bodies: list[tuple[str, Json]] = []
        """Path and body of each call that had a body."""
        self._room = room
        self._calls: list[tuple[str, str, Callable[[Json], Answer]]] = [
            ("GET", r"/v1/auth/login", lambda _: says({"oidc": {"name": "none", "url": ""}})),
            ("POST", r"/v1/auth/login", lambda _: says({"permissions": []})),
            ("GET", r"/v1/users/me", lambda _: says(OWNER)),
            ("GET", r"/v1/turn", lambda _: says(self.servers) if self.servers else Answer(204)),
            ("POST", r"/v1/turn", lambda _: says(self.servers)),
            ("POST", r"/v1/invite/verify", self._verify),
            ("POST", r"/v1/events", lambda body: says(self._room.event(body))),
            ("GET", rf"/v1/rooms/{room.id}/event", lambda _: refusal(404, "not_found")),
            ("GET", rf"/v1/rooms/{room.id}", lambda _: says(self._room.resource())),
            ("POST", rf"/v1/rooms/{room.id}/invites", lambda _: says(self._room.invitation())),
            ("POST", rf"/v1/rooms/{room.id}/start", lambda body: self._start(body, guest=False)),
            ("POST", rf"/v1/rooms/{room.id}/start_invited", lambda body: self._start(body, guest=True)),
        ]

    def refuse(self, request: Request) -> Answer | None:
        """A refusal that needs no body, or None. It looks at token, access and content type, in this order."""
        path = request.path.partition("?")[0]
        if not path.startswith(OPEN) and not path.endswith("/start_invited"):
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or token in self.expired:
                challenge = 'Bearer error="invalid_token" error_description="The provided access token is invalid"'
                return refusal(401, "unauthorized", **{"www-authenticate": challenge})
        if (request.method, path) in self.more:
            return None
        if self._find(request.method, path) is None:
            return Answer(404) if path.startswith("/.well-known/") else Answer(403)
        if request.length and "json" not in request.headers.get("content-type", ""):
            return refusal(400, "invalid_content_type")
        return None

    def answer(self, request: Request) -> Answer:
        """The answer to a request whose body was read."""
        path = request.path.partition("?")[0]
        body: Json = {}
        if request.body:
            body = json.loads(request.body)
            self.bodies.append((path, body))
        call = self._find(request.method, path)
        if (request.method, path) in self.more or call is None:
            return self.more[request.method, path]
        try:
            return call(body)
        except Refusal as refused:
            return refusal(refused.status, refused.code)

    def _find(self, method: str, path: str) -> Callable[[Json], Answer] | None:
        return next(
            (call for wanted, where, call in self._calls if wanted == method and re.fullmatch(where, path)), None
        )

    def _verify(self, body: Json) -> Answer:
        if body["invite_code"] != self._room.invite:
            return refusal(404, "not_found")
        return says({"room_id": self._room.id, "password_required": False})

    def _start(self, body: Json, *, guest: bool) -> Answer:
        return says(self._room.start(body.get("breakout_room"), body.get("resumption"), guest=guest))
