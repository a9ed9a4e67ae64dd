"""The words of events are right, and every event has some."""

from __future__ import annotations

import sys
from types import MappingProxyType

import pytest
from attrs import evolve

import m3asyncio as m3
from m3asyncio.cli import wording
from m3asyncio.cli.script import event_names
from m3asyncio.cli.wording import WORDING, details, sentence
from m3core.conference.modules.automod import Automod
from m3core.conference.modules.ballots import LegalVote, Tally
from m3core.conference.modules.polls import Poll, PollChoice
from m3core.conference.modules.timer import Timer
from m3core.conference.state import EndReason, Participant, Stream
from m3core.errors import MalformedMessage
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
    Role,
    Secret,
    SlowDirection,
    StreamingTargetId,
    TimerId,
    Timestamp,
)

ADA = Participant(id=ParticipantId("ada"), display_name="Ada")
HELLO = m3.ChatMessage(id=MessageId("1"), source=ADA.id, participant=ADA, content="hello", scope=ChatScope.GLOBAL)
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


def test_each_row_is_of_an_event_that_wait_knows_too() -> None:
    assert set(WORDING) <= classes()
    assert event_names() == sorted(kind.__name__ for kind in classes())


def classes() -> set[type]:
    """Every class of event."""
    # attrs makes a class with slots twice, and `__subclasses__` may list both; the module has the second.
    return {getattr(sys.modules[kind.__module__], kind.__name__) for kind in m3.ConferenceEvent.__subclasses__()}


def test_an_event_without_a_row_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "WORDING", {})
    assert sentence(m3.HandRaised(participant=ADA)) == "Ada: hand raised"
    assert details(m3.HandRaised(participant=ADA)) == []
    assert sentence(m3.MinutesWritable(url="x")) == "minutes writable"


