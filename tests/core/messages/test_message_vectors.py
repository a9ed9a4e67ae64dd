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

MESSAGES = [
    pytest.param(vector, id=f"{name}-{vector['type']}-{index}")
    for name in NAMES
    if name != "malformed"
    for index, vector in enumerate(load(name))
]
TYPED = [
    pytest.param(vector, id=f"{name}-{vector['type']}-{index}")
    for name in ("control", "media")
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
    assert name == payload.get("message" if vector["direction"] == "to_client" else "action", "")
    is_typed = isinstance(message, Command | Event)
    assert is_typed is (vector["namespace"] in {"control", "media"})


@pytest.mark.parametrize("vector", TYPED)
def test_unknown_fields_are_ignored_everywhere(vector: dict[str, Any]) -> None:
    def grow(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: grow(each) for key, each in value.items()} | {"later_field": {"x": [1, None, "y"]}}
        return [grow(each) for each in value] if isinstance(value, list) else value

    decode = decode_event if vector["direction"] == "to_client" else decode_command
    small = decode(json.dumps(vector["json"]))
    if hasattr(small, "modules") or vector["type"] == "join_success":
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


def test_echo_answers_have_no_message() -> None:
    event = decode_event('{"namespace": "echo", "timestamp": "2024-03-05T09:30:01Z", "payload": {"action": "ping"}}')
    assert isinstance(event, UnknownEvent)
    assert kind(event) == ("echo", "")
