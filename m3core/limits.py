"""Every numeric limit, with its reason. Nothing that a peer sends may make us grow without bound.

Sizes are in bytes and times in seconds, unless a limit says otherwise. docs/limits.md says what happens beyond each
limit. Most raise `LimitExceeded`, or are reported with it.
"""

from __future__ import annotations

from typing import Final

# -- signaling messages ---
MAX_MESSAGE: Final = 1 << 20
"""One signaling message. The reference drops fragmented messages above 1,000,000 bytes (signaling.md § 2)."""
MAX_FRAGMENTS: Final = 4_096
"""Frames of one message of a server. The library `websockets` refuses more, when it has kept them all."""
MAX_EMPTY_FRAMES: Final = 65_536
"""Pings, pongs and empty fragments of a server without a message between them. A server that pings every 15 seconds,
and says nothing else, reaches it after 11 days."""
MAX_COMMAND_VALUES: Final = 10_000
"""Values and keys in one command, or in the body of one request. The largest legitimate command starts
`MAX_BREAKOUT_ROOMS` with `MAX_PARTICIPANTS` in them: some 6,000. A command of 1 MiB could have 500,000, and decoding it
would take a third of a second."""
MAX_NESTING: Final = 32
"""Nesting of JSON. The deepest known message, `join_success`, nests 7 levels. JSON parsers overflow the stack at about
1,000."""
MAX_STRING: Final = 64 << 10
"""One string of a message. Session descriptions are the longest (`MAX_SDP`)."""
MAX_LATER_KEYS: Final = 64
"""Keys of later versions that the decoder of events, and that of commands, learns to read fast. Each costs some
milliseconds once: all shells that have it are made anew."""
MAX_PARTICIPANTS: Final = 5_000
"""Participants that a client keeps, including those who left. The ones who left first are dropped first."""
MAX_LEAVERS: Final = 500
"""What a controller keeps of those who left, each: participants of one room, and of all others that `join_success`
lists; sessions that can be resumed; accounts that can be banned. The oldest are dropped."""
MAX_ENTRY_FORMS: Final = 16
"""Encoded entries that a controller keeps of one participant. They differ by the groups of those who read them. With
more kinds of readers, all are encoded again."""
MAX_CHAT_TEXT: Final = 4096
"""Bytes of one chat message. The reference cuts longer ones (signaling.md § 7); a client refuses to send them."""
MAX_CONVERSATION: Final = 1_000
"""Chat messages of one conversation (the room, a group, or one other participant) that a client keeps. The oldest are
dropped."""
MAX_CHAT_MESSAGES: Final = 10_000
"""Chat messages of all conversations that a client keeps. The conversation without news for the longest time is dropped
first."""
MAX_PAST_POLLS: Final = 100
"""Finished polls whose results a client keeps. The oldest are dropped."""
MAX_LEGAL_VOTES: Final = 100
"""Legal votes that a client keeps. Finished ones are dropped first, and of them the oldest."""
MAX_DISPLAY_NAME: Final = 100
"""Bytes of a display name in UTF-8 (signaling.md § 5)."""
MAX_MARKS: Final = 4
"""Marks in a row in a name. More of them reach into the lines above and below. No language is known to need more, and
UTS 39 (section 5.4) has the same limit."""
MAX_BREAKOUT_ROOMS: Final = 200
"""Breakout rooms of one meeting. A `breakout.start` with more is ignored, as one with none is (signaling.md § 8)."""
MAX_BREAKOUT_NAME: Final = 255
"""Bytes of the name of a breakout room in UTF-8. A `breakout.start` with a longer one is ignored."""
MAX_BREAKOUT_DURATION: Final = 7 * 86_400
"""Seconds until breakout rooms expire. A `breakout.start` with more, or with 0, is ignored."""
MAX_STREAM_REASON: Final = 1_000
"""Characters of the code, and of the message, in which a recorder reports its failure. The rest is cut off."""

