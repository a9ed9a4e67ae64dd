"""The server's side of namespace `echo`: what comes goes back; the web client's heartbeat (signaling.md § 15, 2).

No `Module`: heartbeats live as long as the connection, not as the participation.
"""

from __future__ import annotations

from typing import Final

from m3core.controller.room import Session
from m3core.controller.surroundings import Surroundings
from m3core.errors import LocalProtocolError
from m3core.messages import Command, UnknownCommand, UnknownEvent
from m3core.messages.echo import Pong

ECHO: Final = "echo"


class Echo:
    """Sends every payload back, whatever it is."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def answer(self, session: Session, command: Command | UnknownCommand) -> None:
        """The payload, with a timestamp, to its sender, who need not have joined."""
        around = self._around
        if isinstance(command, Command):
            around.tell(session, Pong(timestamp=around.direct()))
            return
        try:
            around.tell(session, UnknownEvent(ECHO, "", command.payload, timestamp=around.direct()))
        except LocalProtocolError:
            # With the timestamp, or with numbers written out, it is longer than a message may be: nothing goes back.
            return
