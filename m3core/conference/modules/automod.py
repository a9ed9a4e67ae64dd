"""Namespace `automod`: a talking stick that goes from one to the next (signaling.md § 18; L).

It changes nothing in who may send media: whoever does not have it is expected to mute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar, TypeAlias

from attrs import evolve, frozen

from m3core.conference.common import Participant
from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, Someone, T, id_of, known, rule
from m3core.errors import LocalProtocolError
from m3core.messages import Command, Event, automod
from m3core.messages.automod import SelectHow, SelectionStrategy, StopReason
from m3core.messages.control import JoinSuccess
from m3core.values import ParticipantId

_Ids: TypeAlias = tuple[ParticipantId, ...]


# -- state: `ConferenceState.automod` is an `Automod`, or None ---
@frozen(kw_only=True)
class Automod:
    """A session that runs."""

    selection_strategy: SelectionStrategy
    """Who chooses the next speaker."""
    issued_by: ParticipantId
    speaker: ParticipantId | None = None
    """Who has the stick, perhaps we; None is nobody."""
    history: _Ids = ()
    """Who had it, the latest last; empty if the list is not shown, as the next one."""
    remaining: _Ids = ()
    """Who is to have it."""
    time_limit: float | None = None
    """Seconds for each speaker; None is no limit. The server does not enforce it."""
    show_list: bool = False
    consider_hand_raise: bool = False
    allow_double_selection: bool = False
    animation_on_random: bool = False
    auto_append_on_join: bool = False
    allow_list: _Ids | None = None
    """Who may be chosen; None: we were not told."""
    playlist: _Ids | None = None
    """The order, with `SelectionStrategy.PLAYLIST`; None: we were not told."""


# -- events ---
@frozen(kw_only=True)
class AutomodStarted(ConferenceEvent):
    """A session runs; ``speaker`` has the stick, if anybody."""

    session: Automod
    speaker: Participant | None = None


@frozen(kw_only=True)
class AutomodStopped(ConferenceEvent):
    """The session is over; ``issued_by`` stopped it, if somebody did."""

    session: Automod
    reason: StopReason
    issued_by: ParticipantId | None = None


@frozen(kw_only=True)
class SpeakerSelected(ConferenceEvent):
    """Somebody, perhaps we, has the stick; ``participant``: None is nobody, or somebody unknown here."""

    participant: Participant | None
    session: Automod


@frozen(kw_only=True)
class RemainingSpeakersChanged(ConferenceEvent):
    """Others than before are to have the stick, or in another order."""

    session: Automod


@frozen(kw_only=True)
class SpeakerDrawn(ConferenceEvent):
    """Chance chose ``result`` of ``pool``: show how, if you like. `SpeakerSelected` follows."""

    pool: tuple[ParticipantId, ...]
    result: ParticipantId


# -- folding ---
_SELECT = rule("insufficient_permissions", "invalid_selection")


class AutomodModule(ClientModule[Automod | None]):
    """The session that runs."""

    NAMESPACE = "automod"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            automod.Start: rule(
                "insufficient_permissions", "session_already_running", "invalid_selection", answered=True
            ),
            automod.Edit: _SELECT,
            automod.Stop: rule("insufficient_permissions"),
            automod.Select: _SELECT,
            automod.PassOn: _SELECT,
        }
    )
    _running: Automod | None = None
    _lists_before: tuple[_Ids | None, _Ids | None] = (None, None)
    """What stands if our last `Edit` is refused."""
    _missed: tuple[ConferenceEvent, ...] = ()

    def build(self) -> Automod | None:
        """The snapshot."""
        return self._running

    def handlers(self) -> Mapping[type[Event], Handler]:
        """Every event of `automod`."""
        return {
            automod.Started: self._started,
            automod.Stopped: self._stopped,
            automod.SpeakerUpdated: self._speaker_updated,
            automod.RemainingUpdated: self._remaining_updated,
            automod.StartAnimation: self._start_animation,
            automod.Error: lambda event: self._refuse(event.error.value),
        }

    def entered(self, join: JoinSuccess) -> None:
        """The session that runs, and who has the stick."""
        before, self._running, self._missed = self._running, None, ()
        if join.automod is not None:
            running = self._running = _session(join.automod.config, join.automod.speaker)
            if before is None:
                self._missed = self.present_events()
            elif before.speaker != running.speaker:
                self._missed = (SpeakerSelected(participant=self._who(running.speaker), session=running),)

    def left(self) -> None:
        """It was the room's."""
        self._running = None

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        """It runs."""
        running = self._running
        return () if running is None else (AutomodStarted(session=running, speaker=self._who(running.speaker)),)

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        """It began, or somebody else has the stick."""
        return self._missed

    def sent(self, command: Command) -> None:
        """Nobody is told of the lists of an edit, only of what remains."""
        if isinstance(command, automod.Edit) and self._running is not None:
            before = self._running
            self._lists_before = (before.allow_list, before.playlist)
            self._running = evolve(
                before,
                allow_list=before.allow_list if command.allow_list is None else command.allow_list,
                playlist=before.playlist if command.playlist is None else command.playlist,
            )

    def refused(self, command: Command) -> None:
        """The lists before it stand."""
        if isinstance(command, automod.Edit) and self._running is not None:
            allow_list, playlist = self._lists_before
            self._running = evolve(self._running, allow_list=allow_list, playlist=playlist)

    def _who(self, participant_id: ParticipantId | None) -> Participant | None:
        return None if participant_id is None else self._participant(participant_id)

    def _started(self, event: automod.Started) -> None:
        running = self._running = _session(event, None)
        self._notify(AutomodStarted(session=running))
        if event.issued_by == self._own().id:
            self._acknowledge(automod.Start, result=running)

    def _stopped(self, event: automod.Stopped) -> None:
        running, self._running = self._running, None
        if running is not None:
            self._notify(AutomodStopped(session=running, reason=event.reason, issued_by=event.issued_by))
        self._acknowledge(automod.Stop)

    def _speaker_updated(self, event: automod.SpeakerUpdated) -> None:
        before = self._running
        if before is None:
            return
        self._running = evolve(
            before,
            speaker=event.speaker,
            history=before.history if event.history is None else event.history,
            remaining=before.remaining if event.remaining is None else event.remaining,
        )
        self._notify(SpeakerSelected(participant=self._who(event.speaker), session=self._running))
        if before.speaker == self._own().id:
            self._acknowledge(automod.PassOn, lambda command: command.next in {None, event.speaker})
        self._acknowledge(automod.Select, lambda command: _fits(command, event.speaker))

    def _remaining_updated(self, event: automod.RemainingUpdated) -> None:
        if self._running is not None:
            self._running = evolve(self._running, remaining=event.remaining)
            self._notify(RemainingSpeakersChanged(session=self._running))
            self._acknowledge(automod.Edit)

    def _start_animation(self, event: automod.StartAnimation) -> None:
        self._notify(SpeakerDrawn(pool=event.pool, result=event.result))
        self._acknowledge(automod.Select, lambda command: command.how is SelectHow.RANDOM)


