"""Conference events in words, and as flat JSON objects."""

from __future__ import annotations

from m3asyncio.cli.wording_modules import module_sentence
from m3core.conference.events import (
    ConferenceEvent,
    ConferenceJoined,
    ConnectionLost,
    Ended,
    FocusChanged,
    HandLowered,
    HandRaised,
    ParticipantJoined,
    ParticipantLeft,
    PeerMisbehaved,
    PublicationStopped,
    Resumed,
    RoleChanged,
    ServerRefused,
    StreamChanged,
    StreamStarted,
    StreamStopped,
    SubscriptionStopped,
)
from m3core.conference.modules.media import ConnectionSlow, MuteRequested, SpeakerChanged
from m3core.conference.modules.moderation import WaitingRoomEntered
from m3core.conference.state import Participant
from m3core.values import MediaSessionType, Role

_SNAKE = str.maketrans({chr(letter): f"_{chr(letter).lower()}" for letter in range(ord("A"), ord("Z") + 1)})


def sentence(event: ConferenceEvent) -> str:  # noqa: C901 - one line for each kind of event
    """What happened, in a few words; empty for what people need not read."""
    match event:
        case ConferenceJoined(participant=who):
            return f"you joined as {who.display_name}"
        case WaitingRoomEntered():
            return "you are in the waiting room: a moderator has to let you in"
        case ParticipantJoined(participant=who):
            return f"{who.display_name} joined" + (" (moderator)" if who.role is Role.MODERATOR else "")
        case ParticipantLeft(participant=who):
            return f"{who.display_name} left"
        case HandRaised(participant=who):
            return f"{who.display_name} raised a hand"
        case HandLowered(participant=who):
            return f"{who.display_name} lowered the hand"
        case RoleChanged(participant=who):
            return f"{who.display_name} is now {who.role.value}"
        case StreamStarted(participant=who, media_session_type=MediaSessionType.SCREEN):
            return f"{who.display_name} shares the screen"
        case StreamStarted(participant=who):
            return f"{who.display_name} publishes ({_tracks(who)})"
        case StreamChanged(participant=who, media_session_type=MediaSessionType.SCREEN, video=video):
            return f"{who.display_name} {'resumed' if video else 'paused'} the screen"
        case StreamChanged(participant=who, audio=audio, video=video):
            return f"{who.display_name} has the microphone {_on(audio)}, the camera {_on(video)}"
        case StreamStopped(participant=who, media_session_type=MediaSessionType.SCREEN):
            return f"{who.display_name} stopped sharing the screen"
        case StreamStopped(participant=who):
            return f"{who.display_name} stopped publishing"
        case FocusChanged(participant=None):
            return "nobody talks"
        case FocusChanged(participant=Participant() as who):
            return f"{who.display_name} talks"
        case SpeakerChanged(participant=who, is_speaking=True):
            return f"{who.display_name} starts to speak"
        case MuteRequested(force=force):
            return "a moderator muted you" if force else "a moderator asks you to mute"
        case PublicationStopped(media_session_type=kind, reason=reason) if reason:
            return f"your {kind.value} stream ended: {reason}"
        case ConnectionSlow(media_session_type=kind, direction=direction):
            return f"packets get lost: {kind.value}, {direction.value}"
        case ServerRefused(code=code):
            return f"the server refused: {code}"
        case PeerMisbehaved(error=error):
            return f"the server sent something broken, which was ignored: {error}"
        case ConnectionLost(detail=detail):
            return f"the connection was lost ({detail}) and is being opened again"
        case Resumed(joined=joined, left=left):
            return f"the connection is back; meanwhile {len(joined)} came and {len(left)} went"
        case Ended(reason=reason, detail=detail):
            return f"the conference is over: {reason.value}" + (f" ({detail})" if detail else "")
        case _:
            return module_sentence(event)


_VALUES = (
    "audio",
    "video",
    "receiving",
    "is_presenter",
    "is_speaking",
    "force",
    "namespace",
    "code",
    "detail",
    "previous_id",
)


def as_json(event: ConferenceEvent, seconds: float) -> dict[str, object]:
    """``event`` (its class, snake case), ``time``, who, and the plain values of the event."""
    told: dict[str, object] = {"event": type(event).__name__.translate(_SNAKE).lstrip("_"), "time": round(seconds, 3)}
    who = getattr(event, "participant", None)
    if isinstance(who, Participant):
        told |= {"participant": who.display_name, "participant_id": who.id}
    elif isinstance(event, FocusChanged):
        told["participant"] = None
    if isinstance(event, (SubscriptionStopped, ConnectionSlow)):
        told["participant_id"] = event.participant_id
    told |= _plain(event)
    match event:
        case RoleChanged(participant=participant):
            told["role"] = participant.role.value
        case Ended(reason=reason):
            told["reason"] = reason.value
        case PublicationStopped(reason=why) | SubscriptionStopped(reason=why):
            told["reason"] = why
        case PeerMisbehaved(error=error):
            told["error"] = str(error)
    return told


def _plain(event: ConferenceEvent) -> dict[str, object]:
    """The attributes of ``event`` that are values already, or nearly so."""
    told: dict[str, object] = {}
    for key in ("media_session_type", "kind", "direction"):
        if (value := getattr(event, key, None)) is not None:
            told[key] = value.value
    told |= {key: getattr(event, key) for key in _VALUES if hasattr(event, key)}
    if isinstance(event, Resumed):
        told |= {key: [one.id for one in getattr(event, key)] for key in ("joined", "left", "changed")}
    return told


def _on(value: bool) -> str:
    return "on" if value else "off"


def _tracks(who: Participant) -> str:
    stream = who.streams.get(MediaSessionType.VIDEO)
    if stream is None:
        return "nothing"
    return f"microphone {_on(stream.audio)}, camera {_on(stream.video)}"