ON_AIR = Stream(media_session_type=MediaSessionType.VIDEO, audio=True, video=False)
EVE = evolve(ADA, display_name="Eve", role=Role.MODERATOR, streams=MappingProxyType({MediaSessionType.VIDEO: ON_AIR}))
VIDEO, SCREEN = MediaSessionType.VIDEO, MediaSessionType.SCREEN


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (m3.ConferenceJoined(participant=ADA), "you joined as Ada"),
        (m3.WaitingRoomEntered(), "you are in the waiting room: a moderator has to let you in"),
        (m3.ParticipantJoined(participant=ADA), "Ada joined"),
        (m3.ParticipantJoined(participant=EVE), "Eve joined (moderator)"),
        (m3.ParticipantLeft(participant=ADA), "Ada left"),
        (m3.HandRaised(participant=ADA), "Ada raised a hand"),
        (m3.HandLowered(participant=ADA), "Ada lowered the hand"),
        (m3.RoleChanged(participant=EVE), "Eve is now moderator"),
        (m3.StreamStarted(participant=EVE, media_session_type=VIDEO), "Eve publishes (microphone on, camera off)"),
        (m3.StreamStarted(participant=ADA, media_session_type=VIDEO), "Ada publishes (nothing)"),
        (m3.StreamStarted(participant=ADA, media_session_type=SCREEN), "Ada shares the screen"),
        (
            m3.StreamChanged(participant=ADA, media_session_type=VIDEO, audio=False, video=True),
            "Ada has the microphone off, the camera on",
        ),
        (
            m3.StreamChanged(participant=ADA, media_session_type=SCREEN, audio=False, video=True),
            "Ada resumed the screen",
        ),
        (
            m3.StreamChanged(participant=ADA, media_session_type=SCREEN, audio=False, video=False),
            "Ada paused the screen",
        ),
        (m3.StreamStopped(participant=ADA, media_session_type=VIDEO), "Ada stopped publishing"),
        (m3.StreamStopped(participant=ADA, media_session_type=SCREEN), "Ada stopped sharing the screen"),
        (m3.FocusChanged(participant=None), "nobody is speaking"),
        (m3.FocusChanged(participant=ADA), "Ada is speaking"),
        (m3.SpeakerChanged(participant=ADA, is_speaking=True), "Ada starts to speak"),
        (m3.SpeakerChanged(participant=ADA, is_speaking=False), ""),
        (m3.MuteRequested(issuer=ADA.id, force=True), "a moderator muted you"),
        (m3.MuteRequested(issuer=ADA.id, force=False), "a moderator asks you to mute"),
        (m3.PublicationStopped(media_session_type=VIDEO, reason="lost"), "your video stream ended: lost"),
        (m3.PublicationStopped(media_session_type=VIDEO), ""),
        (
            m3.ConnectionSlow(participant_id=ADA.id, media_session_type=VIDEO, direction=SlowDirection.UPSTREAM),
            f"packets are lost: video, {SlowDirection.UPSTREAM.value}",
        ),
        (m3.ServerRefused(namespace="chat", code="chat_disabled"), "the server refused: chat_disabled"),
        (
            m3.PeerMisbehaved(error=MalformedMessage("missing", "$.payload")),
            "the server broke the protocol, which was ignored: missing - at `$.payload`",
        ),
        (m3.ServerBusy(seconds=2.5), "the server is busy; asking again in 2.5 s"),
        (
            m3.ConnectionLost(detail="close code 1001"),
            "the connection was lost (close code 1001) and is being opened again",
        ),
        (
            m3.Resumed(participant=ADA, previous_id=ADA.id, joined=(EVE,)),
            "the connection is back; meanwhile 1 joined and 0 left",
        ),
        (m3.Ended(reason=EndReason.KICKED), "the conference has ended: kicked"),
        (m3.Ended(reason=EndReason.LOST, detail="no answer"), "the conference has ended: lost (no answer)"),
    ],
)
def test_sentences_of_the_conference_and_its_streams(event: m3.ConferenceEvent, told: str) -> None:
    assert sentence(event) == told


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (HELLO, "Ada: hello"),
        (evolve(HELLO, scope=ChatScope.PRIVATE), "Ada (private): hello"),
        (evolve(HELLO, scope=ChatScope.GROUP, group="red"), "Ada (to red): hello"),
        (evolve(HELLO, is_own=True), "you: hello"),
        (evolve(HELLO, participant=None), "somebody: hello"),
        (m3.ChatSwitched(is_enabled=False, issued_by=ADA.id), "a moderator disabled the chat"),
        (m3.ChatSwitched(is_enabled=True, issued_by=ADA.id), "a moderator enabled the chat"),
        (m3.ChatCleared(issued_by=ADA.id), "a moderator cleared the chat"),
        (m3.PollStarted(poll=POLL), "poll: Lunch? (60 s)"),
        (m3.PollStarted(poll=evolve(POLL, multiple_choice=True)), "poll: Lunch? (60 s, several choices)"),
        (m3.PollUpdated(poll=POLL), "poll: Lunch? (4 votes so far)"),
        (m3.PollDone(poll=evolve(POLL, choices=POLL.choices[1:])), "poll is over: Lunch? (1 vote)"),
        (m3.TimerStarted(timer=TEA), 'the timer "Tea" runs'),
        (
            m3.TimerStarted(timer=evolve(TEA, kind=TimerKind.STOPWATCH, title=None, ready_check=True)),
            "the stopwatch runs: are you ready?",
        ),
        (m3.TimerStopped(timer=TEA, kind=TimerStopKind.EXPIRED), 'the timer "Tea" is up'),
        (
            m3.TimerStopped(timer=TEA, kind=TimerStopKind.BY_MODERATOR, participant=ADA, reason="cold"),
            'the timer "Tea" was stopped by Ada: cold',
        ),
        (m3.TimerReadyChanged(participant=ADA, is_ready=True), "Ada is ready"),
        (m3.TimerReadyChanged(participant=ADA, is_ready=False), "Ada is not ready"),
        (m3.WaitingRoomJoined(participant=ADA), "Ada waits to be let in"),
        (m3.WaitingRoomLeft(participant=ADA), "Ada no longer waits"),
        (m3.WaitingRoomSwitched(is_enabled=True), "the waiting room is on"),
        (m3.WaitingRoomSwitched(is_enabled=False), "the waiting room is off"),
        (m3.RaiseHandsSwitched(is_enabled=True, issued_by=ADA.id), "hands may be raised"),
        (m3.RaiseHandsSwitched(is_enabled=False, issued_by=ADA.id), "hands may no longer be raised"),
        (m3.HandsReset(issued_by=ADA.id), "a moderator lowered hands"),
        (m3.DebriefingStarted(issued_by=ADA.id), "the meeting is over for the others: debriefing"),
        (
            m3.DisplayNameChanged(participant=ADA, old_name="Eda", new_name="Ada", issued_by=ADA.id),
            "Eda is now called Ada",
        ),
        (
            m3.ForceMuteChanged(force_mute=True, allow_list=frozenset()),
            "only those whom a moderator allows it may unmute",
        ),
        (m3.ForceMuteChanged(force_mute=False, allow_list=frozenset()), "all may unmute again"),
        (m3.PresenterChanged(participant=ADA, is_presenter=True), "Ada may share the screen"),
        (m3.PresenterChanged(participant=ADA, is_presenter=False), "Ada may no longer share the screen"),
        (m3.PublicationStarted(media_session_type=MediaSessionType.VIDEO), ""),
    ],
)
def test_sentences(event: m3.ConferenceEvent, told: str) -> None:
    assert sentence(event) == told


