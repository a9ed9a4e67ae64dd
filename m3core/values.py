"""The small values that messages, REST bodies and engines share: ids, secrets, timestamps, enums.

This module does not know JSON, sockets or states.
"""

from __future__ import annotations

import datetime as dt
import hmac
from enum import Enum
from typing import Final, NewType, final

from attrs import frozen
from msgspec import Struct

from m3core.errors import LocalProtocolError, MalformedMessage, WrongValue

ParticipantId = NewType("ParticipantId", str)
"""A UUID of one session of a user; a user with two sessions is two participants (docs/protocol/README.md)."""
RoomId = NewType("RoomId", str)
"""A UUID of a room, which exists before and after its meetings."""
EventId = NewType("EventId", str)
"""A UUID of an event: a calendar entry that owns one room."""
InviteCode = NewType("InviteCode", str)
"""A UUID that lets guests into one room."""
AssetId = NewType("AssetId", str)
"""A UUID of an asset: a file that was made in a room, such as a PDF (rest.md § 4)."""
StreamingTargetId = NewType("StreamingTargetId", str)
"""A UUID of a target to which a recorder sends the meeting: a file or a live stream."""
LegalVoteId = NewType("LegalVoteId", str)
"""A UUID of one roll call or secret vote."""
UserId = NewType("UserId", str)
"""A UUID of a user with an account."""
BreakoutRoomId = NewType("BreakoutRoomId", str)
"""A UUID of a breakout room. Each `breakout.start` makes new ones."""
MessageId = NewType("MessageId", str)
"""A UUID of a chat message."""
PollId = NewType("PollId", str)
"""A UUID of a poll."""
TimerId = NewType("TimerId", str)
"""A UUID of a timer."""

_HEX: Final = frozenset("0123456789abcdefABCDEF")


def is_uuid(text: str) -> bool:
    """Whether ``text`` has the form of a UUID: 8-4-4-4-12 ASCII hexadecimal digits (RFC 9562 s.4)."""
    return (
        len(text) == 36
        and text[8] == text[13] == text[18] == text[23] == "-"
        and _HEX.issuperset(text.replace("-", ""))
        and text.count("-") == 4
    )


def parse_uuid(text: str, path: str = "$") -> str:
    """``text``, if it is a UUID; else raises `MalformedMessage` at ``path``."""
    if not is_uuid(text):
        raise MalformedMessage("not a UUID", path)
    return text


def format_uuid(random: bytes) -> str:
    """16 random bytes as a version 4 UUID (RFC 9562 s.5.4); raises `LocalProtocolError` for another number."""
    if len(random) != 16:
        raise WrongValue("a UUID needs 16 random bytes")
    raw = bytearray(random)
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_TOKEN_CHARS: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def is_token(text: str) -> bool:
    """Whether ``text`` is a token (RFC 9110 s.5.6.2). Each entry of `Sec-WebSocket-Protocol` must be one."""
    return bool(text) and _TOKEN_CHARS.issuperset(text)


