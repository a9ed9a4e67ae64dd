"""Participants as messages show them: participant entries, and the keys of the modules in `join_success`."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from typing import Any

from m3core.controller.module import Module, Occasion
from m3core.controller.one_by_one import announced
from m3core.controller.room import EncodedEntries, Participant
from m3core.limits import MAX_ENTRY_FORMS
from m3core.messages import control, encode_value
from m3core.messages.participants import ControlState, MediaState, ParticipantEntry
from m3core.values import MediaSessionType, Timestamp


class Entries:
    """Makes entries. With ``tells_owner`` they have `is_room_owner` (L 0.9)."""

    def __init__(self, modules: Collection[Module], *, tells_owner: bool) -> None:
        # Every join asks every module about every participant: modules without an answer are left out here.
        self._joining = tuple(module for module in modules if type(module).join_data is not Module.join_data)
        self._of_peers = tuple(module for module in modules if type(module).peer_data is not Module.peer_data)
        self._tells_owner = tells_owner

    def others(self, joiner: Participant) -> tuple[ParticipantEntry, ...]:
        """The `participants` of a `join_success`: the others in the room, then those who left it."""
        return tuple([self._entry(other, joiner) for other in _told_of(joiner)])

    def encoded_others(self, joiner: Participant) -> list[bytes]:
        """The same, each as JSON. What was encoded for an earlier joiner, and has not changed since, is used again.

        A room of 400 would encode 80,000 entries if all of them joined, and most of them would be equal.
        """
        room_version = joiner.room.states.version
        form: Hashable = joiner.groups
        one_by_one = joiner.session.one_by_one
        found: list[bytes] = []
        for other in _told_of(joiner):
            if one_by_one:
                form = (joiner.groups, *announced(other, joiner))
            version = (other.version, other.states.version, room_version)
            known = other.encoded
            if known is None or known.version != version:
                known = other.encoded = EncodedEntries(version)
            data = known.forms.get(form)
            if data is None:
                if len(known.forms) >= MAX_ENTRY_FORMS:
                    known.forms.clear()
                data = known.forms[form] = encode_value(self._entry(other, joiner))
            found.append(data)
        return found

    def join_data(self, joiner: Participant) -> dict[str, Any]:
        """The keys of the namespaces in `join_success`, with their values."""
        data = {module.NAMESPACE: module.join_data(joiner) for module in self._joining}
        return {namespace: value for namespace, value in data.items() if value is not None}

    def joined(self, participant: Participant, receiver: Participant, timestamp: Timestamp) -> control.Joined:
        """The message about a joiner for ``receiver``, and for all others with the same groups as ``receiver``."""
        return control.Joined(
            id=participant.id,
            control=control_state(participant, tells_owner=self._tells_owner),
            media=media_state(participant),
            timestamp=timestamp,
            **self._peer_data(participant, Occasion.JOINED, receiver),
        )

    def update(
        self, participant: Participant, timestamp: Timestamp, receiver: Participant | None = None
    ) -> control.Update:
        """The message about a change of ``participant``: complete, not a delta (signaling.md § 5.2).

        It is the same for all others, except for a ``receiver`` that may not know of all streams (`one_by_one`).
        """
        return control.Update(
            id=participant.id,
            control=control_state(participant, tells_owner=self._tells_owner),
            media=media_state(participant, receiver),
            timestamp=timestamp,
            **self._peer_data(participant, Occasion.UPDATE, None),
        )

    def _entry(self, participant: Participant, receiver: Participant) -> ParticipantEntry:
        return ParticipantEntry(
            id=participant.id,
            control=control_state(participant, tells_owner=self._tells_owner),
            media=media_state(participant, receiver),
            **self._peer_data(participant, Occasion.JOIN_SUCCESS, receiver),
        )

    def _peer_data(self, peer: Participant, occasion: Occasion, receiver: Participant | None) -> dict[str, Any]:
        data = {module.NAMESPACE: module.peer_data(peer, occasion, receiver) for module in self._of_peers}
        return {namespace: value for namespace, value in data.items() if value is not None}


def _told_of(joiner: Participant) -> Iterator[Participant]:
    """Who stands in the `join_success` of ``joiner``, in order."""
    for other in joiner.room.present.values():
        if other is not joiner and other.is_visible:
            yield other
    yield from joiner.room.gone.values()


def control_state(participant: Participant, *, tells_owner: bool) -> ControlState:
    """The `control` key of an entry (signaling.md § 5.2)."""
    return ControlState(
        display_name=participant.display_name,
        role=participant.role,
        avatar_url=participant.avatar_url,
        participation_kind=participant.kind,
        hand_is_up=participant.hand_is_up,
        hand_updated_at=participant.hand_updated_at,
        joined_at=participant.joined_at,
        left_at=participant.left_at,
        is_room_owner=participant.is_owner if tells_owner else None,
    )


def media_state(participant: Participant, receiver: Participant | None = None) -> MediaState:
    """The `media` key of an entry: the streams that were announced, as far as ``receiver`` may know of them."""
    states = announced(participant, receiver)
    return MediaState(
        is_presenter=participant.is_presenter,
        video=states.get(MediaSessionType.VIDEO),
        screen=states.get(MediaSessionType.SCREEN),
    )
