"""All that goes into engines and comes out of them, as values.

An engine performs nothing. It takes one input, then its outputs are drained at once, before anything is awaited, and
then the driver sleeps until the engine's deadline::

    engine.receive_text(connection, data, now)      # an input
    for output in engine.outputs():                 # drained; perform() only queues
        perform(output)
    wake_at(engine.deadline)                        # None, or when to call engine.advance(now)

Ids are counted by the engine that makes them (connections of the controller: by its driver) and never used twice, so
that an input for something that is no longer current can be told apart, and is ignored. ``now`` is monotonic seconds.

This module does not know who performs the outputs. Payloads that may hold secrets are left out of every repr.
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
"""One command of the user, which ends in exactly one `CallDone`."""
PeerId = NewType("PeerId", int)
"""One peer connection: of a client's media engine, or of a media server."""
CommandId = NewType("CommandId", int)
"""One command to a media engine or media server, answered by at most one report that carries it."""

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""HTTP fields in order; names in lower case on input."""


def _size(data: bytes | str) -> str:
    return f"<{len(data)}>"


def _names(headers: Headers) -> str:
    return repr(tuple(name for name, _ in headers))


class Authorization(Enum):
    """How the driver must sign a request."""

    NONE = "none"
    ACCOUNT = "account"
    """With the account's access token; a 401 is retried once with a fresh one (rest.md § 1)."""
    INVITE = "invite"
    """With the invite code as the bearer token, already among the headers (rest.md, TURN)."""


# -- outputs of the client engine ---
@frozen
class HttpRequest:
    """Perform one request; answer with `http_response` or `http_failed`. Redirects are never followed."""

    id: RequestId
    method: str
    url: str
    headers: Headers = field(default=(), repr=_names)
    body: bytes = field(default=b"", repr=_size)
    authorization: Authorization = Authorization.NONE


@frozen
class Connect:
    """Open a WebSocket; answer with `connected`, `connect_refused` or `connection_lost`.

    ``subprotocols`` are offered in this order; the first may be the ticket (signaling.md § 1).
    """

    connection: ConnectionId
    url: str
    subprotocols: tuple[str, ...] = field(repr=False)


@frozen
class SendText:
    """Write one text message to each of ``connections``: encoded once, framed once."""

    connections: tuple[ConnectionId, ...]
    data: bytes = field(repr=_size)


@frozen
class Ping:
    """Send a WebSocket ping; a pong comes back as `pong(connection, payload)`."""

    connection: ConnectionId
    payload: bytes


@frozen
class Close:
    """Close a WebSocket with ``code`` after what was queued before; ``None`` aborts it without a close frame."""

    connection: ConnectionId
    code: int | None = None


@frozen
class Notify:
    """Tell the user. ``event`` is one of the engine's own event types."""

    event: object


@frozen
class CallDone:
    """The end of a call: done with ``result``, or failed with ``error``."""

    call: CallId
    result: object = None
    error: M3Error | None = None


# -- HTTP, as values ---
@frozen
class HttpResponse:
    """A response of the REST API. ``headers`` names are in lower case."""

    status: int
    headers: Headers = field(default=(), repr=_names)
    body: bytes = field(default=b"", repr=_size)


# -- outputs of the controller ---
@frozen
class HttpReply:
    """Answer the request that came in as ``id``."""

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
    """A STUN or TURN server (rest.md, TURN). ``expires_at`` is Unix seconds; 0 means never."""

    urls: tuple[str, ...]
    username: str = ""
    credential: Secret = Secret("")  # noqa: RUF009 - a Secret is immutable
    expires_at: int = 0


@frozen
class OpenPublisher:
    """Make a sending peer and its offer (report: `Described`). ``audio`` and ``video`` say which m-sections it has.

    For a ``peer`` that exists: begin it anew after a lost connection, or because it broke. Its peer connection is
    closed and another one opened; its sources and what `SetSending` said stay. From then on the media engine reports
    nothing of the old peer connection. The m-sections are those of before.
    """

    key: MediaSessionKey
    audio: bool
    video: bool
    ice_servers: tuple[IceServer, ...] = ()


@frozen
class OpenSubscriber:
    """Make a receiving peer from ``offer`` (without candidates) and its answer (report: `Described`).

    For a ``peer`` that exists: begin it anew, as with `OpenPublisher`. Its queues of frames, and who reads them, stay:
    they end with `ClosePeer` alone.
    """

    key: MediaSessionKey
    offer: str = field(repr=_size)
    ice_servers: tuple[IceServer, ...] = ()


@frozen
class ApplyAnswer:
    """Give the peer the answer to its offer. ``sdp`` was checked against the offer and holds no candidates."""

    sdp: str = field(repr=_size)


@frozen
class AddCandidates:
    """Give the peer remote candidates, each as (`candidate:...` text, mline_index); ``end``: there will be no more."""

    candidates: tuple[tuple[str, int], ...] = field(repr=False)
    end: bool = False


@frozen
class SetSending:
    """Mute or unmute the tracks of a sending peer; nothing is renegotiated (media.md § 1)."""

    audio: bool
    video: bool


@frozen
class ClosePeer:
    """Close the peer and free all it holds. No report follows."""


MediaOperation: TypeAlias = OpenPublisher | OpenSubscriber | ApplyAnswer | AddCandidates | SetSending | ClosePeer


@frozen
class MediaCommand:
    """One command for the media engine; those of one ``peer`` are performed in order."""

    id: CommandId
    peer: PeerId
    operation: MediaOperation


@frozen
class Described:
    """The command ``id`` made this local description, with the candidates gathered so far.

    Without `a=end-of-candidates` others follow, as `Trickled`.
    """

    id: CommandId
    peer: PeerId
    sdp: str = field(repr=_size)


@frozen
class Failed:
    """The command ``id`` failed, or (``None``) the peer did: ICE or DTLS gave up, a thread died.

    ``reason`` is for people and holds nothing that a peer sent.
    """

    id: CommandId | None
    peer: PeerId
    reason: str


@frozen
class Up:
    """ICE and DTLS are up."""

    peer: PeerId


@frozen
class Down:
    """The peer connection ended, and not by `ClosePeer`."""

    peer: PeerId


@frozen
class Receiving:
    """A media server starts or stops receiving ``kind`` from a publisher."""

    peer: PeerId
    kind: MediaKind
    receiving: bool


@frozen
class Slow:
    """Packets get lost."""

    peer: PeerId
    direction: SlowDirection


@frozen
class Talking:
    """A publisher started or stopped talking (media.md § 7)."""

    peer: PeerId
    talking: bool


@frozen
class Trickled:
    """A local candidate that was gathered after the description; ``candidate`` None: there will be no more."""

    peer: PeerId
    candidate: str | None = field(repr=False)
    mline_index: int = 0


MediaReport: TypeAlias = Described | Failed | Up | Down | Receiving | Slow | Talking | Trickled
"""What a media engine or media server says; an input of both engines (`media_report`, `sfu_report`)."""
