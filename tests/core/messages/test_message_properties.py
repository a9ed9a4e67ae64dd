"""Whatever comes, only our errors go; and what goes out comes back."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from extent import extent
from hypothesis import given, settings
from hypothesis import strategies as st
from message_vectors import NAMES, load

from m3core import strict_json
from m3core.errors import LimitExceeded, MalformedMessage
from m3core.messages import Command, Event, UnknownCommand, UnknownEvent, decode_command, decode_event, encode
from m3core.messages.base import NAMESPACES
from m3core.messages.codec import COMMAND_DECODER, EVENT_DECODER
from m3core.messages.decoding import NOT_SURE, Decoder
from m3core.messages.kinds import classes
from m3core.testing import strategies

TREES = [vector["json"] for name in NAMES for vector in load(name) if vector["json"] is not None]
TEXTS = [json.dumps(tree).encode() for tree in TREES]
NAMES_OF_KINDS = sorted({*NAMESPACES, *(name for each in NAMESPACES for name in classes(each, Event))})


@given(strategies.commands())
def test_commands_come_back(command: Command) -> None:
    assert decode_command(encode(command)) == command


@given(strategies.events())
def test_events_come_back(event: Event) -> None:
    data = encode(event)
    assert decode_event(data) == event
    assert hash(type(event)) == hash(type(decode_event(data.decode())))


EVERY = [cls for base in (Command, Event) for namespace in NAMESPACES for cls in classes(namespace, base).values()]


@pytest.mark.parametrize("cls", EVERY, ids=lambda cls: f"{cls.NAMESPACE}.{cls.__name__}")
@given(data=st.data())
@settings(max_examples=extent(whole=20, part=2))
def test_each_kind_of_message_comes_back(cls: type[Any], data: st.DataObject) -> None:
    message = data.draw(strategies.instances(cls))
    again = decode_command(encode(message)) if issubclass(cls, Command) else decode_event(encode(message))
    assert again == message
    assert type(again) is cls


@given(strategies.unknown_events(), strategies.unknown_commands())
def test_unknown_messages_come_back(event: UnknownEvent, command: UnknownCommand) -> None:
    assert decode_event(encode(event)) == event
    assert decode_command(encode(command)) == command


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_input_gives_a_message_or_our_error(data: bytes | str) -> None:
    for decode in (decode_event, decode_command):
        with contextlib.suppress(MalformedMessage, LimitExceeded):
            decode(data)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        replacement = draw(
            st.sampled_from([b"", b'"', b"{", b"}", b"[", b",", b"\\", b"0", b"null", b"\xff", b"1e999"])
        )
        data[at : at + draw(st.integers(0, 3))] = replacement
    return bytes(data)


@st.composite
def transplanted(draw: st.DrawFn) -> bytes:
    """A vector with one value, anywhere, replaced by any other."""
    tree = json.loads(draw(st.sampled_from(TEXTS)))
    value: Any = tree
    while isinstance(value, dict | list) and value:
        key = draw(st.sampled_from(sorted(value)) if isinstance(value, dict) else st.integers(0, len(value) - 1))
        if draw(st.booleans()) or not isinstance(value[key], dict | list):
            value[key] = draw(strategies.json_values() | st.just(2**63) | strategies.ids())
            break
        value = value[key]
    return json.dumps(tree).encode()


@st.composite
def doubled(draw: st.DrawFn) -> bytes:
    """A vector in which keys stand twice, one of them with any other value."""

    def write(value: Any) -> str:
        if isinstance(value, list):
            return f"[{','.join(map(write, value))}]"
        if not isinstance(value, dict):
            return json.dumps(value)
        pairs = [(key, write(each)) for key, each in value.items()]
        if pairs and draw(st.integers(0, 2)) == 0:
            key, _ = draw(st.sampled_from(pairs))
            other = draw(strategies.json_values() | st.sampled_from(NAMES_OF_KINDS))
            pairs.insert(draw(st.integers(0, len(pairs))), (key, json.dumps(other)))
        return f"{{{','.join(f'{json.dumps(key)}:{each}' for key, each in pairs)}}}"

    return write(json.loads(draw(st.sampled_from(TEXTS)))).encode()


@given(mutated() | transplanted() | doubled())
@settings(max_examples=extent(whole=10_000, part=200))
def test_the_fast_paths_agree_with_the_careful_one(data: bytes) -> None:
    for decode, direction in ((decode_event, EVENT_DECODER), (decode_command, COMMAND_DECODER)):
        ours: object
        careful: object
        try:
            ours = decode(data)
        except (MalformedMessage, LimitExceeded) as error:
            ours = type(error), error.path
        try:
            careful = direction.structure(strict_json.parse(data.decode()))
        except (MalformedMessage, LimitExceeded) as error:
            careful = type(error), error.path
        except UnicodeDecodeError:
            careful = MalformedMessage, "$"
        assert ours == careful


LATER = ("later_field", "since", "type")
LEARNERS = {True: Decoder(Event, UnknownEvent, room=2_000), False: Decoder(Command, UnknownCommand, room=2_000)}


@st.composite
def of_later_versions(draw: st.DrawFn) -> bytes:
    """A vector with fields of later versions, anywhere; some of their values are none that we read."""
    tree = json.loads(draw(st.sampled_from(TEXTS)))
    value: Any = tree
    while isinstance(value, dict | list) and value:
        if isinstance(value, dict) and draw(st.booleans()):
            value.setdefault(draw(st.sampled_from(LATER)), draw(strategies.json_values() | st.just(2**63)))
        value = draw(st.sampled_from(list(value.values()) if isinstance(value, dict) else value))
    return json.dumps(tree).encode()


@given(of_later_versions())
@settings(max_examples=extent(whole=5_000, part=200), deadline=None)
def test_what_shells_have_learned_does_not_change_what_messages_mean(data: bytes) -> None:
    for decoder in LEARNERS.values():
        careful = Decoder(decoder.base, decoder.unknown, room=0)
        ours: object
        expected: object
        try:
            expected = careful.decode_carefully(data)
        except (MalformedMessage, LimitExceeded) as error:
            expected = type(error), error.path
        for _ in range(2):  # shells that have learned the keys read it the second time
            try:
                envelope = decoder.decode(data)
                ours = decoder.readers[type(envelope.payload)](envelope)
            except NOT_SURE:
                with contextlib.suppress(MalformedMessage, LimitExceeded):
                    decoder.decode_carefully(data)
            else:
                assert ours == expected
