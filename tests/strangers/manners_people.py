"""Participants of the test controller, and their entries in messages (signaling.md § 5.2)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from manners_switches import Json

if TYPE_CHECKING:
    from manners_socket import Socket


def now(seconds: float = 0.0) -> str:
    """The present time plus ``seconds``, as a timestamp of the wire."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@dataclass(eq=False)
class Person:
    """One participant. A client that comes back with its resumption token is the same one."""

    is_guest: bool
    room: str = ""
    """The id of the breakout room; empty for the main room."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    name: str = ""
    joined_at: str = field(default_factory=now)
    socket: Socket | None = None
    waits: bool = False
    accepted: bool = False
    is_in: bool = False
    """Whether the others are told that this participant is in the room."""
    is_ghost: bool = False
    lost_at: float | None = None
    """When the connection broke, by the clock of the tests."""
    hand: bool = False
    streams: dict[str, Json] = field(default_factory=dict)
    """The state of each completed stream, by `media_session_type`."""
    heard: list[tuple[str, Json]] = field(default_factory=list)
    """Namespace and payload of all messages that the client has sent."""

    def wire(self) -> Socket:
        """The open connection; fails if there is none."""
        assert self.socket is not None, "not connected"
        return self.socket

    def say(self, namespace: str, payload: Json) -> None:
        """Send a message to the client, if it is connected."""
        if self.socket is not None:
            self.socket.say({"namespace": namespace, "timestamp": now(), "payload": payload})

    def control(self) -> Json:
        """The part `control` of the entry."""
        return {
            "display_name": self.name,
            "role": "guest" if self.is_guest else "moderator",
            "participation_kind": "guest" if self.is_guest else "user",
            "hand_is_up": self.hand,
            "hand_updated_at": self.joined_at,
            "joined_at": self.joined_at,
            "left_at": None,
        }

    def entry(self) -> Json:
        """The entry that the others receive."""
        return {"id": self.id, "control": self.control(), "media": {"is_presenter": True, **self.streams}}


def token(make: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    """A ticket or token: 64 characters (signaling.md § 1)."""
    return make().hex + make().hex