@final
class Secret:
    """A text that is never printed: a ticket, a token, a password.

    Only ``reveal()`` returns the text. Comparison takes the same time wherever two texts differ, so that nobody can
    guess a secret character by character.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret text. Do not print or log it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> tuple[object, ...]:
        raise LocalProtocolError("a Secret cannot be pickled: its text must not be written to a file")


_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@final
class Timestamp(Struct, frozen=True, gc=False):
    """An RFC 3339 instant, as the peer wrote it (0 to 9 fraction digits, `Z` or an offset).

    The text is parsed when `nanoseconds` or `datetime` is read. The text of a peer may be unreadable (`is_readable`): a
    date beyond the year 9999, or empty if the peer sent `null`. Two timestamps are equal if their texts are, so that
    messages are encoded as they came.
    """

    # A `msgspec.Struct`, since it is made in a fifth of the time of an attrs class, and each participant has four.

    text: str

    def __repr__(self) -> str:
        return f"Timestamp({self.text!r})"

    def __str__(self) -> str:
        return self.text

    @property
    def is_readable(self) -> bool:
        """Whether `nanoseconds` and `datetime` can be read."""
        try:
            _ = self.datetime
        except MalformedMessage:
            return False
        return True

    @property
    def nanoseconds(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z, with all digits of the text. Raises `MalformedMessage`."""
        return parse_timestamp(self.text)

    @property
    def datetime(self) -> dt.datetime:
        """The instant in UTC, rounded down to microseconds. Raises `MalformedMessage`."""
        try:
            return _EPOCH + dt.timedelta(microseconds=self.nanoseconds // 1000)
        except OverflowError:  # with its offset the instant is not in the years 1 to 9999
            raise MalformedMessage("a timestamp that is out of range") from None

    @classmethod
    def of(cls, moment: dt.datetime, *, digits: int = 9, nanosecond: int | None = None) -> Timestamp:
        """Write ``moment`` in UTC. Raises `LocalProtocolError` if it has no time zone.

        Servers write 9 fraction ``digits`` in direct answers, 0 in relayed messages and 6 in REST bodies.
        """
        if moment.tzinfo is None:
            raise WrongValue("a Timestamp is made of a datetime that has a time zone (tzinfo)")
        moment = moment.astimezone(dt.UTC)
        # `strftime` of some systems writes a year before 1000 with fewer than four digits.
        text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
        if digits:
            fraction = moment.microsecond * 1000 if nanosecond is None else nanosecond
            text += f".{fraction:09d}"[: digits + 1]
        return cls(text + "Z")


def _digits(text: str, start: int, end: int) -> int:
    part = text[start:end]
    if len(part) != end - start or not (part.isascii() and part.isdigit()):
        raise MalformedMessage("not an RFC 3339 timestamp")
    return int(part)


def parse_timestamp(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 ``text`` (s.5.6); raises `MalformedMessage`.

    A leap second (60) is the first second of the next minute.
    """
    # By hand, since `datetime.fromisoformat` accepts other forms of ISO 8601 and has no nanoseconds.
    if (
        len(text) < 20
        or len(text) > 35
        or text[4] + text[7] != "--"
        or text[13] + text[16] != "::"
        or text[10] not in "Tt "
    ):
        raise MalformedMessage("not an RFC 3339 timestamp")
    year, month, day = _digits(text, 0, 4), _digits(text, 5, 7), _digits(text, 8, 10)
    hour, minute, second = _digits(text, 11, 13), _digits(text, 14, 16), _digits(text, 17, 19)
    at, nanos = 19, 0
    if text[19] == ".":
        at = 20
        while at < len(text) and text[at] in "0123456789":
            at += 1
        fraction = text[20:at]
        if not 1 <= len(fraction) <= 9:
            raise MalformedMessage("a timestamp's fraction has 1 to 9 digits")
        nanos = int(fraction.ljust(9, "0"))
    offset = _offset_seconds(text[at:])
    leap = second == 60
    try:
        moment = dt.datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=dt.UTC)
    except ValueError:
        raise MalformedMessage("not a calendar date") from None
    seconds = (moment - _EPOCH) // dt.timedelta(seconds=1) + leap - offset
    return seconds * 1_000_000_000 + nanos


def _offset_seconds(zone: str) -> int:
    if zone in {"Z", "z"}:
        return 0
    if len(zone) != 6 or zone[0] not in "+-" or zone[3] != ":":
        raise MalformedMessage("a timestamp ends with Z or an offset")
    hours, minutes = _digits(zone, 1, 3), _digits(zone, 4, 6)
    if hours > 23 or minutes > 59:
        raise MalformedMessage("a timestamp's offset is out of range")
    seconds = hours * 3600 + minutes * 60
    return -seconds if zone[0] == "-" else seconds


class Role(Enum):
    """The role of a participant, which decides what commands are allowed (signaling.md § 5)."""

    MODERATOR = "moderator"
    USER = "user"
    GUEST = "guest"


class ParticipationKind(Enum):
    """How a participant joined (signaling.md § 5.2)."""

    USER = "user"
    GUEST = "guest"
    SIP = "sip"
    RECORDER = "recorder"


class MediaSessionType(Enum):
    """The two streams that one participant can publish (media.md § 1)."""

    VIDEO = "video"
    """Camera and microphone, in one peer connection."""
    SCREEN = "screen"
    """The shared screen, with its sound if there is any."""


class MediaKind(Enum):
    """The media type of an m-section (RFC 8866 s.5.14) and of `media_status`."""

    AUDIO = "audio"
    VIDEO = "video"


class SlowDirection(Enum):
    """The direction in which packets get lost (`media.webrtc_slow`), for the client."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


class Subprotocol(Enum):
    """The WebSocket subprotocols of M3. Both have the same messages (signaling.md § 1)."""

    K3K = "k3k-signaling-json-v1.0"
    OPENTALK = "opentalk-signaling-json-v1.0"


@frozen(order=False)
class MediaSessionKey:
    """One stream: the participant who publishes it, and its type (media.md § 1)."""

    participant_id: ParticipantId
    media_session_type: MediaSessionType

    def __str__(self) -> str:
        return f"{self.participant_id}/{self.media_session_type.value}"
