"""Decoding and encoding of a mixed corpus, against json and pydantic. Prints ratios of paired medians.

The corpus is made of the vectors of `control` and `media`, in numbers like those of a busy meeting, with ids and
timestamps varied. Pydantic's models stand in `pydantic_models.py`.
"""

from __future__ import annotations

import copy
import json
import random
import uuid
from pathlib import Path
from typing import Any

import m3core.messages as messages
from benchmarks.pydantic_models import COMMANDS, EVENTS
from benchmarks.timing import ratio

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


def run() -> None:
    """Print the table."""
    texts = corpus()
    decoders = {True: messages.decode_event, False: messages.decode_command}
    adapters = {True: EVENTS.validate_json, False: COMMANDS.validate_json}
    work = [(decoders[is_event], data) for is_event, data in texts]
    pydantic_work = [(adapters[is_event], data) for is_event, data in texts]
    datas = [data for _, data in texts]
    decoded = [decode(data) for decode, data in work]
    trees = [json.loads(data) for data in datas]
    if any(json.loads(messages.encode(message)) != tree for message, tree in zip(decoded, trees, strict=True)):
        raise AssertionError("a message of the corpus does not round-trip")
    unknown = sum(isinstance(message, messages.UnknownEvent | messages.UnknownCommand) for message in decoded)
    size = sum(map(len, datas)) / len(datas)
    print(f"corpus: {len(datas)} messages, mean {size:.0f} bytes, {unknown} unknown")

    def ours() -> None:
        for decode, data in work:
            decode(data)

    def pydantic() -> None:
        for decode, data in pydantic_work:
            decode(data)

    def loads() -> None:
        for data in datas:
            json.loads(data)

    def dumps() -> None:
        for tree in trees:
            json.dumps(tree)

    def encode() -> None:
        for message in decoded:
            messages.encode(message)

    print(f"decode: {ratio(loads, ours):.2f} x json.loads, {ratio(pydantic, ours):.2f} x pydantic (strict)")
    print(f"encode: {ratio(dumps, encode):.2f} x json.dumps")


if __name__ == "__main__":
    run()
