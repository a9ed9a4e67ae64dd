"""Decoding and encoding of a mixed corpus, compared with json and pydantic.

The corpus is made of the vectors of `control` and `media`, in numbers like those of a busy meeting, with ids and
timestamps varied. Pydantic's models stand in `pydantic_models.py`.
"""

from __future__ import annotations

import copy
import json
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import m3core.messages as messages
from benchmarks.pydantic_models import COMMANDS, EVENTS
from benchmarks.timing import Comparison, compare
from m3core.messages.base import NAMESPACES

VECTORS = Path(__file__).parent.parent / "tests" / "vectors"
WEIGHTS = {
    "sdp_candidate": 500,
    "update": 400,
    "media_status": 300,
    "focus_update": 300,
    "webrtc_up": 60,
    "update_media_session": 60,
    "joined": 60,
    "left": 60,
    "subscribe": 40,
    "configure": 40,
    "sdp_end_of_candidates": 60,
    "publish_complete": 20,
    "raise_hand": 20,
    "sdp_offer": 12,
    "sdp_answer": 12,
    "publish": 6,
}
JOINS = {1: 6, 25: 2, 200: 1}


def corpus() -> list[tuple[bool, bytes]]:
    """(is an event, message) in an order that mixes the kinds."""
    chance = random.Random(7)
    people = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(200)]
    vectors: dict[str, list[dict[str, Any]]] = {}
    for namespace in ("control", "media"):
        for vector in json.loads((VECTORS / f"signaling-{namespace}.json").read_text("utf-8")):
            vectors.setdefault(vector["type"], []).append(vector)
    made: list[tuple[bool, bytes]] = []

    def add(vector: dict[str, Any], message: dict[str, Any]) -> None:
        if "timestamp" in message:
            message["timestamp"] = f"2024-03-05T09:{chance.randrange(60):02}:{chance.randrange(60):02}Z"
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        made.append((vector["direction"] == "to_client", text.encode()))

    for kind, weight in WEIGHTS.items():
        for index in range(weight):
            vector = vectors[kind][index % len(vectors[kind])]
            message = copy.deepcopy(vector["json"])
            for key in ("id", "source", "target", "focus"):
                if message["payload"].get(key) is not None:
                    message["payload"][key] = chance.choice(people)
            add(vector, message)
    entry = next(vector for vector in vectors["joined"] if vector["source"] == "R")["json"]["payload"]
    vector = vectors["join_success"][0]
    for size, weight in JOINS.items():
        for _ in range(weight):
            message = copy.deepcopy(vector["json"])
            message["payload"]["participants"] = [
                {key: value for key, value in (entry | {"id": person}).items() if key != "message"}
                for person in people[:size]
            ]
            add(vector, message)
    chance.shuffle(made)
    return made


def with_later_fields(data: bytes) -> bytes:
    """The message with a field that the library does not know, as later servers send them."""
    message = json.loads(data)
    message["payload"]["later_field"] = {"since": "0.17", "values": [1, 2.5, None, True]}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def vectors_of_namespaces(*, typed: bool) -> list[tuple[bool, bytes]]:
    """The vectors of the namespaces that have classes, or of those that have none."""
    made = []
    for path in sorted(VECTORS.glob("signaling-*.json")):
        if path.stem != "signaling-malformed":
            for vector in json.loads(path.read_text("utf-8")):
                if (vector["namespace"] in NAMESPACES) is typed:
                    text = json.dumps(vector["json"], ensure_ascii=False, separators=(",", ":"))
                    made.append((vector["direction"] == "to_client", text.encode()))
    return made


Work: TypeAlias = list[tuple[Callable[[bytes], Any], bytes]]


def _work(texts: list[tuple[bool, bytes]], events: Callable[[bytes], Any], commands: Callable[[bytes], Any]) -> Work:
    return [(events if is_event else commands, data) for is_event, data in texts]


def _each(work: Work) -> Callable[[], None]:
    """All of ``work``; results are dropped one by one, as a program does that handles messages."""

    def run_all() -> None:
        for function, data in work:
            function(data)

    return run_all


def run(rounds: int = 31) -> tuple[Comparison, ...]:
    """All comparisons, with all namespaces loaded; checks that each message of the corpus is typed and round-trips."""
    _each(_work(vectors_of_namespaces(typed=True), messages.decode_event, messages.decode_command))()  # loads all
    texts = corpus()
    typed = _work(texts, messages.decode_event, messages.decode_command)
    untyped = _work(texts, json.loads, json.loads)
    decoded = [decode(data) for decode, data in typed]
    trees = [load(data) for load, data in untyped]
    if any(isinstance(message, messages.UnknownEvent | messages.UnknownCommand) for message in decoded):
        raise AssertionError("a message of the corpus is unknown")
    if [json.loads(messages.encode(message)) for message in decoded] != trees:
        raise AssertionError("a message of the corpus does not round-trip")
    if len(texts) != sum(WEIGHTS.values()) + sum(JOINS.values()):
        raise AssertionError("the corpus is not what it should be")
    later = [(decode, with_later_fields(data)) for decode, data in typed]
    if [decode(data) for decode, data in later] != decoded:
        raise AssertionError("later fields change a message")
    strange = _work(vectors_of_namespaces(typed=False) * 10, messages.decode_event, messages.decode_command)

    def dumps() -> None:
        for tree in trees:
            json.dumps(tree)

    def encode() -> None:
        for message in decoded:
            messages.encode(message)

    decode, loads = _each(typed), _each(untyped)
    pydantic = _each(_work(texts, EVENTS.validate_json, COMMANDS.validate_json))

    def against_loads(name: str, work: Work, target: float | None = None) -> Comparison:
        loads = _each([(json.loads, data) for _, data in work])
        return compare(name, _each(work), "json.loads", loads, rounds=rounds, target=target)

    return (
        compare("decode", decode, "json.loads", loads, rounds=rounds, target=1.7),
        compare("decode", decode, "pydantic, strict", pydantic, rounds=rounds, target=1.7),
        compare("encode", encode, "json.dumps", dumps, rounds=rounds, target=4.0),
        against_loads("decode, fields of later versions", later, target=1.5),
        against_loads("decode, untyped namespaces", strange),
    )