# -- what a controller remembers of a meeting ---
MAX_CHAT_MESSAGE: Final = 4096
"""Bytes of a chat message in UTF-8. Longer ones are cut (signaling.md § 7)."""
MAX_CHAT_HISTORY: Final = 500
"""Messages of one history (of a room, of a group, of two participants). The oldest are dropped."""
MAX_CHAT_HISTORY_BYTES: Final = 256 << 10
"""Bytes of one history as JSON. The oldest messages are dropped."""
MAX_CHAT_HISTORIES: Final = 200
"""Histories of groups in one room, and as many histories of two participants. The one without news for the longest time
is dropped."""
MAX_CHAT_TOLD: Final = 512 << 10
"""Bytes of JSON of all histories in one `join_success`, which must fit into `MAX_MESSAGE`. The oldest messages are left
out."""
MAX_LAST_SEEN: Final = 500
"""Conversations whose last read message one participant has marked, for groups and for other participants each. The
oldest marks are dropped."""
MIN_POLL_TOPIC: Final = 2
MAX_POLL_TOPIC: Final = 100
"""Bytes of the topic of a poll. All limits of polls are those of signaling.md § 9."""
MIN_POLL_CHOICES: Final = 2
MAX_POLL_CHOICES: Final = 64
MIN_POLL_CHOICE: Final = 1
MAX_POLL_CHOICE: Final = 100
"""Bytes of the text of one choice."""
MIN_POLL_DURATION: Final = 2
MAX_POLL_DURATION: Final = 3_600
MAX_TIMER_TEXT: Final = 1_024
"""Bytes of the style, the title and the reason of a timer, each. Longer ones are cut: no web client shows so much."""

# -- session descriptions ---
MAX_SDP: Final = 64 << 10
"""Bytes of one session description. Those of Chromium have about 8,000."""
MAX_SDP_LINES: Final = 2_000
MAX_SDP_SECTIONS: Final = 32
"""M-sections of one session description. M3 uses at most 2."""
MAX_SDP_FORMATS: Final = 128
"""Payload types of one m-section. RTP has 128."""
MAX_CANDIDATES: Final = 100
"""Candidates of one generation: those in the description, trickled ones, and those that are held until a description
comes."""

MAX_ICE_ADDRESSES: Final = 16
"""STUN and TURN addresses that a client uses, of those that a controller names. Each costs a request for every peer
connection."""

# -- HTTP ---
MAX_HTTP_HEAD: Final = 32 << 10
"""Request line and headers together, or the trailers of a request."""
MAX_HTTP_HEAD_LINES: Final = 100
"""Lines of a head, or of trailers. Browsers send about 20, and each costs more than its bytes."""
MAX_HTTP_CHUNK_LINE: Final = 256
"""The line before a chunk: its size and extensions, which no client has (RFC 9112 s.7.1.1)."""
MAX_HTTP_BODY: Final = 1 << 20
"""Request and response bodies of the REST API."""
MAX_HTTP_PIECES: Final = 4_096
"""Pieces of the body of one response (chunks, or what came at once). Each costs a client up to 0.2 ms, whatever its
size. A body of `MAX_HTTP_BODY` has 719 segments of an Ethernet."""
MAX_INFORMATIONAL: Final = 20
"""Informational responses (1xx, RFC 9110 s.15.2) before a response: more of them would keep a client waiting."""
MAX_HANDSHAKE_HEAD: Final = 16 << 10
"""The head of the answer to a WebSocket handshake. More than this is refused by h11 as wsproto uses it."""
MAX_HANDSHAKE_LINE: Final = 8_192
"""A line of it, with its end. The library `websockets` refuses longer ones."""
MAX_HANDSHAKE_REFUSAL: Final = 64 << 10
"""Bytes of the body of a refused WebSocket handshake. A controller sends a code in less than 100, a proxy a page."""
MAX_LINK: Final = 2_048
"""Characters of an invitation link."""
MAX_ERROR_FIELDS: Final = 32
"""Refused fields of one error body that a client keeps. No request has as many fields."""
MAX_ERROR_TEXT: Final = 500
"""Characters of one text of a server about an error."""
TICKET_LENGTH: Final = 64
"""Characters of a ticket, and of a resumption token (signaling.md § 1)."""

MAX_TITLE: Final = 255
"""Characters of the title of an event. The limits of events are those of rest.md § 4."""
MAX_DESCRIPTION: Final = 4096
MAX_PASSWORD: Final = 255
MAX_RECURRENCE_LINES: Final = 4
MAX_RECURRENCE_LINE: Final = 1024
MAX_STREAMING_TARGETS: Final = 16
MAX_STREAMING_TEXT: Final = 1024

