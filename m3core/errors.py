"""Every error of the library, as one tree.

An error says whose fault it is (yours or the peer's), where the fault is, and what you can do.

::

    M3Error
    ├── LocalProtocolError        you misused the library; nothing was sent
    │   ├── WrongType             an argument has another type than the signature says; a TypeError, too
    │   ├── WrongValue            an argument has a value that is not accepted; a ValueError, too
    │   └── GlareError            an offer of this media session is still unanswered
    ├── RemoteProtocolError       the peer broke the protocol; the connection goes on, unless a limit ends it
    │   ├── MalformedMessage      a message does not fit its type                 (path)
    │   ├── UnexpectedMessage     a message is not legal in this state            (state)
    │   ├── StaleNegotiation      an answer or a candidate belongs to no open offer
    │   ├── SdpError              a session description breaks a rule             (line, column)
    │   └── LimitExceeded         a limit of docs/limits.md was exceeded          (limit, value)
    ├── CallError                 a command did not succeed
    │   ├── CallRefused           the server refused it                           (code)
    │   ├── CallTimedOut          the server did not answer it                    (seconds)
    │   └── CallCancelled         you, or the end of the conference, cancelled it
    ├── ApiError                  the REST API answered with an error             (status, code, errors)
    ├── AuthError                 there is no valid token, and no way to get one
    ├── LinkError                 an invitation link or address is not acceptable (is_private)
    ├── UnsupportedServer         the server sends its streams by another protocol
    ├── MediaError                a stream or the media engine failed
    ├── EventsOverflow            one reader of events is too slow                (limit)
    ├── ConferenceEnded           the conference has ended                        (reason)
    └── TransportError            the network failed; raised by adapters

The text of an error never repeats texts that the peer wrote for people, since these may hold a secret. It does repeat
slugs of errors and names of fields. Texts are for people. Programs should use the attributes.
"""

from __future__ import annotations

import attrs


class M3Error(Exception):
    """The base class of every error that this library raises on purpose."""


class LocalProtocolError(M3Error):
    """The protocol, or the state of this object, does not allow what you asked for. Nothing was sent."""


class WrongType(LocalProtocolError, TypeError):
    """An argument, or a field of a message, has the wrong type. The text says which is accepted. Nothing was sent."""


class WrongValue(LocalProtocolError, ValueError):
    """An argument, or a field of a message, has a value that is not accepted. Nothing was sent."""


class MissingExtra(LocalProtocolError, ImportError):
    """Something was used that needs an extra of `m3-conference`, which is not installed. The text names the extra."""

    @classmethod
    def of(cls, what: str, extra: str, error: ImportError) -> MissingExtra:
        """``what`` needs ``extra`` (several are separated by commas); ``error`` says which library is missing."""
        return cls(f'{what} needs the extra "{extra}": pip install "m3-conference[{extra}]" ({error})', name=error.name)


class InvalidName(LocalProtocolError, ValueError):
    """A display name, or the name of a breakout room, breaks a rule of docs/names.md; the text says which one."""


class GlareError(LocalProtocolError):
    """An offer of the same media session is still unanswered (RFC 9429 s.4.1.8). Offer again after its answer."""


class RemoteProtocolError(M3Error):
    """The peer broke the protocol. Events carry this error; only functions without I/O raise it."""


class MalformedMessage(RemoteProtocolError):
    """A message of the peer does not decode.

    ``path`` is the JSON path of the fault (``$.payload.candidate``). ``reason`` describes it without the peer's values.
    """

    def __init__(self, reason: str, path: str = "$") -> None:
        super().__init__(f"{reason} - at `{path}`")
        self.reason = reason
        self.path = path


class UnexpectedMessage(RemoteProtocolError):
    """The peer sent a well-formed message that the tables of `m3core.signaling` do not allow in this ``state``."""

    def __init__(self, kind: str, state: str) -> None:
        super().__init__(f"the peer sent `{kind}`, which is not legal in state {state}")
        self.kind = kind
        self.state = state


class StaleNegotiation(RemoteProtocolError):
    """The peer sent a description or candidate that no negotiation waits for. It may be stale, or a duplicate."""


class SdpError(RemoteProtocolError):
    """A session description, or a candidate, is malformed or breaks the rules of offer and answer.

    ``line`` and ``column`` count from 1; 0 means the whole description. ``rule`` says what is wrong, with the document
    that demands it. ``path`` is the JSON path of the description in its message; it is empty outside of messages.
    """

    def __init__(self, rule: str, line: int = 0, column: int = 0, path: str = "") -> None:
        where = f"line {line}, column {column}: " if line else ""
        super().__init__(where + rule + (f" - at `{path}`" if path else ""))
        self.rule = rule
        self.line = line
        self.column = column
        self.path = path

    def at(self, path: str) -> SdpError:
        """This error with ``path``."""
        return SdpError(self.rule, self.line, self.column, path)


