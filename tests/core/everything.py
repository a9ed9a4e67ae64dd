"""A conference in which the controller sends everything that it can send at a feature level, on signaling and REST."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, TypeAlias

from releases import kind_of
from stage import CYD, EVE, RECORDER, Line, Pads, Stage

from m3core.controller.features import Feature, FeatureLevel
from m3core.io import Slow
from m3core.rest.turn import TurnServer, turn_credentials
from m3core.testing.descriptions import make_answer, make_offer
from m3core.values import RoomId, Secret, SlowDirection

NOBODY: Final = "00000000-0000-4000-8000-000000000000"
EVENT: Final[dict[str, object]] = {
    "title": "Team",
    "description": "weekly",
    "password": "s3cret",
    "waiting_room": False,
    "is_time_independent": False,
    "is_all_day": False,
    "starts_at": {"datetime": "2026-12-01T09:00:00Z", "timezone": "Europe/Berlin"},
    "ends_at": {"datetime": "2026-12-01T10:00:00Z", "timezone": "Europe/Berlin"},
    "recurrence_pattern": ["RRULE:FREQ=DAILY;COUNT=3"],
    "is_adhoc": True,
    "e2e_encryption": True,
    "show_meeting_details": True,
    "streaming_targets": [
        {
            "name": "Live",
            "kind": "custom",
            "streaming_endpoint": "rtmp://stream.example.org/live",
            "streaming_key": "k3y",
            "public_url": "https://stream.example.org/watch",
        }
    ],
}
TURN: Final = (
    turn_credentials(Secret("s"), expires_at=1_800_000_000, random=bytes(16), uris=["turn:192.0.2.1"]),
    TurnServer(uris=("stun:192.0.2.1",)),
)


Answer: TypeAlias = tuple[str, str, Any]
"""Method and path of a request, and the body of its answer."""


class Watched(Stage):
    """A stage that keeps all messages and REST answers of the controller."""

    def __init__(self, level: FeatureLevel, **config: Any) -> None:
        self.said: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        super().__init__(
            level,
            users=(CYD, EVE),
            open_rooms=True,
            recorder_token=Secret(RECORDER),
            pads=Pads(),
            turn_servers=TURN,
            **config,
        )

    def ask(self, *args: Any, **more: Any) -> tuple[int, Any]:
        status, body = super().ask(*args, **more)
        if status == 200:
            self.answers.append((args[0], args[1], body))
        return status, body

    def _deliver(self, line: Line, message: dict[str, Any]) -> None:
        self.said.append(message)
        super()._deliver(line, message)


def _enter(stage: Watched, name: str, **body: object) -> Line:
    """Let somebody join. Ada is the owner, Cyd and Eve are users, all others are guests."""
    guest = {} if name in {"Ada", CYD.display_name, EVE.display_name} else {"password": "s3cret"}
    line = stage.enter(name, **guest, **body)
    assert "join_success" in [payload["message"] for payload in line.payloads]
    return line


def _last(line: Line, kind: str) -> dict[str, Any]:
    """The newest message of ``kind`` that a line received."""
    found: list[dict[str, Any]] = [one["payload"] for one in line.messages if kind_of(one) == kind]
    return found[-1]


def _rest(stage: Watched) -> None:
    """Ask every REST endpoint. The event that has every field becomes the room of the stage."""
    event = stage.ask("POST", "/events", EVENT)[1]
    stage.room = event["room"]["id"]
    for path in (f"/events/{event['id']}", f"/rooms/{stage.room}", "/users/me", "/auth/login", "/turn"):
        assert stage.ask("GET", path, None)[0] == 200
    stage.invite = stage.ask("POST", f"/rooms/{stage.room}/invites", {"expiration": "2030-01-01T00:00:00Z"})[1][
        "invite_code"
    ]
    assert stage.ask("POST", "/invite/verify", {"invite_code": stage.invite}, None)[0] == 200


def _talk(ada: Line, bob: Line, eve: Line) -> None:
    """Use chat, hands and roles."""
    for scope in ({"scope": "global"}, {"scope": "private", "target": ada.id}):
        bob.say("chat", "send_message", content="hello", **scope)
    eve.say("chat", "send_message", content="we", scope="group", target="team")
    eve.say("chat", "set_last_seen_timestamp", scope="global", timestamp="2024-03-05T09:30:00Z")
    bob.say("chat", "disable_chat")
    ada.say("chat", "disable_chat")
    bob.say("chat", "send_message", content="hello", scope="global")
    ada.say("chat", "enable_chat")
    for action in ("raise_hand", "lower_hand", "raise_hand"):
        bob.say("control", action)
    ada.say("moderation", "reset_raised_hands")
    bob.say("control", "raise_hand")
    ada.say("moderation", "reset_raised_hands", target=bob.id)
    ada.say("moderation", "disable_raise_hands")
    bob.say("control", "raise_hand")
    ada.say("moderation", "enable_raise_hands")
    ada.say("control", "grant_moderator_role", target=bob.id)
    ada.say("control", "grant_moderator_role", target=bob.id)
    ada.say("control", "revoke_moderator_role", target=bob.id)
    bob.say("moderation", "kick", target=eve.id)


def _ask(stage: Watched, ada: Line, bob: Line, level: FeatureLevel) -> None:
    """Use polls, timers and minutes; somebody joins while they run."""
    question = {"topic": "Lunch?", "choices": ["Soup", "Salad"], "duration": 60}
    bob.say("polls", "start", live=True, **question)
    for multiple in (False, True):
        ada.say("polls", "start", live=True, multiple_choice=multiple, **question)
        poll = _last(ada, "polls.started")["id"]
        bob.say("polls", "vote", poll_id=poll, choice_id=1)
        bob.say("polls", "vote", poll_id=poll, choice_ids=[0, 1])
        bob.say("polls", "vote", poll_id=poll)
        _enter(stage, "Pol").leave()
        ada.say("polls", "finish", id=poll)
    bob.say("timer", "start", kind="stopwatch")
    ada.say("timer", "start", kind="countdown", duration=5, style="normal", title="Tea", enable_ready_check=True)
    bob.say("timer", "update_ready_status", timer_id=_last(ada, "timer.started")["timer_id"], status=True)
    _enter(stage, "Tim").leave()
    stage.sleep(6.0)
    ada.say("timer", "start", kind="stopwatch")
    _enter(stage, "Tim").leave()
    ada.say("timer", "stop", timer_id=_last(ada, "timer.started")["timer_id"], reason="enough")
    minutes = "meeting_notes" if level.has(Feature.MEETING_NOTES) else "protocol"
    bob.say(minutes, "generate_pdf")
    ada.say(minutes, "select_writer", participant_ids=[bob.id])
    _enter(stage, "Min").leave()
    ada.say(minutes, "deselect_writer", participant_ids=[bob.id])
    ada.say(minutes, "generate_pdf")


def _show(stage: Watched, ada: Line, bob: Line) -> None:
    """Use streams, muting and presenters, and let somebody speak."""
    own = {"target": bob.id, "media_session_type": "video"}
    state = {"media_session_type": "video", "media_session_state": {"audio": True, "video": True, "video_settings": 2}}
    candidate = {"candidate": "candidate:7 1 udp 2113937151 192.0.2.7 50007 typ host", "sdpMLineIndex": 0}
    bob.say("media", "publish", **own, sdp=make_offer(["audio", "video"], 1))
    bob.say("media", "sdp_candidate", **own, candidate=candidate)
    bob.say("media", "publish_complete", **state)
    ada.say("media", "subscribe", **own)
    ada.say("media", "sdp_answer", **own, sdp=make_answer(_last(ada, "media.sdp_offer")["sdp"], 2))
    ada.say("media", "sdp_candidate", **own, candidate=candidate)
    ada.say("media", "subscribe", target=ada.id, media_session_type="video")
    for peer in list(stage.controller.streams.peers):
        stage.controller.sfu_report(Slow(peer, SlowDirection.UPSTREAM), stage.now)
        stage.drain()
    bob.say("media", "update_speaking_state", is_speaking=True)
    bob.say("media", "moderator_mute", targets=[ada.id], force=True)
    ada.say("media", "moderator_mute", targets=[bob.id], force=True)
    for action in ("revoke_presenter_role", "grant_presenter_role"):
        ada.say("media", action, participant_ids=[bob.id])
    ada.say("media", "moderator_enable_force_mute", allow_list=[ada.id])
    _enter(stage, "Sue").leave()
    ada.say("media", "moderator_disable_force_mute")
    _enter(stage, "Sue").leave()
    bob.say("media", "unpublish", media_session_type="video")


def _record(stage: Watched, ada: Line, bob: Line, level: FeatureLevel) -> None:
    """Give consent, and let a recorder join, obey commands, report and leave."""
    bob.say("recording", "set_consent", consent=True)
    _enter(stage, "Rec").leave()
    if not level.has(Feature.STREAMING_TARGETS):
        bob.say("recording", "start")
        ada.say("recording", "start")
        ada.say("recording", "start")
        ada.say("recording", "stop", recording_id=NOBODY)
        _enter(stage, "Rec").leave()
        recorder = stage.recorder()
        recorder.join()
        _enter(stage, "Rec").leave()
        ada.say("recording", "stop", recording_id=recorder.id)
        return
    (target,) = ada.payloads[0]["recording"]["targets"]
    bob.say("recording", "start_stream", target_ids=[target])
    ada.say("recording", "start_stream", target_ids=[NOBODY])
    ada.say("recording", "stop_stream", target_ids=[target])
    ada.say("recording", "start_stream", target_ids=[target])
    stage.sleep(60.0)
    recorder = stage.recorder()
    recorder.join()
    for action in ("start_stream", "pause_stream", "stop_stream"):
        ada.say("recording", action, target_ids=[target])
    failed = {"status": "error", "reason": {"code": "x", "message": "y"}}
    recorder.say_payload("recording_service", {"message": "stream_updated", "target_id": target, **failed})
    _enter(stage, "Rec").leave()
    recorder.leave()


def _part(stage: Watched, ada: Line, eve: Line) -> None:
    """Use breakout rooms: with participants in them, stopped, and when their time is up."""
    eve.say("breakout", "stop")
    for duration in (None, 60):
        ada.say("breakout", "start", rooms=[{"name": "Red", "assignments": [eve.id]}], duration=duration)
        (red,) = _last(ada, "breakout.started")["rooms"]
        there = stage.guest("Red", breakout_room=red["id"], password="s3cret")
        there.join()
        _enter(stage, "Bea").leave()
        there.leave()
        if duration is None:
            ada.say("breakout", "stop")
    stage.sleep(400.0)
    _enter(stage, "Eva").leave()
    ada.say("chat", "clear_history")


def _moderate(stage: Watched, ada: Line, bob: Line, cyd: Line) -> None:
    """Use the waiting room, rename participants, and remove them."""
    ada.say("moderation", "change_display_name", target=bob.id, new_name="Bobby")
    ada.say("moderation", "change_display_name", target=bob.id, new_name=" ")
    ada.say("moderation", "change_display_name", target=cyd.id, new_name="C")
    ada.say("moderation", "enable_waiting_room")
    wes, wim = (stage.guest(name, password="s3cret") for name in ("Wes", "Wim"))
    for line in (wes, wim):
        line.say("control", "join", display_name=line.name)
    ada.say("moderation", "accept", target=_last(ada, "moderation.joined_waiting_room")["id"])
    _enter(stage, "Ada").leave()
    for line in (wes, wim):
        line.say("control", "enter_room")
        line.leave()
    ada.say("moderation", "send_to_waiting_room", target=ada.id)
    ada.say("moderation", "send_to_waiting_room", target=bob.id)
    ada.say("moderation", "disable_waiting_room")
    stage.lose(cyd.who)
    back = _enter(stage, CYD.display_name, resumption=cyd.resumption)
    assert back.id == cyd.id
    kit = _enter(stage, "Kit")
    ada.say("moderation", "ban", target=kit.id)
    ada.say("moderation", "kick", target=kit.id)
    ada.say("moderation", "ban", target=back.id)


@cache
def played(level: FeatureLevel) -> tuple[list[dict[str, Any]], list[Answer]]:
    """Hold the conference at ``level``: the messages of the controller, and its REST answers."""
    stage = Watched(level)
    _rest(stage)
    ada, bob, cyd, eve = (_enter(stage, name) for name in ("Ada", "Bob", CYD.display_name, EVE.display_name))
    _talk(ada, bob, eve)
    _ask(stage, ada, bob, level)
    _show(stage, ada, bob)
    _record(stage, ada, bob, level)
    _part(stage, ada, eve)
    _moderate(stage, ada, bob, cyd)
    ada.say("moderation", "debrief", kick_scope="users_and_guests")
    stage.controller.delete_room(RoomId(stage.room), stage.now)
    stage.drain()
    full = Watched(level, participant_limit=1, time_limit=60.0)
    full.owner().join()
    full.guest("Bob").say("control", "join", display_name="Bob")
    full.sleep(61.0)
    return stage.said + full.said, stage.answers + full.answers
