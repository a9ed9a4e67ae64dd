"""What users of a conference see, as opposed to what the wire says (`m3core.messages`).

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
    """We are in the room. ``participant`` is ourselves."""

    participant: Participant


@frozen(kw_only=True)
class ConnectionLost(ConferenceEvent):
    """The connection broke, and is being opened again: `Resumed` or `Ended` follows. ``detail`` is for people.

    Streams of ours and subscriptions live on as objects, but nothing flows meanwhile.
    """

    detail: str = ""


@frozen(kw_only=True)
class Resumed(ConferenceEvent):
    """We are in the room again, and this is what changed among the others while we were away.

    ``participant`` is ourselves. ``previous_id`` is the id that we had; another one if the server had forgotten us:
    then the others saw us leave and somebody else come. (A server that crashed may list our old self for ever, among
    the others.) ``changed`` were here before and are here now. A subscription whose publisher is not back yet waits for
    40 seconds; one that could not be renewed is told by `SubscriptionStopped`; who is focused (media.md § 7) is unknown
    until the next `FocusChanged`.
    """

    participant: Participant
    previous_id: ParticipantId
    joined: tuple[Participant, ...] = ()
    left: tuple[Participant, ...] = ()
    changed: tuple[Participant, ...] = ()

    @property
    def same_id(self) -> bool:
        """Whether we are for the others who we were."""
        return self.participant.id == self.previous_id


@frozen(kw_only=True)
class RoomChanged(ConferenceEvent):
    """We went into another room of the meeting; ``breakout_room`` None: the main room.

    ``participant`` is ourselves. Nobody of the old room is here; `ParticipantJoined` for everybody present follows, and
    our streams are published again.
    """

    participant: Participant
    breakout_room: BreakoutRoomId | None


@frozen(kw_only=True)
class ParticipantJoined(ConferenceEvent):
    """Somebody came, or was already there when we joined."""

    participant: Participant


@frozen(kw_only=True)
class ParticipantLeft(ConferenceEvent):
    """Somebody went. ``participant.left_at`` is set."""

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
    """A participant publishes a stream no more."""

    participant: Participant
    media_session_type: MediaSessionType


@frozen(kw_only=True)
class FocusChanged(ConferenceEvent):
    """Somebody else is the active speaker now; ``None``: nobody (media.md § 7)."""

    participant: Participant | None


@frozen(kw_only=True)
class PresenterChanged(ConferenceEvent):
    """A participant, perhaps we, may, or may no longer, share the screen."""

    participant: Participant
    is_presenter: bool


@frozen(kw_only=True)
class PublicationStarted(ConferenceEvent):
    """One of our streams is live, or is live again: after `Resumed`, or published once more when it broke."""

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
    """A stream that we received ended, for good. One that breaks is subscribed to again, and nothing is told."""

    participant_id: ParticipantId
    media_session_type: MediaSessionType
    reason: str


@frozen(kw_only=True)
class ServerRefused(ConferenceEvent):
    """The server sent an error that belongs to no call of ours."""

    namespace: str
    code: str


@frozen(kw_only=True)
class PeerMisbehaved(ConferenceEvent):
    """The server sent something broken or illegal; it was ignored and the conference goes on."""

    error: RemoteProtocolError


@frozen(kw_only=True)
class UnknownMessage(ConferenceEvent):
    """A message that the conference makes nothing of: of a namespace or kind without a class, or without a meaning."""

    event: UnknownEvent | Event = field(repr=False)


@frozen(kw_only=True)
class Ended(ConferenceEvent):
    """The conference is over; the last event. ``detail`` is for people."""

    reason: EndReason
    detail: str = ""
