"""Chat, polls, timers and moderation in words."""

from __future__ import annotations

import pytest
from attrs import evolve

from m3asyncio.cli.wording import sentence
from m3asyncio.cli.wording_modules import details
from m3core.conference.events import (
    ChatCleared,
    ChatMessage,
    ChatSwitched,
    ConferenceEvent,
    DebriefingStarted,
    DisplayNameChanged,
    ForceMuteChanged,
    HandsReset,
    PollDone,
    PollStarted,
    PollUpdated,
    PresenterChanged,
    PublicationStarted,
    RaiseHandsSwitched,
    TimerReadyChanged,
    TimerStarted,
    TimerStopped,
    WaitingRoomJoined,
    WaitingRoomLeft,
    WaitingRoomSwitched,
)
from m3core.conference.modules.polls import Poll, PollChoice
from m3core.conference.modules.timer import Timer
from m3core.conference.state import Participant
from m3core.messages.chat import ChatScope
from m3core.messages.timer import TimerKind, TimerStopKind
from m3core.values import MediaSessionType, MessageId, ParticipantId, PollId, TimerId, Timestamp

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
