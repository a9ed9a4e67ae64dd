"""The active speaker, as one listener sees it (media.md § 7): a queue of talkers, whose head is the focus.

Each listener has a queue of its own, which is empty when it joins: so two of them may have different focuses.
"""

from __future__ import annotations

from m3core.values import ParticipantId


class FocusQueue:
    """The talkers, in the order in which they began. `start` and `stop` return whether the focus changed."""

    def __init__(self) -> None:
        self._talkers: dict[ParticipantId, None] = {}

    @property
    def focus(self) -> ParticipantId | None:
        """The head of the queue; None: nobody talks."""
        return next(iter(self._talkers), None)

    def start(self, participant: ParticipantId) -> bool:
        """A participant begins to talk. One that is in the queue moves to its end."""
        before = self.focus
        self._talkers.pop(participant, None)
        self._talkers[participant] = None
        return self.focus != before

    def stop(self, participant: ParticipantId) -> bool:
        """A participant is silent, muted or gone."""
        before = self.focus
        self._talkers.pop(participant, None)
        return self.focus != before