def _fits(command: automod.Select, speaker: ParticipantId | None) -> bool:
    """Whether ``speaker`` can be whom the command chose; a list may be over, so that nobody is next."""
    if command.how is SelectHow.SPECIFIC:
        return command.participant == speaker
    return command.how is not SelectHow.NONE or speaker is None


def _session(told: automod.Started | automod.Config, speaker: ParticipantId | None) -> Automod:
    return Automod(
        selection_strategy=told.selection_strategy,
        issued_by=told.issued_by,
        speaker=speaker,
        history=told.history,
        remaining=told.remaining,
        time_limit=None if told.time_limit is None else told.time_limit / 1000,
        show_list=told.show_list,
        consider_hand_raise=told.consider_hand_raise,
        allow_double_selection=told.allow_double_selection,
        animation_on_random=told.animation_on_random,
        auto_append_on_join=told.auto_append_on_join,
        allow_list=told.allow_list,
        playlist=told.playlist,
    )


# -- commands ---
class AutomodCommands(CommandGroup[T]):
    """All but `pass_on` is for moderators."""

    def start(
        self,
        strategy: SelectionStrategy = SelectionStrategy.NONE,
        *,
        time_limit: float | None = None,
        show_list: bool = True,
        consider_hand_raise: bool = False,
        allow_double_selection: bool = False,
        animation_on_random: bool = False,
        auto_append_on_join: bool = False,
        allow_list: Iterable[Someone] | None = None,
        playlist: Iterable[Someone] | None = None,
    ) -> T:
        """Begin a session; done with the `Automod`. ``time_limit``: seconds for each speaker.

        ``playlist``: who speaks, in order, with the strategy of that name; ``allow_list``: who may speak, with others.
        Refused: `session_already_running`, `invalid_selection`, `insufficient_permissions`.
        """
        return self._perform(
            automod.Start(
                selection_strategy=strategy,
                time_limit=None if time_limit is None else round(time_limit * 1000),
                show_list=show_list,
                consider_hand_raise=consider_hand_raise,
                allow_double_selection=allow_double_selection,
                animation_on_random=animation_on_random,
                auto_append_on_join=auto_append_on_join,
                allow_list=_ids(allow_list),
                playlist=_ids(playlist),
            )
        )

    def edit(self, *, allow_list: Iterable[Someone] | None = None, playlist: Iterable[Someone] | None = None) -> T:
        """Change who is to speak; None is unchanged. Raises `LocalProtocolError` if no session runs.

        Refused: `invalid_selection`, `insufficient_permissions`.
        """
        self._running()
        return self._perform(automod.Edit(allow_list=_ids(allow_list), playlist=_ids(playlist)))

    def stop(self) -> T:
        """End the session. Raises `LocalProtocolError` if none runs. Refused: `insufficient_permissions`."""
        self._running()
        return self._perform(automod.Stop())

    def select(self, whom: Someone | SelectHow, *, keep_in_remaining: bool = False) -> T:
        """Give somebody the stick, or `SelectHow.NEXT` of the list, `SelectHow.RANDOM`, or `SelectHow.NONE`.

        ``keep_in_remaining``: the participant who was named may be chosen again. Raises `LocalProtocolError` if no
        session runs. Refused: `invalid_selection`, `insufficient_permissions`.
        """
        self._running()
        if whom is SelectHow.SPECIFIC:
            raise LocalProtocolError("name the participant")
        if isinstance(whom, SelectHow):
            return self._perform(automod.Select(how=whom))
        return self._perform(
            automod.Select(how=SelectHow.SPECIFIC, participant=id_of(whom), keep_in_remaining=keep_in_remaining)
        )

    def pass_on(self, to: Someone | None = None) -> T:
        """Give the own stick away, with `SelectionStrategy.NOMINATION` to somebody.

        Raises `LocalProtocolError` if we do not have it. Refused: `invalid_selection`, `insufficient_permissions`.
        """
        own = self._state().own
        if own is None or self._running().speaker != own.id:
            raise LocalProtocolError("we do not have the stick")
        return self._perform(automod.PassOn(next=None if to is None else id_of(to)))

    def _running(self) -> Automod:
        return known(self._state().of(AutomodModule), "session that runs")


def _ids(participants: Iterable[Someone] | None) -> _Ids | None:
    return None if participants is None else tuple(map(id_of, participants))
