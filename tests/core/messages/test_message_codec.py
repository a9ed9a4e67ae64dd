"""Strictness, limits and unknown things, by example."""

from __future__ import annotations

import json
import re
from typing import Any

import attrs
import pytest
from message_vectors import load

from m3core import strict_json
from m3core.errors import LimitExceeded, MalformedMessage
from m3core.limits import MAX_MESSAGE, MAX_NESTING, MAX_STRING
from m3core.messages import (
    UnknownCommand,
    UnknownEvent,
    breakout,
    control,
    decode_command,
    decode_event,
    encode,
    kind,
    media,
    recording,
)
from m3core.messages.base import JOIN_MODULES
from m3core.messages.codec import EVENT_DECODER
from m3core.messages.participants import MediaState
from m3core.values import (
    MediaSessionType,
    ParticipantId,
    Timestamp,
)

ADA = ParticipantId("86ef324d-6f4b-4265-8fea-8c918bce4b86")
BOB = ParticipantId("6350421b-2930-4731-ba17-a0faa5243422")
NOW = Timestamp("2024-03-05T09:30:01.204417093Z")


def event(namespace: str, message: str, **fields: object) -> str:
    return json.dumps({"namespace": namespace, "timestamp": NOW.text, "payload": {"message": message, **fields}})


def command(namespace: str, action: str, **fields: object) -> str:
    return json.dumps({"namespace": namespace, "payload": {"action": action, **fields}})


def example(type_: str, source: str = "S") -> dict[str, Any]:
    vectors = [*load("control"), *load("media")]
    found: dict[str, Any] = next(v["json"] for v in vectors if v["type"] == type_ and v["source"] == source)
    return found


WRONG = [None, True, 1, 1.0, "x", [], {}, ["x"], {"x": 1}]
FIELDS: list[Any] = [
    (command, "control", "grant_moderator_role", {"target": ADA}, "target", ()),
    (command, "control", "join", {"display_name": "Ada"}, "display_name", (str, type(None))),
    (command, "media", "update_speaking_state", {"is_speaking": True}, "is_speaking", (bool,)),
    (command, "media", "grant_presenter_role", {"participant_ids": [ADA]}, "participant_ids", ()),
    (command, "media", "moderator_mute", {"targets": ADA, "force": True}, "targets", (type(None),)),
    (command, "media", "moderator_mute", {"targets": ADA, "force": True}, "force", (bool,)),
    (command, "media", "unpublish", {"media_session_type": "video"}, "media_session_type", ()),
    (event, "control", "left", {"id": ADA, "reason": "quit"}, "reason", (type(None),)),
    (event, "control", "update", {"id": ADA, "media": {"is_presenter": True}}, "media", (type(None),)),
    (event, "control", "update", {"id": ADA, "control": None}, "control", (type(None),)),
    (event, "control", "joined", example("joined")["payload"], "control", ()),
    (event, "control", "join_success", example("join_success")["payload"], "participants", ()),
    (event, "control", "join_success", example("join_success")["payload"], "closes_at", (str, type(None))),
    (event, "control", "join_success", example("join_success")["payload"], "is_room_owner", (bool, type(None))),
    (event, "media", "sdp_offer", example("sdp_offer")["payload"], "sdp", (str,)),
    (event, "media", "focus_update", {"focus": ADA}, "focus", (type(None),)),
]


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize(("make", "namespace", "name", "fields", "field", "legal"), FIELDS)
def test_nothing_is_coerced(
    make: Any, namespace: str, name: str, fields: dict[str, Any], field: str, legal: tuple[type, ...], value: object
) -> None:
    fields = {key: each for key, each in fields.items() if key != "message"}
    decode = decode_event if make is event else decode_command
    text = make(namespace, name, **fields | {field: value})
    is_list = field in {"participants", "participant_ids", "targets"} and value == []
    if type(value) in legal or is_list:
        assert kind(decode(text)) == (namespace, name)
        return
    if field in {"media_session_type", "reason"} and value == "x":
        unknown = decode(text)
        assert isinstance(unknown, UnknownEvent | UnknownCommand)
        assert unknown.path == f"$.payload.{field}"
        return
    with pytest.raises(MalformedMessage) as caught:
        decode(text)
    assert caught.value.path.startswith(f"$.payload.{field}")


