"""Only the core: two ends of a signaling conversation, without a network, an event loop or media.

Run: python examples/signaling_only.py
"""

from __future__ import annotations

import m3core
from m3core.messages import control
from m3core.values import ParticipantId, Role, Timestamp


def main() -> None:
    """A client asks to join, the server accepts, and a malformed message becomes an error event."""
    client = m3core.SignalingConnection(m3core.CLIENT)
    server = m3core.SignalingConnection(m3core.SERVER)

    server.receive_text(client.send(control.Join(display_name="Ada")))
    print("server got", server.next_event())

    welcome = control.JoinSuccess(
        id=ParticipantId("86ef324d-6f4b-4265-8fea-8c918bce4b86"),
        display_name="Ada",
        role=Role.GUEST,
        participants=(),
        timestamp=Timestamp("2024-03-05T09:30:01Z"),
    )
    client.receive_text(server.send(welcome))
    print("client got", client.next_event())

    server.receive_text(b'{"namespace":"control","payload":{"action":"grant_moderator_role","target":5}}')
    print("server got", server.next_event())

    try:
        client.send(control.Join(display_name="Ada"))
    except m3core.LocalProtocolError as error:
        print("client may not:", error)


if __name__ == "__main__":
    main()
