"""Scenarios in memory: the controller's front, a virtual clock, and a media server that receives no packets."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random
from typing import Any, Final

from replay_lines import Line
from replay_player import OWNER_TOKEN, USER_TOKEN, Pause, Played, Player, Settle, Until

from m3core.controller import Controller, ControllerConfig, TokenTable, User
from m3core.controller.features import FeatureLevel
from m3core.controller.front import Front
from m3core.controller.front_port import HalfClose, Shut, Write
from m3core.controller.sfu import SfuCommand
from m3core.io import ConnectionId, MediaReport, Receiving, Up
from m3core.testing.fakes import FakeSfu
from m3core.values import Secret, UserId

CONFIG: Final = ControllerConfig(web_url="", feature_level=FeatureLevel.V0_3, open_rooms=True, has_recording=False)
USERS: Final = {
    Secret(token): User(
        id=UserId(format(number, "08x") + "-0000-4000-8000-000000000000"),
        email=f"{name}@example.org",
        display_name=name,
        avatar_url=f"https://example.org/{name}",
        groups=("/users",),
    )
    for number, (token, name) in enumerate(((OWNER_TOKEN, "Ada"), (USER_TOKEN, "Dora")), 1)
}
"""The two accounts of the recordings. Both are in the same group, and both have a picture."""
_BEGAN: Final = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


class SilentSfu(FakeSfu):
    """A media server that answers offers, but never finds a path to a client."""

    def perform(self, command: SfuCommand) -> list[MediaReport]:
        return [report for report in super().perform(command) if not isinstance(report, Up | Receiving)]


class Memory:
    """A network with one controller. Bytes and time move only in `deliver` and `sleep`."""

    host = "controller.invalid"

    def __init__(self) -> None:
        entropy = Random(0)
        controller = Controller(CONFIG, TokenTable(USERS), entropy=entropy.randbytes, utc_at_zero=_BEGAN)
        self._front = Front(controller)
        self._sfu = SilentSfu()
        self._now = 0.0
        self._numbers = count(1)
        self._ids: dict[Line, ConnectionId] = {}
        self._lines: dict[ConnectionId, Line] = {}
        self._inputs: deque[Callable[[], None]] = deque()

    # -- a `Network` ---
    def connect(self, line: Line) -> None:
        number = ConnectionId(next(self._numbers))
        self._ids[line] = number
        self._lines[number] = line
        self._inputs.append(lambda: self._front.connection_made(number, self._now))

    def write(self, line: Line, data: bytes) -> None:
        number = self._ids[line]
        self._inputs.append(lambda: self._front.data_received(number, data, self._now))

    def close(self, line: Line) -> None:
        self.write(line, b"")

    def abort(self, line: Line) -> None:
        number = self._ids[line]
        self._lines.pop(number, None)
        self._inputs.append(lambda: self._front.connection_lost(number, self._now))

    # -- for `play_in_memory` ---
    def deliver(self) -> None:
        """Deliver all that was written, and all answers."""
        while self._inputs or self._is_due():
            if self._inputs:
                self._inputs.popleft()()
            else:
                self._front.advance(self._now)
            self._perform()

    def sleep(self, seconds: float) -> None:
        """Let time pass; everything that is due meanwhile happens at its time."""
        end = self._now + seconds
        self.deliver()
        while (deadline := self._front.deadline) is not None and deadline <= end:
            self._now = max(self._now, deadline)
            self._front.advance(self._now)
            self._perform()
            self.deliver()
        self._now = end

    def _is_due(self) -> bool:
        return (due := self._front.deadline) is not None and due <= self._now

    def _perform(self) -> None:
        for output in self._front.outputs():
            match output:
                case Write(connections, data):
                    for number in connections:
                        if number in self._lines:
                            self._lines[number].received(data)
                case HalfClose(connection) | Shut(connection):
                    line = self._lines.pop(connection, None)
                    if line is not None:
                        line.lost()
                case SfuCommand():
                    for report in self._sfu.perform(output):
                        self._inputs.append(partial(self._report, report))

    def _report(self, report: MediaReport) -> None:
        self._front.sfu_report(report, self._now)


def play_in_memory(scenario: dict[str, Any]) -> Played:
    """Play a scenario to our controller in memory."""
    network = Memory()
    player = Player(scenario, network)
    for wait in player.play():
        match wait:
            case Until(happened):
                network.deliver()
                assert happened(), "the controller did not answer, and nothing more is on the way"
            case Pause(seconds) | Settle(seconds):
                network.sleep(seconds)
    return player.result()