# -- queues ---
MAX_WRITE_QUEUE: Final = 4 << 20
"""Bytes that wait for one connection. A peer that reads too slowly loses it (`connection_lost(overflow)`)."""
MAX_TEXTS_OF_A_TURN: Final = 64
"""Messages that a client takes before other tasks of its loop run: one read of 256 KiB may have 65,536 of them."""
MAX_EVENTS: Final = 10_000
"""Events that wait in one `events()` iterator. If its reader is slower, the iterator raises `EventsOverflow`."""
MAX_CALLS: Final = 1_000
"""Calls of one conference that wait for an answer."""
MAX_FRAMES: Final = 30
"""Decoded frames that wait for their reader. The oldest is dropped and counted."""
MAX_LINGERING: Final = 4 << 20
"""Bytes of a client that a server reads and drops after its last answer, so that the client receives that answer
(RFC 9112 s.9.6). The largest body that a server takes would fit four times."""
MAX_CONNECTIONS: Final = 10_000
"""Open TCP connections of the embedded controller."""
MAX_REST_OBJECTS: Final = 100_000
"""Events, rooms and invitations that the embedded controller keeps in memory, each."""
MAX_ADDRESSES: Final = 10_000
"""Addresses whose requests a controller counts, and as many pairs of an address and a room whose wrong passwords it
counts. Those that have their whole budget are forgotten first, because they lose nothing by it."""
MAX_PROXY_HOPS: Final = 16
"""Entries of `X-Forwarded-For` that a server reads, from the right. Nobody has as many proxies of one's own."""
MAX_PROXY_HEADER: Final = 4_096
"""Bytes of a header of the PROXY protocol, with what a proxy adds about TLS. Addresses take 232 at most."""


# -- turns: how long one connection may keep the others waiting ---
TURN_EVENTS: Final = 64
"""Requests, chunks and frames of one connection that the server reads before it looks at the others: some milliseconds
of work."""
TURN_BYTES: Final = 64 << 10
"""Bytes of one connection that the server reads before it looks at the others."""
TURN_WRITES: Final = 1_024
"""Writes that one connection may cause before the server looks at the others: about 9 ms. The message that exceeds it
is still sent to all. Chat in a large room must not use up a turn with each message."""
MAX_READ_AHEAD: Final = 64 << 10
"""Bytes of one connection that wait for its turn. While more wait, the server reads nothing from it. One read gives at
most 256 KiB more."""

