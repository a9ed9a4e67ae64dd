"""Events of breakout rooms, recording, minutes, whiteboard, shared folder, legal votes and automod in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from m3core.conference.events import ConferenceEvent, RoomChanged
from m3core.conference.modules.assets import AssetReady
from m3core.conference.modules.automod import AutomodStarted, AutomodStopped, SpeakerSelected
from m3core.conference.modules.ballots import LegalVote
from m3core.conference.modules.breakout import BreakoutRoomJoined, BreakoutRoomLeft, BreakoutStarted, BreakoutStopped
from m3core.conference.modules.legal_vote import (
    LegalVoteCast,
    LegalVoteEnded,
    LegalVoteIssueReported,
    LegalVoteNotCounted,
    LegalVoteStarted,
    LegalVoteUpdated,
)
from m3core.conference.modules.minutes import MinutesReadable, MinutesWritable
from m3core.conference.modules.recording import RecorderFailed, RecordingStarted, RecordingStopped, StreamingChanged
from m3core.conference.modules.shared_folder import SharedFolderChanged
from m3core.conference.modules.whiteboard import WhiteboardOpened
from m3core.conference.state import Participant
from m3core.messages.breakout import BreakoutRoom
from m3core.messages.legal_vote import VoteState


def extra_sentence(event: ConferenceEvent) -> str:
    """What happened, in a few words; empty for what people need not read. Links that are secrets are not told."""
    word = _WORDS.get(type(event))
    return "" if word is None else word(event)


def _rooms_opened(event: BreakoutStarted) -> str:
    names = ", ".join(room.name for room in event.rooms)
    return f"breakout rooms are open: {names}" + (f"; yours is {event.assignment.name}" if event.assignment else "")


def _room(room: BreakoutRoom | None) -> str:
    return "the main room" if room is None else f"breakout room {room.name}"


def _streaming(event: StreamingChanged) -> str:
    name = f'"{event.target.name}"' if event.target else "a target"
    return f"recording or streaming to {name}: {event.status.value}"


def _vote_ended(event: LegalVoteEnded) -> str:
    vote = event.vote
    if vote.state is VoteState.FINISHED:
        return f"legal vote is over: {vote.name}{_tally(vote)}"
    return f"legal vote without a result: {vote.name} ({vote.custom_reason or vote.state.value})"


def _tally(vote: LegalVote) -> str:
    if vote.tally is None:
        return ""
    abstain = "" if vote.tally.abstain is None else f", {vote.tally.abstain} abstain"
    return f" ({vote.tally.yes} yes, {vote.tally.no} no{abstain})"


def _name(who: Participant | None) -> str:
    return "somebody" if who is None else who.display_name


_WORDS: Final[Mapping[type, Callable[[Any], str]]] = {
    RoomChanged: lambda event: f"you are in {'the main' if event.breakout_room is None else 'a breakout'} room now",
    BreakoutStarted: _rooms_opened,
    BreakoutStopped: lambda event: "the breakout rooms " + ("are over" if event.expired else "were closed"),
    BreakoutRoomJoined: lambda event: f"{event.participant.display_name} is in {_room(event.room)}",
    BreakoutRoomLeft: lambda event: f"{event.participant.display_name} left {_room(event.room)}",
    RecordingStarted: lambda _: "the room is being recorded",
    RecordingStopped: lambda _: "the room is no longer recorded",
    StreamingChanged: _streaming,
    RecorderFailed: lambda _: "no recorder came",
    MinutesWritable: lambda _: "there are minutes, and you may write them",
    MinutesReadable: lambda _: "there are minutes to read",
    WhiteboardOpened: lambda _: "there is a whiteboard",
    AssetReady: lambda event: f"a file is ready: {event.filename}",
    SharedFolderChanged: lambda _: "there is a shared folder",
    LegalVoteStarted: lambda event: (
        f"legal vote: {event.vote.name}" + (", and you may vote" if event.vote.may_vote else "")
    ),
    LegalVoteUpdated: lambda event: f"legal vote: {event.vote.name}{_tally(event.vote)}",
    LegalVoteCast: lambda event: f"your legal vote counts: {event.option.value}",
    LegalVoteNotCounted: lambda event: (
        "your legal vote does not count" + (f": {event.reason.value}" if event.reason else "")
    ),
    LegalVoteEnded: _vote_ended,
    LegalVoteIssueReported: lambda event: f"{_name(event.participant)} has trouble to vote",
    AutomodStarted: lambda event: (
        "automatic moderation begins" + (f": {event.speaker.display_name} has the word" if event.speaker else "")
    ),
    AutomodStopped: lambda _: "automatic moderation is over",
    SpeakerSelected: lambda event: (
        f"{'nobody' if event.participant is None else _name(event.participant)} has the word"
    ),
}
