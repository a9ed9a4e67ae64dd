"""The switches of the test controller (`manners`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

Json = dict[str, Any]


class Down(Enum):
    """When the controller sends `webrtc_down` for a stream that was unpublished."""

    AT_ONCE = "at once"
    NEVER = "never"
    HELD = "when the test calls release_downs"
    BEFORE_ANSWER = "when the next offer has come, before its answer"
    AFTER_ANSWER = "between the next answer and webrtc_up"
    AFTER_UP = "after the next webrtc_up"


class Sfu(Enum):
    """Which media server answers offers."""

    SCRIPT = "descriptions without a peer behind them; webrtc_up follows all the same"
    RELAY = "aiortc at 127.0.0.1, which decodes each stream and encodes it again"


@dataclass(frozen=True)
class Manners:
    """Each field is a kind of behaviour that clients have to cope with."""

    leaves_tcp_open: bool = False
    """After the close frames the controller leaves the TCP connection open until the client closes it."""
    answers_before_body: bool = False
    """A refusal that needs no body (401, 403 without access, 400 `invalid_content_type`) is sent when only the head was
    read. The controller then reads nothing more on that connection, and leaves it open."""
    answers_in_chunks: bool = False
    """A refusal has chunks instead of `content-length` (RFC 9112 s.7.1)."""
    webrtc_down: Down = Down.AT_ONCE
    session_running: float = 0.0
    """For so many seconds after a connection broke, `start` with its token is refused with `session_running`, and
    the participant remains listed. Then the token is good. After a crash its bearer becomes a new participant."""
    pings_only: bool = False
    """The controller sends only pings to who is in the room: no answer to echo, no message."""
    ping_interval: float | None = 15.0
    """Seconds between pings with the payload `heartbeat`; None: only `Controller.ping` sends pings."""
    breakouts_are_over: bool = False
    """A client that joins a breakout room receives `join_success`, and then the close code 1011."""
    breakouts_expire_silently: bool = False
    """When the time of breakout rooms is up, the controller sends no `expired`."""
    waiting_room: bool = False
    """Guests are in the waiting room until `Controller.accept`."""
    updates_of_who_waits: bool = False
    """Participants receive an `update` about who is in the waiting room, besides `joined_waiting_room`."""
    sfu: Sfu = Sfu.SCRIPT
