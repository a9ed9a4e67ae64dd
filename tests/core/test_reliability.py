"""Promises of the core that no room's own tests make: time and memory in proportion, secrets, tickets, determinism.

`tables.reliability` says which test keeps which promise.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from containers import sizes
from hypothesis import given
from stage import CYD, EVE, furnished
from tables.reliability import PROMISES, SENTENCES

from m3core.errors import M3Error
from m3core.messages import Command, Event, decode_command, decode_event, encode
from m3core.messages.base import NAMESPACES
from m3core.messages.codec import classes
from m3core.messages.fields import fields_of
from m3core.rest.link import InviteLink
from m3core.sdp import SessionDescription
from m3core.signaling import CLIENT, SERVER, SignalingConnection
from m3core.testing.strategies import SECRET_LETTERS, commands, events
from m3core.values import Secret

TESTS = Path(__file__).parents[1]
CANARY = "canary-5e11"
ADA = "6350421b-2930-4731-ba17-a0faa5243422"


def test_every_promise_has_a_test() -> None:
    """The tests that the checklist names exist; what is no test is a sentence in docs/limits.md, at most five."""
    for number, names in PROMISES.items():
        assert names, number
        for name in names:
            path, _, function = name.partition("::")
            assert f"def {function}(" in (TESTS / path).read_text("utf-8"), (number, name)
    assert len(SENTENCES) <= 5
    page = (TESTS.parent / "docs" / "limits.md").read_text("utf-8").lower()
    assert [sentence for sentence in SENTENCES.values() if sentence not in page] == []
    assert set(PROMISES) | set(SENTENCES) == {*range(1, 24), *range(33, 45)}


# -- row 2: twice the input, at most two and a half times the work ---
def _calls(work: Callable[[], object]) -> int:
    """How many functions are called, those written in C included."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _entry(number: int) -> dict[str, Any]:
    control = {"display_name": "Bob", "role": "guest", "participation_kind": "guest", "hand_is_up": False}
    return {"id": f"{number:08x}-0000-4000-8000-000000000000", "control": {**control, "left_at": None}}


def _event(namespace: str, **payload: Any) -> bytes:
    return json.dumps({"namespace": namespace, "payload": payload}).encode()


def _join_success(size: int) -> bytes:
    people = [_entry(number) for number in range(size)]
    return _event(
        "control", message="join_success", id=ADA, display_name="A", role="user", participants=people, chat=_chat(size)
    )


def _chat(size: int) -> dict[str, Any]:
    said = {"id": ADA, "source": ADA, "timestamp": "2024-03-05T09:30:01Z", "content": "\\n", "scope": "global"}
    return {
        "enabled": True,
        "room_history": [said] * size,
        "groups_history": [],
        "last_seen_timestamp_global": None,
        "last_seen_timestamps_private": {},
        "last_seen_timestamps_group": {},
    }


_HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
_AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n"
_CANDIDATES = "a=candidate:7 1 udp 2113937151 192.0.2.7 50007 typ host\r\n"
GROWING: dict[str, tuple[Callable[[int], Any], Callable[[Any], object], int]] = {
    "participants": (_join_success, decode_event, 200),
    "a long text": (lambda n: _event("moderation", message="kicked", note="é\n" * n), decode_event, 4_000),
    "escapes": (lambda n: b'{"namespace":"echo","payload":{"action":"' + b"\\u0041" * n + b'"}}', decode_event, 4_000),
    "unknown keys": (
        lambda n: _event("control", message="left", id=ADA, **{f"k{i}": i for i in range(n)}),
        decode_event,
        500,
    ),
    "ids of a command": (
        lambda n: _event("media", action="moderator_mute", force=True, targets=[ADA] * n),
        decode_command,
        500,
    ),
    "blanks": (lambda n: b" " * n + _event("control", message="hand_raised") + b" " * n, decode_event, 10_000),
    "brackets in a text": (lambda n: _event("echo", action="[{" * n), decode_command, 10_000),
    "attributes": (lambda n: _HEAD + _AUDIO + "a=x:y\r\n" * n, SessionDescription.parse, 400),
    "candidates": (lambda n: _HEAD + _AUDIO + _CANDIDATES * n, SessionDescription.parse, 40),
    "one long line": (lambda n: _HEAD + _AUDIO + "a=x:" + "y" * n + "\r\n", SessionDescription.parse, 20_000),
    "a long link": (lambda n: "https://meet.example/invite/" + ADA + "?x=" + "y" * n, InviteLink.parse, 900),
}


