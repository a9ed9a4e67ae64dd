"""The server's side of namespace `polls`: one question at a time in each room (signaling.md § 9)."""

from __future__ import annotations

from attrs import define, field

from m3core.controller.alarms import Alarm
from m3core.controller.features import Feature
from m3core.controller.module import Module
from m3core.controller.room import LiveRoom, Participant
from m3core.controller.surroundings import Surroundings
from m3core.limits import (
    MAX_POLL_CHOICE,
    MAX_POLL_CHOICES,
    MAX_POLL_DURATION,
    MAX_POLL_TOPIC,
    MIN_POLL_CHOICE,
    MIN_POLL_CHOICES,
    MIN_POLL_DURATION,
    MIN_POLL_TOPIC,
)
from m3core.messages import polls
from m3core.messages.polls import PollsErrorCode
from m3core.values import PollId, Timestamp


@define(eq=False)
class _Poll:
    """State of a room: the poll that runs.

    Votes are state of the voters (`_Ballot`): they are forgotten with them, so that their number is bounded.
    """

    told: polls.JoinData
    counts: list[int]
    """The number of votes for each choice."""
    alarm: Alarm

    def results(self) -> tuple[polls.ChoiceResult, ...]:
        """All choices, those without votes included (signaling.md § 9)."""
        return tuple(polls.ChoiceResult(id=index, count=count) for index, count in enumerate(self.counts))


@define(eq=False)
class _Ballot:
    """State of a participant: its last vote."""

    poll: PollId | None = None
    choices: frozenset[int] = field(default=frozenset())


