"""Participants who join and leave (100,000 in `make soak`) leave containers and memory as they were."""

from __future__ import annotations

import json

import pytest
from containers import blocks, growth, sizes
from extent import extent
from stage import K3K, furnished
from worlds import link

from m3core.conference import roster as roster_module
from m3core.controller import resumptions as resumptions_module
from m3core.controller import room as room_module
from m3core.io import ConnectionId
from m3core.testing.pair import World
from m3core.values import ParticipantId, RoomId

WARM, CYCLES = extent(whole=10_000, part=1_000), extent(whole=100_000, part=7_000)
SLACK = 100
"""Elements by which a container may grow: cancelled alarms are kept until they are due."""
BLOCKS = 2_000
"""Blocks of memory that may be added; if each cycle lost one block, there would be 6,000 or more."""
KEPT = 2
"""How many leavers the controller remembers here; by default each `join_success` would list hundreds of them."""
JOIN = b'{"namespace":"control","payload":{"action":"join","display_name":"Bob"}}'


class _Traffic:
    """A room with Ada, where others join and leave, one after the other."""

    def __init__(self) -> None:
        self.room = furnished()
        self.ada = self.room.enter("Ada")
        self.controller = self.room.controller
        self.stored = self.controller.store.rooms[RoomId(self.room.room)]
        self.now, self.last = 0.0, 10_000

    def cycle(self) -> None:
        """One participant: ticket, handshake, join, leave."""
        controller, self.last = self.controller, self.last + 1
        self.now += 0.1
        if controller.deadline is not None and controller.deadline <= self.now:
            controller.pong(self.ada.connection, b"heartbeat", self.now)
            controller.advance(self.now)
            self._drain()
        ticket = controller.tickets.issue(self.stored, None, self.now).ticket.reveal()
        connection = ConnectionId(self.last)
        headers = (("sec-websocket-protocol", f"ticket#{ticket}, {K3K}"),)
        controller.websocket_requested(connection, "/signaling", headers, self.now)
        self._drain()
        controller.receive_text(connection, JOIN, self.now)
        self._drain()
        controller.connection_lost(connection, self.now)
        self._drain()

    def _drain(self) -> None:
        for _ in self.controller.outputs():
            pass


@pytest.mark.soak
def test_a_controller_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "MAX_LEAVERS", KEPT)
    monkeypatch.setattr(resumptions_module, "MAX_LEAVERS", KEPT)
    traffic = _Traffic()
    for _ in range(WARM):
        traffic.cycle()
    before, memory = sizes(traffic.controller), blocks()
    for _ in range(CYCLES - WARM):
        traffic.cycle()
    after = sizes(traffic.controller)
    assert len(traffic.controller.sessions) == 1
    assert {path: by for path, by in growth(before, after).items() if by > SLACK} == {}
    assert blocks() - memory < BLOCKS


@pytest.mark.soak
def test_a_conference_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_module, "MAX_PARTICIPANTS", KEPT)
    world = World()
    (ada,) = world.joined("Ada")
    connection = link(world, ada)[1]
    control = {"display_name": "Bob", "role": "guest", "participation_kind": "guest", "hand_is_up": False}

    def cycles(first: int, end: int) -> None:
        for number in range(first, end):
            identity = ParticipantId(f"00000000-0000-4000-8000-{number:012x}")
            joined = {"message": "joined", "id": identity, "control": {**control, "left_at": None}}
            for payload in (joined, {"message": "left", "id": identity}):
                text = json.dumps({"namespace": "control", "payload": payload})
                ada.conference.receive_text(connection, text.encode(), 0.0)
                for _ in ada.conference.outputs():
                    pass

    cycles(0, WARM)
    before, memory = sizes(ada.conference), blocks()
    cycles(WARM, CYCLES)
    assert {path: by for path, by in growth(before, sizes(ada.conference)).items() if by > SLACK} == {}
    assert blocks() - memory < BLOCKS
    assert len(ada.conference.state.participants) == KEPT
