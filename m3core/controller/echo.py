"""The server's side of namespace `echo`: what comes goes back; the web client's heartbeat (signaling.md § 15, 2)."""

from __future__ import annotations

from m3core.controller.module import Module
from m3core.controller.participant import Participant
from m3core.errors import LocalProtocolError
from m3core.messages import Command, UnknownCommand, UnknownEvent
from m3core.messages.echo import Pong


class EchoModule(Module):
    """Sends every payload back, whatever it is."""

    NAMESPACE = "echo"

    def handle(self, sender: Participant, command: Command | UnknownCommand) -> None:
        """The payload, with a timestamp, to the sender."""
        around = self._around
        if isinstance(command, Command):
            around.tell(sender.session, Pong(timestamp=around.direct()))
            return
        try:
            around.tell(sender.session, UnknownEvent(self.NAMESPACE, "", command.payload, timestamp=around.direct()))
        except LocalProtocolError:
            # With the timestamp, or with numbers written out, it is longer than a message may be: nothing goes back.
            return
