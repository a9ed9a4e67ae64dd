"""Every numeric limit, with its reason. Nothing that a peer sends may grow us without bound.

Sizes in bytes, times in seconds. A limit that is passed raises, or is reported as, `LimitExceeded`, which names it.
"""

from __future__ import annotations

from typing import Final

# -- signalling messages ---
MAX_MESSAGE: Final = 1 << 20
"""One signalling message. The reference drops fragmented messages above 1,000,000 bytes (signaling.md § 2)."""
MAX_NESTING: Final = 32
"""Nesting of JSON. The deepest known message (`join_success`) nests 7; json parsers overflow the stack near 1,000."""
MAX_STRING: Final = 64 << 10
"""One string of a message; session descriptions are the longest ones."""
MAX_LATER_KEYS: Final = 64
"""Keys of later versions that the decoder of events, and that of commands, learns to read fast. Each costs some
milliseconds once: all shells that have it are made anew."""
MAX_PARTICIPANTS: Final = 5_000
"""Participant entries that a client keeps, those who left included (the oldest of those are dropped first)."""
MAX_LEAVERS: Final = 500
"""Those who left a room whom its controller remembers and lists in `join_success`, and of all other rooms together as
many; sessions that can be resumed; accounts that left and can be banned. The oldest are forgotten first."""
MAX_CHAT_TEXT: Final = 4096
"""Bytes of one chat message; the reference cuts longer ones (signaling.md § 7), we refuse to send them."""
MAX_CONVERSATION: Final = 1_000
"""Chat messages that a client keeps of the room, of one group or of one correspondent; the oldest are dropped ..."""
MAX_CHAT_MESSAGES: Final = 10_000
"""... and of all together; those of the conversation that was silent for longest are dropped."""
MAX_PAST_POLLS: Final = 100
"""Polls that are over and whose results a client keeps; the oldest are dropped."""
MAX_LEGAL_VOTES: Final = 100
"""Legal votes that a client keeps; the oldest are dropped, those that are over first."""
MAX_DISPLAY_NAME: Final = 100
"""Bytes of UTF-8 (signaling.md § 5)."""
MAX_BREAKOUT_ROOMS: Final = 200
"""Breakout rooms of one meeting. A `breakout.start` with more is ignored, as one with none is (signaling.md § 8)."""
MAX_BREAKOUT_NAME: Final = 255
"""Bytes of the name of one, in UTF-8; a `start` with a longer one is ignored."""
MAX_BREAKOUT_DURATION: Final = 7 * 86_400
"""Seconds until breakout rooms expire; a `start` with more, or with none, is ignored."""
MAX_STREAM_REASON: Final = 1_000
"""Characters of code and of message of what a recorder says went wrong; the rest is cut off."""

# -- what a controller remembers of a meeting ---
MAX_CHAT_MESSAGE: Final = 4096
"""Bytes of UTF-8; longer ones are cut (signaling.md § 7)."""
MAX_CHAT_HISTORY: Final = 500
"""Messages of one history (of a room, of a group, of two participants); the oldest are forgotten first."""
MAX_CHAT_HISTORY_BYTES: Final = 256 << 10
"""The same history as JSON."""
MAX_CHAT_HISTORIES: Final = 200
"""Histories of groups, and of two participants, of one room, each; what was silent longest is forgotten first."""
MAX_CHAT_TOLD: Final = 512 << 10
"""Bytes of JSON of all histories in one `join_success`, which is at most `MAX_MESSAGE`; the oldest are left out."""
MAX_LAST_SEEN: Final = 500
"""Correspondents, or groups, whose last read message one participant has marked; the oldest marks are forgotten."""
MIN_POLL_TOPIC: Final = 2
MAX_POLL_TOPIC: Final = 100
"""Bytes (signaling.md § 9, as the six below)."""
MIN_POLL_CHOICES: Final = 2
MAX_POLL_CHOICES: Final = 64
MIN_POLL_CHOICE: Final = 1
MAX_POLL_CHOICE: Final = 100
"""Bytes."""
MIN_POLL_DURATION: Final = 2
MAX_POLL_DURATION: Final = 3_600
MAX_TIMER_TEXT: Final = 1_024
"""Bytes of the style, the title and the reason of a timer; longer ones are cut, no web client shows so much."""

