"""A client that behaves as Mustang's client does, with all that it relies on (the rows of media.md § 10).

Where the real one would wait for ever for a message that came already, this one raises `Failure` at once, so that a
test need not wait for it. Its streams are in `mustang_media`.
"""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any, Final

from mustang_media import MustangMedia
from stranger_wire import Bell, Failure, Json, Rest, Wire

PROTOCOL: Final = "k3k-signaling-json-v1.0"
E_MAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*\.[A-Za-z]{2,}")
"""Row 18: what the real client accepts as an e-mail address."""


class MustangClient:
    """The client of one user. It has no time-outs on signaling; the real one waits three seconds for a REST answer."""

    def __init__(self, base_url: str, name: str, *, rest_timeout: float = 3.0) -> None:
        self.name = name
        self.welcome: Json = {}
        """`join_success`."""
        self.people: dict[str, Json] = {}
        """The participants in the room by id: `name` and `hand`."""
        self.complaints: list[str] = []
        """Internal assertions that failed (row 8)."""
        self.bell = Bell()
        self.rest = Rest(base_url, rest_timeout)
        self.wire = Wire(self.bell, self._take)
        self.media = MustangMedia(self.wire, self.bell)
        self._base_url = base_url

    async def __aenter__(self) -> MustangClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()

    @property
    def id(self) -> str:
        """The participant id of this client."""
        return str(self.welcome["id"])

    # -- REST (rest.md § 4 and 5) ---
    async def join_as_guest(self, invite: str) -> None:
        """Join by an invite code."""
        servers = await self.rest.ask("POST", "/turn", {})
        if not isinstance(servers, list):
            raise Failure("POST /turn is not answered with an array")
        _uris = [server["uris"] for server in servers]
        verified = await self.rest.ask("POST", "/invite/verify", {"invite_code": invite})
        body = {"breakout_room": None, "invite_code": invite}
        start = await self.rest.ask("POST", f"/rooms/{verified['room_id']}/start_invited", body)
        await self._enter(start["ticket"], "/signalling")

    async def join_as_owner(self, token: str) -> str:
        """Log in, make a meeting and join it; return an invite code."""
        await self.rest.ask("POST", "/auth/login", {"id_token": token})
        profile = await self.rest.ask("GET", "/users/me", bearer=token)
        if not E_MAIL.fullmatch(profile["email"]):
            raise Failure(f"not an e-mail address: {profile['email']}")
        body: dict[str, Any] = {
            "title": "Stand-up",
            "description": "",
            "is_adhoc": True,
            "is_time_independent": True,
            "waiting_room": False,
            "recurrence_pattern": [],
        }
        event = await self.rest.ask("POST", "/events", body, bearer=token)
        room = event["room"]["id"]
        invite = await self.rest.ask("POST", f"/rooms/{room}/invites", {}, bearer=token)
        start = await self.rest.ask("POST", f"/rooms/{room}/start", {"breakout_room": None}, bearer=token)
        await self.rest.ask("GET", "/turn", bearer=token)
        await self._enter(start["ticket"], "/signaling")
        return str(invite["invite_code"])

    # -- the way in (rows 2 and 3) ---
    async def _enter(self, ticket: str, path: str) -> None:
        """Open the WebSocket and join. Joining ends when all streams in `join_success` are subscribed."""
        selected = await self.wire.open(self._base_url, path, PROTOCOL, ticket)
        if selected != PROTOCOL:
            raise Failure(f"the server has selected {selected}")
        await self.wire.send("control", {"action": "join", "display_name": self.name})
        await self.wire.heard("control", "join_success")
        await self.media.subscribed()

    def _welcome(self, payload: Json) -> None:
        if not payload.get("id") or not payload.get("role") or not isinstance(payload.get("participants"), list):
            raise Failure("join_success without id, role or participants")
        self.welcome = payload
        self.media.own_id = payload["id"]
        for entry in payload["participants"]:
            self._note(entry)

    def _note(self, entry: Json) -> None:
        control = entry["control"]
        if not isinstance(entry["id"], str) or not isinstance(control["display_name"], str):
            raise Failure("a participant without id or name")
        if not control.get("left_at"):
            self.people[entry["id"]] = {"name": control["display_name"], "hand": control.get("hand_is_up")}
            self.media.announced(entry["id"], entry.get("media"))

    # -- in the room ---
    def _take(self, namespace: str, payload: Json) -> None:
        """Row 1: it knows two namespaces, and no `error`."""
        if namespace == "media":
            self.media.take(payload)
        elif namespace == "control":
            who = payload.get("id", "")
            match payload["message"]:
                case "join_success":
                    self._welcome(payload)
                case "joined":
                    self._note(payload)
                case "update" | "left" if who not in self.people:  # row 8
                    self.complaints.append(f"{payload['message']} of somebody unknown")
                case "update":
                    self._note(payload)
                case "left":
                    del self.people[who]
                    self.media.forget(who)

    async def person(self, name: str) -> str:
        """Wait for a participant of this name; return the id."""
        return await self.wire.find(
            lambda: next((id_ for id_, one in self.people.items() if one["name"] == name), None)
        )

    async def hand(self, who: str, *, up: bool) -> None:
        """Wait until the hand of a participant is up, or down."""
        await self.wire.find(lambda: True if self.people[who]["hand"] is up else None)

    async def others_left(self) -> None:
        """Wait until all others have left."""
        await self.wire.find(lambda: True if not self.people else None)

    async def raise_hand(self, *, up: bool = True) -> None:
        """Raise or lower the hand (row 14)."""
        await self.wire.send("control", {"action": "raise_hand" if up else "lower_hand"})

    async def hang_up(self) -> None:
        """Leave, as in row 13."""
        self.media.stop()
        if self.wire.end is None and self.welcome:
            await self.media.unpublish()
        await self.wire.close()
        await self.media.close()
        await self.rest.close()