class LimitExceeded(RemoteProtocolError):
    """The peer exceeded a limit of `m3core.limits`. ``limit`` and ``value`` are numbers of ``unit``."""

    def __init__(self, name: str, limit: int, value: int, unit: str = "", path: str = "$") -> None:
        super().__init__(f"{name}: {value} {unit}".rstrip() + f" exceed the limit of {limit} - at `{path}`")
        self.name = name
        self.limit = limit
        self.value = value
        self.unit = unit
        self.path = path

    def at(self, path: str) -> LimitExceeded:
        """This error with ``path``."""
        return LimitExceeded(self.name, self.limit, self.value, self.unit, path)


class CallError(M3Error):
    """The base class of the errors that end a command."""


class CallRefused(CallError):
    """The server refused a command. ``code`` is its slug (signaling.md § 5 to 18, media.md § 3)."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the server refused: {code}")
        self.code = code


class CallTimedOut(CallError):
    """Neither the server nor the media engine ended ``what`` within ``seconds``."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"{what} got no answer within {seconds:g} s: the server is slow or gone; try again")
        self.what = what
        self.seconds = seconds


class CallCancelled(CallError):
    """The caller cancelled the command, or the conference ended before it did."""


@attrs.frozen(kw_only=True)
class FieldError:
    """Why the server refused one field of a request: an entry of `errors` in an error body (rest.md § 1).

    ``field`` None stands for the whole body. ``code`` is a slug such as `invalid_length` or `value_required`.
    ``message`` is a text of the server for people, which may quote the request.
    """

    field: str | None = None
    code: str
    message: str | None = attrs.field(default=None, repr=False)


class ApiError(M3Error):
    """The REST API, or the WebSocket handshake, answered with an error (rest.md § 1).

    ``status`` is the HTTP status, and ``code`` the slug of the server, which is empty if the body has none. ``errors``
    are the fields that the server refused. ``message`` is its text for people, which the text of this error does not
    repeat. ``what`` is the method of the request, and the template of its path. The text of this error has ``attempt``
    (`cannot enter the meeting`) and ``meaning`` instead, if they are known (`m3core.rest.errors.api_error`).
    ``retry_after`` has the seconds after which the server wants to be asked again (`m3core.rest.busy`), if it says so.
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
        retry_after: float | None = None,
    ) -> None:
        answer = f"HTTP {status}" + (f" {code}" if code else "")
        super().__init__(f"{attempt or f'{what} failed'}: " + (f"{meaning} ({answer})" if meaning else answer))
        self.status = status
        self.code = code
        self.what = what
        self.errors = errors
        self.message = message
        self.retry_after = retry_after


class AuthError(M3Error):
    """The server does not accept our tokens, or we have none. Log in anew to get valid ones."""


class LinkError(M3Error, ValueError):
    """An invitation link or an address is malformed, or must not be trusted (`m3core.rest.address` says why).

    ``is_private``: the host is in a private network, and the argument ``allow_private`` of `join` and `Account` allows
    that. The text of this error names the argument. ``reason`` is the text without it, for programs that are not used
    from Python.
    """

    def __init__(self, reason: str, *, is_private: bool = False) -> None:
        super().__init__(f"{reason}; allow_private=True allows it" if is_private else reason)
        self.reason = reason
        self.is_private = is_private


class UnsupportedServer(M3Error):
    """The server has no namespace `media`. Its streams go through LiveKit, which this library does not support."""

    def __init__(self) -> None:
        super().__init__(
            "unsupported server generation: its streams go through LiveKit, which this library does not support; "
            "join with the web client of the server"
        )


class MediaError(M3Error):
    """A stream or the media engine failed, or a library for media is not installed. The text says why."""


class EventsOverflow(M3Error):
    """``limit`` events waited for the reader of this iterator. Other iterators, and the conference, go on."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} events wait: their reader is too slow; read events in a task of its own")
        self.limit = limit


class ConferenceEnded(M3Error):
    """The conference has ended, so that this cannot be done any more. Join again to go on.

    ``reason`` is the value of an `m3core.conference.events.EndReason`, or `closed`. ``detail`` may say more.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        if reason == "closed":
            text = "the conference has ended; join again"
        else:
            text = f"the conference ended: {reason}" + (f" ({detail})" if detail else "")
        super().__init__(text)
        self.reason = reason
        self.detail = detail


class TransportError(M3Error):
    """The network failed: a connection could not be opened, or broke. Try again when the network works."""
