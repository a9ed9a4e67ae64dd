"""Modules of which `join_success` tells everything: what was missed is what is there now and was not before."""

from __future__ import annotations

from abc import abstractmethod

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import ClientModule, StateT
from m3core.messages.control import JoinSuccess


class ComparingModule(ClientModule[StateT]):
    """A module whose present events are few, and each tells all that matters of what it is about."""

    _missed: tuple[ConferenceEvent, ...] = ()

    @abstractmethod
    def restore(self, join: JoinSuccess) -> None:
        """What `entered` is to others."""

    def entered(self, join: JoinSuccess) -> None:
        """We are in the room, perhaps again."""
        before, self._missed = self.present_events(), ()
        self.restore(join)
        self._missed = tuple(event for event in self.present_events() if event not in before)

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        """What is new since we were last in the room."""
        return self._missed
