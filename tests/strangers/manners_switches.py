"""How a controller of the tests (`manners`) behaves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

Json = dict[str, Any]


class Down(Enum):
    """When `webrtc_down` of a stream that was unpublished is said."""

    AT_ONCE = "at once"
    NEVER = "never"
    HELD = "by release_downs: before the next offer, or whenever it is called"
    BEFORE_ANSWER = "when the next offer has come, before its answer"
    AFTER_ANSWER = "between the next answer and webrtc_up"
    AFTER_UP = "after the next webrtc_up"


class Sfu(Enum):
    """Who answers offers."""

    SCRIPT = "descriptions without anybody behind them; webrtc_up is said all the same"
    RELAY = "aiortc at 127.0.0.1, which decodes and encodes again"


@dataclass(frozen=True)
class Manners:
    """Each a way to behave that a client has to live with."""

    leaves_tcp_open: bool = False
    """After the close frames of a WebSocket nothing happens on TCP, until the client closes it."""
    answers_before_body: bool = False
    """A 4xx that needs no body (401, 403 without access, 400 `invalid_content_type`) is said as soon as the head is
    there; then that connection hears nothing more, and stays open."""
    answers_in_chunks: bool = False
    """A refusal does not say how long it is (RFC 9112 s.7.1)."""
    webrtc_down: Down = Down.AT_ONCE
    session_running: float = 0.0
    """So many seconds after a connection broke, a start with its token is answered `session_running`, and its owner
    stays listed. Then the token is good, unless the controller has crashed: then its bearer becomes somebody new."""
    pings_only: bool = False
    """Who is in the room hears nothing any more: no answer to echo, no message; pings alone."""
    ping_interval: float | None = 15.0
    """Seconds between pings with the payload `heartbeat`; None: by `Controller.ping` alone."""
    breakouts_are_over: bool = False
    """Who joins a breakout room gets `join_success`, and close code 1011."""
    breakouts_expire_silently: bool = False
    """Their time goes by without `expired`."""
    waiting_room: bool = False
    """Guests wait until `Controller.accept`."""
    updates_of_who_waits: bool = False
    """Those in the room get `update` about who waits, besides `joined_waiting_room`."""
    sfu: Sfu = Sfu.SCRIPT
