"""Every error of the library, as one tree. A direction (ours or the peer's), a place, and a way out.

::

    M3Error
    ├── LocalProtocolError        you misused the library; nothing was sent
    │   └── GlareError            two offers of one media session cross
    ├── RemoteProtocolError       the peer misbehaved; the connection lives unless a limit says otherwise
    │   ├── MalformedMessage      a message that does not fit its type            (path)
    │   ├── UnexpectedMessage     a message that is illegal in this state         (state)
    │   ├── StaleNegotiation      an answer or candidate without its offer
    │   ├── SdpError              a broken session description                    (line, column)
    │   └── LimitExceeded         a documented limit was passed                   (limit, value)
    ├── CallError                 what you asked for did not happen
    │   ├── CallRefused           the server said no                              (code)
    │   ├── CallTimedOut          the server stayed silent                        (seconds)
    │   └── CallCancelled         you, or the end of the conference, cancelled it
    ├── ApiError                  the REST API answered with an error             (status, code, errors)
    ├── AuthError                 no valid token, and no way to get one
    ├── LinkError                 an invitation link that cannot be trusted       (is_private)
    ├── UnsupportedServer         the server is of a generation that speaks another protocol
    ├── MediaError                the media engine failed
    ├── EventsOverflow            one consumer of events stalled                  (limit)
    ├── ConferenceEnded           the conference is over, and it was not your doing (reason)
    └── TransportError            network trouble, raised by adapters

No text of any error repeats what the peer wrote for people: it may hold a secret. It says where to look instead; slugs
of errors and names of fields are repeated. Texts are for people; what programs decide by is in attributes.
"""

from __future__ import annotations

import attrs


class M3Error(Exception):
    """Base of every error that this library raises on purpose."""


class LocalProtocolError(M3Error):
    """You asked for something that the protocol, or this object's state, does not allow. Nothing was sent."""


class MissingExtra(LocalProtocolError, ImportError):
    """Something was used that needs an extra of `m3-conference`, which is not installed. The text names the extra."""

    @classmethod
    def of(cls, what: str, extra: str, error: ImportError) -> MissingExtra:
        """``what`` needs ``extra`` (several are separated by commas); ``error`` says which library is missing."""
        return cls(f'{what} needs the extra "{extra}": pip install "m3-conference[{extra}]" ({error})', name=error.name)


class GlareError(LocalProtocolError):
    """A second offer was begun while one of the same media session is unanswered (RFC 9429 s.4.1.8)."""


class RemoteProtocolError(M3Error):
    """The peer broke the protocol. Carried by an event; raised only by the pure functions."""


class MalformedMessage(RemoteProtocolError):
    """A message that does not decode.

    ``path`` is where, as a JSON path (``$.payload.candidate``); ``reason`` is what, without the peer's values.
    """

    def __init__(self, reason: str, path: str = "$") -> None:
        super().__init__(f"{reason} - at `{path}`")
        self.reason = reason
        self.path = path


class UnexpectedMessage(RemoteProtocolError):
    """A well-formed message that the state tables do not allow now."""

    def __init__(self, kind: str, state: str) -> None:
        super().__init__(f"`{kind}` is not legal in state {state}")
        self.kind = kind
        self.state = state


class StaleNegotiation(RemoteProtocolError):
    """A description or candidate for a negotiation that does not wait for one: stale, duplicate or unexpected."""


class SdpError(RemoteProtocolError):
    """A session description that is broken or breaks the rules of offer and answer.

    ``line`` and ``column`` count from 1; 0 means the whole description. ``rule`` names what was broken. ``path`` is
    where the description, or the candidate, stood in a message; empty when it came by itself.
    """

    def __init__(self, rule: str, line: int = 0, column: int = 0, path: str = "") -> None:
        where = f"line {line}, column {column}: " if line else ""
        super().__init__(where + rule + (f" - at `{path}`" if path else ""))
        self.rule = rule
        self.line = line
        self.column = column
        self.path = path

    def at(self, path: str) -> SdpError:
        """The same fault, with the place of the description in its message."""
        return SdpError(self.rule, self.line, self.column, path)


