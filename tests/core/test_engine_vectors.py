"""Malformed messages to the controller, and every message of every server to a conference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from worlds import hear_raw, link, published, say_raw, settle, subscribed

from m3core.conference.state import Phase
from m3core.controller.config import ControllerConfig
from m3core.controller.features import FeatureLevel
from m3core.io import Accept, ConnectionId, Reject
from m3core.testing.pair import BASE_URL, Client, World

_CAPTURED = ControllerConfig(web_url=BASE_URL, feature_level=FeatureLevel.CAPTURE)
_VECTORS = Path(__file__).parents[1] / "vectors"
_MALFORMED: list[dict[str, Any]] = json.loads((_VECTORS / "signaling-malformed.json").read_text())
_SIGNALING = sorted(path for path in _VECTORS.glob("signaling-*.json") if "malformed" not in path.name)


def stranger(world: World) -> Client:
    """A client that is connected and has not joined."""
    bob = world.guest("Bob")
    while not any(owner is bob for owner, _ in world._links.values()):
        world.deliver(0)
    bob.conference.outbox.connection = None  # its engine receives nothing: only the test uses the connection
    world.run()
    return bob


@pytest.mark.parametrize("vector", _MALFORMED, ids=lambda vector: str(vector["note"]))
def test_malformed_input(vector: dict[str, Any]) -> None:
    world = World(_CAPTURED)
    (ada,) = world.joined("Ada")
    sender = ada if vector["state"] == "joined" else stranger(world)
    answers = say_raw(world, sender, vector["raw"].encode())
    expected = vector["expect"]
    assert answers == ([] if expected is None else [expected["payload"]])
    assert link(world, sender)  # the connection is still open
    if expected is not None:
        envelope = json.loads(sender.received[-1])
        assert envelope["namespace"] == expected.get("namespace", "control")
        assert len(envelope["timestamp"]) == 30  # direct answers have nanoseconds (signaling.md § 20)


def _events() -> list[Any]:
    return [
        pytest.param(entry, id=f"{path.stem}-{index}-{entry['type']}")
        for path in _SIGNALING
        for index, entry in enumerate(json.loads(path.read_text()))
        if entry["direction"] == "to_client" and entry["json"] is not None
    ]


def test_there_are_vectors_of_every_namespace() -> None:
    assert len(_SIGNALING) >= 12
    assert len(_events()) > 150


def test_a_conference_survives_every_message_of_every_server() -> None:
    """One conference receives all messages, so that the state that each one leaves is tested, too."""
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, bob)
    subscribed(world, bob, ada)
    for round_ in range(2):
        for parameter in _events():
            (entry,) = parameter.values
            text = json.dumps(entry["json"])
            for data in (text, text.replace("6350421b-2930-4731-ba17-a0faa5243422", (ada.id, bob.id)[round_])):
                hear_raw(world, bob, data.encode())
                assert bob.conference.phase in {Phase.JOINED, Phase.WAITING}
                assert bob.conference.state is bob.conference.state
                if bob.conference.phase is Phase.WAITING:  # let it join again for the next message
                    hear_raw(world, bob, b'{"namespace":"moderation","payload":{"message":"accepted"}}')
                    hear_raw(world, bob, _join_success(bob))
                assert bob.conference.phase is Phase.JOINED
    world.run()
    settle(world)


def _join_success(client: Client) -> bytes:
    payload = {"message": "join_success", "id": client.id, "display_name": "Bob", "role": "guest", "participants": []}
    return json.dumps({"namespace": "control", "payload": payload}).encode()


@pytest.mark.parametrize("entry", _events())
def test_a_conference_survives_each_message_as_the_first(entry: dict[str, Any]) -> None:
    """Before `join_success`, when almost every message is illegal."""
    world = World()
    bob = world.guest("Bob")
    while bob.conference.phase is not Phase.JOINING:
        world.deliver(0)
    connection = ConnectionId(link(world, bob)[1])
    bob.tell(lambda c, now: c.receive_text(connection, json.dumps(entry["json"]).encode(), now))
    assert bob.conference.phase in {Phase.JOINING, Phase.WAITING, Phase.JOINED, Phase.ENDED}


_HANDSHAKES: list[dict[str, Any]] = json.loads((_VECTORS / "handshake.json").read_text())


@pytest.mark.parametrize("vector", _HANDSHAKES, ids=[str(number) for number in range(len(_HANDSHAKES))])
def test_handshakes(vector: dict[str, Any]) -> None:
    """The controller gives the status, selected protocol and code of the vector; an offered ticket is used up."""
    world = World()
    offered = vector["headers"].get("Sec-WebSocket-Protocol", "")
    tickets = [entry.strip().partition("#")[2] for entry in offered.split(",") if "ticket#" in entry]
    issued = world.controller.tickets.issue(world.controller.store.rooms[world.room_id], None, 0.0)
    expected = vector["expect"]
    headers = tuple((name.lower(), value) for name, value in vector["headers"].items())
    for ticket in tickets if expected["status"] == 101 else ():
        headers = tuple((name, value.replace(ticket, issued.ticket.reveal())) for name, value in headers)
    world.controller.websocket_requested(ConnectionId(900), "/signaling", headers, 0.0)
    (answer,) = world.controller.outputs()
    if expected["status"] == 101:
        assert answer == Accept(ConnectionId(900), expected["headers"]["Sec-WebSocket-Protocol"])
        world.controller.websocket_requested(ConnectionId(901), "/signaling", headers, 0.0)
        (answer,) = world.controller.outputs()
        expected = {"status": 401, "json": {"code": "invalid_ticket"}}
    assert isinstance(answer, Reject)
    assert answer.response.status == expected["status"]
    assert json.loads(answer.response.body).items() >= expected["json"].items()
    assert {name.lower() for name, _ in answer.response.headers}.isdisjoint({"sec-websocket-protocol"})