# -- session descriptions ---
MAX_SDP: Final = 64 << 10
"""Text of one description. Chromium's are about 8 kB."""
MAX_SDP_LINES: Final = 2_000
MAX_SDP_SECTIONS: Final = 32
"""m-sections. M3 uses at most 2."""
MAX_SDP_FORMATS: Final = 128
"""Payload types of one m-section; RTP has 128."""
MAX_CANDIDATES: Final = 100
"""Candidates of one generation, in the description and trickled, and those that arrive early and are held."""

MAX_ICE_ADDRESSES: Final = 16
"""STUN and TURN addresses that are used of those that a controller names; each costs every peer a request."""

# -- HTTP ---
MAX_HTTP_HEAD: Final = 32 << 10
"""Request line and headers together."""
MAX_HTTP_BODY: Final = 1 << 20
"""Request and response bodies of the REST API."""
MAX_LINK: Final = 2_048
"""An invitation link."""
MAX_ERROR_FIELDS: Final = 32
"""Refused fields of one error body that a client keeps; no request has as many."""
MAX_ERROR_TEXT: Final = 500
"""Characters of what a server says to people about an error."""
TICKET_LENGTH: Final = 64
"""Tickets and resumption tokens (signaling.md § 1)."""

MAX_TITLE: Final = 255
"""Characters of an event's title (rest.md § 4, as the four below)."""
MAX_DESCRIPTION: Final = 4096
MAX_PASSWORD: Final = 255
MAX_RECURRENCE_LINES: Final = 4
MAX_RECURRENCE_LINE: Final = 1024
MAX_STREAMING_TARGETS: Final = 16
MAX_STREAMING_TEXT: Final = 1024

# -- queues ---
MAX_WRITE_QUEUE: Final = 4 << 20
"""Bytes waiting for one connection; a reader that is slower loses the connection (`connection_lost(overflow)`)."""
MAX_EVENTS: Final = 10_000
"""Events that one `events()` iterator keeps for a stalled consumer before it raises its own overflow."""
MAX_CALLS: Final = 1_000
"""Calls of one conference that wait for an answer."""
MAX_FRAMES: Final = 30
"""Decoded frames that wait for a consumer; the oldest is dropped and counted."""
MAX_CONNECTIONS: Final = 10_000
"""Open TCP connections of the embedded controller."""
MAX_REST_OBJECTS: Final = 100_000
"""Events, rooms and invitations that the embedded controller keeps in memory, each."""

# -- times, server role ---
TICKET_LIFETIME: Final = 30.0
"""A ticket is valid once, for so long (signaling.md § 1)."""
RESUMPTION_LIFETIME: Final = 120.0
"""A lost session can be resumed for so long after its last refresh ..."""
RESUMPTION_REFRESH: Final = 60.0
"""... which is done that often while it is connected (signaling.md § 3)."""
MESSAGE_BURST: Final = 1_000
"""Messages that one connection may send at once (a publish trickles up to `MAX_CANDIDATES`); beyond, it is closed."""
MESSAGE_RATE: Final = 100.0
"""Messages per second by which its allowance grows again."""
BREAKOUT_GRACE: Final = 300.0
"""When breakout rooms are stopped or expire, those inside have so long to leave (signaling.md § 8)."""
RECORDER_TIMEOUT: Final = 30.0
"""A recorder that was asked to come, and is not there after so long, has failed (`recorder_error`; L)."""
STREAM_TOLD_TIMEOUT: Final = 2.0
"""A connection that is told of streams one at a time has so long for each step of one (media.md § 10 row 4)."""
HEARTBEAT_INTERVAL: Final = 15.0
"""The server pings (payload `heartbeat`) that often ..."""
HEARTBEAT_TIMEOUT: Final = 20.0
"""... and at a tick drops a connection whose last pong is older (signaling.md § 2)."""
HTTP_TIMEOUT: Final = 30.0
"""A client that does not finish its request, or idles on a kept-alive connection, is dropped."""
CLOSE_TIMEOUT: Final = 5.0
"""A WebSocket close that the peer does not answer becomes an abort."""

