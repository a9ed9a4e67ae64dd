"""The events that users of a conference get. (`m3core.messages` has those of the wire.)

Every event is a frozen value with the participant as it was right after the change. This file has the base class of all
events, and the events about participants, streams and the conference itself. Each file of `m3core.conference.modules`
has the events of its namespace.
"""

from __future__ import annotations

from attrs import field, frozen

from m3core.conference.common import EndReason, Participant
from m3core.errors import RemoteProtocolError
from m3core.messages import Event, UnknownEvent
from m3core.values import BreakoutRoomId, MediaKind, MediaSessionType, ParticipantId


@frozen
class ConferenceEvent:
    """Something that happened in a conference: the base class of all events that users get."""


@frozen(kw_only=True)
class ConferenceJoined(ConferenceEvent):
    """We have joined the room. ``participant`` is ourselves."""

    participant: Participant


@frozen(kw_only=True)
class ServerBusy(ConferenceEvent):
    """The server is too busy to let us in, or we asked too often (HTTP 503 or 429). We ask again in ``seconds``.

    This comes before `ConferenceJoined`. The join fails when all waits are longer than `limits.BUSY_PATIENCE` together.
    """

    seconds: float


@frozen(kw_only=True)
class ConnectionLost(ConferenceEvent):
    """The connection broke, and is being opened again: `Resumed` or `Ended` follows. ``detail`` is text for people.

    Our streams and subscriptions remain valid objects, but no media flows meanwhile.
    """

    detail: str = ""


@frozen(kw_only=True)
class Resumed(ConferenceEvent):
    """We are in the room again after `ConnectionLost`. The event says what changed among the others meanwhile.

    ``participant`` is ourselves. ``previous_id`` is the id that we had before. It differs from the present one if the
    server had forgotten us: then the others saw us leave and somebody else join. (A server that crashed may list our
    old participant for ever, among the others.) ``changed`` are those who were here before and are here now. A
    subscription whose publisher has not returned yet waits for 40 seconds. `SubscriptionStopped` tells of one that
    could not be renewed. The active speaker (media.md § 7) is unknown until the next `FocusChanged`.
    """

    participant: Participant
    previous_id: ParticipantId
    joined: tuple[Participant, ...] = ()
    left: tuple[Participant, ...] = ()
    changed: tuple[Participant, ...] = ()

    @property
    def same_id(self) -> bool:
        """Whether we have the participant id that we had before."""
        return self.participant.id == self.previous_id


@frozen(kw_only=True)
class RoomChanged(ConferenceEvent):
    """We are in another room of the meeting; ``breakout_room`` is ``None`` in the main room.

    ``participant`` is ourselves. The participants of the old room are forgotten. `ParticipantJoined` follows for
    everybody who is here, and our streams are published again.
    """

    participant: Participant
    breakout_room: BreakoutRoomId | None


@frozen(kw_only=True)
class ParticipantJoined(ConferenceEvent):
    """A participant joined, or was already in the room when we joined."""

    participant: Participant


@frozen(kw_only=True)
class ParticipantLeft(ConferenceEvent):
    """A participant left. ``participant.left_at`` is set."""

    participant: Participant


@frozen(kw_only=True)
class ParticipantChanged(ConferenceEvent):
    """Something about a participant changed that has no event of its own: name, avatar, groups, minutes, consent."""

    participant: Participant
    previous: Participant


@frozen(kw_only=True)
class HandRaised(ConferenceEvent):
    """A participant raised the hand."""

    participant: Participant


@frozen(kw_only=True)
class HandLowered(ConferenceEvent):
    """A participant lowered the hand, or a moderator did."""

    participant: Participant


@frozen(kw_only=True)
class RoleChanged(ConferenceEvent):
    """A participant, perhaps we, became or ceased to be a moderator."""

    participant: Participant


@frozen(kw_only=True)
class StreamStarted(ConferenceEvent):
    """A participant publishes a stream: it can be subscribed to."""

    participant: Participant
    media_session_type: MediaSessionType


@frozen(kw_only=True)
class StreamChanged(ConferenceEvent):
    """A participant muted or unmuted a track of a stream."""

    participant: Participant
    media_session_type: MediaSessionType
    audio: bool
    video: bool


@frozen(kw_only=True)
class StreamStopped(ConferenceEvent):
    """A participant has stopped publishing a stream."""

    participant: Participant
    media_session_type: MediaSessionType


@frozen(kw_only=True)
class FocusChanged(ConferenceEvent):
    """The active speaker changed; ``None``: nobody is speaking (media.md § 7)."""

    participant: Participant | None


@frozen(kw_only=True)
class PresenterChanged(ConferenceEvent):
    """A participant, perhaps we, may, or may no longer, share the screen."""

    participant: Participant
    is_presenter: bool


@frozen(kw_only=True)
class PublicationStarted(ConferenceEvent):
    """One of our streams is live. It comes again when the stream was renewed: after `Resumed`, or after it broke."""

    media_session_type: MediaSessionType


@frozen(kw_only=True)
class PublicationStopped(ConferenceEvent):
    """One of our streams ended; ``reason`` is empty when we ended it."""

    media_session_type: MediaSessionType
    reason: str = ""


@frozen(kw_only=True)
class ReceivingChanged(ConferenceEvent):
    """The server starts or stops receiving a track of ours (`media_status`)."""

    media_session_type: MediaSessionType
    kind: MediaKind
    receiving: bool


@frozen(kw_only=True)
class SubscriptionStopped(ConferenceEvent):
    """A subscription ended for good. A stream that breaks is subscribed to again first, without an event."""

    participant_id: ParticipantId
    media_session_type: MediaSessionType
    reason: str


@frozen(kw_only=True)
class ServerRefused(ConferenceEvent):
    """The server sent an error that no open call can have caused."""

    namespace: str
    code: str


@frozen(kw_only=True)
class PeerMisbehaved(ConferenceEvent):
    """The server sent something malformed or illegal. It was ignored, and the conference goes on."""

    error: RemoteProtocolError


@frozen(kw_only=True)
class UnknownMessage(ConferenceEvent):
    """The server sent a message of an unknown namespace or kind, or one that the conference has no use for."""

    event: UnknownEvent | Event = field(repr=False)


@frozen(kw_only=True)
class Ended(ConferenceEvent):
    """The conference has ended. This is its last event. ``detail`` is text for people."""

    reason: EndReason
    detail: str = ""
