"""The client engine survives every message of the vectors of the later namespaces, in many orders."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from rooms import OWN, Room
from worlds import hear_raw

from m3core.conference.events import PeerMisbehaved, UnknownMessage
from m3core.conference.state import Phase

_VECTORS = Path(__file__).parents[2] / "vectors"
_FILES = {"breakout": 1, "recording": 2, "legal_vote": 1, "automod": 1}
"""The files, each with the number of its namespaces."""
_ADA = "86ef324d-6f4b-4265-8fea-8c918bce4b86"
"""Our own id in the vectors."""


def messages(name: str) -> list[bytes]:
    entries: list[dict[str, Any]] = json.loads((_VECTORS / f"signaling-{name}.json").read_text("utf-8"))
    events = [entry["json"] for entry in entries if entry["direction"] == "to_client"]
    assert len({event["namespace"] for event in events}) == _FILES[name]
    return [json.dumps(event).replace(_ADA, OWN).encode() for event in events]


def survive(room: Room, texts: list[bytes]) -> None:
    for text in texts:
        hear_raw(room.world, room.client, text)
        assert room.client.conference.phase is Phase.JOINED
        assert room.state() is room.state()
        assert repr(room.state())
        assert isinstance(room.client.conference.present_events(), tuple)
    assert room.client.of(PeerMisbehaved) == []
    assert room.client.of(UnknownMessage) == []


@pytest.mark.parametrize("name", _FILES)
def test_after_each_message_may_come_each_other(name: str) -> None:
    room = Room()
    survive(room, [text for pair in itertools.permutations(messages(name), 2) for text in pair])


@pytest.mark.parametrize("name", _FILES)
def test_the_messages_may_come_in_any_order(name: str) -> None:
    texts, dice = messages(name), random.Random(name)
    for _ in range(25):
        dice.shuffle(texts)
        room = Room()
        survive(room, texts)
        again = len(room.client.events)
        survive(room, texts)
        assert len(room.client.events) > again


def test_all_of_them_may_come_in_any_order() -> None:
    texts, dice = [text for name in _FILES for text in messages(name)], random.Random(0)
    for _ in range(5):
        dice.shuffle(texts)
        survive(Room(), texts)
