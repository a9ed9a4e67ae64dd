"""Namespaces `recording` and `recording_service` in the client engine (signaling.md § 11)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rooms import BOB, EVE, Room, entry
from worlds import hear_raw

from m3core.conference.events import ParticipantChanged
from m3core.conference.modules.recording import (
    RecorderFailed,
    RecordingStarted,
    RecordingState,
    RecordingStopped,
    StreamingChanged,
)
from m3core.conference.modules.recording_service import (
    StreamsPauseRequested,
    StreamsStartRequested,
    StreamsStopRequested,
)
from m3core.errors import LocalProtocolError
from m3core.messages.recording import RecorderErrorCode, RecordingStatus, StreamErrorReason, StreamStatus
from m3core.values import ParticipantId, StreamingTargetId

RECORDER = "af4334b9-baf1-4a39-81fd-ccb0ecf80d69"
FILE = StreamingTargetId("3c21bb0c-2fff-47d4-a6e3-731efcc92236")
LIVE = StreamingTargetId("9a6ef794-43c2-43bd-825a-0f155f3d417d")


def targets(file: str = "inactive", live: str = "inactive") -> dict[str, Any]:
    public_url = "https://live.example.org/x"
    return {
        "targets": {
            FILE: {"name": "Recording", "streaming_kind": "recording", "status": file},
            LIVE: {"name": "Stream", "streaming_kind": "livestream", "public_url": public_url, "status": live},
        }
    }


def stream(room: Room, target: str, status: str, **more: Any) -> None:
    room.hear("recording", "stream_updated", target_id=target, status=status, **more)


# the capture era ---
def test_a_recorder_comes_and_goes() -> None:
    room = Room(recording=None)
    assert room.state().recording == RecordingState()
    call = room.do(lambda commands: commands.recording.start())
    assert room.sent[-1] == {"namespace": "recording", "action": "start"}
    assert room.state().recording.status is RecordingStatus.INITIALIZING
    assert not room.state().recording.is_recording
    room.done_by_silence(call)
    room.hear("recording", "started", recording_id=RECORDER)
    assert room.last(RecordingStarted).recording_id == RECORDER
    assert room.state().recording.is_recording
    room.quietly(lambda: room.hear("recording", "stopped", recording_id=BOB))  # another recorder
    stop = room.do(lambda commands: commands.recording.stop())
    assert room.sent[-1] == {"namespace": "recording", "action": "stop", "recording_id": RECORDER}
    room.hear("recording", "stopped", recording_id=RECORDER)
    assert room.result(stop) is None
    assert room.last(RecordingStopped).recording_id == RECORDER
    assert room.state().recording == RecordingState()
    room.quietly(lambda: room.hear("recording", "stopped", recording_id=RECORDER))


def test_a_recorder_that_is_quick_is_the_result() -> None:
    room = Room()
    call = room.do(lambda commands: commands.recording.start())
    room.hear("recording", "started", recording_id=RECORDER)
    assert room.result(call) == RECORDER


def test_what_may_refuse_a_recording() -> None:
    room = Room()
    for slug in ("insufficient_permissions", "already_recording"):
        room.refused(room.do(lambda commands: commands.recording.start()), "recording", slug)
        assert room.state().recording.status is None
    with pytest.raises(LocalProtocolError, match="no recording"):
        room.do(lambda commands: commands.recording.stop())
    room.hear("recording", "started", recording_id=RECORDER)
    room.refused(room.do(lambda commands: commands.recording.start()), "recording", "already_recording")
    assert room.state().recording.is_recording
    for slug in ("insufficient_permissions", "invalid_recording_id"):
        room.refused(room.do(lambda commands: commands.recording.stop()), "recording", slug)


def test_who_agrees_to_be_recorded() -> None:
    room = Room(participants=[entry(recording={"consents_recording": False}), entry(EVE, "Eve")])
    people = room.state().participants
    assert [one.consents_recording for one in people.values()] == [False, None]
    room.hear("control", "update", id=BOB, recording={"recording_consent": True})
    assert room.last(ParticipantChanged).participant.consents_recording is True
    call = room.do(lambda commands: commands.recording.set_consent())
    assert room.sent[-1] == {"namespace": "recording", "action": "set_consent", "consent": True}
    assert room.own().consents_recording is True
    room.done_by_silence(call)
    room.do(lambda commands: commands.recording.set_consent(False))
    assert room.own().consents_recording is False


@pytest.mark.parametrize("key", ["state", "status"])
def test_who_joins_later_finds_the_recording(key: str) -> None:
    room = Room(recording={key: "recording", "recording_id": RECORDER})
    assert room.last(RecordingStarted).recording_id == RECORDER
    assert room.state().recording.recording_id == RECORDER
    on_its_way = Room(recording={key: "initializing"})
    assert on_its_way.client.of(RecordingStarted) == []
    assert on_its_way.state().recording.status is RecordingStatus.INITIALIZING
    on_its_way.hear("recording", "recorder_error", error="timeout")
    assert on_its_way.last(RecorderFailed).error is RecorderErrorCode.TIMEOUT
    assert on_its_way.state().recording.status is None
    on_its_way.hear("recording", "recorder_error", error="timeout")


def test_a_recorder_that_does_not_come_ends_no_recording() -> None:
    room = Room(recording={"state": "recording", "recording_id": RECORDER})
    room.hear("recording", "recorder_error", error="timeout")
    assert room.state().recording.is_recording


def test_what_was_missed_of_a_recording() -> None:
    room = Room()
    recording = {"state": "recording", "recording_id": RECORDER}
    assert room.resume(recording=recording) == [RecordingStarted(recording_id=ParticipantId(RECORDER))]
    assert room.resume(recording=recording) == []
    room.hear("moderation", "in_waiting_room")
    assert room.state().recording == RecordingState()


# streams ---
def test_streams_start_pause_and_stop() -> None:
    room = Room(recording=targets())
    state = room.state().recording
    assert list(state.targets) == [FILE, LIVE]
    start = room.do(lambda commands: commands.recording.start_stream(LIVE))
    assert room.sent[-1] == {"namespace": "recording", "action": "start_stream", "target_ids": [LIVE]}
    stream(room, FILE, "starting")
    assert room.end(start) is None
    stream(room, LIVE, "starting")
    assert room.result(start) is None
    stream(room, LIVE, "active")
    assert not room.state().recording.is_recording
    pause = room.do(lambda commands: commands.recording.pause_stream(LIVE))
    stream(room, LIVE, "paused")
    assert room.result(pause) is None
    stop = room.do(lambda commands: commands.recording.stop_stream(LIVE))
    stream(room, LIVE, "inactive")
    assert room.result(stop) is None
    reason = {"code": "connect_failed", "message": "no answer"}
    stream(room, LIVE, "error", reason=reason)
    told = room.last(StreamingChanged)
    assert told.target == room.state().recording.targets[LIVE]
    assert told.reason == StreamErrorReason(**reason)
    stream(room, BOB, "active")
    assert room.last(StreamingChanged).target is None
    assert list(room.state().recording.targets) == [FILE, LIVE]


def test_none_named_means_all_streams() -> None:
    room = Room(recording=targets())
    for command, action in (
        (lambda commands: commands.recording.start_stream(), "start_stream"),
        (lambda commands: commands.recording.pause_stream(), "pause_stream"),
        (lambda commands: commands.recording.stop_stream(), "stop_stream"),
    ):
        call = room.do(command)
        assert room.sent[-1] == {"namespace": "recording", "action": action, "target_ids": [FILE, LIVE]}
        room.done_by_silence(call)
        for slug in ("insufficient_permissions", "invalid_streaming_id", "recorder_not_started"):
            room.refused(room.do(command), "recording", slug)
    with pytest.raises(LocalProtocolError, match="has no targets"):
        Room().do(lambda commands: commands.recording.start_stream())


def test_one_of_several_targets_does_not_end_the_command() -> None:
    """The server may still refuse the other one."""
    room = Room(recording=targets())
    call = room.do(lambda commands: commands.recording.start_stream())
    stream(room, FILE, "active")
    assert room.end(call) is None
    room.refused(call, "recording", "recorder_not_started")


def test_a_recording_is_one_of_the_targets() -> None:
    room = Room(recording=targets())
    start = room.do(lambda commands: commands.recording.start())
    assert room.sent[-1] == {"namespace": "recording", "action": "start_stream", "target_ids": [FILE]}
    stream(room, FILE, "active")
    assert room.result(start) is None
    assert room.state().recording.is_recording
    room.do(lambda commands: commands.recording.stop())
    assert room.sent[-1] == {"namespace": "recording", "action": "stop_stream", "target_ids": [FILE]}


def test_each_server_hears_the_commands_of_its_own_model() -> None:
    """Servers up to 0.13 know no targets. Later ones know no `start` and `stop`, even while they have no target."""
    room = Room(recording={"state": "recording", "recording_id": RECORDER})
    for command in (
        lambda commands: commands.recording.start_stream(LIVE),
        lambda commands: commands.recording.pause_stream(LIVE),
        lambda commands: commands.recording.stop_stream(LIVE),
    ):
        with pytest.raises(LocalProtocolError, match="has no targets"):
            room.do(command)
    for shown in ({}, {LIVE: targets()["targets"][LIVE]}):
        room = Room(recording={"targets": shown})
        assert room.state().recording.has_targets
        for command in (lambda commands: commands.recording.start(), lambda commands: commands.recording.stop()):
            with pytest.raises(LocalProtocolError, match="no target of the server is a recording"):
                room.do(command)
    assert not Room(recording=None).state().recording.has_targets


def test_who_joins_later_finds_the_streams() -> None:
    room = Room(recording=targets(live="active"))
    told = room.last(StreamingChanged)
    assert (told.target_id, told.status) == (LIVE, StreamStatus.ACTIVE)
    assert room.resume(recording=targets(live="active")) == []
    (missed,) = room.resume(recording=targets(live="paused"))
    assert isinstance(missed, StreamingChanged)
    assert missed.status is StreamStatus.PAUSED


# recorders ---
def service(status: str = "inactive", auto_connect: bool = True) -> dict[str, Any]:
    location = "rtmp://live.example.org/canary"
    known = {"auto_connect": auto_connect, "status": status, "start_paused": False}
    return {"streams": {FILE: {"stream_kind": "streaming", "location": location, **known}}}


def ask(room: Room, action: str) -> None:
    payload = {"action": action, "target_ids": [FILE]}
    hear_raw(room.world, room.client, json.dumps({"namespace": "recording_service", "payload": payload}).encode())


def test_a_recorder_is_asked_and_tells() -> None:
    room = Room(recording_service=service())
    assert room.last(StreamsStartRequested).target_ids == (FILE,)
    assert "canary" not in repr(room.state())
    stream = room.state().recording_service.streams[FILE]
    assert stream.location == "rtmp://live.example.org/canary"
    call = room.do(lambda commands: commands.recording_service.update(FILE, StreamStatus.ACTIVE))
    told = {"namespace": "recording_service", "message": "stream_updated", "target_id": FILE, "status": "active"}
    assert room.sent[-1] == told
    assert room.state().recording_service.streams[FILE].status is StreamStatus.ACTIVE
    room.done_by_silence(call)
    ask(room, "pause_streams")
    assert room.last(StreamsPauseRequested).target_ids == (FILE,)
    ask(room, "stop_streams")
    assert room.last(StreamsStopRequested).target_ids == (FILE,)
    ask(room, "start_streams")
    assert room.last(StreamsStartRequested).target_ids == (FILE,)
    room.do(lambda commands: commands.recording_service.update(LIVE, StreamStatus.ERROR, code="x", message="no disk"))
    assert room.sent[-1]["reason"] == {"code": "x", "message": "no disk"}
    assert list(room.state().recording_service.streams) == [FILE]


def test_only_errors_have_codes() -> None:
    room = Room(recording_service=service("active"))
    for status, code in ((StreamStatus.ERROR, None), (StreamStatus.ACTIVE, "x")):
        with pytest.raises(LocalProtocolError, match="code"):
            room.do(lambda commands: commands.recording_service.update(FILE, status, code=code))


def test_a_recorder_that_comes_back() -> None:
    room = Room(recording_service=service("active"))
    assert room.client.of(StreamsStartRequested) == []
    assert room.resume(recording_service=service("active")) == []
    assert room.resume(recording_service=service()) == [StreamsStartRequested(target_ids=(FILE,))]
    assert room.resume(recording_service=service(auto_connect=False)) == []
    room.hear("moderation", "in_waiting_room")
    assert room.state().recording_service.streams == {}
