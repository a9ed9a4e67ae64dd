"""Chat, polls, timers and moderation in words."""

from __future__ import annotations

import pytest
from attrs import evolve

from m3asyncio.cli.wording import sentence
from m3asyncio.cli.wording_modules import details
from m3core.conference.events import ConferenceEvent, PresenterChanged, PublicationStarted, RoomChanged
from m3core.conference.modules.assets import AssetReady
from m3core.conference.modules.automod import Automod, AutomodStarted, AutomodStopped, SpeakerSelected
from m3core.conference.modules.ballots import LegalVote, Tally
from m3core.conference.modules.breakout import BreakoutRoomJoined, BreakoutRoomLeft, BreakoutStarted, BreakoutStopped
from m3core.conference.modules.chat import ChatCleared, ChatSwitched
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.modules.legal_vote import (
    LegalVoteCast,
    LegalVoteEnded,
    LegalVoteIssueReported,
    LegalVoteNotCounted,
    LegalVoteStarted,
    LegalVoteUpdated,
)
from m3core.conference.modules.media import ForceMuteChanged
from m3core.conference.modules.minutes import MinutesReadable, MinutesWritable
from m3core.conference.modules.moderation import (
    DebriefingStarted,
    DisplayNameChanged,
    HandsReset,
    RaiseHandsSwitched,
    WaitingRoomJoined,
    WaitingRoomLeft,
    WaitingRoomSwitched,
)
from m3core.conference.modules.polls import Poll, PollChoice, PollDone, PollStarted, PollUpdated
from m3core.conference.modules.recording import RecorderFailed, RecordingStarted, RecordingStopped, StreamingChanged
from m3core.conference.modules.timer import Timer, TimerReadyChanged, TimerStarted, TimerStopped
from m3core.conference.modules.whiteboard import WhiteboardOpened
from m3core.conference.state import Participant
from m3core.messages.automod import SelectionStrategy, StopReason
from m3core.messages.breakout import BreakoutRoom
from m3core.messages.chat import ChatScope
from m3core.messages.legal_vote import VoteFailedReason, VoteKind, VoteOption, VoteState
from m3core.messages.recording import RecorderErrorCode, StreamingKind, StreamingTarget, StreamStatus
from m3core.messages.timer import TimerKind, TimerStopKind
from m3core.values import (
    AssetId,
    BreakoutRoomId,
    LegalVoteId,
    MediaSessionType,
    MessageId,
    ParticipantId,
    PollId,
    Secret,
    StreamingTargetId,
    TimerId,
    Timestamp,
)

