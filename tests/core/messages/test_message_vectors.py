"""Every example message decodes, and encodes to equal JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from message_vectors import NAMES, load

from m3core.errors import MalformedMessage
from m3core.messages import (
    Command,
    Event,
    UnknownCommand,
    UnknownEvent,
    decode_command,
    decode_event,
    encode,
    kind,
)
from m3core.messages.base import NAMESPACES

MESSAGES = [
    pytest.param(vector, id=f"{name}-{vector['type']}-{index}")
    for name in NAMES
    if name != "malformed"
    for index, vector in enumerate(load(name))
]
TYPED = [
    pytest.param(vector, id=f"{name}-{vector['type']}-{index}")
    for name in NAMES
    if name not in {"malformed", "livekit-generation"}
    for index, vector in enumerate(load(name))
]


@pytest.mark.parametrize("vector", MESSAGES)
def test_a_vector_round_trips(vector: dict[str, Any]) -> None:
    text = json.dumps(vector["json"])
    decode = decode_event if vector["direction"] == "to_client" else decode_command
    message = decode(text)
    assert decode(text.encode()) == message
    assert json.loads(encode(message)) == vector["json"]
    assert decode(encode(message)) == message
    namespace, name = kind(message)
    assert namespace == vector["namespace"]
    payload = vector["json"]["payload"]
    keys = ["action", "message"]
    is_reversed = namespace == "recording_service" or (namespace == "echo" and vector["direction"] == "to_client")
    assert name == payload[keys[(vector["direction"] == "to_client") is not is_reversed]] == vector["type"]
    assert isinstance(message, Command | Event) is (namespace in NAMESPACES)


# The payload of an echo is whole, whatever it has: test_an_echo_may_be_anything.
@pytest.mark.parametrize("vector", [one for one in TYPED if "-ping-" not in str(one.id)])
def test_unknown_fields_are_ignored_everywhere(vector: dict[str, Any]) -> None:
    def grow(value: Any) -> Any:
        if isinstance(value, dict):
            grown = {key: each if key == "voting_record" else grow(each) for key, each in value.items()}
            return grown | {"later_field": {"x": [1, None, "y"]}}
        return [grow(each) for each in value] if isinstance(value, list) else value

    decode = decode_event if vector["direction"] == "to_client" else decode_command
    small = decode(json.dumps(vector["json"]))
    if hasattr(small, "modules"):
        grown = vector["json"] | {"later_field": 1, "payload": vector["json"]["payload"] | {"later_field": {"x": []}}}
    else:
        grown = grow(vector["json"])
    assert decode(json.dumps(grown)) == small


@pytest.mark.parametrize("vector", [pytest.param(each, id=each["note"]) for each in load("malformed")])
def test_the_malformed_table(vector: dict[str, Any]) -> None:
    expected = vector["expect"]
    refused = expected is not None and expected["payload"]["error"] == "invalid_json"
    try:
        command = decode_command(vector["raw"])
    except MalformedMessage:
        assert refused or vector["note"] == "module payload unparsable: ignored"
    else:
        # An unknown action of `control` is no broken message here; the engine answers it.
        assert not refused or isinstance(command, UnknownCommand)


@pytest.mark.parametrize("payload", [{}, {"x": [1]}, {"action": 5}, {"action": "ping", "x": 1}, {"message": "ping"}])
def test_an_echo_may_be_anything(payload: dict[str, Any]) -> None:
    text = json.dumps({"namespace": "echo", "payload": payload})
    name = "ping" if "x" in payload and "action" in payload else ""
    assert decode_command(text) == UnknownCommand("echo", name, payload)
    assert decode_event(text) == UnknownEvent("echo", name, payload)
    assert json.loads(encode(decode_event(text))) == json.loads(encode(decode_command(text))) == json.loads(text)


@pytest.mark.parametrize(("decode", "key"), [(decode_event, "action"), (decode_command, "message")])
def test_unknown_messages_of_a_reversed_namespace_keep_their_payload(decode: Any, key: str) -> None:
    text = json.dumps({"namespace": "recording_service", "payload": {key: "of_tomorrow", "x": 1}})
    message = decode(text)
    assert isinstance(message, UnknownEvent | UnknownCommand)
    assert kind(message) == ("recording_service", "of_tomorrow")
    assert json.loads(encode(message)) == json.loads(text)
    again = type(message)("recording_service", "of_tomorrow", {"x": 1})
    assert json.loads(encode(again)) == json.loads(text)
    for other in ("action", "message"):
        if other != key:
            with pytest.raises(MalformedMessage) as caught:
                decode(json.dumps({"namespace": "recording_service", "payload": {other: "stream_updated"}}))
            assert caught.value.path == f"$.payload.{key}"
