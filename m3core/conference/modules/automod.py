"""Namespace `automod`: a talking stick that passes from speaker to speaker (signaling.md § 18; L).

The stick changes nothing in who may send media. Clients are expected to mute themselves while they do not have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar, TypeAlias

from attrs import evolve, frozen

from m3core.conference.common import Participant
from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, Someone, T, id_of, known, rule
from m3core.errors import LocalProtocolError, WrongValue
from m3core.messages import Command, Event, automod
from m3core.messages.automod import SelectHow, SelectionStrategy, StopReason
from m3core.messages.control import JoinSuccess
from m3core.values import ParticipantId

_Ids: TypeAlias = tuple[ParticipantId, ...]


# -- state: `ConferenceState.automod` is an `Automod`, or None ---
@frozen(kw_only=True)
class Automod:
    """A running session of the talking stick."""

    selection_strategy: SelectionStrategy
    """Who chooses the next speaker."""
    issued_by: ParticipantId
    speaker: ParticipantId | None = None
    """Who has the stick, perhaps ourselves; None: nobody."""
    history: _Ids = ()
    """Who had the stick, the latest last. It is empty without ``show_list``, and so is ``remaining``."""
    remaining: _Ids = ()
    """Who still gets the stick."""
    time_limit: float | None = None
    """Seconds for each speaker; None: no limit. The server does not enforce the limit."""
    show_list: bool = False
    consider_hand_raise: bool = False
    allow_double_selection: bool = False
    animation_on_random: bool = False
    auto_append_on_join: bool = False
    allow_list: _Ids | None = None
    """Who may be chosen; None: the server did not say."""
    playlist: _Ids | None = None
    """The order of speakers, with `SelectionStrategy.PLAYLIST`; None: the server did not say."""


# -- events ---
@frozen(kw_only=True)
class AutomodStarted(ConferenceEvent):
    """A session runs. ``speaker`` has the stick; None: nobody has it."""

    session: Automod
    speaker: Participant | None = None


@frozen(kw_only=True)
class AutomodStopped(ConferenceEvent):
    """The session is over. ``issued_by`` stopped it; None: it ended by itself."""

    session: Automod
    reason: StopReason
    issued_by: ParticipantId | None = None


@frozen(kw_only=True)
class SpeakerSelected(ConferenceEvent):
    """``participant``, perhaps ourselves, has the stick now. None: nobody, or somebody who is unknown here."""

    participant: Participant | None
    session: Automod


@frozen(kw_only=True)
class RemainingSpeakersChanged(ConferenceEvent):
    """The list of those who still get the stick, or its order, has changed."""

    session: Automod


@frozen(kw_only=True)
class SpeakerDrawn(ConferenceEvent):
    """The server chose ``result`` from ``pool`` at random, and asks for an animation. `SpeakerSelected` follows."""

    pool: tuple[ParticipantId, ...]
    result: ParticipantId


# -- the module ---
_SELECT = rule("insufficient_permissions", "invalid_selection")


class AutomodModule(ClientModule[Automod | None]):
    """The running session."""

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
    """The allow list and the playlist before our last `Edit`: they are valid again if the server refuses it."""
    _missed: tuple[ConferenceEvent, ...] = ()

    def build(self) -> Automod | None:
        return self._running

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            automod.Started: self._started,
            automod.Stopped: self._stopped,
            automod.SpeakerUpdated: self._speaker_updated,
            automod.RemainingUpdated: self._remaining_updated,
            automod.StartAnimation: self._start_animation,
            automod.Error: lambda event: self._refuse(event.error.value),
        }

    def entered(self, join: JoinSuccess) -> None:
        before, self._running, self._missed = self._running, None, ()
        if join.automod is not None:
            running = self._running = _session(join.automod.config, join.automod.speaker)
            if before is None:
                self._missed = self.present_events()
            elif before.speaker != running.speaker:
                self._missed = (SpeakerSelected(participant=self._who(running.speaker), session=running),)

    def left(self) -> None:
        self._running = None

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        running = self._running
        return () if running is None else (AutomodStarted(session=running, speaker=self._who(running.speaker)),)

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        return self._missed

    def sent(self, command: Command) -> None:
        # The server answers an edit with `remaining_updated`, which has neither of the two lists (signaling.md § 18).
        if isinstance(command, automod.Edit) and self._running is not None:
            before = self._running
            self._lists_before = (before.allow_list, before.playlist)
            self._running = evolve(
                before,
                allow_list=before.allow_list if command.allow_list is None else command.allow_list,
                playlist=before.playlist if command.playlist is None else command.playlist,
            )

    def refused(self, command: Command) -> None:
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
        # No message acknowledges `yield` or `select`: only the new speaker shows that one of them worked.
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
    """Whether ``command`` can have led to ``speaker``. The next of a list that is over is nobody."""
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
    """All commands but `pass_on` are for moderators."""

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
        """Start a session; done with the `Automod`. ``time_limit``: seconds for each speaker.

        ``playlist``: who speaks, in this order, with `SelectionStrategy.PLAYLIST`. ``allow_list``: who may speak, with
        the other strategies.
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
        """Change who may speak; None leaves a list unchanged. Raises `LocalProtocolError` if no session runs.

        Refused: `invalid_selection`, `insufficient_permissions`.
        """
        self._running()
        return self._perform(automod.Edit(allow_list=_ids(allow_list), playlist=_ids(playlist)))

    def stop(self) -> T:
        """Stop the session. Raises `LocalProtocolError` if none runs. Refused: `insufficient_permissions`."""
        self._running()
        return self._perform(automod.Stop())

    def select(self, whom: Someone | SelectHow, *, keep_in_remaining: bool = False) -> T:
        """Give the stick to a participant, or as `SelectHow` says: to the next of the list, at random, or to nobody.

        ``keep_in_remaining``: a participant who is named here may be chosen again. Raises `LocalProtocolError` if no
        session runs. Refused: `invalid_selection`, `insufficient_permissions`.
        """
        self._running()
        if whom is SelectHow.SPECIFIC:
            raise WrongValue("SelectHow.SPECIFIC does not say who: name the participant instead")
        if isinstance(whom, SelectHow):
            return self._perform(automod.Select(how=whom))
        return self._perform(
            automod.Select(how=SelectHow.SPECIFIC, participant=id_of(whom), keep_in_remaining=keep_in_remaining)
        )

    def pass_on(self, to: Someone | None = None) -> T:
        """Pass our stick on. ``to``: the next speaker, with `SelectionStrategy.NOMINATION`.

        Raises `LocalProtocolError` if we do not have it. Refused: `invalid_selection`, `insufficient_permissions`.
        """
        own = self._state().own
        if own is None or self._running().speaker != own.id:
            raise LocalProtocolError("only the speaker can pass the stick on, and we do not have the stick")
        return self._perform(automod.PassOn(next=None if to is None else id_of(to)))

    def _running(self) -> Automod:
        return known(self._state().of(AutomodModule), "no automod session runs; start one first")


def _ids(participants: Iterable[Someone] | None) -> _Ids | None:
    return None if participants is None else tuple(map(id_of, participants))