ADA = Participant(id=ParticipantId("ada"), display_name="Ada")
HELLO = ChatMessage(id=MessageId("1"), source=ADA.id, participant=ADA, content="hello", scope=ChatScope.GLOBAL)
POLL = Poll(
    id=PollId("poll"),
    topic="Lunch?",
    choices=(PollChoice(id=0, content="Pizza", count=3), PollChoice(id=1, content="Soup", count=1)),
    live=True,
    multiple_choice=False,
    duration=60,
    started_at=None,
    ends_at=None,
)
TEA = Timer(id=TimerId("tea"), kind=TimerKind.COUNTDOWN, started_at=Timestamp("2024-03-05T09:30:01Z"), title="Tea")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (HELLO, "Ada: hello"),
        (evolve(HELLO, scope=ChatScope.PRIVATE), "Ada (private): hello"),
        (evolve(HELLO, scope=ChatScope.GROUP, group="red"), "Ada (to red): hello"),
        (evolve(HELLO, is_own=True), "you: hello"),
        (evolve(HELLO, participant=None), "somebody: hello"),
        (ChatSwitched(is_enabled=False, issued_by=ADA.id), "a moderator disabled the chat"),
        (ChatSwitched(is_enabled=True, issued_by=ADA.id), "a moderator enabled the chat"),
        (ChatCleared(issued_by=ADA.id), "a moderator cleared the chat"),
        (PollStarted(poll=POLL), "poll: Lunch? (60 s)"),
        (PollStarted(poll=evolve(POLL, multiple_choice=True)), "poll: Lunch? (60 s, several choices)"),
        (PollUpdated(poll=POLL), "poll: Lunch? (4 votes so far)"),
        (PollDone(poll=evolve(POLL, choices=POLL.choices[1:])), "poll is over: Lunch? (1 vote)"),
        (TimerStarted(timer=TEA), 'the timer "Tea" runs'),
        (
            TimerStarted(timer=evolve(TEA, kind=TimerKind.STOPWATCH, title=None, ready_check=True)),
            "the stopwatch runs: are you ready?",
        ),
        (TimerStopped(timer=TEA, kind=TimerStopKind.EXPIRED), 'the timer "Tea" is up'),
        (
            TimerStopped(timer=TEA, kind=TimerStopKind.BY_MODERATOR, participant=ADA, reason="cold"),
            'the timer "Tea" was stopped by Ada: cold',
        ),
        (TimerReadyChanged(participant=ADA, is_ready=True), "Ada is ready"),
        (TimerReadyChanged(participant=ADA, is_ready=False), "Ada is not ready"),
        (WaitingRoomJoined(participant=ADA), "Ada waits to be let in"),
        (WaitingRoomLeft(participant=ADA), "Ada waits no more"),
        (WaitingRoomSwitched(is_enabled=True), "the waiting room is on"),
        (WaitingRoomSwitched(is_enabled=False), "the waiting room is off"),
        (RaiseHandsSwitched(is_enabled=True, issued_by=ADA.id), "hands may be raised"),
        (RaiseHandsSwitched(is_enabled=False, issued_by=ADA.id), "hands may not be raised any more"),
        (HandsReset(issued_by=ADA.id), "a moderator lowered hands"),
        (DebriefingStarted(issued_by=ADA.id), "the meeting is over for the others: debriefing"),
        (
            DisplayNameChanged(participant=ADA, old_name="Eda", new_name="Ada", issued_by=ADA.id),
            "Eda is now called Ada",
        ),
        (ForceMuteChanged(force_mute=True, allow_list=frozenset()), "only some may unmute now"),
        (ForceMuteChanged(force_mute=False, allow_list=frozenset()), "all may unmute again"),
        (PresenterChanged(participant=ADA, is_presenter=True), "Ada may share the screen"),
        (PresenterChanged(participant=ADA, is_presenter=False), "Ada may not share the screen any more"),
        (PublicationStarted(media_session_type=MediaSessionType.VIDEO), ""),
    ],
)
def test_sentences(event: ConferenceEvent, told: str) -> None:
    assert sentence(event) == told


def test_a_poll_shows_its_choices_and_then_its_votes() -> None:
    assert details(PollStarted(poll=POLL)) == ["1  Pizza", "2  Soup"]
    assert details(PollDone(poll=POLL)) == [
        "1  Pizza  [###############.....] 3",
        "2  Soup   [#####...............] 1",
    ]
    silent = evolve(POLL, choices=tuple(evolve(choice, count=None) for choice in POLL.choices))
    assert details(PollDone(poll=silent))[0] == f"1  Pizza  [{'.' * 20}] 0"
    assert details(HELLO) == []


