"""What tests of both engines share: raw messages between a client and the controller of a `World`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kept import all_is_current

from m3core.conference.engine import Conference
from m3core.conference.state import Phase
from m3core.controller.engine import Controller
from m3core.io import CallId, Close, ConnectionId, MediaReport, PeerId
from m3core.testing.pair import Client, World
from m3core.values import MediaSessionType, ParticipantId

VIDEO, SCREEN = MediaSessionType.VIDEO, MediaSessionType.SCREEN
CANDIDATE = "candidate:7 1 udp 2113937151 192.0.2.7 50007 typ host"
NOBODY = ParticipantId("00000000-0000-4000-8000-000000000000")


def link(world: World, client: Client) -> tuple[ConnectionId, ConnectionId]:
    """The connection of ``client``, as the controller and as the client number it."""
    return next((server, ours) for server, (owner, ours) in world._links.items() if owner is client)


def hear(world: World, client: Client, namespace: str, message: str, **fields: Any) -> None:
    """Let ``client`` receive a message that the controller did not send."""
    payload = {"message": message, **fields}
    hear_raw(world, client, json.dumps({"namespace": namespace, "payload": payload}).encode())


def hear_raw(world: World, client: Client, data: bytes) -> None:
    """As `hear`, with any bytes."""
    connection = link(world, client)[1]
    client.tell(lambda c, now: c.receive_text(connection, data, now))


def say(world: World, client: Client, namespace: str, action: str, **fields: Any) -> list[dict[str, Any]]:
    """Let the controller receive a message from ``client``; return the payloads that ``client`` then receives."""
    return say_raw(
        world, client, json.dumps({"namespace": namespace, "payload": {"action": action, **fields}}).encode()
    )


def say_raw(world: World, client: Client, data: bytes) -> list[dict[str, Any]]:
    """As `say`, with any bytes. The engine of ``client`` receives the answers, too."""
    before = len(client.received)
    world.controller.receive_text(link(world, client)[0], data, world.now)
    world.drain_server()
    world.run()
    all_is_current(world.controller)
    return [json.loads(text)["payload"] for text in client.received[before:]]


def errors(payloads: list[dict[str, Any]]) -> list[str]:
    return [payload["error"] for payload in payloads if payload["message"] == "error"]


def report(world: World, of: MediaReport) -> None:
    """Give the controller a report of its media server."""
    world.controller.sfu_report(of, world.now)
    world.drain_server()
    world.run()
    all_is_current(world.controller)


def close(world: World, client: Client, code: int | None) -> None:
    """Let the controller close the connection of ``client``."""
    world._perform_server(Close(link(world, client)[0], code))
    world.run()


def done(world: World, client: Client, command: Callable[[Conference, float], CallId]) -> object:
    """Give a command and wait for its end; return its result, or its error."""
    call = client.do(command)
    world.sleep(0.3)
    end = client.done[call]
    return end.error if end.error is not None else end.result


def sent(client: Client, since: int = 0) -> list[dict[str, Any]]:
    """The payloads that ``client`` sent."""
    return [json.loads(data)["payload"] for data in client.sent[since:]]


def heard(client: Client, since: int = 0) -> list[dict[str, Any]]:
    """The payloads that ``client`` received."""
    return [json.loads(data)["payload"] for data in client.received[since:]]


def published(world: World, client: Client, kind: MediaSessionType = VIDEO) -> None:
    """Let ``client`` publish, and check that this works."""
    call = client.publish(kind)
    world.run()
    assert client.done[call].error is None


def subscribed(world: World, client: Client, to: Client, kind: MediaSessionType = VIDEO) -> None:
    """Let ``client`` subscribe, and check that this works."""
    call = client.subscribe(to.id, kind)
    world.run()
    assert client.done[call].error is None


def seeing_each_other(world: World) -> tuple[Client, Client]:
    """Ada and Bob, who publish and subscribe to all streams of the other; Bob shares a screen, too."""
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, bob)
    published(world, bob, SCREEN)
    subscribed(world, ada, bob)
    subscribed(world, ada, bob, SCREEN)
    subscribed(world, bob, ada)
    return ada, bob


def deadline(engine: Conference | Controller) -> float | None:
    """The deadline of an engine. It is a function, so that type checkers do not narrow it between two reads."""
    return engine.deadline


def phase(client: Client) -> Phase:
    """The phase of a conference; a function for the same reason as `deadline`."""
    return client.conference.phase


def focus(client: Client) -> ParticipantId | None:
    """The participant in focus; a function for the same reason as `deadline`."""
    return client.conference.state.focus


def server_peer(world: World, client: Client, kind: MediaSessionType = VIDEO, of: Client | None = None) -> PeerId:
    """The peer of the media server for a publication of ``client``, or for its subscription to ``of``."""
    for peer, (participant, stream) in world.controller.streams.peers.items():
        owner = client if of is None else of
        if participant.id == client.id and (stream.key.participant_id, stream.key.media_session_type) == (
            owner.id,
            kind,
        ):
            return peer
    raise AssertionError("no such peer")


def flows(client: Client) -> list[bool]:
    """For each publication and subscription of ``client``: whether it is live."""
    state = client.conference.state
    return [one.is_live for one in state.publications] + [one.is_live for one in state.subscriptions]


def client_peer(client: Client) -> PeerId:
    """The newest peer of the media engine of ``client``."""
    return list(client.media.peers)[-1]


def settle(world: World) -> None:
    """Let everybody leave, and check that no engine holds anything more."""
    all_is_current(world.controller)
    for client in world.clients:
        client.do(lambda conference, now: conference.leave(now))
    world.run()
    for client in world.clients:
        assert client.media.peers == {}
        assert client.conference.deadline is None
        assert client.conference.calls.deadline is None
        assert not client.conference.state.publications
        assert not client.conference.state.subscriptions
    assert world.sfu.peers == {}
    assert world.controller.sessions == {}
    assert world.controller.rooms.live == {}
    assert world.controller.streams.peers == {}
    assert world.controller.deadline is None
    assert world._links == {}
