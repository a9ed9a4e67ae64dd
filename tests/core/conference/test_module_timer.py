"""Namespace `timer` in the client engine (signaling.md § 10)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from rooms import BOB, EVE, OWN, STARTED, Room, entry

from m3core.conference.events import PeerMisbehaved
from m3core.conference.modules.timer import Timer, TimerReadyChanged, TimerStarted, TimerStopped
from m3core.errors import LocalProtocolError
from m3core.messages.timer import TimerKind, TimerStopKind

TIMER = "00000000-0000-4000-8000-00000000000d"
OTHER = "00000000-0000-4000-8000-00000000000e"
NOW = dt.datetime(2024, 3, 5, 9, 30, 20, tzinfo=dt.UTC)


def countdown(**more: Any) -> dict[str, Any]:
    return {
        "timer_id": TIMER,
        "started_at": STARTED,
        "kind": "countdown",
        "ends_at": "2024-03-05T09:31:00Z",
        "ready_check_enabled": True,
    } | more


def running(room: Room) -> Timer:
    timer = room.state().timer
    assert timer is not None
    return timer


def test_a_countdown_from_start_to_stop() -> None:
    room = Room()
    call = room.do(lambda commands: commands.timer.start(60, title="Break", ready_check=True))
    assert room.sent[-1] == {
        "namespace": "timer",
        "action": "start",
        "kind": "countdown",
        "duration": 60,
        "title": "Break",
        "enable_ready_check": True,
    }
    room.hear("timer", "started", **countdown(title="Coffee"))  # a timer that somebody else started
    assert room.end(call) is None
    room.hear("timer", "started", **countdown(title="Break"))
    timer = running(room)
    assert room.result(call) == timer
    assert room.last(TimerStarted).timer == timer
    assert (timer.kind, timer.title, timer.ready_check) == (TimerKind.COUNTDOWN, "Break", True)
    assert timer.remaining(NOW) == dt.timedelta(seconds=40)
    assert timer.elapsed(NOW) == dt.timedelta(seconds=20)
    assert timer.remaining(NOW + dt.timedelta(hours=1)) == dt.timedelta()
    stop = room.do(lambda commands: commands.timer.stop("enough"))
    assert room.sent[-1] == {"namespace": "timer", "action": "stop", "timer_id": TIMER, "reason": "enough"}
    room.hear("timer", "stopped", timer_id=TIMER, kind="by_moderator", participant_id=OWN, reason="enough")
    assert room.result(stop) is None
    stopped = room.last(TimerStopped)
    assert (stopped.timer, stopped.kind, stopped.reason) == (timer, TimerStopKind.BY_MODERATOR, "enough")
    assert stopped.participant == room.own()
    assert room.state().timer is None


def test_a_stopwatch_has_no_end_and_an_expired_timer_nobody_who_stopped_it() -> None:
    room = Room()
    call = room.do(lambda commands: commands.timer.start())
    room.hear("timer", "started", **countdown(kind="stopwatch", ends_at=None))
    assert room.result(call) == running(room)
    assert running(room).remaining(NOW) is None
    room.quietly(lambda: room.hear("timer", "stopped", timer_id=OTHER, kind="expired"))
    room.hear("timer", "stopped", timer_id=TIMER, kind="expired")
    assert room.last(TimerStopped).participant is None


def test_who_is_ready() -> None:
    room = Room()
    room.hear("timer", "started", **countdown())
    call = room.do(lambda commands: commands.timer.set_ready())
    assert room.sent[-1] == {"namespace": "timer", "action": "update_ready_status", "timer_id": TIMER, "status": True}
    room.hear("timer", "updated_ready_status", timer_id=TIMER, participant_id=BOB, status=True)
    assert room.last(TimerReadyChanged).participant.display_name == "Bob"
    assert room.end(call) is None
    assert running(room).own_ready is None
    room.hear("timer", "updated_ready_status", timer_id=TIMER, participant_id=OWN, status=True)
    assert room.result(call) is None
    assert running(room).own_ready is True
    assert dict(running(room).ready) == {BOB: True, OWN: True}
    for timer, who in ((OTHER, BOB), (TIMER, EVE)):
        room.quietly(
            lambda timer=timer, who=who: room.hear(  # type: ignore[misc]  # defaults bind them
                "timer", "updated_ready_status", timer_id=timer, participant_id=who, status=True
            )
        )
    room.hear("control", "left", id=BOB)
    assert dict(running(room).ready) == {OWN: True}
    room.done_by_silence(room.do(lambda commands: commands.timer.set_ready(False)))


@pytest.mark.parametrize("slug", ["insufficient_permissions", "invalid_duration", "timer_already_running"])
def test_what_may_refuse_a_start(slug: str) -> None:
    room = Room()
    room.refused(room.do(lambda commands: commands.timer.start(5)), "timer", slug)


def test_without_a_timer_there_is_nothing_to_stop() -> None:
    room = Room()
    for command in (lambda commands: commands.timer.stop(), lambda commands: commands.timer.set_ready()):
        with pytest.raises(LocalProtocolError, match="no timer"):
            room.do(command)
    room.hear("timer", "started", **countdown())
    room.refused(room.do(lambda commands: commands.timer.stop()), "timer", "insufficient_permissions")


def test_who_joins_later_finds_the_timer_and_who_is_ready() -> None:
    gone = {"left_at": STARTED}
    people = [entry(timer={"ready_status": True}), entry(EVE, "Eve", timer={"ready_status": True}, control=gone)]
    room = Room(timer=countdown(ready_status=False), participants=people)
    assert room.client.of(TimerStarted)[0].timer == running(room)
    assert dict(running(room).ready) == {BOB: True, OWN: False}
    assert running(room).own_ready is False
    assert not room.resume(timer=countdown())
    assert room.resume(timer=countdown(timer_id=OTHER)) == [TimerStarted(timer=running(room))]
    room.hear("moderation", "in_waiting_room")
    assert room.state().timer is None


def test_a_timer_that_cannot_be_told_is_ignored_and_the_room_entered() -> None:
    room = Room(timer=countdown(ends_at="soon"))
    assert room.state().timer is None
    assert len(room.client.of(PeerMisbehaved)) == 1
    room.hear("timer", "started", **countdown(started_at="now"))
    assert len(room.client.of(PeerMisbehaved)) == 2
