"""The events of a conference in words: `WORDING` has a row for each class.

A row says what happened in a few words, and some add lines below it. An event without words has an empty row: it is
nothing that people need to read. An event without a row is told by the name of its class. Texts hold no secrets, so
links that open something for whoever has them are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from attrs import frozen

import m3asyncio as m3
from m3core.conference.modules.ballots import LegalVote
from m3core.conference.modules.polls import Poll
from m3core.conference.modules.timer import Timer
from m3core.conference.state import Participant
from m3core.messages.breakout import BreakoutRoom
from m3core.messages.chat import ChatScope
from m3core.messages.legal_vote import VoteState
from m3core.messages.timer import TimerKind, TimerStopKind
from m3core.values import MediaSessionType, Role

EventT = TypeVar("EventT", bound=m3.ConferenceEvent)
BAR: Final = 20
"""Characters of the bar of a choice that everybody voted for."""


@frozen
class Words:
    """How events of one class are told."""

    text: Callable[[Any], str]
    details: Callable[[Any], list[str]]


def sentence(event: m3.ConferenceEvent) -> str:
    """What happened, in a few words; empty for what people need not read."""
    return WORDING.get(type(event), _BY_NAME).text(event)


def details(event: m3.ConferenceEvent) -> list[str]:
    """Lines below the sentence: the choices of a poll, with bars once there are votes."""
    return WORDING.get(type(event), _BY_NAME).details(event)


# -- phrases ---
def _on(value: bool) -> str:
    return "on" if value else "off"


def _name(who: Participant | None) -> str:
    return "somebody" if who is None else who.display_name


def _named(event: m3.ConferenceEvent) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(event).__name__).lower()
    who = getattr(event, "participant", None)
    return f"{who.display_name}: {words}" if isinstance(who, Participant) else words


def _is_screen(event: m3.StreamStarted | m3.StreamChanged | m3.StreamStopped) -> bool:
    return event.media_session_type is MediaSessionType.SCREEN


def _stream_started(event: m3.StreamStarted) -> str:
    if _is_screen(event):
        return f"{_name(event.participant)} shares the screen"
    stream = event.participant.streams.get(MediaSessionType.VIDEO)
    tracks = "nothing" if stream is None else f"microphone {_on(stream.audio)}, camera {_on(stream.video)}"
    return f"{_name(event.participant)} publishes ({tracks})"


def _stream_changed(event: m3.StreamChanged) -> str:
    if _is_screen(event):
        return f"{_name(event.participant)} {'resumed' if event.video else 'paused'} the screen"
    return f"{_name(event.participant)} has the microphone {_on(event.audio)}, the camera {_on(event.video)}"


def _said(message: m3.ChatMessage) -> str:
    who = "you" if message.is_own else _name(message.participant)
    where = {ChatScope.GLOBAL: "", ChatScope.GROUP: f" (to {message.group})", ChatScope.PRIVATE: " (private)"}
    return f"{who}{where[message.scope]}: {message.content}"


def _votes(poll: Poll) -> str:
    votes = sum(choice.count or 0 for choice in poll.choices)
    return "1 vote" if votes == 1 else f"{votes} votes"


def _poll_started(event: m3.PollStarted) -> str:
    poll = event.poll
    return f"poll: {poll.topic} ({poll.duration} s{', several choices' if poll.multiple_choice else ''})"


def _choices(event: m3.PollStarted) -> list[str]:
    return [f"{number}  {choice.content}" for number, choice in enumerate(event.poll.choices, 1)]


def _bars(event: m3.PollUpdated | m3.PollDone) -> list[str]:
    choices = event.poll.choices
    width = max(len(choice.content) for choice in choices)
    total = max(1, sum(choice.count or 0 for choice in choices))
    return [
        f"{number}  {choice.content:{width}}  [{'#' * round(BAR * count / total):.<{BAR}}] {count}"
        for number, choice, count in ((number, one, one.count or 0) for number, one in enumerate(choices, 1))
    ]


def _timer(timer: Timer) -> str:
    kind = "stopwatch" if timer.kind is TimerKind.STOPWATCH else "timer"
    return f"the {kind}" + (f' "{timer.title}"' if timer.title else "")


def _timer_stopped(event: m3.TimerStopped) -> str:
    why = "is up" if event.kind is TimerStopKind.EXPIRED else "was stopped"
    by = f" by {_name(event.participant)}" if event.participant else ""
    return f"{_timer(event.timer)} {why}{by}" + (f": {event.reason}" if event.reason else "")


def _rooms_opened(event: m3.BreakoutStarted) -> str:
    names = ", ".join(room.name for room in event.rooms)
    return f"breakout rooms are open: {names}" + (f"; yours is {event.assignment.name}" if event.assignment else "")


def _room(room: BreakoutRoom | None) -> str:
    return "the main room" if room is None else f"breakout room {room.name}"


def _tally(vote: LegalVote) -> str:
    if vote.tally is None:
        return ""
    abstain = "" if vote.tally.abstain is None else f", {vote.tally.abstain} abstain"
    return f" ({vote.tally.yes} yes, {vote.tally.no} no{abstain})"


def _vote_ended(event: m3.LegalVoteEnded) -> str:
    vote = event.vote
    if vote.state is VoteState.FINISHED:
        return f"legal vote is over: {vote.name}{_tally(vote)}"
    return f"legal vote without a result: {vote.name} ({vote.custom_reason or vote.state.value})"


# -- the table ---
_Row: TypeAlias = tuple[type, Words]


def _row(
    kind: type[EventT], text: str | Callable[[EventT], str] = "", more: Callable[[EventT], list[str]] = lambda _: []
) -> _Row:
    return kind, Words((lambda _: text) if isinstance(text, str) else text, more)


_ROWS: Final[tuple[_Row, ...]] = (
    # the conference and its participants
    _row(m3.ConferenceJoined, lambda event: f"you joined as {_name(event.participant)}"),
    _row(m3.ServerBusy, lambda event: f"the server is busy; asking again in {event.seconds:g} s"),
    _row(m3.ConnectionLost, lambda event: f"the connection was lost ({event.detail}) and is being opened again"),
    _row(
        m3.Resumed,
        lambda event: f"the connection is back; meanwhile {len(event.joined)} joined and {len(event.left)} left",
    ),
    _row(m3.RoomChanged, lambda event: f"you are in {'a breakout' if event.breakout_room else 'the main'} room now"),
    _row(
        m3.Ended,
        lambda event: (
            f"the conference has ended: {event.reason.value}" + (f" ({event.detail})" if event.detail else "")
        ),
    ),
    _row(m3.ServerRefused, lambda event: f"the server refused: {event.code}"),
    _row(m3.PeerMisbehaved, lambda event: f"the server broke the protocol, which was ignored: {event.error}"),
    _row(m3.UnknownMessage),
    _row(
        m3.ParticipantJoined,
        lambda event: (
            f"{_name(event.participant)} joined" + (" (moderator)" if event.participant.role is Role.MODERATOR else "")
        ),
    ),
    _row(m3.ParticipantLeft, lambda event: f"{_name(event.participant)} left"),
    _row(m3.ParticipantChanged),
    _row(m3.RoleChanged, lambda event: f"{_name(event.participant)} is now {event.participant.role.value}"),
    _row(m3.HandRaised, lambda event: f"{_name(event.participant)} raised a hand"),
    _row(m3.HandLowered, lambda event: f"{_name(event.participant)} lowered the hand"),
    # media
    _row(m3.StreamStarted, _stream_started),
    _row(m3.StreamChanged, _stream_changed),
    _row(
        m3.StreamStopped,
        lambda event: (
            f"{_name(event.participant)} stopped {'sharing the screen' if _is_screen(event) else 'publishing'}"
        ),
    ),
    _row(
        m3.FocusChanged,
        lambda event: f"{event.participant.display_name} is speaking" if event.participant else "nobody is speaking",
    ),
    _row(m3.SpeakerChanged, lambda event: f"{_name(event.participant)} starts to speak" if event.is_speaking else ""),
    _row(m3.MuteRequested, lambda event: "a moderator muted you" if event.force else "a moderator asks you to mute"),
    _row(
        m3.ForceMuteChanged,
        lambda event: (
            "only those whom a moderator allows it may unmute" if event.force_mute else "all may unmute again"
        ),
    ),
    _row(
        m3.PresenterChanged,
        lambda event: f"{_name(event.participant)} may {'' if event.is_presenter else 'no longer '}share the screen",
    ),
    _row(m3.PublicationStarted),
    _row(
        m3.PublicationStopped,
        lambda event: f"your {event.media_session_type.value} stream ended: {event.reason}" if event.reason else "",
    ),
    _row(m3.ReceivingChanged),
    _row(m3.SubscriptionStopped),
    _row(
        m3.ConnectionSlow, lambda event: f"packets are lost: {event.media_session_type.value}, {event.direction.value}"
    ),
    # moderation
    _row(m3.WaitingRoomEntered, "you are in the waiting room: a moderator has to let you in"),
    _row(m3.WaitingRoomJoined, lambda event: f"{_name(event.participant)} waits to be let in"),
    _row(m3.WaitingRoomLeft, lambda event: f"{_name(event.participant)} no longer waits"),
    _row(m3.WaitingRoomSwitched, lambda event: f"the waiting room is {_on(event.is_enabled)}"),
    _row(m3.RaiseHandsSwitched, lambda event: f"hands may {'' if event.is_enabled else 'no longer '}be raised"),
    _row(m3.HandsReset, "a moderator lowered hands"),
    _row(m3.DebriefingStarted, "the meeting is over for the others: debriefing"),
    _row(m3.DisplayNameChanged, lambda event: f"{event.old_name} is now called {event.new_name}"),
    # chat, polls, timer
    _row(m3.ChatMessage, _said),
    _row(m3.ChatSwitched, lambda event: f"a moderator {'enabled' if event.is_enabled else 'disabled'} the chat"),
    _row(m3.ChatCleared, "a moderator cleared the chat"),
    _row(m3.PollStarted, _poll_started, _choices),
    _row(m3.PollUpdated, lambda event: f"poll: {event.poll.topic} ({_votes(event.poll)} so far)", _bars),
    _row(m3.PollDone, lambda event: f"poll is over: {event.poll.topic} ({_votes(event.poll)})", _bars),
    _row(
        m3.TimerStarted,
        lambda event: f"{_timer(event.timer)} runs" + (": are you ready?" if event.timer.ready_check else ""),
    ),
    _row(m3.TimerStopped, _timer_stopped),
    _row(m3.TimerReadyChanged, lambda event: f"{_name(event.participant)} is {'' if event.is_ready else 'not '}ready"),
    # breakout rooms, recording, minutes, whiteboard, files
    _row(m3.BreakoutStarted, _rooms_opened),
    _row(m3.BreakoutStopped, lambda event: f"the breakout rooms {'are over' if event.expired else 'were closed'}"),
    _row(m3.BreakoutRoomJoined, lambda event: f"{_name(event.participant)} is in {_room(event.room)}"),
    _row(m3.BreakoutRoomLeft, lambda event: f"{_name(event.participant)} left {_room(event.room)}"),
    _row(m3.RecordingStarted, "the room is being recorded"),
    _row(m3.RecordingStopped, "the room is no longer recorded"),
    _row(
        m3.StreamingChanged,
        lambda event: (
            "recording or streaming to "
            + (f'"{event.target.name}"' if event.target else "a target")
            + f": {event.status.value}"
        ),
    ),
    _row(m3.RecorderFailed, "no recorder joined"),
    _row(m3.StreamsStartRequested),
    _row(m3.StreamsPauseRequested),
    _row(m3.StreamsStopRequested),
    _row(m3.MinutesWritable, "there are minutes, and you may write them"),
    _row(m3.MinutesReadable, "there are minutes to read"),
    _row(m3.WhiteboardOpened, "there is a whiteboard"),
    _row(m3.SharedFolderChanged, "there is a shared folder"),
    _row(m3.AssetReady, lambda event: f"a file is ready: {event.filename}"),
    # legal votes and automatic moderation
    _row(
        m3.LegalVoteStarted,
        lambda event: f"legal vote: {event.vote.name}{', and you may vote' if event.vote.may_vote else ''}",
    ),
    _row(m3.LegalVoteUpdated, lambda event: f"legal vote: {event.vote.name}{_tally(event.vote)}"),
    _row(m3.LegalVoteCast, lambda event: f"your legal vote counts: {event.option.value}"),
    _row(
        m3.LegalVoteNotCounted,
        lambda event: "your legal vote does not count" + (f": {event.reason.value}" if event.reason else ""),
    ),
    _row(m3.LegalVoteEnded, _vote_ended),
    _row(m3.LegalVoteIssueReported, lambda event: f"{_name(event.participant)} has trouble voting"),
    _row(
        m3.AutomodStarted,
        lambda event: (
            "automatic moderation begins" + (f": {_name(event.speaker)} has the floor" if event.speaker else "")
        ),
    ),
    _row(m3.AutomodStopped, "automatic moderation is over"),
    _row(
        m3.SpeakerSelected, lambda event: f"{_name(event.participant) if event.participant else 'nobody'} has the floor"
    ),
    _row(m3.SpeakerDrawn),
    _row(m3.RemainingSpeakersChanged),
)
WORDING: Final[Mapping[type, Words]] = dict(_ROWS)
"""How events are told."""
_BY_NAME: Final = Words(_named, lambda _: [])