@pytest.mark.parametrize("name", GROWING)
def test_work_and_memory_grow_with_the_input_alone(name: str) -> None:
    make, read, size = GROWING[name]
    once, twice = make(size), make(2 * size)
    for warm in (once, twice):
        read(warm)
    assert _calls(lambda: read(twice)) <= 2.5 * _calls(lambda: read(once)) + 50
    assert _peak(lambda: read(twice)) <= 2.5 * _peak(lambda: read(once)) + 50_000
    assert _peak(lambda: read(twice)) <= 60 * len(twice) + 100_000


# -- row 20: the same inputs, the same outputs ---
def test_the_same_inputs_give_the_same_words() -> None:
    def played() -> list[dict[str, Any]]:
        room = furnished()
        ada, bob = room.enter("Ada"), room.enter("Bob")
        for line, namespace, payload in (
            (ada, "chat", {"action": "send_message", "scope": "global", "content": "hi"}),
            (bob, "control", {"action": "raise_hand"}),
            (ada, "timer", {"action": "start", "kind": "countdown", "duration": 5}),
        ):
            line.say_payload(namespace, payload)
            room.sleep(7.5)
        bob.leave()
        return ada.messages

    assert played() == played()


# -- row 37: secrets ---
HIDDEN: dict[str, tuple[str, ...]] = {
    "media.publish": ("sdp",),
    "media.sdp_answer": ("sdp",),
    "media.sdp_offer": ("sdp",),
    "media.sdp_candidate": ("candidate",),
    "chat.send_message": ("content",),
    "chat.message_sent": ("content",),
    "protocol.write_url": ("url",),
    "protocol.read_url": ("url",),
    "meeting_notes.write_url": ("url",),
    "meeting_notes.read_url": ("url",),
    "whiteboard.space_url": ("url",),
    "legal_vote.vote": ("token",),
    "legal_vote.started": ("token",),
    "legal_vote.voted": ("consumed_token",),
    "shared_folder.updated": ("read", "read_write"),
    "control.join_success": (
        "room_info",
        "event_info",
        "shared_folder",
        "legal_vote",
        "whiteboard",
        "chat",
        "recording_service",
    ),
}
"""The fields of messages that hold what nobody may read in a log: passwords, keys, addresses, words of people."""


@given(message=commands() | events())
def test_no_message_prints_its_secrets(message: Command | Event) -> None:
    """Secrets are drawn from letters that nothing else is drawn from, so that one of them says enough."""
    assert not set(SECRET_LETTERS) & set(repr(message) + str(message))


def test_the_fields_that_hide_something_are_these() -> None:
    """By hand; whoever adds such a message adds it here, and whoever shows such a field hears of it."""
    for kind, names in HIDDEN.items():
        namespace, _, name = kind.partition(".")
        found = [classes(namespace, base).get(name) for base in (Command, Event)]
        for cls in [one for one in found if one is not None]:
            fields = {field.name: field for field in fields_of(cls)}
            assert {one for one in names if one in fields}, kind
            for one in set(names) & set(fields):
                hint = fields[one].type
                assert _hides(cls, one) or hint is Secret or hasattr(hint, "__attrs_attrs__"), (kind, one)


def _hides(cls: type, name: str) -> bool:
    (attribute,) = [one for one in cls.__attrs_attrs__ if one.name == name]  # type: ignore[attr-defined]
    return attribute.repr is not True


