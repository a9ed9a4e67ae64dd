"""From the wire to the form of a recording and back. It has names for ids, and forms for times (tests/recordings).

Nothing here imports our packages, so that both sides of the comparison cannot share our mistakes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

UNKNOWN: Final = "00000000-0000-4000-8000-00000000abcd"
"""A valid id that belongs to nothing."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME: Final = re.compile(r"(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_NOW: Final = 2025
"""Times of earlier years come from the scenario and are kept as they are; later ones are those of the server."""
_LONG: Final = 250
"""A string with more characters is recorded by its length."""
UNORDERED: Final = {
    "participants", "waiting_room_participants", "results", "rooms", "enabled_modules", "groups_history"
}  # fmt: skip
"""Keys of lists whose order is arbitrary."""
_BY_KEY: Final = {"avatar_url": "<avatar>", "ticket": "<ticket>", "resumption": "<resumption>", "sdp": "<sdp>"}

_TRANSPORT: Final = (
    "c=IN IP4 0.0.0.0",
    "a=rtcp-mux",
    "a=ice-ufrag:f00d",
    "a=ice-pwd:0123456789abcdef01234567",
    "a=fingerprint:sha-256 " + ":".join(["0B"] * 32),
    "a=setup:actpass",
    "a=sendonly",
)
_AUDIO: Final = ("m=audio 9 UDP/TLS/RTP/SAVPF 111", *_TRANSPORT, "a=mid:0", "a=rtpmap:111 opus/48000/2")
_VIDEO: Final = ("m=video 9 UDP/TLS/RTP/SAVPF 96", *_TRANSPORT, "a=mid:1", "a=rtpmap:96 VP8/90000")


def _offer(bundle: str, *lines: str) -> str:
    session = ("v=0", "o=- 8731 2 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {bundle}")
    return "".join(f"{line}\r\n" for line in (*session, *lines))


_DESCRIPTIONS: Final = {
    "<sdp offer>": _offer("0 1", *_AUDIO, "a=ssrc:11 cname:r", *_VIDEO, "a=ssrc:12 cname:r"),
    "<sdp screen offer>": _offer("1", *_VIDEO, "a=ssrc:12 cname:r"),
    "<sdp broken>": "v=0\r\nnothing that describes anything\r\n",
    "<sdp empty>": "",
}


class Names:
    """The names of ids. ``names``: those that are known from the start."""

    def __init__(self, names: dict[str, str]) -> None:
        self._of: dict[str, str] = dict(names)
        self._counts: Counter[str] = Counter()
        self._display_names: dict[str, str] = {}

    def said(self, socket: str, frame: Any) -> None:
        """``socket`` sends ``frame``. Others see its display name before `join_success` tells its id: note the name."""
        match frame:
            case {"namespace": "control", "payload": {"action": "join", "display_name": str(name)}}:
                self._display_names[socket] = " ".join(name.split())

    def received(self, socket: str, frame: Any) -> None:
        """``socket`` receives ``frame``: name the ids that appear in it for the first time."""
        match frame:
            case {"namespace": "control", "payload": {"message": "join_success"} as payload}:
                self._name(payload.get("id"), f"<{socket}>")
                self._name((payload.get("tariff") or {}).get("id"), "<tariff>")
                self._name_rooms(payload.get("breakout") or {})
                for entry in (payload.get("moderation") or {}).get("waiting_room_participants") or ():
                    self._recognise(entry)
            case {"payload": {"message": "joined" | "joined_waiting_room" | "update"} as payload}:
                self._recognise(payload)
            case {"namespace": "polls", "payload": {"message": "started", "id": poll}}:
                self._count(poll, "poll")
            case {"namespace": "timer", "payload": {"message": "started", "timer_id": timer}}:
                self._count(timer, "timer")
            case {"namespace": "breakout", "payload": {"message": "started"} as payload}:
                self._name_rooms(payload)
            case {"namespace": "chat", "payload": {"message": "message_sent", "id": message}}:
                self._count(message, "message")

    def _recognise(self, entry: dict[str, Any]) -> None:
        display_name = (entry.get("control") or {}).get("display_name")
        for socket, name in self._display_names.items():
            if name == display_name and f"<{socket}>" not in self._of.values():
                self._name(entry.get("id"), f"<{socket}>")

    def _name_rooms(self, breakout: dict[str, Any]) -> None:
        for room in sorted(breakout.get("rooms") or (), key=lambda room: str(room["name"])):
            self._count(room["id"], "breakout")

    def _name(self, value: Any, name: str) -> None:
        if isinstance(value, str):
            self._of.setdefault(value, name)

    def _count(self, value: Any, kind: str) -> None:
        if isinstance(value, str) and value not in self._of:
            self._counts[kind] += 1
            self._of[value] = f"<{kind}{self._counts[kind]}>"

    # -- from a recording to the wire ---
    def real_text(self, text: str) -> str:
        """The text with ids in place of their names."""
        for value, name in self._of.items():
            text = text.replace(name, value)
        return text

    def real(self, value: Any) -> Any:
        """What a scenario sends, with ids in place of their names, and long values written out."""
        match value:
            case {"$repeat": [str(text), int(times)]}:
                return text * times
            case {"$many": [one, int(times)]}:
                return [self.real(one)] * times
            case {"$numbers": [str(text), int(count)]}:
                return [f"{text}{number}" for number in range(count)]
            case {"$nest": int(depth)}:
                nested: Any = 0
                for _ in range(depth):
                    nested = [nested]
                return nested
            case dict():
                return {self.real(key): self.real(inner) for key, inner in value.items()}
            case list():
                return [self.real(inner) for inner in value]
            case str() if value.startswith("<") and value.endswith(">"):
                return self._real_name(value)
        return value

    def _real_name(self, name: str) -> str:
        if name in _DESCRIPTIONS:
            return _DESCRIPTIONS[name]
        for value, known in self._of.items():
            if known == name:
                return value
        return UNKNOWN if re.fullmatch(r"<[a-z]+\d*>", name) else name

    # -- from the wire to a recording ---
    def normal(self, value: Any, key: str | None = None) -> Any:
        """What was received, in the form of the recordings."""
        match value:
            case dict():
                return {self.normal(inner): self.normal(value[inner], inner) for inner in value}
            case list():
                values = [self.normal(inner) for inner in value]
                return sorted(values, key=place) if key in UNORDERED else values
            case str():
                return self._normal_text(value, key)
        return value

    def _normal_text(self, value: str, key: str | None) -> str:
        if value and key in _BY_KEY:
            return _BY_KEY[key]
        if value == UNKNOWN:
            return "<unknown>"
        if _UUID.fullmatch(value):
            self._count(value, "id")
            return self._of[value]
        time = _TIME.fullmatch(value)
        if time and int(time[1]) >= _NOW:
            return "<time.f>" if time[2] else "<time>"
        return value if len(value) <= _LONG else f"<{len(value.encode())} bytes>"


def place(value: Any) -> tuple[str, str]:
    """The sort key for lists without an order: the id, and then the rest of the entry, since an id may occur twice."""
    name = value.get("id", value.get("name")) if isinstance(value, dict) else value
    return json.dumps(name), json.dumps(value, sort_keys=True)
