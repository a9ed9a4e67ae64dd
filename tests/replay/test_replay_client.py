"""Our client decodes every message of the recorded controller: none is unknown or refused, and no field is lost."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any, Final

from recorded import scenarios
from replay_compare import label

from m3core.messages import Event, decode_event, encode

_STAND_INS: Final = {
    "<time>": "2023-04-20T12:00:00Z",
    "<time.f>": "2023-04-20T12:00:00.123456789Z",
    "<sdp>": "v=0\r\n",
    "<avatar>": "https://example.org/avatar",
}


def _as_sent(value: Any) -> Any:
    """The value with real ids and times where the recording has names."""
    if isinstance(value, dict):
        return {_as_sent(key): _as_sent(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_sent(inner) for inner in value]
    if isinstance(value, str) and re.fullmatch(r"<[a-z]+\d*>", value) and value not in _STAND_INS:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, value))
    return _STAND_INS.get(value, value) if isinstance(value, str) else value


def test_every_recorded_message_is_known_and_whole() -> None:
    told = {
        json.dumps(_as_sent(what))
        for scenario in scenarios()
        for frames in scenario["received"].values()
        for _, what in frames
        if not label(what).startswith("<")
    }
    assert len(told) > 100
    for text in told:
        event = decode_event(text)
        assert isinstance(event, Event), text
        assert json.loads(encode(event)) == json.loads(text)
