"""Engines in several threads share the codec, and load namespaces whenever their first message comes."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from m3core.messages import Event, UnknownEvent
from m3core.messages.codec import _Direction

ID = "9fd70c6e-5b9c-4d5a-a1a1-000000000001"
OTHERS: dict[str, dict[str, object]] = {
    "chat": {"message": "chat_disabled", "issued_by": ID},
    "moderation": {"message": "kicked"},
    "timer": {"message": "updated_ready_status", "timer_id": ID, "participant_id": ID, "status": True},
}


class Interrupted(_Direction):
    """Whenever it makes part of a decoder, another thread loads one more namespace."""

    def __init__(self) -> None:
        super().__init__(Event, UnknownEvent)
        self.others: list[str] = []

    def _envelope(self, namespace: str, is_strict: bool) -> Any:
        if self.others:
            thread = threading.Thread(target=self.load, args=(self.others.pop(),))
            thread.start()
            thread.join()
        return super()._envelope(namespace, is_strict)


@pytest.mark.parametrize("decoder", ["strict", "lenient"])
def test_what_is_loaded_while_a_decoder_is_made_is_decoded_too(decoder: str) -> None:
    direction = Interrupted()
    if decoder == "strict":
        direction.others = [*OTHERS]
    direction.load("control")
    direction.others = [*OTHERS]
    direction.lenient(json.dumps({"namespace": "control", "payload": {"message": "left", "id": ID}}))
    for namespace, payload in OTHERS.items():
        envelope = getattr(direction, decoder)(json.dumps({"namespace": namespace, "payload": payload}))
        event = direction.readers[type(envelope.payload)](envelope)
        assert (namespace, payload["message"]) == (event.NAMESPACE, event.MESSAGE)
