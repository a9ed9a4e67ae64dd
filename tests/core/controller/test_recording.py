"""Recording on the server: its state up to 0.13, streaming from 0.14 on, the recorder (signaling.md § 11)."""

from __future__ import annotations

from typing import Any

import pytest
from stage import RECORDER, Line, Stage

from m3core.controller.features import FeatureLevel
from m3core.limits import MAX_STREAM_REASON, RECORDER_TIMEOUT
from m3core.values import Secret

NOBODY = "00000000-0000-4000-8000-000000000000"


def recorded(level: FeatureLevel = FeatureLevel.CAPTURE) -> Stage:
    return Stage(level, recorder_token=Secret(RECORDER))


def errors(line: Line) -> list[str]:
    return [payload["error"] for payload in line.heard("recording") if payload["message"] == "error"]


def problem(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["code"]


# -- the recorder's ticket ---
def test_only_the_recorder_gets_its_ticket() -> None:
    path, body = "/services/recording/start", {"room_id": "00000000-0000-4000-8000-000000000000"}
    assert problem(Stage().ask("POST", path, body, RECORDER)) == (404, "not_found")
    server = recorded()
    assert problem(server.ask("POST", path, body, None)) == (401, "unauthorized")
    assert problem(server.ask("POST", path, body, "recorder-tokem")) == (401, "unauthorized")
    assert problem(server.ask("POST", path, body, RECORDER)) == (404, "not_found")
    assert problem(server.ask("POST", path, {}, RECORDER)) == (400, "invalid_json")
    body["room_id"] = server.room
    assert server.ask("POST", path, body, RECORDER)[0] == 200
    body["breakout_room"] = NOBODY
    assert problem(server.ask("POST", path, body, RECORDER)) == (400, "no_breakout_rooms")
    (ada,) = server.joined("Ada")
    ada.say("breakout", "start", rooms=[{"name": "Red", "assignments": []}])
    assert problem(server.ask("POST", path, body, RECORDER)) == (400, "invalid_breakout_room_id")


def test_tickets_of_recorders_name_the_room_from_0_16_on() -> None:
    server = recorded(FeatureLevel.V0_16)
    _, answer = server.start_recorder()
    assert answer["ticket"].startswith(f"{server.room}#")


# -- the capture era ---
def test_a_recording_from_start_to_stop() -> None:
    server = recorded()
    ada = server.owner()
    assert ada.join()["recording"] is None
    bob = server.guest("Bob")
    bob.join()
    server.forget()
    ada.say("recording", "start")
    assert server.log == []  # a recorder is asked to come, and nobody hears of it
    assert server.guest("Cyd").join()["recording"] == {"state": "initializing"}
    server.forget()
    recorder = server.recorder()
    success = recorder.join()
    assert "recording" not in success
    assert "recording_service" not in success
    assert len(success["participants"]) == 3
    assert server.log == [
        ("Recorder", "control.join_success"),
        *((name, "recording.started") for name in ("Ada", "Bob", "Cyd")),
    ]
    (started,) = ada.messages
    assert started["payload"] == {"message": "started", "recording_id": recorder.id}
    assert started["timestamp"] == "2024-03-05T09:30:00Z"
    late = server.guest("Dan").join()
    assert late["recording"] == {"state": "recording", "recording_id": recorder.id}
    assert recorder.id not in [one["id"] for one in late["participants"]]
    server.forget()
    ada.say("recording", "stop", recording_id=recorder.id)
    assert server.log == [
        ("Recorder", "close 1000"),
        *((name, "recording.stopped") for name in ("Ada", "Bob", "Cyd", "Dan")),
    ]
    assert bob.heard() == [{"message": "stopped", "recording_id": recorder.id}]
    assert server.guest("Eve").join()["recording"] is None
    server.settle()


def test_what_is_refused() -> None:
    server = recorded()
    ada, bob = server.joined("Ada", "Bob")
    bob.say("recording", "start")
    bob.say("recording", "stop", recording_id=NOBODY)
    assert errors(bob) == ["insufficient_permissions"] * 2
    ada.say("recording", "stop", recording_id=NOBODY)
    ada.say("recording", "start")
    ada.say("recording", "start")
    ada.say("recording", "stop", recording_id=NOBODY)
    assert errors(ada) == ["invalid_recording_id", "already_recording", "invalid_recording_id"]
    recorder = server.recorder()
    recorder.join()
    ada.say("recording", "start")
    ada.say("recording", "stop", recording_id=ada.id)
    assert errors(ada) == ["already_recording", "invalid_recording_id"]
    for action in ("start_stream", "pause_stream", "stop_stream"):  # of a later server
        ada.say("recording", action, target_ids=[NOBODY])
    assert server.log[-1] == ("Ada", "recording.error")
    assert ada.heard() == []
    recorder.leave()
    assert ada.heard() == [{"message": "stopped", "recording_id": recorder.id}]
    server.settle()


def test_a_recorder_that_nobody_asked_for_and_a_second_one() -> None:
    server = recorded()
    (ada,) = server.joined("Ada")
    first, second = server.recorder(), server.recorder()
    first.join()
    second.join()
    assert [payload["recording_id"] for payload in ada.heard()] == [first.id]
    assert first.heard()[1:] == second.heard()[1:] == []
    second.leave()
    assert ada.heard() == []
    first.leave()
    assert ada.heard() == [{"message": "stopped", "recording_id": first.id}]
    server.settle()


def test_recorders_do_not_wait() -> None:
    server = recorded()
    (ada,) = server.joined("Ada")
    ada.say("moderation", "enable_waiting_room")
    ada.heard()
    server.recorder().join()
    assert [payload["message"] for payload in ada.heard()] == ["started"]


def test_recorders_are_not_sent_to_wait() -> None:
    server = recorded(FeatureLevel.V0_15)
    (ada,) = server.joined("Ada")
    recorder = server.recorder()
    recorder.join()
    recorder.heard()
    ada.say("moderation", "send_to_waiting_room", target=recorder.id)
    assert recorder.heard() == ada.heard() == []


@pytest.mark.parametrize("level", [FeatureLevel.CAPTURE, FeatureLevel.V0_14])
def test_consent(level: FeatureLevel) -> None:
    server = recorded(level)
    ada, bob = server.joined("Ada", "Bob")
    ada.say("control", "raise_hand")
    assert "recording" not in bob.heard()[0]
    ada.heard()
    bob.say("recording", "set_consent", consent=True)
    assert server.log[-1] == ("Ada", "control.update")
    assert ada.heard()[0]["recording"] == {"consents_recording": True}
    bob.say("recording", "set_consent", consent=False)
    assert ada.heard()[0]["recording"] == {"consents_recording": False}
    assert bob.heard() == []
    entries = {one["id"]: one for one in server.guest("Cyd").join()["participants"]}
    assert entries[bob.id]["recording"] == {"consents_recording": False}
    assert "recording" not in entries[ada.id]
    bob.leave()
    back = server.guest("Bob", resumption=bob.resumption)
    ada.heard()
    assert back.join()["id"] == bob.id
    assert "recording" not in ada.heard()[0]  # it is asked again
    server.settle()


# -- streaming ---
def target_of(success: dict[str, Any]) -> str:
    (target,) = success["recording"]["targets"]
    return str(target)


def streaming() -> tuple[Stage, Line, Line, str]:
    server = recorded(FeatureLevel.V0_14)
    ada, bob = server.owner(), server.guest("Bob")
    target = target_of(ada.join())
    assert target_of(bob.join()) == target
    server.forget()
    return server, ada, bob, target


def order(line: Line, action: str, target: str) -> None:
    line.say("recording", action, target_ids=[target])


def updated(line: Line, target: str, status: str, **fields: Any) -> None:
    line.say_payload(
        "recording_service", {"message": "stream_updated", "target_id": target, "status": status, **fields}
    )


def test_streaming() -> None:
    server, ada, bob, target = streaming()
    order(ada, "start_stream", target)
    starting = {"message": "stream_updated", "target_id": target, "status": "starting"}
    assert ada.heard() == bob.heard() == [starting]
    order(ada, "start_stream", target)  # it is on its way
    assert ada.heard() == []
    recorder = server.recorder()
    success = recorder.join()
    stream = {"stream_kind": "recording", "auto_connect": True, "status": "starting", "start_paused": False}
    assert success["recording_service"] == {"streams": {target: stream}}
    assert "recording" not in success
    recorder.heard()
    server.forget()
    updated(recorder, target, "active")
    assert server.log == [("Ada", "recording.stream_updated"), ("Bob", "recording.stream_updated")]
    shown = {"name": "Recording", "streaming_kind": "recording", "status": "active"}
    assert server.guest("Cyd").join()["recording"] == {"targets": {target: shown}}
    recorder.heard()
    for action, heard in (("pause_stream", "pause_streams"), ("start_stream", "start_streams")):
        order(ada, action, target)
        assert recorder.heard() == [{"action": heard, "target_ids": [target]}]
        updated(recorder, target, "paused" if action == "pause_stream" else "active")
    order(ada, "stop_stream", target)
    assert recorder.heard() == [{"action": "stop_streams", "target_ids": [target]}]
    updated(recorder, target, "inactive")
    assert [one["status"] for one in bob.heard("recording")] == ["active", "paused", "active", "inactive"]
    server.sleep(RECORDER_TIMEOUT)
    assert bob.heard() == []
    order(ada, "start_stream", target)
    assert recorder.heard() == [{"action": "start_streams", "target_ids": [target]}]
    assert [one["status"] for one in bob.heard()] == ["starting"]
    recorder.leave()
    assert [one["status"] for one in bob.heard()] == ["inactive"]
    server.settle()


def test_what_streaming_refuses() -> None:
    server, ada, bob, target = streaming()
    for action in ("start_stream", "pause_stream", "stop_stream"):
        order(bob, action, target)
        assert errors(bob) == ["insufficient_permissions"]
        order(ada, action, NOBODY)
        assert errors(ada) == ["invalid_streaming_id"]
    for action in ("pause_stream", "stop_stream"):
        order(ada, action, target)
        assert errors(ada) == ["recorder_not_started"]
    ada.say("recording", "start_stream", target_ids=[])
    ada.say("recording", "start")  # of an earlier server
    ada.say("recording", "stop", recording_id=NOBODY)
    recorder = server.recorder()
    assert recorder.join()["recording_service"]["streams"][target]["auto_connect"] is False
    recorder.heard()
    ada.say("recording", "stop_stream", target_ids=[])
    assert recorder.heard() == ada.heard() == []
    recorder.leave()
    assert ada.heard() == []
    server.settle()


def test_no_recorder_comes() -> None:
    server, ada, bob, target = streaming()
    order(ada, "start_stream", target)
    server.forget()
    server.sleep(RECORDER_TIMEOUT)
    assert bob.heard() == [
        {"message": "recorder_error", "error": "timeout"},
        {"message": "stream_updated", "target_id": target, "status": "inactive"},
    ]
    order(ada, "start_stream", target)
    assert bob.heard()[0]["status"] == "starting"
    server.settle()  # with the room goes the waiting


def test_a_room_that_nobody_ever_entered() -> None:
    server, ada, bob, _ = streaming()
    ada.say("breakout", "start", rooms=[{"name": "Red", "assignments": []}])
    red = ada.heard("breakout")[0]["rooms"][0]["id"]
    ada.say("moderation", "enable_waiting_room")
    bob.leave()
    bob = server.guest("Bob", breakout_room=red)
    bob.say("control", "join", display_name="Bob")
    assert bob.heard()[0]["message"] == "in_waiting_room"
    server.settle()


def test_a_stream_that_fails() -> None:
    server, ada, bob, target = streaming()
    recorder, second = server.recorder(), server.recorder()
    recorder.join()
    second.join()
    reason = {"code": "x" * (MAX_STREAM_REASON + 1), "message": "no answer"}
    updated(recorder, target, "error", reason=reason)
    told = {"code": "x" * MAX_STREAM_REASON, "message": "no answer"}
    assert bob.heard() == [{"message": "stream_updated", "target_id": target, "status": "error", "reason": told}]
    shown = server.guest("Cyd").join()["recording"]["targets"][target]
    assert (shown["status"], shown["reason"]) == ("error", told)
    bob.heard()
    updated(recorder, target, "error")
    updated(recorder, target, "active", reason=reason)
    assert [set(one) for one in bob.heard()] == [{"message", "target_id", "status"}] * 2
    server.forget()
    updated(recorder, NOBODY, "paused")
    updated(second, target, "paused")  # not the one that records
    updated(ada, target, "paused")
    assert server.log == []
    second.leave()
    assert server.log == []
    server.settle()


@pytest.mark.parametrize("level", [FeatureLevel.V0_3, FeatureLevel.V0_16])
def test_a_controller_without_recording(level: FeatureLevel) -> None:
    server = Stage(level, has_recording=False)
    (ada,) = server.joined("Ada")
    for namespace in ("recording", "recording_service"):
        ada.say(namespace, "start")
        assert ada.heard() == [{"message": "error", "error": "invalid_namespace"}]
    success = server.guest("Bob").join()
    assert "recording" not in success
    assert "recording" not in success["tariff"]["enabled_modules"]


def test_earlier_servers_have_no_recording_service() -> None:
    server = recorded()
    (ada,) = server.joined("Ada")
    updated(ada, NOBODY, "active")
    assert ada.heard() == [{"message": "error", "error": "invalid_namespace"}]
