"""Target: a script of what several participants, REST clients, the media server and time do to a whole controller."""

from __future__ import annotations

import json
from contextlib import suppress

from fuzz_script import Script
from stage import Line, Stage

from m3core.controller.features import FeatureLevel
from m3core.controller.peers import Subscription
from m3core.io import Down, PeerId, RequestId, Talking
from m3core.messages.namespaces import NAMESPACES, UNTYPED_NAMESPACES
from m3core.testing.pair import OWNER_TOKEN

LEVELS = tuple(FeatureLevel)
PEOPLE = 5
NAMES = [*NAMESPACES, *UNTYPED_NAMESPACES, "echo", "nothing"]
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "HEAD")
PATHS = ("/events", "/rooms/{room}", "/rooms/{room}/start", "/rooms/{room}/start_invited", "/invite/verify", "/turn",
         "/rooms/{room}/invites", "/users/me", "/auth/login", "/services/recording/start")  # fmt: skip
STEPS = 200


class Play:
    """The state of one script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        level = script.one_of(LEVELS)
        self.stage = Stage(level, waiting_room=bool(script.byte() & 1))
        self.lines: list[Line | None] = [None] * PEOPLE

    def step(self) -> None:
        """One action of anybody."""
        who = self.script.byte() % PEOPLE
        line = self.lines[who]
        if line is None or not line.is_open:
            self.come(who)
            return
        match self.script.byte() % 8:
            case 0 | 1 | 2 | 3:
                self.say(line)
            case 4:
                line.send(self.script.line())
            case 5:
                line.leave()
            case 6:
                self.request()
            case _:
                self.elsewhere()

    def come(self, who: int) -> None:
        name = "Ada" if who == 0 else f"Guest{who}"
        status, started = self.stage.start(name.lower())
        if status != 200:
            return
        line = self.stage._line(name, (status, started))
        self.lines[who] = line
        if not self.script.byte() & 1:
            line.say("control", "join", display_name=name)

    def say(self, line: Line) -> None:
        """A payload whose words may be ids that are in use: without them few commands have an effect."""
        namespace = self.script.one_of(NAMES)
        text = self.script.line().decode("utf-8", "replace")
        for index, other in enumerate(self.lines):
            if other is not None and other.who in self.stage.ids:
                text = text.replace(f"@{index}", other.id)
        with suppress(ValueError):
            line.say_payload(namespace, json.loads(text))

    def request(self) -> None:
        method, path = self.script.one_of(METHODS), self.script.one_of(PATHS).format(room=self.stage.room)
        headers = [("content-type", "application/json")]
        if self.script.byte() & 1:
            headers.append(("authorization", f"Bearer {OWNER_TOKEN.reveal()}"))
        body = self.script.line().replace(b"@invite", self.stage.invite.encode())
        self.stage.controller.http_request(RequestId(1), method, f"/v1{path}", tuple(headers), body, self.stage.now)
        self.stage.drain()
        (response,), self.stage._replies = self.stage._replies, []
        assert response.status != 500

    def elsewhere(self) -> None:
        """The media server reports, or time passes."""
        peers = list(self.stage.controller.streams.peers)
        peer = self.script.one_of(peers) if peers else PeerId(0)
        match self.script.byte() % 6:
            case 0:
                report = Talking(peer, talking=bool(self.script.byte() & 1))
                self.stage.controller.sfu_report(report, self.stage.now)
            case 1:
                self.stage.controller.sfu_report(Down(peer), self.stage.now)
            case 2:
                self.stage.sfu.refuse_next = "no"
            case 3:
                self.stage.sleep(self.script.byte() / 10)
            case _:
                self.stage.sleep(self.script.byte())
        self.stage.drain()

    def check(self) -> None:
        """What must be true after every step."""
        controller = self.stage.controller
        assert set(controller.sessions) == set(self.stage.lines), "the controller and its driver know other connections"
        assert (controller.deadline or self.stage.now) >= self.stage.now, "a deadline is in the past"
        inside = {one.id for meeting in controller.rooms.live.values() for one in meeting.everyone()}
        for participant, stream in controller.streams.peers.values():
            assert participant.id in inside, "somebody who left has a stream"
            assert not isinstance(stream, Subscription) or stream.publisher in controller.streams.peers


def controller(data: bytes) -> None:
    """No script breaks an invariant, and nothing remains of any once all have left."""
    play = Play(Script(data))
    for _ in range(STEPS):
        if not play.script:
            break
        play.step()
        play.check()
    play.stage.settle()
