"""A client that behaves as OpenTalk's web client does: its heartbeat, the order of its REST calls, its waiting room.

Its streams are in `opentalk_media`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

from opentalk_media import OpenTalkMedia
from stranger_wire import Bell, Failure, Json, Rest, Wire

PROTOCOL: Final = "opentalk-signaling-json-v1.0"
ENTRANCE: Final = ("join_success", "join_blocked", "in_waiting_room", "accepted", "error")


class OpenTalkClient:
    """One tab of a browser. The defaults are the numbers of the real client, in seconds."""

    def __init__(
        self,
        base_url: str,
        name: str,
        *,
        interval: float = 12.0,
        patience: float = 10.0,
        retry: float = 10.0,
        rest_timeout: float = 10.0,
    ) -> None:
        self.name = name
        self.failures: list[str] = []
        """Why the real client would have ended the conference."""
        self.beats = 0
        """Heartbeats that were answered."""
        self.welcome: Json = {}
        """`join_success`."""
        self.people: dict[str, Json] = {}
        """The entries of the participants in the room, by id."""
        self.bell = Bell()
        self.rest = Rest(base_url, rest_timeout)
        self.wire = Wire(self.bell, self._take)
        self.media = OpenTalkMedia(self.wire, self.bell)
        self._base_url = base_url
        self._interval, self._patience, self._retry = interval, patience, retry
        self._heart: asyncio.Task[None] | None = None
        self._entrance: asyncio.Queue[Json] = asyncio.Queue()

    async def __aenter__(self) -> OpenTalkClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    @property
    def id(self) -> str:
        """The participant id of this client."""
        return str(self.welcome["id"])

    # -- REST (rest.md § 5) ---
    async def log_in(self, token: str) -> Json:
        """Log in as the owner; return the profile."""
        provider = await self.rest.ask("GET", "/auth/login")
        assert isinstance(provider["oidc"]["url"], str)
        registered = await self.rest.ask("POST", "/auth/login", {"id_token": token})
        if not isinstance(registered, dict) or not isinstance(registered.get("permissions"), list):
            raise Failure("the login has no permissions")
        profile: Json = await self.rest.ask("GET", "/users/me", bearer=token)
        return profile

    async def make_meeting(self, token: str, **more: Any) -> tuple[str, str]:
        """Make a meeting; return the id of its room, and an invite code."""
        body = {"title": "Stand-up", "description": "", "is_time_independent": True, "is_adhoc": False, **more}
        event = await self.rest.ask("POST", "/events", body, bearer=token)
        room = event["room"]["id"]
        invite = await self.rest.ask("POST", f"/rooms/{room}/invites", {}, bearer=token)
        return room, invite["invite_code"]

    async def connect_as_owner(self, token: str, room: str) -> None:
        """Get a ticket as the owner and open the WebSocket."""
        start = await self.rest.ask("POST", f"/rooms/{room}/start", {"breakout_room": None}, bearer=token)
        await self._connect(start["ticket"], token)

    async def connect_as_guest(self, invite: str) -> None:
        """Get a ticket by the invite code and open the WebSocket."""
        await self.rest.ask("GET", "/auth/login")
        verified = await self.rest.ask("POST", "/invite/verify", {"invite_code": invite})
        assert verified["password_required"] is False
        body = {"breakout_room": None, "invite_code": invite}
        start = await self.rest.ask("POST", f"/rooms/{verified['room_id']}/start_invited", body)
        await self._connect(start["ticket"], invite)

    async def _connect(self, ticket: str, bearer: str) -> None:
        servers = await self.rest.ask("GET", "/turn", bearer=bearer)
        assert servers is None or isinstance(servers, list)
        selected = await self.wire.open(self._base_url, "/signaling", PROTOCOL, ticket)
        if selected != PROTOCOL:
            raise Failure(f"the server has selected {selected}")
        self._heart = asyncio.create_task(self._beat())

    # -- the heartbeat (signaling.md § 2) ---
    async def _beat(self) -> None:
        with suppress(Failure):  # the connection is closed: `Wire` reports that
            while True:
                before = self.beats
                await self.wire.send("echo", {"action": "ping"})
                try:
                    async with asyncio.timeout(self._patience):
                        await self.beaten(before + 1)
                except TimeoutError:
                    self.failures.append(f"no echo for {self._patience} seconds")
                    self.bell.ring()
                    await self.wire.close()
                    return
                await asyncio.sleep(self._interval)

    async def beaten(self, times: int) -> None:
        """Wait until so many heartbeats were answered in all."""
        await self.wire.find(lambda: True if self.beats >= times else None)

    # -- the way in (signaling.md § 5, 6) ---
    async def join(self) -> None:
        """Join the room, through the waiting room if there is one; try again while the room is full."""
        await self._ask_in()
        while True:
            answer = await self._entrance.get()
            match answer["message"]:
                case "join_success":
                    self._check(answer)
                    return
                case "join_blocked":
                    await asyncio.sleep(self._retry)
                    await self._ask_in()
                case "accepted":
                    await self.wire.send("control", {"action": "enter_room"})
                case "in_waiting_room":
                    continue
                case _:
                    raise Failure(f"not let in: {answer}")

    async def _ask_in(self) -> None:
        await self.wire.send("control", {"action": "join", "display_name": self.name})

    def _check(self, welcome: Json) -> None:
        """The real client refuses the whole message if one of these is missing."""
        tariff, media = welcome.get("tariff") or {}, welcome.get("media") or {}
        if not isinstance(tariff.get("quotas"), dict):
            raise Failure("join_success without tariff.quotas")
        if (media.get("force_mute") or {}).get("type") not in {"enabled", "disabled"}:
            raise Failure("join_success without media.force_mute")

    # -- in the room ---
    def _take(self, namespace: str, payload: Json) -> None:
        message = payload.get("message")
        if namespace == "echo":
            self.beats += payload == {"action": "ping"}
        elif namespace in {"control", "moderation"} and message in ENTRANCE and not self.welcome:
            if message == "join_success":
                self._welcome(payload)
            self._entrance.put_nowait(payload)
        elif namespace == "control":
            self._take_control(payload)
        elif namespace == "media" and message == "webrtc_down":
            self.media.forget(payload["source"], payload["media_session_type"])

    def _welcome(self, payload: Json) -> None:
        self.welcome = payload
        self.media.own_id = payload["id"]
        for entry in payload["participants"]:
            if not entry["control"].get("left_at"):
                self._note(entry)

    def _take_control(self, payload: Json) -> None:
        match payload["message"]:
            case "joined":
                self._note(payload)
            case "update" if payload["id"] in self.people:
                self._note(payload)
            case "left":
                self.people.pop(payload["id"], None)
                self.media.forget_all(payload["id"])

    def _note(self, entry: Json) -> None:
        """Merge an entry with what is known: keys that it has replace older ones (signaling.md § 5.2)."""
        known = self.people.setdefault(entry["id"], {})
        known.update(entry)
        self.media.announced(entry["id"], known["media"])

    async def person(self, name: str) -> str:
        """Wait for a participant of this name; return the id."""

        def find() -> str | None:
            return next((who for who, one in self.people.items() if one["control"]["display_name"] == name), None)

        return await self.wire.find(find)

    async def flags(self, who: str, *, audio: bool, video: bool) -> None:
        """Wait until the entry of a participant has these states of microphone and camera."""
        wanted = {"audio": audio, "video": video}
        await self.wire.find(lambda: True if self.people[who]["media"].get("video") == wanted else None)

    async def hand(self, who: str, *, up: bool) -> None:
        """Wait until the hand of a participant is up, or down."""
        await self.wire.find(lambda: True if self.people[who]["control"]["hand_is_up"] is up else None)

    async def raise_hand(self, *, up: bool = True) -> None:
        """Raise or lower the hand; the server acknowledges that from 0.9 on."""
        since = len(self.wire.log)
        await self.wire.send("control", {"action": "raise_hand" if up else "lower_hand"})
        await self.wire.heard("control", "hand_raised" if up else "hand_lowered", since)

    async def chat(self, text: str) -> None:
        """Write to all, and wait until the message comes back."""
        await self.wire.send("chat", {"action": "send_message", "scope": "global", "content": text})
        await self.wire.heard("chat", "message_sent", source=self.id, content=text)

    async def leave(self) -> None:
        """Leave, as when the tab of the browser is closed."""
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)
        self.media.stop()
        await self.wire.close()
        await self.media.close()
        await self.rest.close()
