"""Messages that we make: what they hold and hide, what is refused as our own mistake, and their classes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import attrs
import pytest
from message_vectors import NAMES, load

from m3core import signaling
from m3core.errors import LimitExceeded, LocalProtocolError, MalformedMessage
from m3core.limits import MAX_MESSAGE
from m3core.messages import (
    Event,
    UnknownCommand,
    UnknownEvent,
    control,
    decode_command,
    decode_event,
    encode,
    kind,
    media,
)
from m3core.messages.base import NAMESPACES, UNTYPED_NAMESPACES, Command
from m3core.messages.kinds import classes, key
from m3core.messages.participants import ControlState, MediaState, ParticipantEntry, StreamState
from m3core.messages.room import CallIn, RoomInfo, Tariff, TariffModule
from m3core.messages.shells import decode_shell
from m3core.messages.source import KNOWN_IDS
from m3core.values import (
    MediaSessionType,
    ParticipantId,
    ParticipationKind,
    Role,
    RoomId,
    Secret,
    Timestamp,
)

ADA = ParticipantId("86ef324d-6f4b-4265-8fea-8c918bce4b86")
BOB = ParticipantId("6350421b-2930-4731-ba17-a0faa5243422")
NOW = Timestamp("2024-03-05T09:30:01.204417093Z")


def event(namespace: str, message: str, **fields: object) -> str:
    return json.dumps({"namespace": namespace, "timestamp": NOW.text, "payload": {"message": message, **fields}})


def command(namespace: str, action: str, **fields: object) -> str:
    return json.dumps({"namespace": namespace, "payload": {"action": action, **fields}})


def example(type_: str, source: str = "S") -> dict[str, Any]:
    vectors = [*load("control"), *load("media")]
    found: dict[str, Any] = next(v["json"] for v in vectors if v["type"] == type_ and v["source"] == source)
    return found


def test_messages_are_frozen_and_hide_long_texts() -> None:
    offer = decode_event(json.dumps(example("sdp_offer")))
    assert isinstance(offer, media.SdpOffer)
    assert "a=" not in repr(offer)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        offer.sdp = ""  # type: ignore[misc]  # that is the point
    candidate = media.CandidateInit(candidate="candidate:1 1 udp 1 198.51.100.7 9 typ host", sdp_mline_index=0)
    assert "198" not in repr(candidate)
    room = RoomInfo(id=RoomId(ADA), password=Secret("swordfish"))
    assert "swordfish" not in repr(room)
    assert "4711" not in repr(CallIn(tel="1", id="2", password=Secret("4711")))
    assert "4711" not in repr(UnknownEvent("x", "y", {"pin": "4711"}))


def test_decoded_and_made_messages_are_equal() -> None:
    decoded = decode_event(json.dumps(example("update")))
    made = control.Update(
        id=BOB,
        control=ControlState(
            display_name="Bob Byte",
            role=Role.GUEST,
            participation_kind=ParticipationKind.GUEST,
            hand_is_up=False,
            joined_at=Timestamp("2024-03-05T09:28:40Z"),
            hand_updated_at=Timestamp("2024-03-05T09:28:40Z"),
        ),
        media=MediaState(is_presenter=True, video=StreamState(audio=True, video=False)),
        timestamp=Timestamp("2024-03-05T09:30:01Z"),
    )
    assert decoded == made
    assert type(decoded) is control.Update
    assert attrs.evolve(made, media=None).media is None


STATE: dict[str, Any] = {
    "display_name": "Ada",
    "role": Role.USER,
    "participation_kind": ParticipationKind.USER,
    "hand_is_up": False,
}

any_control: Any = control
any_media: Any = media
any_encode: Any = encode


def anyhow(make: Any, *arguments: object, **fields: object) -> Any:
    """Call ``make`` as somebody does who has no type checker."""
    return make(*arguments, **fields)


@pytest.mark.parametrize(
    "make",
    [
        lambda: any_control.Join(display_name=5),
        lambda: any_control.Left(id="not a uuid"),
        lambda: any_control.Left(id=None),
        lambda: any_control.Left(id=ADA, reason="quit"),
        lambda: any_control.Left(id=ADA, timestamp="2024-03-05T09:30:01Z"),
        lambda: any_control.RoleUpdated(new_role="moderator"),
        lambda: any_media.UpdateSpeakingState(is_speaking=1),
        lambda: any_media.GrantPresenterRole(participant_ids=[ADA]),
        lambda: any_media.GrantPresenterRole(participant_ids=("x",)),
        lambda: any_media.ModeratorMute(force=True, targets=5),
        lambda: any_media.ModeratorMute(force=True, targets=("x",)),
        lambda: any_media.CandidateInit(candidate="", sdp_mline_index=2**63),
        lambda: any_media.CandidateInit(candidate="", sdp_mline_index=True),
        lambda: any_media.SendCandidate(target=ADA, media_session_type=MediaSessionType.VIDEO, candidate={}),
        lambda: any_control.Update(id=ADA, modules={"media": {}}),
        lambda: any_control.Update(id=ADA, chat={"groups": []}),
        lambda: any_control.Update(id=ADA, modules=[1]),
        lambda: anyhow(Tariff, id="1", name="x", quotas=[1]),
        lambda: anyhow(Tariff, id="1", name="x", quotas={1: 1}),
        lambda: anyhow(Tariff, id="1", name="x", quotas={"x": "1"}),
        lambda: anyhow(Tariff, id="1", name="x", quotas={}, modules={"x": anyhow(TariffModule, features="ab")}),
        lambda: anyhow(RoomInfo, id=RoomId(ADA), password="swordfish"),
        lambda: any_encode(any_control.Update(id=ADA, modules={"livekit": object()})),
        lambda: any_encode(any_control.Update(id=ADA, modules={"livekit": "\ud800"})),
        lambda: any_encode(any_control.Join(display_name="\ud800")),
        lambda: any_encode(
            any_media.AnswerSdp(target=ADA, media_session_type=MediaSessionType.VIDEO, sdp="x" * MAX_MESSAGE)
        ),
        lambda: any_encode(ParticipantEntry(id=ADA, control=ControlState(**STATE))),
        lambda: any_encode(Command()),
        lambda: any_encode("join"),
        lambda: any_encode(anyhow(UnknownCommand, "x", "y", {"action": "z"})),
        lambda: any_encode(anyhow(UnknownCommand, 1, "y")),
        lambda: any_encode(anyhow(UnknownCommand, "x", "y", [])),
        lambda: any_encode(anyhow(UnknownEvent, "x", "y", timestamp="now")),
    ],
)
def test_own_mistakes_are_local_errors(make: Any) -> None:
    with pytest.raises(LocalProtocolError):
        make()


def test_unknown_messages_of_our_own() -> None:
    clear = {"namespace": "chat", "payload": {"action": "clear"}}
    assert json.loads(encode(UnknownCommand("chat", "clear"))) == clear
    sent = encode(UnknownEvent("chat", "sent", {"content": "hi"}, timestamp=NOW))
    assert decode_event(sent) == UnknownEvent("chat", "sent", {"message": "sent", "content": "hi"}, timestamp=NOW)


def test_every_wire_kind_of_the_vectors_has_a_class() -> None:
    vectors = [vector for name in NAMES if name != "malformed" for vector in load(name)]
    for namespace in NAMESPACES:
        found = {(v["direction"] == "to_client", v["type"]) for v in vectors if v["namespace"] == namespace}
        ours = {(True, name) for name in classes(namespace, Event)} | {(False, n) for n in classes(namespace, Command)}
        assert found == ours
    assert classes("livekit", Event) == {}


@pytest.mark.parametrize("base", [Command, Event])
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_the_classes_of_a_namespace_agree_on_their_key(namespace: str, base: Any) -> None:
    assert {cls.KEY for cls in classes(namespace, base).values()} <= {key(namespace, base)}


def test_the_memory_for_ids_is_bounded() -> None:
    known = type(KNOWN_IDS)((f"{number}", "") for number in range(9_000))
    assert known[ADA] == ADA
    assert known == {ADA: ADA}
    known = type(KNOWN_IDS)((f"{number}", "") for number in range(9_000))
    known.check_own(ADA, "an id")
    assert known == {ADA: ADA}


def test_equal_ids_are_one_object() -> None:
    first, second = (decode_event(event("control", "left", id=BOB, reason="quit")) for _ in range(2))
    assert isinstance(first, control.Left)
    assert isinstance(second, control.Left)
    assert first.id is second.id


def test_the_untyped_namespaces_are_those_of_the_protocol() -> None:
    assert NAMESPACES.keys() == signaling.NAMESPACES
    assert not UNTYPED_NAMESPACES & NAMESPACES.keys()


@pytest.mark.parametrize("namespace", ["livekit", "of_tomorrow"])
def test_messages_without_classes_are_kept_whole(namespace: str) -> None:
    payload: dict[str, Any] = {"message": "sent", "n": 2**63 - 1, "x": [{"y": [1.5, None, True]}]}
    text = json.dumps({"namespace": namespace, "timestamp": NOW.text, "payload": payload, "later": 1})
    for data in (text, text.encode(), text.encode()):
        assert decode_event(data) == UnknownEvent(namespace, "sent", payload, timestamp=NOW)
    for bad in ("9223372036854775808", "1e999", "[" * 40 + "]" * 40):
        with pytest.raises((MalformedMessage, LimitExceeded)):
            decode_event(text.replace("1.5", bad))


def test_a_command_may_have_any_timestamp() -> None:
    for namespace, action in (("control", "raise_hand"), ("chat", "clear"), ("of_tomorrow", "x")):
        text = json.dumps({"namespace": namespace, "timestamp": [], "payload": {"action": action}})
        assert kind(decode_command(text)) == (namespace, action)


def test_a_field_of_a_type_that_json_does_not_have_is_refused() -> None:
    @attrs.frozen
    class Odd:
        when: float

    with pytest.raises(TypeError):
        decode_shell(Odd)


@pytest.mark.parametrize(
    ("decode", "text"),
    [
        ("decode_command", '{"payload":{"action":"join","display_name":"x"}}'),
        ("decode_command", '{"namespace":"control","payload":{"display_name":"x"}}'),
        ("decode_event", '{"payload":{"message":"left","id":"6350421b-2930-4731-ba17-a0faa5243422"}}'),
        ("decode_event", '{"namespace":"\\u0000","payload":{"message":"hand_raised"}}'),
        ("decode_event", '{"namespace":"\\u0000","nothing":1,"payload":{"message":"hand_raised"}}'),
    ],
)
def test_a_process_that_knows_one_namespace_yet_still_wants_the_tag(decode: str, text: str) -> None:
    code = (
        'import m3core; m3core.decode_command(b\'{"namespace":"control","payload":{"action":"raise_hand"}}\')\n'
        'm3core.decode_event(b\'{"namespace":"control","payload":{"message":"hand_raised"}}\')\n'
        f"try: print(type(m3core.{decode}({text!r})).__name__)\n"
        "except m3core.RemoteProtocolError as error: print(type(error).__name__)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() in (["MalformedMessage"], ["UnknownCommand"], ["UnknownEvent"])