def test_a_poll_shows_its_choices_and_then_its_votes() -> None:
    assert details(m3.PollStarted(poll=POLL)) == ["1  Pizza", "2  Soup"]
    assert details(m3.PollDone(poll=POLL)) == [
        "1  Pizza  [###############.....] 3",
        "2  Soup   [#####...............] 1",
    ]
    silent = evolve(POLL, choices=tuple(evolve(choice, count=None) for choice in POLL.choices))
    assert details(m3.PollDone(poll=silent))[0] == f"1  Pizza  [{'.' * 20}] 0"
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
        (m3.RoomChanged(participant=ADA, breakout_room=None), "you are in the main room now"),
        (m3.RoomChanged(participant=ADA, breakout_room=RED.id), "you are in a breakout room now"),
        (m3.BreakoutStarted(rooms=(RED,)), "breakout rooms are open: red"),
        (m3.BreakoutStarted(rooms=(RED,), assignment=RED), "breakout rooms are open: red; yours is red"),
        (m3.BreakoutStopped(expired=True), "the breakout rooms are over"),
        (m3.BreakoutStopped(expired=False), "the breakout rooms were closed"),
        (m3.BreakoutRoomJoined(participant=ADA, room=RED), "Ada is in breakout room red"),
        (m3.BreakoutRoomLeft(participant=ADA, room=None), "Ada left the main room"),
        (m3.RecordingStarted(recording_id=None), "the room is being recorded"),
        (m3.RecordingStopped(recording_id=ADA.id), "the room is no longer recorded"),
        (
            m3.StreamingChanged(target_id=StreamingTargetId("1"), status=StreamStatus.ACTIVE, target=TARGET),
            'recording or streaming to "web": active',
        ),
        (
            m3.StreamingChanged(target_id=StreamingTargetId("1"), status=StreamStatus.PAUSED, target=None),
            "recording or streaming to a target: paused",
        ),
        (m3.RecorderFailed(error=next(iter(RecorderErrorCode))), "no recorder joined"),
        (m3.MinutesWritable(url="https://pad.example/secret"), "there are minutes, and you may write them"),
        (m3.MinutesReadable(url="https://pad.example/secret"), "there are minutes to read"),
        (m3.WhiteboardOpened(url="https://board.example/secret"), "there is a whiteboard"),
        (
            m3.AssetReady(namespace="legal_vote", asset_id=AssetId("1"), filename="vote.pdf"),
            "a file is ready: vote.pdf",
        ),
        (m3.LegalVoteStarted(vote=VOTE), "legal vote: Budget"),
        (m3.LegalVoteStarted(vote=evolve(VOTE, token=Secret("t"))), "legal vote: Budget, and you may vote"),
        (m3.LegalVoteUpdated(vote=evolve(VOTE, tally=Tally(yes=2, no=1))), "legal vote: Budget (2 yes, 1 no)"),
        (m3.LegalVoteCast(vote=VOTE, option=VoteOption.YES), "your legal vote counts: yes"),
        (m3.LegalVoteNotCounted(legal_vote_id=VOTE.id, reason=None), "your legal vote does not count"),
        (
            m3.LegalVoteNotCounted(legal_vote_id=VOTE.id, reason=VoteFailedReason.INELIGIBLE),
            "your legal vote does not count: ineligible",
        ),
        (
            m3.LegalVoteEnded(vote=evolve(VOTE, state=VoteState.FINISHED, tally=Tally(yes=2, no=1, abstain=0))),
            "legal vote is over: Budget (2 yes, 1 no, 0 abstain)",
        ),
        (
            m3.LegalVoteEnded(vote=evolve(VOTE, state=VoteState.CANCELED, custom_reason="fire")),
            "legal vote without a result: Budget (fire)",
        ),
        (
            m3.LegalVoteIssueReported(legal_vote_id=VOTE.id, participant=None, kind=None, description=None),
            "somebody has trouble voting",
        ),
        (m3.AutomodStarted(session=SESSION), "automatic moderation begins"),
        (m3.AutomodStarted(session=SESSION, speaker=ADA), "automatic moderation begins: Ada has the floor"),
        (m3.AutomodStopped(session=SESSION, reason=next(iter(StopReason))), "automatic moderation is over"),
        (m3.SpeakerSelected(participant=None, session=SESSION), "nobody has the floor"),
        (m3.SpeakerSelected(participant=ADA, session=SESSION), "Ada has the floor"),
    ],
)
def test_sentences_of_the_other_modules(event: m3.ConferenceEvent, told: str) -> None:
    assert sentence(event) == told
