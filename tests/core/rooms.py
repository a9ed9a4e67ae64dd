"""One client engine in a room. The test is the server: it writes `join_success` and all later messages itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from worlds import hear_raw

from m3core.conference.commands import Commands
from m3core.conference.state import ConferenceState, Participant, Phase
from m3core.errors import CallRefused
from m3core.io import CallDone, CallId
from m3core.messages import decode_event
from m3core.messages.control import JoinSuccess
from m3core.testing.pair import World

EventT = TypeVar("EventT")

OWN = "00000000-0000-4000-8000-000000000001"
BOB = "00000000-0000-4000-8000-000000000002"
EVE = "00000000-0000-4000-8000-000000000003"
STARTED = "2024-03-05T09:30:00Z"


def entry(participant_id: str = BOB, name: str = "Bob", **more: Any) -> dict[str, Any]:
    """A participant entry; ``control`` in ``more`` is merged with the defaults."""
    control = {
        "display_name": name,
        "role": "guest",
        "participation_kind": "guest",
        "hand_is_up": False,
        "left_at": None,
    } | more.pop("control", {})
    return {"id": participant_id, "control": control, "media": {"is_presenter": True}, **more}


class Room:
    """A room with Ada, whose engine it is, and Bob. ``joined`` are further keys of `join_success`."""

    def __init__(self, **joined: Any) -> None:
        self.world = World()
        self.client = self.world.guest("Ada")
        while self.client.conference.phase is not Phase.JOINING:
            self.world.deliver(0)
        self.world.channels["up", 0].clear()  # the controller of the world receives nothing: the test is the server
        self.world.run()
        self.join(**joined)

    def join(self, **joined: Any) -> None:
        """Let the client receive `join_success`."""
        own = {"id": OWN, "display_name": "Ada", "role": "moderator", "participants": [entry()]}
        self.hear("control", "join_success", **{**own, "media": {"is_presenter": True}, **joined})

    def resume(self, **joined: Any) -> list[object]:
        """Let the modules enter the room again, as after a lost connection; return the events that were missed."""
        payload: dict[str, Any] = {
            "message": "join_success",
            "id": OWN,
            "display_name": "Ada",
            "role": "moderator",
            "participants": [],
        }
        payload |= {"media": {"is_presenter": True}, **joined}
        event = decode_event(json.dumps({"namespace": "control", "payload": payload}).encode())
        assert isinstance(event, JoinSuccess)
        modules = self.client.conference.modules.all
        for module in modules:
            module.touch()
            module.entered(event)
        self.client.tell(lambda conference, now: conference.advance(now))
        return [missed for module in modules for missed in module.missed_events()]

    def state(self) -> ConferenceState:
        """`Conference.state` as a property, so that type checkers do not narrow it between two reads."""
        return self.client.conference.state

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The payloads that the client sent, each with its namespace."""
        messages = [json.loads(data) for data in self.client.sent]
        return [{"namespace": one["namespace"], **one["payload"]} for one in messages]

    def own(self) -> Participant:
        """The participant whose engine it is."""
        own = self.state().own
        assert own is not None
        return own

    def hear(self, namespace: str, message: str, timestamp: str | None = STARTED, **fields: Any) -> None:
        """Let the client receive a message."""
        envelope: dict[str, Any] = {"namespace": namespace, "payload": {"message": message, **fields}}
        if timestamp is not None:
            envelope["timestamp"] = timestamp
        hear_raw(self.world, self.client, json.dumps(envelope).encode())

    def do(self, command: Callable[[Commands[CallId]], CallId]) -> CallId:
        """Give a command. The message is only noted in ``sent``: no server receives it."""
        call = self.client.do(lambda conference, now: command(conference.commands(now)))
        self.world.channels["up", 0].clear()
        return call

    def end(self, call: CallId) -> CallDone | None:
        """The `CallDone` of a call, or None if it is open."""
        return self.client.done.get(call)

    def result(self, call: CallId) -> object:
        """The result of a call that must be done already."""
        done = self.client.done[call]
        assert done.error is None, done.error
        return done.result

    def refused(self, call: CallId, namespace: str, slug: str) -> None:
        """Let the server refuse a call, and check that it ends with that error at once."""
        self.hear(namespace, "error", error=slug)
        error = self.client.done[call].error
        assert isinstance(error, CallRefused)
        assert error.code == slug

    def done_by_silence(self, call: CallId) -> None:
        """Let no answer come, and check that the call is done after `SILENCE_MEANS_DONE`."""
        assert self.end(call) is None
        self.world.sleep(0.3)
        assert self.result(call) is None

    def last(self, kind: type[EventT]) -> EventT:
        """The newest event, which must be of ``kind``."""
        event = self.client.events[-1]
        assert isinstance(event, kind), event
        return event

    def quietly(self, what: Callable[[], None]) -> None:
        """Check that ``what`` gives the user no event."""
        before = list(self.client.events)
        what()
        assert self.client.events == before
