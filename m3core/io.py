"""The inputs and outputs of engines, as values.

An engine performs no I/O. Its driver gives it one input, drains its outputs at once, before it awaits anything, and
then sleeps until the deadline of the engine or the next input::

    engine.receive_text(connection, data, now)      # an input
    for output in engine.outputs():
        perform(output)                             # only queues, so that no output waits for another
    wake_at(engine.deadline)                        # None, or when to call engine.advance(now)

An engine counts its ids (the driver of a controller counts those of connections) and uses none twice. So it can ignore
an input for something that no longer exists. ``now`` is monotonic seconds.

This module does not know who performs the outputs. The repr of a value never shows what may be secret.
"""

from __future__ import annotations

from enum import Enum
from typing import NewType, TypeAlias

from attrs import field, frozen

from m3core.errors import M3Error
from m3core.values import MediaKind, MediaSessionKey, Secret, SlowDirection

ConnectionId = NewType("ConnectionId", int)
"""One WebSocket connection."""
RequestId = NewType("RequestId", int)
"""One HTTP request and its response."""
CallId = NewType("CallId", int)
"""One command of the user. It ends with exactly one `CallDone`."""
PeerId = NewType("PeerId", int)
"""One peer connection of a client's media engine, or of a media server."""
CommandId = NewType("CommandId", int)
"""One command to a media engine or media server. At most one report answers it, with its id."""

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""HTTP fields, in order. The names of received ones are in lower case."""


def _size(data: bytes | str) -> str:
    return f"<{len(data)}>"


def _names(headers: Headers) -> str:
    return repr(tuple(name for name, _ in headers))


class Authorization(Enum):
    """How the driver must authorize a request."""

    NONE = "none"
    ACCOUNT = "account"
    """With the access token of the account. A 401 is retried once with a fresh one (rest.md § 1)."""
    INVITE = "invite"
    """With the invite code as the bearer token (rest.md § 4), which is among the headers already."""


# -- outputs of the client engine ---
@frozen
class HttpRequest:
    """Perform one request, without following redirects. The answer is `http_response` or `http_failed`."""

    id: RequestId
    method: str
    url: str
    headers: Headers = field(default=(), repr=_names)
    body: bytes = field(default=b"", repr=_size)
    authorization: Authorization = Authorization.NONE


@frozen
class Connect:
    """Open a WebSocket. The answer is `connected`, `connect_refused` or `connection_lost`.

    Offer ``subprotocols`` in this order; the first may hold the ticket (signaling.md § 1).
    """

    connection: ConnectionId
    url: str
    subprotocols: tuple[str, ...] = field(repr=False)


@frozen
class SendText:
    """Write one text message to each of ``connections``. It was encoded once, and is to be framed once."""

    connections: tuple[ConnectionId, ...]
    data: bytes = field(repr=_size)


@frozen
class Ping:
    """Send a WebSocket ping. Its pong is the input `pong(connection, payload)`."""

    connection: ConnectionId
    payload: bytes


@frozen
class Close:
    """Close a WebSocket with ``code``, after all that was queued before; ``None`` aborts it without a close frame."""

    connection: ConnectionId
    code: int | None = None


@frozen
class Notify:
    """Give ``event``, of one of the event types of the engine, to the user."""

    event: object


@frozen
class CallDone:
    """A call has ended, with ``result``, or with ``error`` if it failed."""

    call: CallId
    result: object = None
    error: M3Error | None = None


# -- HTTP, as values ---
@frozen
class HttpResponse:
    """A response of the REST API. The names of ``headers`` are in lower case."""

    status: int
    headers: Headers = field(default=(), repr=_names)
    body: bytes = field(default=b"", repr=_size)


# -- outputs of the controller ---
@frozen
class HttpReply:
    """Answer the request ``id``."""

    id: RequestId
    response: HttpResponse


@frozen
class Accept:
    """Complete a WebSocket handshake with ``subprotocol``."""

    connection: ConnectionId
    subprotocol: str


@frozen
class Reject:
    """Refuse a WebSocket handshake with a plain HTTP answer."""

    connection: ConnectionId
    response: HttpResponse


# -- the media engine (client) and the media server (controller) ---
@frozen
class IceServer:
    """A STUN or TURN server (rest.md § 4). ``expires_at`` is in Unix seconds; 0 means never."""

    urls: tuple[str, ...]
    username: str = ""
    credential: Secret = Secret("")  # noqa: RUF009 - a Secret is immutable
    expires_at: int = 0


@frozen
class OpenPublisher:
    """Make a sending peer and its offer (report: `Described`). ``audio`` and ``video`` say which m-sections it has.

    If the ``peer`` exists, this begins it anew, since the connection was lost or the peer broke. Close its peer
    connection and open another one, with the same m-sections. Keep its sources, and what `SetSending` said. Report
    nothing more about the old peer connection.
    """

    key: MediaSessionKey
    audio: bool
    video: bool
    ice_servers: tuple[IceServer, ...] = ()


@frozen
class OpenSubscriber:
    """Make a receiving peer from ``offer`` (without candidates) and its answer (report: `Described`).

    If the ``peer`` exists, this begins it anew, as with `OpenPublisher`. Keep its queues of frames and their readers:
    only `ClosePeer` ends them.
    """

    key: MediaSessionKey
    offer: str = field(repr=_size)
    ice_servers: tuple[IceServer, ...] = ()


@frozen
class ApplyAnswer:
    """Give the peer the answer to its offer. ``sdp`` has been checked against the offer, and has no candidates."""

    sdp: str = field(repr=_size)


@frozen
class AddCandidates:
    """Give the peer remote candidates, each as (`candidate:...` text, mline_index). ``end``: no more will follow."""

    candidates: tuple[tuple[str, int], ...] = field(repr=False)
    end: bool = False


@frozen
class SetSending:
    """Mute or unmute the tracks of a sending peer. Muting never renegotiates (media.md § 1)."""

    audio: bool
    video: bool


@frozen
class ClosePeer:
    """Close the peer and free all its resources. No report follows."""


MediaOperation: TypeAlias = OpenPublisher | OpenSubscriber | ApplyAnswer | AddCandidates | SetSending | ClosePeer


@frozen
class MediaCommand:
    """One command for the media engine. It performs the commands of one ``peer`` in order."""

    id: CommandId
    peer: PeerId
    operation: MediaOperation


@frozen
class Described:
    """The command ``id`` made this local description, which has the candidates gathered so far.

    If it has no `a=end-of-candidates`, more candidates follow as `Trickled`.
    """

    id: CommandId
    peer: PeerId
    sdp: str = field(repr=_size)


@frozen
class Failed:
    """The command ``id`` failed. If it is ``None``, the peer failed: ICE or DTLS gave up, or a thread died.

    ``reason`` is for people, and repeats nothing that a peer sent.
    """

    id: CommandId | None
    peer: PeerId
    reason: str


@frozen
class Up:
    """ICE and DTLS are connected."""

    peer: PeerId


@frozen
class Down:
    """The peer connection ended without a `ClosePeer`."""

    peer: PeerId


@frozen
class Receiving:
    """A media server has started or stopped receiving ``kind`` from a publisher."""

    peer: PeerId
    kind: MediaKind
    receiving: bool


@frozen
class Slow:
    """Packets get lost in ``direction``."""

    peer: PeerId
    direction: SlowDirection


@frozen
class Talking:
    """A publisher has started or stopped talking (media.md § 7)."""

    peer: PeerId
    talking: bool


@frozen
class Trickled:
    """A local candidate was gathered after the description; ``candidate`` None: no more will follow."""

    peer: PeerId
    candidate: str | None = field(repr=False)
    mline_index: int = 0


MediaReport: TypeAlias = Described | Failed | Up | Down | Receiving | Slow | Talking | Trickled
"""The reports of a media engine or media server: inputs of engines (`media_report`, `sfu_report`)."""