VOTE = LegalVote(
    id=LegalVoteId("vote"),
    initiator_id=ADA.id,
    kind=VoteKind.ROLL_CALL,
    name="Budget",
    allowed_participants=(ADA.id,),
    max_votes=1,
    enable_abstain=True,
    auto_close=False,
    create_pdf=False,
    started_at=Timestamp("2024-03-05T09:30:01Z"),
)
RED = BreakoutRoom(id=BreakoutRoomId("00000000-0000-4000-8000-000000000001"), name="red")
TARGET = StreamingTarget(name="web", streaming_kind=StreamingKind.LIVESTREAM, status=StreamStatus.ACTIVE)
SESSION = Automod(selection_strategy=SelectionStrategy.NONE, issued_by=ADA.id)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (RoomChanged(participant=ADA, breakout_room=None), "you are in the main room now"),
        (RoomChanged(participant=ADA, breakout_room=RED.id), "you are in a breakout room now"),
        (BreakoutStarted(rooms=(RED,)), "breakout rooms are open: red"),
        (BreakoutStarted(rooms=(RED,), assignment=RED), "breakout rooms are open: red; yours is red"),
        (BreakoutStopped(expired=True), "the breakout rooms are over"),
        (BreakoutStopped(expired=False), "the breakout rooms were closed"),
        (BreakoutRoomJoined(participant=ADA, room=RED), "Ada is in breakout room red"),
        (BreakoutRoomLeft(participant=ADA, room=None), "Ada left the main room"),
        (RecordingStarted(recording_id=None), "the room is being recorded"),
        (RecordingStopped(recording_id=ADA.id), "the room is no longer recorded"),
        (
            StreamingChanged(target_id=StreamingTargetId("1"), status=StreamStatus.ACTIVE, target=TARGET),
            'recording or streaming to "web": active',
        ),
        (
            StreamingChanged(target_id=StreamingTargetId("1"), status=StreamStatus.PAUSED, target=None),
            "recording or streaming to a target: paused",
        ),
        (RecorderFailed(error=next(iter(RecorderErrorCode))), "no recorder came"),
        (MinutesWritable(url="https://pad.example/secret"), "there are minutes, and you may write them"),
        (MinutesReadable(url="https://pad.example/secret"), "there are minutes to read"),
        (WhiteboardOpened(url="https://board.example/secret"), "there is a whiteboard"),
        (AssetReady(namespace="legal_vote", asset_id=AssetId("1"), filename="vote.pdf"), "a file is ready: vote.pdf"),
        (LegalVoteStarted(vote=VOTE), "legal vote: Budget"),
        (LegalVoteStarted(vote=evolve(VOTE, token=Secret("t"))), "legal vote: Budget, and you may vote"),
        (LegalVoteUpdated(vote=evolve(VOTE, tally=Tally(yes=2, no=1))), "legal vote: Budget (2 yes, 1 no)"),
        (LegalVoteCast(vote=VOTE, option=VoteOption.YES), "your legal vote counts: yes"),
        (LegalVoteNotCounted(legal_vote_id=VOTE.id, reason=None), "your legal vote does not count"),
        (
            LegalVoteNotCounted(legal_vote_id=VOTE.id, reason=VoteFailedReason.INELIGIBLE),
            "your legal vote does not count: ineligible",
        ),
        (
            LegalVoteEnded(vote=evolve(VOTE, state=VoteState.FINISHED, tally=Tally(yes=2, no=1, abstain=0))),
            "legal vote is over: Budget (2 yes, 1 no, 0 abstain)",
        ),
        (
            LegalVoteEnded(vote=evolve(VOTE, state=VoteState.CANCELED, custom_reason="fire")),
            "legal vote without a result: Budget (fire)",
        ),
        (
            LegalVoteIssueReported(legal_vote_id=VOTE.id, participant=None, kind=None, description=None),
            "somebody has trouble to vote",
        ),
        (AutomodStarted(session=SESSION), "automatic moderation begins"),
        (AutomodStarted(session=SESSION, speaker=ADA), "automatic moderation begins: Ada has the word"),
        (AutomodStopped(session=SESSION, reason=next(iter(StopReason))), "automatic moderation is over"),
        (SpeakerSelected(participant=None, session=SESSION), "nobody has the word"),
        (SpeakerSelected(participant=ADA, session=SESSION), "Ada has the word"),
    ],
)
def test_sentences_of_the_other_modules(event: ConferenceEvent, told: str) -> None:
    assert sentence(event) == told
