"""Namespace `polls`: questions with choices (signaling.md § 9)."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from attrs import frozen

from m3core.messages.base import Command, Event, Value
from m3core.values import PollId, Timestamp


class PollsErrorCode(Enum):
    """Why the server refused a `polls` command (signaling.md § 9)."""

    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    STILL_RUNNING = "still_running"
    INVALID_DURATION = "invalid_duration"
    INVALID_TOPIC_LENGTH = "invalid_topic_length"
    INVALID_CHOICE_COUNT = "invalid_choice_count"
    INVALID_CHOICE_DESCRIPTION = "invalid_choice_description"
    INVALID_POLL_ID = "invalid_poll_id"
    VOTED_ALREADY = "voted_already"
    INVALID_CHOICE_ID = "invalid_choice_id"
    MULTIPLE_CHOICES_NOT_ALLOWED = "multiple_choices_not_allowed"


@frozen(kw_only=True, weakref_slot=False)
class Choice(Value):
    """What can be voted for; ``id`` counts from 0. Wire: an element of ``choices`` of `started` (R)."""

    id: int
    content: str


@frozen(kw_only=True, weakref_slot=False)
class ChoiceResult(Value):
    """The number of votes for a choice. Wire: an element of ``results``."""

    id: int
    count: int


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """The poll that runs, for ``duration`` seconds from ``started`` on. Wire: ``join_success.polls`` (R).

    ``multiple_choice``: servers always send it from L 0.14 on; None is False.
    """

    id: PollId
    topic: str
    live: bool
    choices: tuple[Choice, ...]
    duration: int
    started: Timestamp
    multiple_choice: bool | None = None


@frozen(kw_only=True, weakref_slot=False)
class Start(Command):
    """Start a poll. Wire: `start` (R; ``multiple_choice`` L).

    ``topic``: 2 to 100 bytes; ``choices``: 2 to 64 of 1 to 100 bytes; ``duration``: 2 to 3600 seconds. ``live``: tell
    the results while the poll runs; only L servers take None, for False.
    """

    NAMESPACE: ClassVar[str] = "polls"
    ACTION: ClassVar[str] = "start"

    topic: str
    choices: tuple[str, ...]
    duration: int
    live: bool | None = None
    multiple_choice: bool = False


@frozen(kw_only=True, weakref_slot=False)
class Vote(Command):
    """Vote: with ``choice_id`` (R), from L 0.14 on also with ``choice_ids``. Wire: `vote`.

    From L 0.9 on, a vote without a choice withdraws the one before.
    """

    NAMESPACE: ClassVar[str] = "polls"
    ACTION: ClassVar[str] = "vote"

    poll_id: PollId
    choice_id: int | None = None
    choice_ids: tuple[int, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class Finish(Command):
    """End the poll. Wire: `finish` (R)."""

    NAMESPACE: ClassVar[str] = "polls"
    ACTION: ClassVar[str] = "finish"

    id: PollId


@frozen(kw_only=True, weakref_slot=False)
class Started(Event):
    """A poll runs, for ``duration`` seconds from ``timestamp`` on. Wire: `started` (R).

    ``multiple_choice``: as in `JoinData`.
    """

    NAMESPACE: ClassVar[str] = "polls"
    MESSAGE: ClassVar[str] = "started"

    id: PollId
    topic: str
    live: bool
    choices: tuple[Choice, ...]
    duration: int
    multiple_choice: bool | None = None


@frozen(kw_only=True, weakref_slot=False)
class LiveUpdate(Event):
    """Somebody voted; each choice has a result, in any order. Wire: `live_update` (R)."""

    NAMESPACE: ClassVar[str] = "polls"
    MESSAGE: ClassVar[str] = "live_update"

    id: PollId
    results: tuple[ChoiceResult, ...]


@frozen(kw_only=True, weakref_slot=False)
class Done(Event):
    """The poll is over. Wire: `done` (R)."""

    NAMESPACE: ClassVar[str] = "polls"
    MESSAGE: ClassVar[str] = "done"

    id: PollId
    results: tuple[ChoiceResult, ...]


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused something. Wire: `error` (R)."""

    NAMESPACE: ClassVar[str] = "polls"
    MESSAGE: ClassVar[str] = "error"

    error: PollsErrorCode
