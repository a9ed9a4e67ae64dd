"""Namespace `polls`: one poll at a time, with results at the end or all the time (signaling.md § 9)."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import evolve, frozen

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, T, known, rule
from m3core.conference.surroundings import Surroundings
from m3core.errors import MalformedMessage, WrongValue
from m3core.limits import MAX_PAST_POLLS
from m3core.messages import Command, Event, polls
from m3core.messages.control import JoinSuccess
from m3core.messages.polls import PollsErrorCode
from m3core.values import PollId, Timestamp


# -- state ---
@frozen(kw_only=True)
class PollChoice:
    """One choice of a poll. ``count``: the votes for it; None: the server has not sent counts."""

    id: int
    content: str
    count: int | None = None


@frozen(kw_only=True)
class Poll:
    """A question with choices."""

    id: PollId
    topic: str
    choices: tuple[PollChoice, ...]
    live: bool
    """Whether the server sends counts while the poll runs."""
    multiple_choice: bool
    duration: int
    """Seconds."""
    started_at: Timestamp | None
    ends_at: Timestamp | None
    own_choices: frozenset[int] = frozenset()
    """The ids of the choices that we vote for; empty: we have no vote."""
    is_done: bool = False

    def remaining(self, now_utc: dt.datetime) -> dt.timedelta | None:
        """The time until the poll ends, at least zero; None: the server did not say. ``now_utc`` is aware."""
        return None if self.ends_at is None else max(self.ends_at.datetime - now_utc, dt.timedelta())


@frozen(kw_only=True)
class PollsState:
    """The poll that runs, and polls that are done."""

    running: Poll | None = None
    past: tuple[Poll, ...] = ()
    """The polls that ended while we were in the room, with results, the newest last; at most `MAX_PAST_POLLS`."""
    dropped: int = 0
    """The number of older polls that were dropped, because there were too many."""


# -- events ---
@frozen(kw_only=True)
class PollStarted(ConferenceEvent):
    """A poll runs: participants can vote."""

    poll: Poll


@frozen(kw_only=True)
class PollUpdated(ConferenceEvent):
    """Somebody voted in a live poll."""

    poll: Poll


@frozen(kw_only=True)
class PollDone(ConferenceEvent):
    """A poll is over. ``poll`` has the results."""

    poll: Poll


# -- the module ---
class PollsModule(ClientModule[PollsState]):
    """The poll that runs, polls that are done, and our own votes, of which any may be refused later."""

    NAMESPACE = "polls"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            polls.Start: rule(
                "insufficient_permissions",
                "still_running",
                "invalid_duration",
                "invalid_topic_length",
                "invalid_choice_count",
                "invalid_choice_description",
                answered=True,
            ),
            polls.Vote: rule("invalid_poll_id", "voted_already", "invalid_choice_id", "multiple_choices_not_allowed"),
            polls.Finish: rule("insufficient_permissions", "invalid_poll_id", answered=True),
        }
    )

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._running: Poll | None = None
        self._past: deque[Poll] = deque()
        self._dropped = 0
        self._missed = False
        """Whether a poll began while the connection was lost."""
        self._left: Poll | None = None
        """The last poll that ran in a room which we left. It has our vote, in case we come back to it."""
        self._held: frozenset[int] | None = None
        """The choices of our last vote that can no longer be refused; None: there is no such vote."""
        self._votes: list[polls.Vote] = []
        """Our later votes, in order. Each of them may still be refused."""

    def build(self) -> PollsState:
        return PollsState(running=self._running, past=tuple(self._past), dropped=self._dropped)

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            polls.Started: self._started,
            polls.LiveUpdate: self._live_update,
            polls.Done: self._done,
            polls.Error: self._error,
        }

    def entered(self, join: JoinSuccess) -> None:
        # `join_success` has neither counts nor our vote (signaling.md § 9): those that we knew before are kept.
        before, self._running = self._running or self._left, None
        self._missed = False
        self._begin_votes()
        if join.polls is not None:
            running = _poll(join.polls, join.polls.started)
            if before is not None and before.id == running.id:
                running = evolve(running, choices=before.choices, own_choices=before.own_choices)
                self._held = before.own_choices or None
            else:
                self._missed = True
            self._running = running

    def left(self) -> None:
        self._running, self._left = None, self._running or self._left
        self._past.clear()
        self._dropped = 0

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        return () if self._running is None else (PollStarted(poll=self._running),)

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        return self.present_events() if self._missed else ()

    def sent(self, command: Command) -> None:
        # A vote need not have an answer, so it is valid from now on, until it is refused (signaling.md § 9). The server
        # refuses one for another poll than the one that runs.
        if isinstance(command, polls.Vote) and self._running is not None and self._running.id == command.poll_id:
            while self._votes and not self._is_open(self._votes[0]):
                self._held = _chosen(self._votes.pop(0))
            self._votes.append(command)
            self._running = evolve(self._running, own_choices=_chosen(command))

    def refused(self, command: Command) -> None:
        if isinstance(command, polls.Vote) and self._running is not None and self._running.id == command.poll_id:
            self._votes = [vote for vote in self._votes if vote is not command]
            own = _chosen(self._votes[-1]) if self._votes else self._held or frozenset()
            self._running = evolve(self._running, own_choices=own)

    def _begin_votes(self) -> None:
        self._held = None
        self._votes = []

    def _is_open(self, vote: polls.Vote) -> bool:
        return self._waiting(polls.Vote, lambda command: command is vote) is not None

    def _error(self, event: polls.Error) -> None:
        # Errors do not name the vote that they are about. `voted_already` is never about the first vote for a poll.
        suspects: list[polls.Vote] = []
        if event.error is PollsErrorCode.VOTED_ALREADY:
            suspects = self._votes if self._held is not None else self._votes[1:]
        call = self._waiting(polls.Vote, lambda command: any(command is vote for vote in suspects))
        if call is None:
            self._refuse(event.error.value)
        else:
            self._around.refuse_call(call, event.error.value)

    def _started(self, event: polls.Started) -> None:
        running = self._running = _poll(event, event.timestamp)
        self._begin_votes()
        self._notify(PollStarted(poll=running))
        self._acknowledge(polls.Start, lambda command: command.topic.strip() == running.topic.strip(), result=running)

    def _live_update(self, event: polls.LiveUpdate) -> None:
        if self._running is not None and self._running.id == event.id:
            self._running = _counted(self._running, event.results)
            self._notify(PollUpdated(poll=self._running))

    def _done(self, event: polls.Done) -> None:
        if self._running is None or self._running.id != event.id:
            return
        done = evolve(_counted(self._running, event.results), is_done=True)
        self._running = None
        if len(self._past) == MAX_PAST_POLLS:
            self._past.popleft()
            self._dropped += 1
        self._past.append(done)
        self._notify(PollDone(poll=done))
        self._acknowledge(polls.Finish, lambda command: command.id == done.id, result=done)


def _poll(told: polls.Started | polls.JoinData, started: Timestamp | None) -> Poll:
    """Raises `MalformedMessage` for a start that is no instant and for a duration that is out of range.

    So `Poll.remaining` never raises it.
    """
    ends_at = None
    if started is not None:
        try:
            ends_at = Timestamp.of(started.datetime + dt.timedelta(seconds=told.duration))
        except OverflowError:
            raise MalformedMessage("out of range", "$.payload.duration") from None
    return Poll(
        id=told.id,
        topic=told.topic,
        choices=tuple(PollChoice(id=one.id, content=one.content) for one in told.choices),
        live=told.live,
        multiple_choice=bool(told.multiple_choice),
        duration=told.duration,
        started_at=started,
        ends_at=ends_at,
    )


def _chosen(vote: polls.Vote) -> frozenset[int]:
    return frozenset(vote.choice_ids or ()) if vote.choice_id is None else frozenset({vote.choice_id})


def _counted(poll: Poll, results: Iterable[polls.ChoiceResult]) -> Poll:
    counts = {result.id: result.count for result in results}
    choices = tuple(evolve(choice, count=counts.get(choice.id, choice.count)) for choice in poll.choices)
    return evolve(poll, choices=choices)


# -- commands ---
class PollsCommands(CommandGroup[T]):
    """`start` and `finish` are for moderators."""

    def start(
        self,
        topic: str,
        choices: Iterable[str],
        *,
        duration: int,
        live: bool = True,
        multiple_choice: bool = False,
    ) -> T:
        """Start a poll of ``duration`` seconds (2 to 3600); done with the `Poll`.

        ``topic``: 2 to 100 bytes. ``choices``: 2 to 64 texts of 1 to 100 bytes. ``multiple_choice`` needs L 0.14.
        Refused: `still_running`, `invalid_duration`, `invalid_topic_length`, `invalid_choice_count`,
        `invalid_choice_description`, `insufficient_permissions`.
        """
        return self._perform(
            polls.Start(
                topic=topic, choices=tuple(choices), duration=duration, live=live, multiple_choice=multiple_choice
            )
        )

    def vote(self, *choices: str | int | PollChoice) -> T:
        """Vote in the poll that runs. A choice is named by its text, by its id or by its `PollChoice`.

        No choice takes the vote back (L 0.9). Raises `LocalProtocolError` if no poll runs, if it has no such choice, or
        for several choices in a poll that is not ``multiple_choice``. Refused: `voted_already` (capture era),
        `invalid_poll_id` (the poll is over), `invalid_choice_id`, `multiple_choices_not_allowed`.
        """
        poll = self._running()
        ids = tuple(_choice_id(poll, choice) for choice in choices)
        # A server that does not know `choice_ids` sees no choice in such a vote, and would take our vote back.
        if len(ids) > 1 and not poll.multiple_choice:
            raise WrongValue("the poll takes one choice: name one")
        if len(ids) > 1:
            return self._perform(polls.Vote(poll_id=poll.id, choice_ids=ids))
        return self._perform(polls.Vote(poll_id=poll.id, choice_id=ids[0] if ids else None))

    def finish(self) -> T:
        """End the poll that runs; done with the `Poll` and its results.

        Raises `LocalProtocolError` if none runs. Refused: `invalid_poll_id`, `insufficient_permissions`.
        """
        return self._perform(polls.Finish(id=self._running().id))

    def _running(self) -> Poll:
        return known(self._state().of(PollsModule).running, "no poll runs; start one first")


def _choice_id(poll: Poll, named: str | int | PollChoice) -> int:
    wanted = named.id if isinstance(named, PollChoice) else named
    for choice in poll.choices:
        if wanted in (choice.id, choice.content):
            return choice.id
    raise WrongValue("the poll has no such choice: name one of ``Poll.choices`` by its text or its id")