# -- times, client role ---
REQUEST_TIMEOUT: Final = 30.0
"""A REST request."""
DISCOVERY_TIMEOUT: Final = 5.0
"""The request for a document that says where the controller is; without it there is a guess."""
CONNECT_TIMEOUT: Final = 20.0
"""The WebSocket handshake."""
JOIN_TIMEOUT: Final = 30.0
"""From `control.join` to any answer."""
NEGOTIATION_TIMEOUT: Final = 60.0
"""From `publish` or `subscribe` to media. The reference waits up to 90 s for its SFU (media.md § 4.6)."""
SILENCE_MEANS_DONE: Final = 0.25
"""Most commands are acknowledged by nothing (signaling.md § 4): no error within this time counts as success."""
BREAKOUT_EXPIRY: Final = 1.0
"""So long after breakout rooms were to expire a client waits to be told so: timestamps may be cut to whole seconds."""
ANSWER_TIMEOUT: Final = 10.0
"""A command whose success the server always tells (a chat message comes back, a poll starts)."""
LEAVE_TIMEOUT: Final = 1.5
"""A leave that the server does not answer becomes an abort, and an end that it announced (`kicked`) is one."""
CLOSE_GRACE: Final = 0.1
"""After the close frames a server closes TCP (RFC 6455 s.7.1.1). A client waits so long for that, then does it itself:
there are servers that never do."""

# -- times, client role: a connection that breaks ---
RECONNECT_MIN: Final = 1.0
"""No attempt follows a loss, or another attempt, sooner."""
RECONNECT_WINDOW: Final = 4.0
"""The first attempt comes within so long, at random, and the window doubles with each ..."""
RECONNECT_CAP: Final = 30.0
"""... up to this: the clients of a controller that restarts must not all come at once."""
RECONNECT_STABLE: Final = 60.0
"""A connection that held so long is a success, after which the windows begin anew; a flapping one is not."""
RECONNECT_PATIENCE: Final = 300.0
"""A loss that lasts so long is the end. The server keeps a session for 120 s (signaling.md § 3)."""
SESSION_RUNNING_PATIENCE: Final = 45.0
"""A controller may say `session_running` for 35 s until it notices that we are gone; one that crashed for 120 s. So
long after a loss we come as somebody new (signaling.md § 2, 3)."""
PUBLISHER_RETURN: Final = 40.0
"""A subscription waits so long, once we are back, for a publisher who lost the connection as well: `RECONNECT_CAP` and
a join."""
KEEPALIVE_INTERVAL: Final = 12.0
"""A connection on which nothing came for so long is asked whether it lives (signaling.md § 2) ..."""
KEEPALIVE_TIMEOUT: Final = 15.0
"""... and is lost if nothing comes within so long. TCP doubles the time between its attempts: with the server's pings
and this, no outage of 8 s ends a connection that lives."""
TURN_LEAD: Final = 20.0
"""TURN credentials are asked for anew so long before the old ones expire (rest.md, TURN) ..."""
TURN_RETRY: Final = 10.0
"""... and again after so long if that was in vain; the wait doubles each time ..."""
TURN_RETRY_CAP: Final = 600.0
"""... up to this."""

# -- times, client role: a stream that breaks ---
STREAM_RENEWAL_DELAY: Final = 1.0
"""A stream that broke is begun anew about so long after: between half of it and one and a half, at random."""
STREAM_RESTART: Final = 5.0
"""A server that still has a stream of ours is offered it anew, and has so long until it receives it; then it is told to
forget the old one first."""
STREAM_STABLE: Final = 60.0
"""What breaks again within so long has ended."""
PUBLISHER_RENEWAL: Final = 3.0
"""A subscription that the server ended waits so long for its publisher, who may have broken too, to publish again: the
longest moment until that begins anew, and as long for it. Where it was a stop, its reader ends so much later."""
LATE_MEDIA_MESSAGES: Final = 5.0
"""What the server says of a stream that was ended may come so late: a `webrtc_down` after the answer to the next offer,
a refused candidate. Seen: 28 ms, and 2 s at the most."""

# -- media ---
CAMERA_BITRATE: Final = 1_500_000
"""bit/s; server-side cap of a `video` stream (media.md § 5)."""
SCREEN_BITRATE: Final = 8_000_000
"""bit/s; server-side cap of a `screen` stream (media.md § 5)."""
KEYFRAME_INTERVAL: Final = 0.3
"""Keyframe requests to one publisher are at least this far apart."""
MAX_AUDIO_BUFFER: Final = 120.0
"""Seconds of audio that a user may write ahead: 12 or 23 MB."""
PACER_PATIENCE: Final = 0.2
"""Seconds that a sender may be late and still catch up; beyond, its clock moves, so that no burst leaves."""
PACER_LEAP: Final = 10.0
"""Seconds that timestamps may jump ahead before they count as broken and the clock moves."""
TALKING_PACKETS: Final = 50
"""Audio packets, about 1 s, over which the level is averaged (media.md § 7)."""
TALKING_LEVEL: Final = 50
"""A talker's average level is louder than so many dB below full scale (media.md § 7)."""