# -- times, server role ---
TICKET_LIFETIME: Final = 30.0
"""Until an unused ticket is no longer valid (signaling.md § 1)."""
RESUMPTION_LIFETIME: Final = 120.0
"""Until a resumption token that is not refreshed is no longer valid (signaling.md § 3)."""
RESUMPTION_REFRESH: Final = 60.0
"""Between two refreshes of the resumption token of a connected participant (signaling.md § 3)."""
BUDGET: Final = 1_000
"""Units of work that one connection may cause at once; after more it is closed. A request, a chunk of a body, a frame
and a message cost one each, and one for each KiB. One publish may trickle `MAX_CANDIDATES`, and a client that starts
asks for some ten things."""
BUDGET_RATE: Final = 100.0
"""Units per second by which the budget of a connection grows again, up to `BUDGET`."""
ADDRESS_BUDGET: Final = 1_000
"""Requests without a login that one address may send at once; more are answered with 429. An address of IPv6 is its
/64. All the guests of a large meeting may sit behind one address, and each joins with three requests."""
ADDRESS_BUDGET_RATE: Final = 50.0
"""Requests per second by which the budget of an address grows again, up to `ADDRESS_BUDGET`."""
PASSWORD_GUESSES: Final = 10
"""Wrong passwords for one room that one address may send within `PASSWORD_PERIOD`; then none is looked at, and the
answer is 429. People mistype a password some times; a dictionary has thousands of words."""
PASSWORD_PERIOD: Final = 60.0
"""Seconds in which an address gets `PASSWORD_GUESSES` more."""
PEER_COST: Final = 20
"""Units of that budget for each peer connection that a message makes. The media server needs about 3 ms for one, and a
message 0.1 ms."""
PEER_RESERVE: Final = 600
"""Units of that budget that a waiting subscription leaves for messages. A client answers each subscription with its
description and its candidates, about 15 units. Without a reserve, subscribing to a whole room would cost the client its
connection."""
PEER_TIMEOUT: Final = 30.0
"""From the making of a peer connection until DTLS is up. The reference waits as long for its media server (media.md
§ 4.6)."""
BREAKOUT_GRACE: Final = 300.0
"""Until participants in a breakout room that was stopped or expired lose their connection (signaling.md § 8)."""
RECORDER_TIMEOUT: Final = 30.0
"""Until a recorder that was asked to come, and does not come, has failed (`recorder_error`; L)."""
STREAM_TOLD_TIMEOUT: Final = 2.0
"""For each step of a stream, if a connection gets the news of one stream at a time (media.md § 10 row 4). After it
comes the next stream."""
HEARTBEAT_INTERVAL: Final = 15.0
"""Between two pings of a server, whose payload is `heartbeat` (signaling.md § 2)."""
HEARTBEAT_TICK: Final = 0.25
"""Pings leave together at multiples of this time, so that the event loop wakes up once for all of one tick. A ping that
falls between two ticks leaves at the earlier one."""
HEARTBEAT_TIMEOUT: Final = 20.0
"""The greatest age of the last pong. A server checks it with each ping, and drops the connection if the pong is older
(signaling.md § 2)."""
JOIN_DEADLINE: Final = 30.0
"""Until a WebSocket that has not joined is closed. Clients join as soon as it is open; one that waits in the waiting
room has joined."""
HTTP_TIMEOUT: Final = 30.0
"""Until a client that does not finish its request, or sends no other, loses its connection."""
CLOSE_TIMEOUT: Final = 5.0
"""Until a WebSocket whose close the peer does not answer is aborted, and until a client has to close its side of a
connection that a server has ended."""

# -- times, client role ---
REQUEST_TIMEOUT: Final = 30.0
"""A REST request."""
MAX_RETRY_AFTER: Final = 30.0
"""The longest wait until a request is repeated that a busy server refused (429, 503), whatever its `Retry-After`."""
BUSY_PATIENCE: Final = 60.0
"""Seconds of such waits for one request, or for one join, in sum. The refusal after that is final."""
DISCOVERY_TIMEOUT: Final = 5.0
"""The request for a document that names the controller or its API. Without an answer its place is guessed."""
CONNECT_TIMEOUT: Final = 20.0
"""The WebSocket handshake."""
JOIN_TIMEOUT: Final = 30.0
"""From `control.join` to any answer."""
NEGOTIATION_TIMEOUT: Final = 60.0
"""From `publish` or `subscribe` to media. The reference waits up to 90 s for its SFU (media.md § 4.6)."""
SILENCE_MEANS_DONE: Final = 0.25
"""Until a command counts as done if no error came. Servers do not acknowledge most commands (signaling.md § 4)."""
BREAKOUT_EXPIRY: Final = 1.0
"""From the instant at which breakout rooms expire until a client closes them without a message of the server.
Timestamps of servers may be cut to whole seconds."""
ANSWER_TIMEOUT: Final = 10.0
"""Until a command fails that the server always answers: a chat message comes back, a poll starts."""
LEAVE_TIMEOUT: Final = 1.5
"""Until the client aborts a connection that the server does not close, after a leave or an announced end (`kicked`)."""
CLOSE_GRACE: Final = 0.1
"""From the close frames until the client closes TCP. The server should do it (RFC 6455 s.7.1.1), but some never do."""