def _canaries() -> list[bytes]:
    """Broken messages of every kind, with a secret in every field that is one text too many."""
    spoilt = []
    for namespace in NAMESPACES:
        for base, key in ((Command, "action"), (Event, "message")):
            for name, cls in classes(namespace, base).items():
                payload = {key: name, cls.KEY: name, **{field.name: [CANARY] for field in fields_of(cls)}}
                spoilt.append(json.dumps({"namespace": namespace, "payload": payload}).encode())
                spoilt.append(
                    json.dumps({"namespace": namespace, "payload": {**payload, CANARY: CANARY}}).encode()[:-1]
                )
    return spoilt


def test_no_error_repeats_what_a_peer_sent() -> None:
    for data in _canaries():
        for decode in (decode_command, decode_event):
            try:
                decode(data)
            except M3Error as error:
                assert CANARY not in str(error) + repr(error)
        for role in (CLIENT, SERVER):
            connection = SignalingConnection(role)
            connection.receive_text(data)
            assert CANARY not in repr(getattr(connection.next_event(), "error", None))


def test_nothing_that_a_controller_keeps_prints_a_secret() -> None:
    """Tickets, tokens and passwords, in whatever is reachable from a controller with people in it."""
    room = furnished()
    status, answer = room.start("Ada", resumption=CANARY)
    assert status == 200
    room.enter("Ada")
    room.enter("Bob")
    printed = []
    seen: set[int] = set()
    pending: list[Any] = [room.controller]
    while pending:
        value = pending.pop()
        if id(value) in seen or isinstance(value, str | bytes | int | float | type):
            continue
        seen.add(id(value))
        if isinstance(value, dict | list | tuple | set | frozenset):
            pending += [*value, *value.values()] if isinstance(value, dict) else list(value)
        elif type(value).__module__.startswith("m3core"):
            printed.append(repr(value))
            pending += getattr(value, "__dict__", {}).values()
            pending += [getattr(value, one.name, None) for one in getattr(type(value), "__attrs_attrs__", ())]
    secrets = [answer["ticket"], answer["resumption"], room.invite, "recorder-token"]
    secrets += room.resumption.values()
    assert len(printed) > 50
    assert [one for one in secrets if any(one in text for text in printed)] == []
    assert sizes(room.controller)


# -- row 38: tickets and resumption ---
def test_a_ticket_is_what_it_was_issued_for() -> None:
    """It says who comes; nothing that is said later changes that."""
    room = furnished()
    ada, cyd, bob = room.enter("Ada"), room.enter(CYD.display_name), room.guest("Ada")
    bob.join()
    roles = [line.payloads[0]["role"] for line in (ada, cyd, bob)]
    assert roles == ["moderator", "user", "guest"]
    assert len({line.id for line in (ada, cyd, bob)}) == 3


def test_a_ticket_works_once_and_for_thirty_seconds() -> None:
    room = furnished()
    first, second = (room.start_invited()[1]["ticket"] for _ in range(2))
    room.now += 29.9
    assert room.knock("Bob", first) == 101
    assert room.knock("Bob", first) == 401
    room.now += 0.1
    assert room.knock("Bob", second) == 401


def test_a_token_of_another_identity_gives_a_new_id_and_is_not_used_up() -> None:
    room = furnished()
    cyd = room.enter(CYD.display_name)
    identity, token = cyd.id, cyd.resumption
    cyd.leave()
    thieves = [
        room.enter(EVE.display_name, resumption=token),
        room.enter("Bob", resumption=token),
        room.enter("Ada", resumption=token),
    ]
    assert identity not in {line.id for line in thieves}
    back = room.enter(CYD.display_name, resumption=token)
    assert back.id == identity
    status, answer = room.start(CYD.display_name, resumption=back.resumption)
    assert (status, answer["code"]) == (400, "session_running")
    again = room.enter(CYD.display_name, resumption=token)
    assert again.id != identity  # a replay


def test_messages_that_are_encoded_are_those_that_were_decoded() -> None:
    """What a controller relays is made anew: nothing that a client smuggles into a command comes out again."""
    smuggled = {"action": "raise_hand", "timestamp": "x", CANARY: CANARY}
    command = decode_command(json.dumps({"namespace": "control", "payload": smuggled, CANARY: 1}))
    assert isinstance(command, Command)
    assert CANARY.encode() not in encode(command)
