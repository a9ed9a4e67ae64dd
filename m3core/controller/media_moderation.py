"""The commands of moderators in namespace `media`: muting, presenters, force mute (media.md § 2, 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import define, evolve

from m3core.controller.features import Feature
from m3core.controller.room import LiveRoom, Participant
from m3core.controller.streams import Streams
from m3core.controller.surroundings import Surroundings
from m3core.limits import MAX_PARTICIPANTS
from m3core.messages import Command, media
from m3core.messages.media import ForceMute, ForceMuteType, MediaErrorCode
from m3core.messages.participants import StreamState
from m3core.values import MediaSessionType, ParticipantId


@define
class _ForceMute:
    """State of a room: force mute, and who may speak under it."""

    allow_list: tuple[ParticipantId, ...] | None = None
    """None: force mute is off. Empty: nobody may speak."""


def may_share(participant: Participant) -> bool:
    """Whether ``participant`` may share the screen: moderators always may (media.md § 2, publish)."""
    return participant.is_presenter or participant.is_moderator


class MediaModeration:
    """Handles these commands for `media.MediaModule`, which is the module of the namespace."""

    def __init__(self, around: Surroundings, streams: Streams) -> None:
        self._around = around
        self._streams = streams
        self.handlers: Mapping[type[Command], Callable[[Participant, Any], None]] = {
            media.ModeratorMute: self._mute,
            media.GrantPresenterRole: self._set_presenters,
            media.RevokePresenterRole: self._set_presenters,
            media.ModeratorEnableForceMute: self._enable_force_mute,
            media.ModeratorDisableForceMute: lambda sender, _: self._disable_force_mute(sender),
        }

    def _may(self, sender: Participant) -> bool:
        if not sender.is_moderator:
            self._streams.refuse(sender, MediaErrorCode.PERMISSION_DENIED)
        return sender.is_moderator

    # -- muting ---
    def _mute(self, sender: Participant, command: media.ModeratorMute) -> None:
        """Ask the targets to mute themselves; without targets, all others.

        Servers before 0.16 read only a list of ids, and ignore the other forms.
        """
        if not (isinstance(command.targets, tuple) or self._around.has(Feature.FORCE_MUTE)):
            return
        if not self._may(sender):
            return
        room = sender.room
        wanted: Iterable[ParticipantId]
        if command.targets is None:
            wanted = [other.id for other in room.others(sender)]
        else:
            wanted = (command.targets,) if isinstance(command.targets, str) else command.targets
        targets = [room.present[target] for target in dict.fromkeys(wanted) if target in room.present]
        event = media.RequestMute(issuer=sender.id, force=command.force, timestamp=self._around.relayed())
        self._around.tell_all(targets, event)

    # -- force mute ---
    def may_speak(self, participant: Participant) -> bool:
        """Whether a stream of ``participant`` may have sound now. Moderators are no exception."""
        allowed = participant.room.states.of(_ForceMute).allow_list
        return allowed is None or participant.id in allowed

    def force_mute(self, room: LiveRoom) -> ForceMute:
        """The state that `join_success` shows."""
        allowed = room.states.of(_ForceMute).allow_list
        kind = ForceMuteType.DISABLED if allowed is None else ForceMuteType.ENABLED
        return ForceMute(type=kind, allow_list=allowed)

    def _enable_force_mute(self, sender: Participant, command: media.ModeratorEnableForceMute) -> None:
        """Switch force mute on. Clients mute themselves when they get the event.

        The controller stops relaying the sound of those that do not. A list of more than `MAX_PARTICIPANTS` ids is cut,
        since no room holds as many.
        """
        if self._around.has(Feature.FORCE_MUTE) and self._may(sender):
            allowed = tuple(dict.fromkeys(command.allow_list))[:MAX_PARTICIPANTS]
            sender.room.states.of(_ForceMute).allow_list = allowed
            event = media.ForceMuteEnabled(allow_list=allowed, timestamp=self._around.relayed())
            self._around.tell_all(sender.room.present.values(), event)
            for participant in sender.room.present.values():
                if not self.may_speak(participant):
                    self._silence(participant)

    def _silence(self, participant: Participant) -> None:
        # Streams that were not announced have no state to change, and are relayed all the same.
        for kind, publisher in participant.publishers.items():
            if kind not in participant.announced:
                self._streams.relay(publisher, StreamState(audio=False, video=True))
        for kind, state in list(participant.announced.items()):
            if state.audio:
                self._streams.change(participant, kind, evolve(state, audio=False))

    def _disable_force_mute(self, sender: Participant) -> None:
        if self._around.has(Feature.FORCE_MUTE) and self._may(sender):
            sender.room.states.of(_ForceMute).allow_list = None
            event = media.ForceMuteDisabled(timestamp=self._around.relayed())
            self._around.tell_all(sender.room.present.values(), event)

    # -- presenters ---
    def _set_presenters(
        self, sender: Participant, command: media.GrantPresenterRole | media.RevokePresenterRole
    ) -> None:
        if not self._may(sender):
            return
        granted = isinstance(command, media.GrantPresenterRole)
        room = sender.room
        for target in [room.present[one] for one in dict.fromkeys(command.participant_ids) if one in room.present]:
            if target.is_presenter is granted:
                continue
            target.is_presenter = granted
            event = media.PresenterGranted if granted else media.PresenterRevoked
            self._around.tell(target.session, event(timestamp=self._around.relayed()))
            screen = target.publishers.get(MediaSessionType.SCREEN)
            # A running share ends with the permission for it (media.md § 2, revoke_presenter_role).
            if not granted and screen is not None and not target.is_moderator:
                if screen.is_up:
                    self._streams.tell_down(target, screen.key)
                self._streams.end_publisher(target, screen)
                self._streams.silence(target, screen)
            self._around.announce(target)