# -- times, client role: a connection that breaks ---
RECONNECT_MIN: Final = 1.0
"""The shortest wait after a loss, or after an attempt, until the next attempt."""
RECONNECT_WINDOW: Final = 4.0
"""The first attempt comes at a random instant within this window. The window doubles with each attempt."""
RECONNECT_CAP: Final = 30.0
"""The longest window, so that the clients of a controller that restarts do not all come at once."""
RECONNECT_STABLE: Final = 60.0
"""A connection that lasted so long resets the window; one that breaks sooner does not."""
RECONNECT_PATIENCE: Final = 300.0
"""From a loss until the client gives up. Servers keep a session for 120 s (signaling.md § 3)."""
SESSION_RUNNING_PATIENCE: Final = 45.0
"""From a loss until the client joins without its resumption token, as another participant, if the server answers
`session_running`. A live server gives that answer for at most 35 s, until it notices the loss. A server that crashed
gives it for 120 s (signaling.md § 2, 3)."""
PUBLISHER_RETURN: Final = 40.0
"""After a resume: how long a subscription waits for its publisher, who may have lost the connection as well. This is
`RECONNECT_CAP` and the time for a join."""
KEEPALIVE_INTERVAL: Final = 12.0
"""Silence of the server after which the client sends an echo, as the web client does (signaling.md § 2)."""
KEEPALIVE_TIMEOUT: Final = 15.0
"""Silence after that echo that counts as a loss. TCP doubles the time between its attempts. With the pings of the
server and this time, no outage of 8 s ends a connection that works again."""
TURN_LEAD: Final = 20.0
"""How long before their expiry TURN credentials are asked for anew (rest.md § 4)."""
TURN_RETRY: Final = 10.0
"""The wait after the first failure of that; it doubles with each."""
TURN_RETRY_CAP: Final = 600.0
"""The longest such wait."""

# -- times, client role: a stream that breaks ---
STREAM_RENEWAL_DELAY: Final = 1.0
"""From the break of a stream until it is begun anew. The wait is random: between half of this and one and a half."""
STREAM_RESTART: Final = 5.0
"""A server that still has our broken stream gets a new offer for it, and must receive the stream within this time. Else
the client sends `unpublish` and publishes the stream anew."""
STREAM_STABLE: Final = 60.0
"""A stream that breaks again within this time has ended."""
PUBLISHER_RENEWAL: Final = 3.0
"""How long a subscription that the server ended waits for its publisher, whose stream may have broken too. This is the
longest wait until the publisher begins anew, and as long for the new stream. If the publisher stopped the stream, its
reader ends after this time."""
LATE_MEDIA_MESSAGES: Final = 5.0
"""How long after the end of a stream the server may still send messages about it, such as a `webrtc_down` after the
answer to the next offer, or a refused candidate. Seen: 28 ms, and at most 2 s."""

# -- media ---
CAMERA_BITRATE: Final = 1_500_000
"""bit/s; the limit of a server for a `video` stream (media.md § 5)."""
SCREEN_BITRATE: Final = 8_000_000
"""bit/s; the limit of a server for a `screen` stream (media.md § 5)."""
KEYFRAME_INTERVAL: Final = 0.3
"""Between two keyframe requests to one publisher, at least."""
MAX_KEYFRAME_REQUESTS: Final = 4
"""Keyframe requests that a media server takes from one subscriber at once. A lost keyframe is asked for again."""
KEYFRAME_REQUEST_RATE: Final = 1.0
"""Keyframe requests of one subscriber for each second after that. Keyframes are large, and all subscribers get them."""
MAX_RETRANSMISSIONS: Final = 500
"""Packets that a media server sends again to one subscriber, at once and in each second. A screen with `SCREEN_BITRATE`
is about 850 packets a second. One NACK of 1,500 bytes can ask for 6,000 packets (RFC 4585 s.6.2.1)."""
MAX_SSRCS: Final = 32
"""Sources (SSRCs) that one peer connection takes. A camera with sound has at most 8: three layers, each with its
retransmissions, and the sound. Each is state in libsrtp and aiortc, and one report in each RTCP packet."""
MAX_AUDIO_BUFFER: Final = 120.0
"""Seconds of audio that a user may write ahead: 12 MB (mono) or 23 MB (stereo)."""
PACER_PATIENCE: Final = 0.2
"""Seconds that a sender may be late and still catch up. After more its clock is set anew, so that frames do not leave
in a burst."""
PACER_LEAP: Final = 10.0
"""Seconds that timestamps may jump ahead. After more they count as broken, and the clock is set anew."""
TALKING_PACKETS: Final = 50
"""Audio packets, about 1 s, over which the level is averaged (media.md § 7)."""
TALKING_LEVEL: Final = 50
"""dB below full scale. Participants whose average level is louder are talking (media.md § 7)."""