@pytest.mark.parametrize("value", [True, 1.0, "0", None, 2**63, -(2**63) - 1, 10**30])
def test_integers_are_integers_of_64_bits(value: object) -> None:
    text = example("sdp_candidate")
    text["payload"]["candidate"]["sdpMLineIndex"] = value
    with pytest.raises(MalformedMessage) as caught:
        decode_command(json.dumps(text))
    assert caught.value.path == "$.payload.candidate.sdpMLineIndex"


def test_paths_lead_into_lists_and_mappings() -> None:
    text = example("join_success", "L")
    text["payload"]["participants"][0]["control"]["hand_is_up"] = "no"
    with pytest.raises(MalformedMessage) as caught:
        decode_event(json.dumps(text))
    assert caught.value.path == "$.payload.participants[0].control.hand_is_up"
    text = example("join_success", "L")
    text["payload"]["tariff"]["quotas"] = {"no plain name": "5"}
    with pytest.raises(MalformedMessage) as caught:
        decode_event(json.dumps(text))
    assert caught.value.path == "$.payload.tariff.quotas[...]"
    assert "plain" not in str(caught.value)
    text["payload"]["tariff"]["quotas"] = []
    with pytest.raises(MalformedMessage) as caught:
        decode_event(json.dumps(text))
    assert caught.value.path == "$.payload.tariff.quotas"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "$"),
        ("{", "$"),
        ("null", "$"),
        ("[1, 2]", "$"),
        ("\ufeff{}", "$"),
        ('{"payload": {}}', "$.namespace"),
        ('{"namespace": 1, "payload": {}}', "$.namespace"),
        ('{"namespace": "control"}', "$.payload"),
        ('{"namespace": "x", "payload": []}', "$.payload"),
        ('{"namespace": "control", "payload": {}}', "$.payload.message"),
        ('{"namespace": "control", "payload": {"message": 1}}', "$.payload.message"),
        ('{"namespace": "control", "timestamp": 1, "payload": {"message": "hand_raised"}}', "$.timestamp"),
        ('{"namespace": "control", "payload": {"message": "hand_raised", "x": NaN}}', "$.payload.x"),
        ('{"namespace": "control", "payload": {"message": "hand_raised", "x": -Infinity}}', "$.payload.x"),
        ('{"namespace": "control", "payload": {"message": "hand_raised", "x": 1e999}}', "$.payload.x"),
        ('{"namespace": "control", "payload": {"message": "hand_raised", "x": 9223372036854775808}}', "$.payload.x"),
        ('{"namespace": "control", "payload": {"message": "hand_raised", "x": "\\ud800"}}', "$.payload.x"),
        ('{"namespace": "control", "payload": {"message": "hand_raised", "\\ud800": 1}}', "$.payload"),
        ('{"namespace": "x", "payload": {"a": [1, {"b": 1e999}]}}', "$.payload.a[1].b"),
        ('{"namespace": "x\ud800", "payload": {}}', "$"),
        (b'{"namespace": "control", "payload": {"message": "hand_raised", "x": "\xff"}}', "$"),
    ],
)
def test_what_is_no_json_or_no_envelope_is_refused_with_its_path(text: str | bytes, path: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode_event(text)
    assert caught.value.path == path


def reversed_pairs(text: str, key: str) -> str:
    """``text`` with two values of ``key``, the last one first."""
    match = re.search(rf'"{key}":("[^"]*"),"{key}":("[^"]*")', text)
    assert match is not None
    return text.replace(match[0], f'"{key}":{match[2]},"{key}":{match[1]}')


@pytest.mark.parametrize("later", ["", ',"later_field":1'])
@pytest.mark.parametrize(
    ("decode", "text", "key", "last", "first"),
    [
        (
            decode_event,
            f'{{"namespace":"control","payload":{{"message":"left","id":"{ADA}","id":"{BOB}"}}}}',
            "id",
            control.Left(id=BOB),
            control.Left(id=ADA),
        ),
        (
            decode_command,
            '{"namespace":"control","payload":{"action":"raise_hand","action":"lower_hand"}}',
            "action",
            control.LowerHand(),
            control.RaiseHand(),
        ),
        (
            decode_event,
            '{"namespace":"control","payload":{"message":"of_tomorrow","message":"hand_raised"}}',
            "message",
            control.HandRaised(),
            UnknownEvent("control", "of_tomorrow", {"message": "of_tomorrow"}),
        ),
        (
            decode_event,
            '{"namespace":"control","namespace":"chat","payload":{"message":"error","error":"raise_hands_disabled"}}',
            "namespace",
            UnknownEvent("chat", "error", {"message": "error", "error": "raise_hands_disabled"}),
            control.Error(error=control.ControlErrorCode.RAISE_HANDS_DISABLED),
        ),
        (
            decode_event,
            '{"namespace":"livekit","payload":{"message":"x","y":"1","y":"2"}}',
            "y",
            UnknownEvent("livekit", "x", {"message": "x", "y": "2"}),
            UnknownEvent("livekit", "x", {"message": "x", "y": "1"}),
        ),
        (
            decode_event,
            '{"namespace":"of_tomorrow","payload":{"message":"x","y":"1","y":"2"}}',
            "y",
            UnknownEvent("of_tomorrow", "x", {"message": "x", "y": "2"}),
            UnknownEvent("of_tomorrow", "x", {"message": "x", "y": "1"}),
        ),
        (
            decode_command,
            '{"namespace":"livekit","namespace":"of_tomorrow","payload":{"action":"x"}}',
            "namespace",
            UnknownCommand("of_tomorrow", "x", {"action": "x"}),
            UnknownCommand("livekit", "x", {"action": "x"}),
        ),
    ],
)
def test_of_keys_that_stand_twice_the_last_one_counts(
    decode: Any, text: str, key: str, last: object, first: object, later: str
) -> None:
    text = text.removesuffix("}") + later + "}"
    for _ in range(2):  # the second time the shells know the later field
        assert decode(text) == last
        assert decode(reversed_pairs(text, key)) == first
        assert decode(text.replace('"payload"', '"payload":{"message":"joined","id":1},"payload"').encode()) == last


@pytest.mark.parametrize("prefix", ["", '"later_field": 1, '])
def test_a_kind_that_is_written_with_escapes_is_the_same_key(prefix: str) -> None:
    text = f'{{"namespace":"control","payload":{{{prefix}"action":"raise_hand","\\u0061ction":"lower_hand"}}}}'
    assert decode_command(text) == decode_command(text) == control.LowerHand()


@pytest.mark.parametrize("name", ["typed", "module", "unknown"])
def test_nesting_is_bounded(name: str) -> None:
    def nested(levels: int) -> str:
        deep = "[" * levels + "]" * levels
        if name == "typed":
            return f'{{"namespace":"control","payload":{{"message":"hand_raised","x":{deep}}}}}'
        if name == "unknown":
            return f'{{"namespace":"x","payload":{{"x":{deep}}}}}'
        return f'{{"namespace":"control","payload":{{"message":"update","id":"{ADA}","livekit":{deep}}}}}'

    decode_event(nested(MAX_NESTING - 2))
    for levels in (MAX_NESTING - 1, 5_000, 200_000):
        with pytest.raises(LimitExceeded) as caught:
            decode_event(nested(levels))
        assert caught.value.name == "nesting"
        assert caught.value.limit == MAX_NESTING


def test_brackets_in_strings_do_not_nest() -> None:
    name = '["}{[\\"' * 60
    for decode in (decode_command, decode_event):
        assert decode(json.dumps({"namespace": "x", "payload": {"a": name, "b": "\\", "c": "[" * 99}}))
    text = '{"namespace": "x", "payload": {"a": "]", "b": ' + '["]",' * 40 + "1" + "]" * 40 + "}}"
    with pytest.raises(LimitExceeded):
        decode_event(text)


def test_an_unclosed_nesting_is_bounded_too() -> None:
    with pytest.raises(LimitExceeded):
        decode_event("[" * 200_000)
    with pytest.raises(MalformedMessage):
        decode_event("]" * 200_000)


def test_the_size_of_a_message_is_bounded() -> None:
    small = event("control", "hand_raised", x=["y" * 60_000] * 17)
    exact = small.replace("hand_raised", "hand_raised", 1) + " " * (MAX_MESSAGE - len(small))
    assert isinstance(decode_event(exact), control.HandRaised)
    assert isinstance(decode_event(exact.encode()), control.HandRaised)
    for text in (exact + " ", (exact + " ").encode()):
        with pytest.raises(LimitExceeded) as caught:
            decode_event(text)
        assert (caught.value.name, caught.value.value) == ("message size", MAX_MESSAGE + 1)


@pytest.mark.parametrize("field", ["sdp", "later_field"])
@pytest.mark.parametrize("letter", ["x", "é", '"'])
def test_the_size_of_a_string_is_bounded(field: str, letter: str) -> None:
    message = example("sdp_offer")
    longest = letter * (MAX_STRING // len(letter.encode()))
    message["payload"][field] = longest
    text = json.dumps(message, ensure_ascii=False)
    assert isinstance(decode_event(text), media.SdpOffer)
    assert isinstance(decode_event(text.encode()), media.SdpOffer)
    message["payload"][field] = longest + letter
    with pytest.raises(LimitExceeded) as caught:
        decode_event(json.dumps(message, ensure_ascii=False).encode())
    assert caught.value.name == "string"
    assert caught.value.path == f"$.payload.{field}"


def test_the_size_of_a_string_of_a_command_is_bounded() -> None:
    message = example("publish")
    message["payload"]["sdp"] = "x" * MAX_STRING
    assert isinstance(decode_command(json.dumps(message).encode()), media.Publish)
    message["payload"]["sdp"] += "x"
    with pytest.raises(LimitExceeded):
        decode_command(json.dumps(message).encode())


def test_long_messages_of_short_strings_are_fine() -> None:
    text = example("join_success")
    entry = example("joined")["payload"]
    text["payload"]["participants"] = [{key: entry[key] for key in ("id", "control", "media")}] * 300
    joined = decode_event(json.dumps(text).encode())
    assert isinstance(joined, control.JoinSuccess)
    assert len(joined.participants) == 300


def test_an_unknown_enum_value_makes_the_message_unknown() -> None:
    text = event("control", "role_updated", new_role="king")
    unknown = decode_event(text)
    assert unknown == UnknownEvent(
        "control", "role_updated", {"message": "role_updated", "new_role": "king"}, timestamp=NOW
    )
    assert isinstance(unknown, UnknownEvent)
    assert unknown.path == "$.payload.new_role"
    assert json.loads(encode(unknown)) == json.loads(text)
    later = decode_event(event("media", "error", error="too_hot"))
    assert isinstance(later, UnknownEvent)
    assert later.path == "$.payload.error"


def test_both_spellings_of_the_participant_limit() -> None:
    for spelling in ("participant_limit_reached", "participant-limit-reached"):
        blocked = decode_event(event("control", "join_blocked", reason=spelling))
        assert blocked == control.JoinBlocked(reason=control.JoinBlockedReason.PARTICIPANT_LIMIT_REACHED, timestamp=NOW)
    assert isinstance(decode_event(event("control", "join_blocked", reason="participant limit")), UnknownEvent)


@pytest.mark.parametrize("targets", [{}, {"targets": ADA}, {"targets": [ADA, BOB]}, {"targets": []}])
def test_moderator_mute_keeps_its_form(targets: dict[str, Any]) -> None:
    text = command("media", "moderator_mute", force=True, **targets)
    assert json.loads(encode(decode_command(text))) == json.loads(text)


def test_null_and_missing_are_alike() -> None:
    fields = {"target": ADA, "media_session_type": "video"}
    for extra in ({}, {"without_video": None}, {"without_video": False}, {"later": 1, "without_video": None}):
        subscribe = decode_command(command("media", "subscribe", **fields, **extra))
        assert subscribe == media.Subscribe(target=ADA, media_session_type=MediaSessionType.VIDEO)
    candidate = {"candidate": "", "sdpMLineIndex": 0, "sdpMid": None}
    trickled = decode_command(command("media", "sdp_candidate", **fields, candidate=candidate))
    assert isinstance(trickled, media.SendCandidate)
    assert trickled.candidate == media.CandidateInit(candidate="", sdp_mline_index=0)
    assert "sdpMid" not in json.loads(encode(trickled))["payload"]["candidate"]


def test_modules_are_kept_raw_null_included() -> None:
    text = example("join_success")
    text["payload"] |= {"meeting_report": None, "livekit": {"token": "t"}}
    success = decode_event(json.dumps(text))
    assert isinstance(success, control.JoinSuccess)
    assert success.modules == {"meeting_report": None, "livekit": {"token": "t"}}
    assert set(success.modules) <= set(JOIN_MODULES)
    assert json.loads(encode(success)) == text
    big = example("update")
    big["payload"]["livekit"] = {"x": 2**63}
    with pytest.raises(MalformedMessage) as caught:
        decode_event(json.dumps(big))
    assert caught.value.path == "$.payload.livekit.x"


@pytest.mark.parametrize(
    ("wire", "typed"),
    [
        ({}, None),
        ({"recording": None}, recording.JoinData()),
        ({"recording": {"state": "initializing"}}, recording.JoinData(state=recording.RecordingStatus.INITIALIZING)),
    ],
)
@pytest.mark.parametrize("later", [{}, {"later_field": 1}, {"later_field": 1, "tariff": None, "tariff ": None}])
def test_nothing_recorded_is_not_no_module(wire: dict[str, Any], typed: object, later: dict[str, Any]) -> None:
    text = example("join_success")
    del text["payload"]["recording"]
    text["payload"] |= wire
    success = decode_event(json.dumps(text | {"payload": text["payload"] | later}))
    assert isinstance(success, control.JoinSuccess)
    assert success.recording == typed
    assert json.loads(encode(success)) == text
    assert decode_event(encode(attrs.evolve(success))) == success
    assert EVENT_DECODER.structure(strict_json.parse(json.dumps(text))) == success


def test_an_unknown_enum_value_of_a_module_does_not_hide_who_is_there() -> None:
    text = example("join_success")
    text["payload"] |= {"recording": {"state": "melting"}}
    success = decode_event(json.dumps(text))
    assert isinstance(success, control.JoinSuccess)
    assert success.recording is None
    text["payload"]["recording"] = {"state": 1}
    with pytest.raises(MalformedMessage):
        decode_event(json.dumps(text))
    left = event("control", "update", id=ADA, waiting_room_state="asleep", media={"is_presenter": True})
    update = control.Update(id=ADA, media=MediaState(is_presenter=True), timestamp=NOW)
    assert decode_event(left) == update


@pytest.mark.parametrize("later", [{}, {"later_field": 1}])
@pytest.mark.parametrize("time", [{}, {"left_at": None}, {"left_at": NOW.text}])
@pytest.mark.parametrize("avatar", [{}, {"avatar_url": None}, {"avatar_url": "https://x.example"}])
def test_what_later_servers_omit_is_remembered(
    avatar: dict[str, Any], time: dict[str, Any], later: dict[str, Any]
) -> None:
    somebody = {"id": ADA, "display_name": "Ada", "role": "user", "participation_kind": "user", "joined_at": NOW.text}
    payload = {"message": "joined", "breakout_room": None, **somebody, **avatar, **time}
    text = {"namespace": "breakout", "payload": payload}
    joined = decode_event(json.dumps(text | {"payload": payload | later}))
    assert isinstance(joined, breakout.Joined)
    assert joined.is_short is not (bool(avatar) and bool(time))
    assert (joined.avatar_url is None) is (avatar.get("avatar_url") is None)
    careful = EVENT_DECODER.structure(strict_json.parse(json.dumps(text)))
    assert (careful, careful.is_short) == (joined, joined.is_short)
    omitted = {key for key in ("avatar_url", "left_at") if joined.is_short and payload.get(key) is None}
    sent = json.loads(encode(joined))["payload"]
    nulls = {"avatar_url": None, "left_at": None}
    assert sent == {key: value for key, value in (nulls | payload).items() if key not in omitted}


def test_deep_modules_are_measured_where_they_stand() -> None:
    deep = json.loads("[" * 29 + "]" * 29)
    update = decode_event(event("control", "update", id=ADA, livekit=deep))
    assert isinstance(update, control.Update)
    assert update.modules == {"livekit": deep}
