"""Events, states and errors as plain JSON values."""

from __future__ import annotations

import datetime as dt
import json
from types import MappingProxyType

import attrs
import pytest

from m3asyncio.cli.jsonl import MASK, error_value, event_line, plain
from m3core.conference.events import Ended, ParticipantJoined, PeerMisbehaved, UnknownMessage
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.modules.media import ForceMuteChanged
from m3core.conference.state import ConferenceState, EndReason, Participant, Stream
from m3core.errors import ApiError, CallRefused, FieldError, MalformedMessage
from m3core.messages import UnknownEvent
from m3core.messages.chat import ChatScope
from m3core.rest.invites import VerifyInvite
from m3core.values import InviteCode, MediaSessionType, MessageId, ParticipantId, Secret, Timestamp

ADA = Participant(
    id=ParticipantId("ada"),
    display_name="Ada",
    joined_at=Timestamp("2024-03-05T09:30:01Z"),
    streams=MappingProxyType(
        {MediaSessionType.VIDEO: Stream(media_session_type=MediaSessionType.VIDEO, audio=True, video=False)}
    ),
    modules=MappingProxyType({"etherpad": {"session": "hidden"}}),
)


def test_an_event_has_its_class_its_time_and_its_fields() -> None:
    line = event_line(ParticipantJoined(participant=ADA), 1.23456)
    assert (line["event"], line["time"]) == ("ParticipantJoined", 1.235)
    who = line["participant"]
    assert isinstance(who, dict)
    assert (who["id"], who["display_name"], who["role"]) == ("ada", "Ada", "guest")
    assert who["joined_at"] == "2024-03-05T09:30:01Z"
    assert who["streams"] == {"video": {"media_session_type": "video", "audio": True, "video": False}}
    assert "modules" not in who  # raw, and perhaps secret
    json.dumps(line)


def test_a_chat_message_has_its_content() -> None:
    said = ChatMessage(
        id=MessageId("1"), source=ADA.id, participant=ADA, content="psst", scope=ChatScope.PRIVATE, to=ADA.id
    )
    line = event_line(said, 0)
    assert (line["content"], line["scope"], line["to"], line["timestamp"]) == ("psst", "private", "ada", None)
    assert isinstance(line["participant"], dict)
    assert event_line(attrs.evolve(said, participant=None), 0)["participant"] is None


def test_fields_that_the_line_needs_are_renamed_and_raw_payloads_masked() -> None:
    unknown = UnknownMessage(event=UnknownEvent("etherpad", "url", {"url": "https://pad.example/secret"}))
    message = event_line(unknown, 0)["message"]
    assert isinstance(message, dict)
    assert (message["namespace"], message["message"], message["payload"]) == ("etherpad", "url", MASK)


def test_enums_sets_and_errors() -> None:
    assert event_line(Ended(reason=EndReason.LEFT), 0) == {"event": "Ended", "time": 0, "reason": "left", "detail": ""}
    allowed = frozenset({ParticipantId("b"), ParticipantId("a")})
    assert event_line(ForceMuteChanged(force_mute=True, allow_list=allowed), 0)["allow_list"] == ["a", "b"]
    error = event_line(PeerMisbehaved(error=MalformedMessage("missing", "$.payload")), 0)["error"]
    assert error == {
        "type": "MalformedMessage",
        "message": "missing - at `$.payload`",
        "reason": "missing",
        "path": "$.payload",
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Secret("sesame"), MASK),
        (dt.timedelta(seconds=1.5), 1.5),
        (dt.datetime(2024, 3, 5, tzinfo=dt.UTC), "2024-03-05T00:00:00+00:00"),
        ((1, [True, None]), [1, [True, None]]),
        ({MediaSessionType.SCREEN: 2.5}, {"screen": 2.5}),
        (b"raw", "<bytes>"),
        (VerifyInvite(invite_code=InviteCode("key to the room")), {}),
    ],
)
def test_values(value: object, told: object) -> None:
    assert plain(value) == told


def test_a_whole_state_is_json() -> None:
    state = ConferenceState(own=ADA, participants=MappingProxyType({ADA.id: ADA}))
    told = json.loads(json.dumps(plain(state)))
    assert told["participants"]["ada"]["display_name"] == "Ada"
    assert told["phase"] == "idle"


def test_errors_have_their_codes() -> None:
    assert error_value(CallRefused("chat_disabled"))["code"] == "chat_disabled"
    refused = error_value(ApiError(404, "not_found"))
    assert (refused["type"], refused["status"], refused["code"]) == ("ApiError", 404, "not_found")
    assert error_value(OSError("no\nsuch file")) == {"type": "OSError", "message": "no such file"}


def test_the_fields_that_a_server_refused_are_told() -> None:
    errors = (
        FieldError(field="password", code="invalid_length", message="too short"),
        FieldError(code="missing_values"),
    )
    told = error_value(ApiError(422, "validation_failed", errors=errors, message="Some values are invalid"))
    assert told["errors"] == [
        {"field": "password", "code": "invalid_length", "message": "too short"},
        {"field": None, "code": "missing_values", "message": None},
    ]
    assert told["server_message"] == "Some values are invalid"
    assert told["message"] == "request failed: HTTP 422 validation_failed"
