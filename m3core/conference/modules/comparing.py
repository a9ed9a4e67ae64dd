"""Modules whose whole state is in `join_success`, so that a comparison shows what the user missed."""

from __future__ import annotations

from abc import abstractmethod

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import ClientModule, StateT
from m3core.messages.control import JoinSuccess


class ComparingModule(ClientModule[StateT]):
    """A module of few present events, which tell all: those that are new after a lost connection were missed."""

    _missed: tuple[ConferenceEvent, ...] = ()

    @abstractmethod
    def restore(self, join: JoinSuccess) -> None:
        """Take the state from ``join``: what `entered` is in other modules."""

    def entered(self, join: JoinSuccess) -> None:
        before, self._missed = self.present_events(), ()
        self.restore(join)
        self._missed = tuple(event for event in self.present_events() if event not in before)

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        return self._missed
