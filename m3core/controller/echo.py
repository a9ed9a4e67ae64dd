"""The server's side of namespace `echo`: it sends every payload back (signaling.md § 15).

Clients use it as their heartbeat (signaling.md § 2). It is no `Module`, because a heartbeat begins with the connection
and not with the join: OpenTalk's web client reconnects after 10 s without an answer, also in the waiting room.
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
    """Sends payloads back, be they messages that we know or not."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def answer(self, session: Session, command: Command | UnknownCommand) -> None:
        """Send the payload of ``command`` back, with a timestamp. The sender need not have joined."""
        around = self._around
        if isinstance(command, Command):
            around.tell(session, Pong(timestamp=around.direct()))
            return
        try:
            around.tell(session, UnknownEvent(ECHO, "", command.payload, timestamp=around.direct()))
        except LocalProtocolError:
            # The timestamp, or numbers that are written out, make it longer than a message may be. There is no error
            # for that, and the client that sends so much gets no answer.
            return
