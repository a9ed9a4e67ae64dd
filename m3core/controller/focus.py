"""The active speaker, as one listener sees it (media.md § 7): a queue of talkers, whose head is the focus."""

from __future__ import annotations

from m3core.values import ParticipantId


class FocusQueue:
    """Who talks. Each method returns whether the focus changed."""

    def __init__(self) -> None:
        self._talkers: dict[ParticipantId, None] = {}

    @property
    def focus(self) -> ParticipantId | None:
        """The head of the queue."""
        return next(iter(self._talkers), None)

    def start(self, participant: ParticipantId) -> bool:
        """Somebody talks; who talks again moves to the end."""
        before = self.focus
        self._talkers.pop(participant, None)
        self._talkers[participant] = None
        return self.focus != before

    def stop(self, participant: ParticipantId) -> bool:
        """Somebody is silent, muted or gone."""
        before = self.focus
        self._talkers.pop(participant, None)
        return self.focus != before
