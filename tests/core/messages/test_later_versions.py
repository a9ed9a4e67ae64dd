"""Shells learn the keys of later versions, within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from m3core.limits import MAX_LATER_KEYS
from m3core.messages import Command, Event, UnknownCommand, UnknownEvent, control
from m3core.messages.decoding import NOT_SURE, Decoder
from m3core.values import ParticipantId

ADA = "86ef324d-6f4b-4265-8fea-8c918bce4b86"
LEFT = control.Left(id=ParticipantId(ADA))


def events(room: int = MAX_LATER_KEYS) -> Decoder:
    decoder = Decoder(Event, UnknownEvent, room)
    decoder.load("control")
    return decoder


def left(**later: object) -> bytes:
    payload = {"message": "left", "id": ADA, **later}
    return json.dumps({"namespace": "control", "payload": payload}).encode()


def fast(decoder: Decoder, data: bytes) -> Any:
    """The message, read only by shells."""
    envelope = decoder.decode(data)
    return decoder.readers[type(envelope.payload)](envelope)


@pytest.mark.parametrize("value", [None, True, 1, -1.5, "x", [], {}, {"x": [1, {"y": None}]}])
def test_the_second_message_with_a_later_field_is_read_by_shells(value: object) -> None:
    decoder, data = events(), left(later_field=value)
    with pytest.raises(NOT_SURE):
        fast(decoder, data)
    assert decoder.decode_carefully(data) == LEFT
    assert fast(decoder, data) == fast(decoder, left()) == LEFT


def test_keys_beside_the_payload_and_inside_of_values_are_learned() -> None:
    decoder = events()
    update: dict[str, Any] = {"message": "update", "id": ADA, "media": {"is_presenter": True, "hue": 1}}
    data = json.dumps({"namespace": "control", "hue": [2], "payload": update}).encode()
    message = decoder.decode_carefully(data)
    assert fast(decoder, data) == message
    assert decoder.later == {(Event, "hue"), (type(message.media), "hue")}


def test_a_timestamp_beside_a_command_is_such_a_key() -> None:
    decoder = Decoder(Command, UnknownCommand)
    data = b'{"namespace":"control","timestamp":"now","payload":{"action":"raise_hand"}}'
    assert decoder.decode_carefully(data) == control.RaiseHand()
    assert fast(decoder, data) == control.RaiseHand()


def test_what_is_no_number_of_ours_is_refused_where_it_is_ignored_too() -> None:
    decoder = events()
    decoder.decode_carefully(left(later_field=1))
    for value in (2**63, [2**63], "\ud800"):
        with pytest.raises(NOT_SURE):
            fast(decoder, left(later_field=value))


def test_room_for_later_keys_is_bounded() -> None:
    decoder = events()
    assert decoder.decode_carefully(left(**{f"later_{each}": 1 for each in range(MAX_LATER_KEYS + 1)})) == LEFT
    assert not decoder.later  # one message cannot take all
    for number in range(MAX_LATER_KEYS + 10):
        assert decoder.decode_carefully(left(**{f"later_{number}": 1})) == LEFT
    assert len(decoder.later) == MAX_LATER_KEYS
    assert fast(decoder, left(later_0=1)) == LEFT
    with pytest.raises(NOT_SURE):
        fast(decoder, left(**{f"later_{MAX_LATER_KEYS}": 1}))


@pytest.mark.parametrize("key", ["x" * 65, "", "a key", 'a"key', "a\\key", "a\nkey", "\0"])
def test_keys_that_are_no_names_are_not_learned(key: str) -> None:
    decoder = events()
    assert decoder.decode_carefully(left(**{key: 1})) == LEFT
    assert not decoder.later


def test_keys_of_messages_that_are_unknown_or_wrong_are_not_learned() -> None:
    decoder = events()
    assert isinstance(decoder.decode_carefully(left(reason="asleep", later_field=1)), UnknownEvent)
    with pytest.raises(Exception, match="not a UUID"):
        decoder.decode_carefully(left(id="x", later_field=1))
    assert not decoder.later


def test_nothing_is_compiled_twice_for_keys_that_are_known() -> None:
    decoder = events()
    deep = left(later_field=json.loads("[" * 9 + "]" * 9))  # deeper than shells take
    assert decoder.decode_carefully(deep) == LEFT
    decode = decoder.decode
    assert decoder.decode_carefully(deep) == LEFT
    assert decoder.decode is decode
