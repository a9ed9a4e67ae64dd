"""`session_running`: the server has not noticed the loss of our connection yet, or it crashed and never will."""

from __future__ import annotations

import itertools
import json

import pytest
from scripted import ME, NEW_ME, OTHER
from stream_script import Streams, entry
from worlds import flows, phase, published, settle, subscribed

from m3core.conference.events import ConnectionLost, Ended, PublicationStopped, Resumed, StreamStarted
from m3core.conference.state import EndReason, Phase
from m3core.controller.config import ControllerConfig
from m3core.io import CallId
from m3core.limits import (
    LEAVE_TIMEOUT,
    RECONNECT_MIN,
    RECONNECT_PATIENCE,
    RECONNECT_WINDOW,
    SESSION_RUNNING_PATIENCE,
)
from m3core.testing.pair import BASE_URL, World

NOTICED = 35.0
"""Seconds after the last pong within which a living server ends our session."""


class Running(Streams):
    """Ada, whose server answers a request with the old token by `session_running` until ``until``."""

    def __init__(self, until: float) -> None:
        super().__init__(entry())
        self.until = until
        self.attempts: list[float] = []
        self.tokens_shown: list[str | None] = []

    def come_back(self, me: str = ME) -> None:
        """Lose the connection, and try until the server lets us in."""
        self.publish()
        self.live()
        self.idle(1.0)
        self.lost_at = self.now
        self.lose()
        while True:
            self.await_attempt()
            token = json.loads(self.requests[0].body).get("resumption")
            self.attempts.append(self.now - self.lost_at)
            self.tokens_shown.append(token)
            if token is None or self.attempts[-1] >= self.until:
                break
            self.answer(400, {"code": "session_running", "message": ""})
        self.sent.clear()
        self.enter(*self.people, me=me)


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_a_crashed_controller_is_entered_as_somebody_new(jitter: float) -> None:
    script = Running(120.0)
    script.conference.life.recovery.backoff._jitter = lambda: jitter
    script.come_back(NEW_ME)
    assert script.attempts[-1] <= SESSION_RUNNING_PATIENCE + 2 * RECONNECT_WINDOW
    assert all(at < SESSION_RUNNING_PATIENCE + RECONNECT_WINDOW for at in script.attempts[:-1])
    assert script.attempts[-2] >= SESSION_RUNNING_PATIENCE  # it was told so once more before
    assert None not in script.tokens_shown[:-1]
    assert script.tokens_shown[-1] is None
    assert all(after - before >= RECONNECT_MIN for before, after in itertools.pairwise(script.attempts))
    (resumed,) = script.of(Resumed)
    assert (resumed.previous_id, resumed.participant.id, resumed.same_id) == (ME, NEW_ME, False)
    assert len(script.of(ConnectionLost)) == 1


def test_our_streams_are_those_of_the_new_participant() -> None:
    script = Running(120.0)
    script.people = (entry(), entry(ME, "Ada"))  # our old participant, with its camera
    script.come_back(NEW_ME)
    script.live(me=NEW_ME)
    assert script.flows == [True]
    assert not script.of(PublicationStopped)
    own = script.conference.own
    assert own is not None
    assert own.id == NEW_ME
    assert ME in script.conference.state.participants  # the others see it, too
    script.says("webrtc_down", ME)  # about the old participant
    assert script.flows == [True]
    script.stop()
    assert script.actions()[-1] == "unpublish"
    script.lose()
    script.await_attempt()
    assert json.loads(script.requests[0].body)["resumption"] == f"{script.tokens:064}"  # that of the new one


@pytest.mark.parametrize("until", [1.0, 20.0, NOTICED])
def test_a_living_server_gives_us_our_id_back(until: float) -> None:
    script = Running(until)
    script.come_back()
    assert None not in script.tokens_shown
    assert script.attempts[-1] <= SESSION_RUNNING_PATIENCE + RECONNECT_WINDOW
    assert [event.same_id for event in script.of(Resumed)] == [True]


def test_only_what_the_server_says_last_counts() -> None:
    """While the server cannot be reached, we keep the token: only `session_running` makes us a new participant."""
    script = Streams(entry())
    script.lose()
    for _ in range(12):
        script.await_attempt()
        assert json.loads(script.requests[0].body)["resumption"] is not None
        script.fail()
    assert script.now > SESSION_RUNNING_PATIENCE
    script.await_attempt()
    assert json.loads(script.requests[0].body)["resumption"] is not None
    script.sent.clear()
    script.enter(entry())
    assert [event.same_id for event in script.of(Resumed)] == [True]


def test_a_server_that_says_so_for_ever_is_given_up() -> None:
    script = Streams(entry())
    script.lose()
    count = script.until_ended(lambda: script.answer(400, {"code": "session_running", "message": ""}))
    assert script.now == RECONNECT_PATIENCE
    assert count <= RECONNECT_PATIENCE / RECONNECT_MIN / 2


@pytest.mark.parametrize("notices_at_once", [False, True])
def test_a_client_whose_address_changed_keeps_its_id(notices_at_once: bool) -> None:
    """The server takes the old connection for alive until its pings are not answered."""
    world = World(ControllerConfig(web_url=BASE_URL))
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    published(world, ada)
    subscribed(world, ada, bob)
    subscribed(world, bob, ada)
    before = bob.id
    world.blackhole(bob)
    if notices_at_once:
        connection = bob.conference.outbox.connection
        assert connection is not None
        bob.tell(lambda c, now: c.connection_lost(connection, now))
    world.sleep(SESSION_RUNNING_PATIENCE + 22.0)
    assert phase(bob) is Phase.JOINED
    assert [(event.same_id, event.previous_id) for event in bob.of(Resumed)] == [(True, before)]
    assert flows(bob) == [True, True]
    assert ada.of(StreamStarted)[-1].participant.id == before
    settle(world)


# the end that was announced ---
@pytest.mark.parametrize(
    ("namespace", "message", "fields", "reason"),
    [
        ("moderation", "kicked", {}, EndReason.KICKED),
        ("moderation", "banned", {}, EndReason.BANNED),
        ("moderation", "session_ended", {"issued_by": OTHER}, EndReason.MEETING_OVER),
        ("control", "time_limit_quota_elapsed", {}, EndReason.MEETING_OVER),
        ("control", "room_deleted", {}, EndReason.MEETING_OVER),
    ],
)
def test_the_end_is_told_even_if_the_server_never_closes(
    namespace: str, message: str, fields: dict[str, str], reason: EndReason
) -> None:
    script = Streams(entry())
    script.publish()
    script.live()
    script.hear(namespace, message=message, **fields)
    script.hear(namespace, message=message, **fields)
    script.sleep(LEAVE_TIMEOUT - 0.1)
    assert not script.of(Ended)
    script.hear("echo", action="pong")
    script.sleep(0.2)
    assert [event.reason for event in script.of(Ended)] == [reason]
    assert [one.code for one in script.closes] == [1000]
    assert script.media.peers == {}
    assert script.conference.deadline is None
    script.lose()
    assert len(script.of(Ended)) == 1


def test_a_connection_that_is_silent_after_it_is_the_same_end() -> None:
    script = Streams(entry())
    script.hear("moderation", message="kicked")
    script.lose(None)
    assert [event.reason for event in script.of(Ended)] == [EndReason.KICKED]
    assert CallId(1) in script.done
