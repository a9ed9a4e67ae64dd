"""Namespace `automod`: moderation by a talking stick (signaling.md § 18; L).

The server does not mute anybody for it: clients mute themselves when they do not hold the stick.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from attrs import field, frozen

from m3core.messages.base import NULL, Command, Event, Value
from m3core.values import ParticipantId


class AutomodErrorCode(Enum):
    """Why the server refused an `automod` command (signaling.md § 18)."""

    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    SESSION_ALREADY_RUNNING = "session_already_running"
    INVALID_SELECTION = "invalid_selection"


class SelectionStrategy(Enum):
    """Who chooses the next speaker: the moderator, the order of the list, chance, or the speaker before."""

    NONE = "none"
    PLAYLIST = "playlist"
    RANDOM = "random"
    NOMINATION = "nomination"


class SelectHow(Enum):
    """How a moderator chooses the next speaker: nobody, by chance, the next one of the list, or one participant."""

    NONE = "none"
    RANDOM = "random"
    NEXT = "next"
    SPECIFIC = "specific"


class StopReason(Enum):
    """Why the session ended."""

    STOPPED_BY_MODERATOR = "stopped_by_moderator"
    SESSION_FINISHED = "session_finished"


@frozen(kw_only=True, weakref_slot=False)
class Config(Value):
    """The running session. Wire: ``config`` of the join data (L), the fields of `Started`."""

    selection_strategy: SelectionStrategy
    show_list: bool
    consider_hand_raise: bool
    allow_double_selection: bool
    animation_on_random: bool
    auto_append_on_join: bool
    history: tuple[ParticipantId, ...]
    remaining: tuple[ParticipantId, ...]
    issued_by: ParticipantId
    time_limit: int | None = None
    allow_list: tuple[ParticipantId, ...] | None = None
    playlist: tuple[ParticipantId, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """The running session. Wire: ``join_success.automod`` (L). ``speaker``: who holds the stick; null: nobody."""

    config: Config
    speaker: ParticipantId | None = field(default=None, metadata=NULL)


@frozen(kw_only=True, weakref_slot=False)
class Start(Command):
    """Start a session. Wire: `start` (L).

    ``time_limit``: of each speaker, in milliseconds. ``playlist``: who speaks, in order, with the strategy of that
    name; ``allow_list``: who may speak, with the others.
    """

    NAMESPACE: ClassVar[str] = "automod"
    ACTION: ClassVar[str] = "start"

    selection_strategy: SelectionStrategy
    show_list: bool
    consider_hand_raise: bool
    allow_double_selection: bool
    animation_on_random: bool
    auto_append_on_join: bool
    time_limit: int | None = None
    allow_list: tuple[ParticipantId, ...] | None = None
    playlist: tuple[ParticipantId, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class Edit(Command):
    """Change the lists of speakers; a list that is None does not change. Wire: `edit` (L)."""

    NAMESPACE: ClassVar[str] = "automod"
    ACTION: ClassVar[str] = "edit"

    allow_list: tuple[ParticipantId, ...] | None = None
    playlist: tuple[ParticipantId, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class Stop(Command):
    """End the session. Wire: `stop` (L)."""

    NAMESPACE: ClassVar[str] = "automod"
    ACTION: ClassVar[str] = "stop"


@frozen(kw_only=True, weakref_slot=False)
class Select(Command):
    """Give the stick to somebody, or take it. Wire: `select` (L).

    ``participant`` and ``keep_in_remaining`` (may be chosen again) are for `SelectHow.SPECIFIC` only.
    """

    NAMESPACE: ClassVar[str] = "automod"
    ACTION: ClassVar[str] = "select"

    how: SelectHow
    participant: ParticipantId | None = None
    keep_in_remaining: bool | None = None


@frozen(kw_only=True, weakref_slot=False)
class PassOn(Command):
    """Give the own stick away. Wire: `yield` (L). ``next``: to whom, with `SelectionStrategy.NOMINATION`."""

    NAMESPACE: ClassVar[str] = "automod"
    ACTION: ClassVar[str] = "yield"

    next: ParticipantId | None = None


@frozen(kw_only=True, weakref_slot=False)
class Started(Event):
    """A session began. Wire: `started` (L).

    ``time_limit``: in milliseconds. ``history`` and ``remaining``: who spoke and who is to speak; empty if the list is
    not shown.
    """

    NAMESPACE: ClassVar[str] = "automod"
    MESSAGE: ClassVar[str] = "started"

    selection_strategy: SelectionStrategy
    show_list: bool
    consider_hand_raise: bool
    allow_double_selection: bool
    animation_on_random: bool
    auto_append_on_join: bool
    history: tuple[ParticipantId, ...]
    remaining: tuple[ParticipantId, ...]
    issued_by: ParticipantId
    time_limit: int | None = None
    allow_list: tuple[ParticipantId, ...] | None = None
    playlist: tuple[ParticipantId, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class Stopped(Event):
    """The session ended. Wire: `stopped` (L). ``issued_by``: the moderator who stopped it."""

    NAMESPACE: ClassVar[str] = "automod"
    MESSAGE: ClassVar[str] = "stopped"

    reason: StopReason
    issued_by: ParticipantId | None = None


@frozen(kw_only=True, weakref_slot=False)
class SpeakerUpdated(Event):
    """Another participant holds the stick. Wire: `speaker_updated` (L).

    ``speaker``: None is nobody. Lists that are None have not changed.
    """

    NAMESPACE: ClassVar[str] = "automod"
    MESSAGE: ClassVar[str] = "speaker_updated"

    speaker: ParticipantId | None = None
    history: tuple[ParticipantId, ...] | None = None
    remaining: tuple[ParticipantId, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class RemainingUpdated(Event):
    """The list of those who will speak changed. Wire: `remaining_updated` (L)."""

    NAMESPACE: ClassVar[str] = "automod"
    MESSAGE: ClassVar[str] = "remaining_updated"

    remaining: tuple[ParticipantId, ...]


@frozen(kw_only=True, weakref_slot=False)
class StartAnimation(Event):
    """Clients show an animation: chance chose ``result`` from ``pool``. Wire: `start_animation` (L)."""

    NAMESPACE: ClassVar[str] = "automod"
    MESSAGE: ClassVar[str] = "start_animation"

    pool: tuple[ParticipantId, ...]
    result: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused a command. Wire: `error` (L)."""

    NAMESPACE: ClassVar[str] = "automod"
    MESSAGE: ClassVar[str] = "error"

    error: AutomodErrorCode
