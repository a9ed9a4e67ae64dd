"""Namespace `echo` on the server: any payload comes back to its sender (signaling.md § 15)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from stage import Stage

from m3core.controller.features import FeatureLevel
from m3core.limits import MAX_MESSAGE


def send(stage: Stage, who: str, data: bytes) -> list[dict[str, Any]]:
    """Let ``who`` send any bytes. Returns the whole messages that it gets."""
    stage.controller.receive_text(stage.connections[who], data, stage.now)
    stage.drain()
    return stage.inbox.pop(who, [])


@pytest.mark.parametrize(
    "payload",
    [
        {"action": "ping"},
        {"action": "ping", "id": 7},
        {"action": "pong", "x": [1, 2.5, None, "é"]},
        {"action": 5},
        {"message": "ping"},
        {"message": "error", "error": "chat_disabled"},
        {"namespace": "control"},
        {"timestamp": "yesterday"},
        {},
    ],
)
def test_any_payload_comes_back_to_its_sender(payload: dict[str, Any]) -> None:
    stage = Stage()
    stage.joined("ada", "bob")
    stage.now = 1.5
    heard = send(stage, "bob", json.dumps({"namespace": "echo", "payload": payload}).encode())
    assert heard == [{"namespace": "echo", "timestamp": "2024-03-05T09:30:01.500000000Z", "payload": payload}]
    assert not stage.inbox


def test_an_echo_comes_back_from_the_opening_of_the_connection_on() -> None:
    stage = Stage(FeatureLevel.V0_3, waiting_room=True, participant_limit=2)
    stage.connect("bob")
    assert stage.say("bob", "echo", "ping") == [{"action": "ping"}]
    stage.join("ada")
    stage.forget()
    assert [one["message"] for one in stage.say("bob", "control", "join", display_name="Bob")] == ["in_waiting_room"]
    assert stage.say("bob", "echo", "pong", x=1) == [{"action": "pong", "x": 1}]
    assert stage.join("cyd")[0]["message"] == "join_blocked"
    assert stage.say("cyd", "echo", "ping") == [{"action": "ping"}]
    assert stage.say("cyd", "chat", "send_message", content="x", scope="global") == []


def test_what_would_be_too_long_does_not_come_back() -> None:
    stage = Stage()
    stage.joined("ada")
    # Numbers come back longer, and strings as long as they are.
    values = b",".join([b"1e15"] * 9_000 + [b'"%s"' % (b"x" * 64_000)] * 15)
    numbers = b'{"namespace":"echo","payload":{"x":[%s]}}' % values
    assert len(numbers) < MAX_MESSAGE
    assert send(stage, "ada", numbers) == []
    assert len(send(stage, "ada", b'{"namespace":"echo","payload":{"action":"ping"}}')) == 1
