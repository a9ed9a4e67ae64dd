"""A client that behaves as Mustang's does, with all that it takes for granted (media.md § 10 by row).

Where the real one would wait for ever for something that has gone by, this one raises `Failure` at once, so that a
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
"""Row 18: what the real one's validator takes for an address."""


class MustangClient:
    """One user's program. It has no time-outs on signalling; three seconds for each REST call is the real number."""

    def __init__(self, base_url: str, name: str, *, rest_timeout: float = 3.0) -> None:
        self.name = name
        self.welcome: Json = {}
        """`join_success`."""
        self.people: dict[str, Json] = {}
        """Who is there, by id: `name`, and `hand`."""
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
        """The own participant id."""
        return str(self.welcome["id"])

    # -- REST (rest.md § 4 and 5) ---
    async def join_as_guest(self, invite: str) -> None:
        """From the link into the room."""
        servers = await self.rest.ask("POST", "/turn", {})
        if not isinstance(servers, list):
            raise Failure("POST /turn is not answered with an array")
        _uris = [server["uris"] for server in servers]
        verified = await self.rest.ask("POST", "/invite/verify", {"invite_code": invite})
        body = {"breakout_room": None, "invite_code": invite}
        start = await self.rest.ask("POST", f"/rooms/{verified['room_id']}/start_invited", body)
        await self._enter(start["ticket"], "/signalling")

    async def join_as_owner(self, token: str) -> str:
        """From the login into a room of one's own; the code of an invitation."""
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
        """Join at once; it is in when all streams that it was told of are there."""
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
        """Row 1: two namespaces, and no `error`."""
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
        """The id of who is called so, as soon as they are there."""
        return await self.wire.find(
            lambda: next((id_ for id_, one in self.people.items() if one["name"] == name), None)
        )

    async def hand(self, who: str, *, up: bool) -> None:
        """Wait until somebody's hand is up, or not."""
        await self.wire.find(lambda: True if self.people[who]["hand"] is up else None)

    async def alone(self) -> None:
        """Wait until all others have left."""
        await self.wire.find(lambda: True if not self.people else None)

    async def raise_hand(self, *, up: bool = True) -> None:
        """Or lower it (row 14)."""
        await self.wire.send("control", {"action": "raise_hand" if up else "lower_hand"})

    async def hang_up(self) -> None:
        """Leave, as row 13 has it."""
        self.media.stop()
        if self.wire.end is None and self.welcome:
            await self.media.unpublish()
        await self.wire.close()
        await self.media.close()
        await self.rest.close()