class LimitExceeded(RemoteProtocolError):
    """A limit of `m3core.limits` was passed. ``unit`` counts ``limit`` and ``value``."""

    def __init__(self, name: str, limit: int, value: int, unit: str = "", path: str = "$") -> None:
        super().__init__(f"{name}: {value} {unit}".rstrip() + f" exceed the limit of {limit} - at `{path}`")
        self.name = name
        self.limit = limit
        self.value = value
        self.unit = unit
        self.path = path

    def at(self, path: str) -> LimitExceeded:
        """The same, with the place in its message."""
        return LimitExceeded(self.name, self.limit, self.value, self.unit, path)


class CallError(M3Error):
    """A command did not succeed."""


class CallRefused(CallError):
    """The server refused. ``code`` is its slug (signaling.md, media.md § 3)."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the server refused: {code}")
        self.code = code


class CallTimedOut(CallError):
    """The server, or the media path, stayed silent for ``seconds``."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"no answer to {what} within {seconds:g} s")
        self.what = what
        self.seconds = seconds


class CallCancelled(CallError):
    """The call was cancelled, by its caller or because the conference ended."""


@attrs.frozen(kw_only=True)
class FieldError:
    """What is wrong with one field of a request: an entry of `errors` in an error body (rest.md § 1).

    ``field`` None: the whole body. ``code``: `invalid_length`, `value_required`, ... ``message`` is for people, in the
    server's words; it may quote what was sent.
    """

    field: str | None = None
    code: str
    message: str | None = attrs.field(default=None, repr=False)


class ApiError(M3Error):
    """The REST API, or the WebSocket handshake, answered with an error (rest.md § 1).

    ``status`` is the HTTP status; ``code`` the server's slug, empty when the body named none; ``errors`` which fields
    it refused; ``message`` what it says to people, which is not in the text of the error. ``what`` is the request, as
    its method and the template of its path. The text says ``attempt`` (`cannot enter the meeting`) and ``meaning``
    instead, where they are known (`m3core.rest.errors.api_error`).
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        what: str = "request",
        *,
        attempt: str = "",
        meaning: str = "",
        errors: tuple[FieldError, ...] = (),
        message: str = "",
    ) -> None:
        answer = f"HTTP {status}" + (f" {code}" if code else "")
        super().__init__(f"{attempt or f'{what} failed'}: " + (f"{meaning} ({answer})" if meaning else answer))
        self.status = status
        self.code = code
        self.what = what
        self.errors = errors
        self.message = message


class AuthError(M3Error):
    """The server wants a login that we do not have."""


class LinkError(M3Error):
    """An invitation link or address that is malformed, or that must not be trusted (private networks, credentials ...).

    ``is_private``: it is in a private network, and the argument ``allow_private`` of `join` and `Account` is the way
    out. The message says so, to who writes Python; ``reason`` is the message without.
    """

    def __init__(self, reason: str, *, is_private: bool = False) -> None:
        super().__init__(f"{reason}; allow_private=True allows it" if is_private else reason)
        self.reason = reason
        self.is_private = is_private


class UnsupportedServer(M3Error):
    """The server has no namespace `media`: its streams go through LiveKit, which this library does not speak."""

    def __init__(self) -> None:
        super().__init__("unsupported server generation: its streams go through LiveKit, not the namespace `media`")


class MediaError(M3Error):
    """The media engine could not do what the session needs."""


class EventsOverflow(M3Error):
    """This iterator of events stalled until ``limit`` events waited; the others, and the conference, go on."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} events wait: this consumer is too slow; read events in a task of its own")
        self.limit = limit


class ConferenceEnded(M3Error):
    """The conference ended, and not because you left. ``reason`` is one of `m3core.conference.events.EndReason`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"the conference ended: {reason}" + (f" ({detail})" if detail else ""))
        self.reason = reason
        self.detail = detail


class TransportError(M3Error):
    """The network failed: no connection, a broken one, or one that was refused below HTTP."""