class PollsModule(Module):
    """Handles polls and votes."""

    NAMESPACE = "polls"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._handlers = {polls.Start: self._start, polls.Vote: self._vote, polls.Finish: self._finish}

    def join_data(self, joiner: Participant) -> polls.JoinData | None:
        """The poll that runs, if there is one."""
        poll = joiner.room.states.find(_Poll)
        return None if poll is None else poll.told

    def resumed(self, participant: Participant, before: Participant) -> None:
        """Keep the vote: nobody votes twice by coming back (docs/differences.md)."""
        participant.states.put(before.states.of(_Ballot))

    def closing(self, room: LiveRoom) -> None:
        """The poll ends with its room, without a `done`: nobody is there to receive it."""
        poll = room.states.find(_Poll)
        if poll is not None:
            poll.alarm.cancel()

    def _start(self, sender: Participant, command: polls.Start) -> None:
        room, around = sender.room, self._around
        if command.duration < 0 or (command.live is None and not around.has(Feature.MULTIPLE_CHOICE)):
            return  # malformed: up to 0.13 without `live`, at every level with a negative duration (signaling.md § 4)
        code = self._refusal(sender, command)
        if code is not None:
            self._refuse(sender, code)
            return
        poll_id, started = PollId(around.new_id()), around.direct()
        choices = tuple(polls.Choice(id=index, content=text) for index, text in enumerate(command.choices))
        is_multiple = command.multiple_choice if around.has(Feature.MULTIPLE_CHOICE) else None
        told = polls.JoinData(
            id=poll_id,
            topic=command.topic,
            live=bool(command.live),
            choices=choices,
            duration=command.duration,
            started=started,
            multiple_choice=is_multiple,
        )
        alarm = around.after(command.duration, lambda: self._end(room, poll, around.direct()))
        poll = _Poll(told, [0] * len(choices), alarm)
        room.states.put(poll)
        event = polls.Started(
            id=poll_id,
            topic=told.topic,
            live=told.live,
            choices=choices,
            duration=told.duration,
            multiple_choice=is_multiple,
            timestamp=started,
        )
        around.tell_all(room.present.values(), event)

    def _refusal(self, sender: Participant, command: polls.Start) -> PollsErrorCode | None:
        """The error of a wrong start. The checks are in the order of signaling.md § 9; texts are measured in bytes."""
        if not sender.is_moderator:
            return PollsErrorCode.INSUFFICIENT_PERMISSIONS
        if sender.room.states.find(_Poll) is not None:
            return PollsErrorCode.STILL_RUNNING
        if not MIN_POLL_DURATION <= command.duration <= MAX_POLL_DURATION:
            return PollsErrorCode.INVALID_DURATION
        if not MIN_POLL_TOPIC <= len(command.topic.encode()) <= MAX_POLL_TOPIC:
            return PollsErrorCode.INVALID_TOPIC_LENGTH
        if not MIN_POLL_CHOICES <= len(command.choices) <= MAX_POLL_CHOICES:
            return PollsErrorCode.INVALID_CHOICE_COUNT
        if not all(MIN_POLL_CHOICE <= len(text.encode()) <= MAX_POLL_CHOICE for text in command.choices):
            return PollsErrorCode.INVALID_CHOICE_DESCRIPTION
        return None

    def _vote(self, sender: Participant, command: polls.Vote) -> None:
        """Count a vote. Only errors are answered, and a live poll sends its results to everybody in the room."""
        if not self._can_read(command):
            return
        if command.choice_id is not None:
            choices = frozenset({command.choice_id})
        elif command.choice_ids is not None:
            choices = frozenset(command.choice_ids)
            if len(choices) > 1 and not self._around.has(Feature.MULTIPLE_CHOICE):
                return  # servers of earlier levels cannot read this form, and have no error for it
        elif self._around.has(Feature.VOTE_AGAIN):
            choices = frozenset()  # it withdraws the vote
        else:
            return
        poll, ballot = sender.room.states.find(_Poll), sender.states.of(_Ballot)
        if poll is None or poll.told.id != command.poll_id:
            self._refuse(sender, PollsErrorCode.INVALID_POLL_ID)
        elif ballot.poll == poll.told.id and not self._around.has(Feature.VOTE_AGAIN):
            self._refuse(sender, PollsErrorCode.VOTED_ALREADY)
        elif not choices <= set(range(len(poll.counts))):
            self._refuse(sender, PollsErrorCode.INVALID_CHOICE_ID)
        elif len(choices) > 1 and not poll.told.multiple_choice:
            self._refuse(sender, PollsErrorCode.MULTIPLE_CHOICES_NOT_ALLOWED)
        else:
            self._count(sender, poll, choices)

    def _can_read(self, command: polls.Vote) -> bool:
        """Whether a server of this level can read the vote: ids have 32 bits, and `choice_ids` came with 0.7."""
        if command.choice_id is not None:
            return 0 <= command.choice_id < 1 << 32
        return self._around.has(Feature.VOTE_AGAIN) and all(0 <= one < 1 << 32 for one in command.choice_ids or ())

    def _count(self, sender: Participant, poll: _Poll, choices: frozenset[int]) -> None:
        """Count a vote in place of an earlier one of the same participant in this poll."""
        ballot = sender.states.of(_Ballot)
        if ballot.poll == poll.told.id:
            for choice in ballot.choices:
                poll.counts[choice] -= 1
        for choice in choices:
            poll.counts[choice] += 1
        ballot.poll, ballot.choices = poll.told.id, choices
        if poll.told.live:
            event = polls.LiveUpdate(id=poll.told.id, results=poll.results(), timestamp=self._around.relayed())
            self._around.tell_all(sender.room.present.values(), event)

    def _finish(self, sender: Participant, command: polls.Finish) -> None:
        poll = sender.room.states.find(_Poll)
        if not sender.is_moderator:
            self._refuse(sender, PollsErrorCode.INSUFFICIENT_PERMISSIONS)
        elif poll is None or poll.told.id != command.id:
            self._refuse(sender, PollsErrorCode.INVALID_POLL_ID)
        else:
            self._end(sender.room, poll, self._around.relayed())

    def _end(self, room: LiveRoom, poll: _Poll, now: Timestamp) -> None:
        """End a poll: a moderator finished it, or its time is over."""
        poll.alarm.cancel()
        room.states.drop(_Poll)
        event = polls.Done(id=poll.told.id, results=poll.results(), timestamp=now)
        self._around.tell_all(room.present.values(), event)

    def _refuse(self, sender: Participant, code: PollsErrorCode) -> None:
        self._around.tell(sender.session, polls.Error(error=code, timestamp=self._around.direct()))


def vote_of(participant: Participant) -> frozenset[int]:
    """The choices for which ``participant`` voted in the poll that runs in its room; empty without poll or vote."""
    poll, ballot = participant.room.states.find(_Poll), participant.states.of(_Ballot)
    return ballot.choices if poll is not None and ballot.poll == poll.told.id else frozenset()
