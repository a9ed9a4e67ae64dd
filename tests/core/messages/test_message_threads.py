"""Engines in several threads share the codec, and load namespaces whenever their first message comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from m3core.messages import Event, UnknownEvent
from m3core.messages.control import Left
from m3core.messages.decoding import Decoder
from m3core.values import ParticipantId

ID = "9fd70c6e-5b9c-4d5a-a1a1-000000000001"
OTHERS: dict[str, dict[str, object]] = {
    "chat": {"message": "chat_disabled", "issued_by": ID},
    "moderation": {"message": "kicked"},
    "timer": {"message": "updated_ready_status", "timer_id": ID, "participant_id": ID, "status": True},
}


class Interrupted(Decoder):
    """While it compiles, another thread does something more."""

    def __init__(self) -> None:
        super().__init__(Event, UnknownEvent)
        self.others: list[Callable[[], None]] = []

    def _envelope(self, *arguments: Any) -> Any:
        if self.others:
            thread = threading.Thread(target=self.others.pop())
            thread.start()
            thread.join()
        return super()._envelope(*arguments)

    def read(self, namespace: str, payload: object) -> Any:
        """The message, read only by shells."""
        envelope = self.decode(json.dumps({"namespace": namespace, "payload": payload}))
        return self.readers[type(envelope.payload)](envelope)


def test_what_is_loaded_while_a_decoder_is_made_is_decoded_too() -> None:
    decoder = Interrupted()
    decoder.others = [partial(decoder.load, namespace) for namespace in OTHERS]
    decoder.load("control")
    for namespace, payload in OTHERS.items():
        event = decoder.read(namespace, payload)
        assert (namespace, payload["message"]) == (event.NAMESPACE, event.MESSAGE)


def test_what_is_learned_while_a_decoder_is_made_is_known_too() -> None:
    decoder = Interrupted()
    decoder.others = [lambda: decoder.learn([(Left, "later_field")])]
    decoder.load("control")
    assert decoder.read("control", {"message": "left", "id": ID, "later_field": [1]}) == Left(id=ParticipantId(ID))
