"""The server's side of the minutes, a pad: namespace `protocol`, later named `meeting_notes` (signaling.md § 13).

The pad is a port, `config.Pads`. It makes addresses at once, so the errors `currently_initializing` and
`failed_initialization` never occur. Texts of the pad do not pass through the controller.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import define, frozen

from m3core.controller.config import Pads
from m3core.controller.features import Feature
from m3core.controller.module import Module, Occasion
from m3core.controller.room import LiveRoom, Participant
from m3core.controller.surroundings import Surroundings
from m3core.messages import meeting_notes, minutes, protocol
from m3core.messages.minutes import ProtocolErrorCode


@define
class _Pad:
    """State of a room: its pad."""

    is_made: bool = False
    """Whether a moderator has selected a writer. From then on every participant has a session on the pad."""


@frozen
class _PadSession:
    """State of a participant: its session on the pad."""

    readonly: bool


class MinutesModule(Module):
    """Handles the commands of moderators, and gives everybody an address. Each name of the namespace is a subclass."""

    _SELECT: ClassVar[type[minutes.SelectWriter]]
    _DESELECT: ClassVar[type[minutes.DeselectWriter]]
    _GENERATE_PDF: ClassVar[type[minutes.GeneratePdf]]
    _READ_URL: ClassVar[type[minutes.ReadUrl]]
    _WRITE_URL: ClassVar[type[minutes.WriteUrl]]
    _ERROR: ClassVar[type[minutes.Error]]

    def __init__(self, around: Surroundings, pads: Pads) -> None:
        super().__init__(around)
        self._pads = pads
        self._handlers = {
            self._SELECT: self._select,
            self._DESELECT: self._deselect,
            self._GENERATE_PDF: lambda sender, _: self._generate_pdf(sender),
        }

    def peer_data(self, peer: Participant, occasion: Occasion, receiver: Participant | None) -> minutes.PeerData | None:
        """Whether the participant may only read; None without a session."""
        del occasion, receiver
        session = peer.states.find(_PadSession)
        return None if session is None else minutes.PeerData(readonly=session.readonly)

    def entered(self, participant: Participant) -> None:
        """Give a newcomer an address to read, also one who could write before it left."""
        if participant.room.states.of(_Pad).is_made:
            self._hand_out(participant, readonly=True)

    def left(self, participant: Participant) -> None:
        """End the session on the pad."""
        participant.states.drop(_PadSession)

    # -- commands ---
    def _select(self, sender: Participant, command: minutes.SelectWriter) -> None:
        """The first command gives everybody an address; later ones only those who are selected.

        A selection with unknown ids is an error, and its known ids are selected all the same (R).
        """
        if not sender.is_moderator:
            self._refuse(sender, ProtocolErrorCode.INSUFFICIENT_PERMISSIONS)
            return
        room, pad = sender.room, sender.room.states.of(_Pad)
        wanted = set(command.participant_ids)
        if not wanted <= room.present.keys():
            self._refuse(sender, ProtocolErrorCode.INVALID_PARTICIPANT_SELECTION)
        told = self._selected(room, command) if pad.is_made else list(room.present.values())
        pad.is_made = True
        for participant in told:
            self._hand_out(participant, readonly=participant.id not in wanted)

    def _deselect(self, sender: Participant, command: minutes.DeselectWriter) -> None:
        """Give those of the selected who may write an address where they may only read."""
        room = sender.room
        if not sender.is_moderator:
            self._refuse(sender, ProtocolErrorCode.INSUFFICIENT_PERMISSIONS)
        elif not room.states.of(_Pad).is_made:
            self._refuse(sender, ProtocolErrorCode.NOT_INITIALIZED)
        elif not set(command.participant_ids) <= room.present.keys():
            self._refuse(sender, ProtocolErrorCode.INVALID_PARTICIPANT_SELECTION)
        else:
            for participant in self._selected(room, command):
                session = participant.states.find(_PadSession)
                if session is not None and not session.readonly:
                    self._hand_out(participant, readonly=True)

    def _generate_pdf(self, sender: Participant) -> None:
        """Refuse: this controller has no store for files. Levels before 0.11 have no error for that: no answer."""
        if not sender.is_moderator:
            self._refuse(sender, ProtocolErrorCode.INSUFFICIENT_PERMISSIONS)
        elif not sender.room.states.of(_Pad).is_made:
            self._refuse(sender, ProtocolErrorCode.NOT_INITIALIZED)
        elif self._around.has(Feature.STORAGE_QUOTA):
            self._refuse(sender, ProtocolErrorCode.STORAGE_EXCEEDED)

    # -- helpers ---
    def _selected(self, room: LiveRoom, command: minutes.SelectWriter | minutes.DeselectWriter) -> list[Participant]:
        ids = dict.fromkeys(command.participant_ids)
        return [room.present[one] for one in ids if one in room.present]

    def _hand_out(self, participant: Participant, *, readonly: bool) -> None:
        """Send a participant its address. Each address causes an `update` for the others (signaling.md § 13)."""
        room = participant.room
        participant.states.put(_PadSession(readonly))
        place = room.meeting.room.id, room.breakout, participant.id
        now = self._around.direct()
        event = (
            self._READ_URL(url=self._pads.read_url(*place), timestamp=now)
            if readonly
            else self._WRITE_URL(url=self._pads.write_url(*place), timestamp=now)
        )
        self._around.tell(participant.session, event)
        self._around.announce(participant)

    def _refuse(self, sender: Participant, code: ProtocolErrorCode) -> None:
        self._around.tell(sender.session, self._ERROR(error=code, timestamp=self._around.direct()))


class ProtocolModule(MinutesModule):
    """The minutes up to level 0.15."""

    NAMESPACE = "protocol"
    _SELECT = protocol.SelectWriter
    _DESELECT = protocol.DeselectWriter
    _GENERATE_PDF = protocol.GeneratePdf
    _READ_URL = protocol.ReadUrl
    _WRITE_URL = protocol.WriteUrl
    _ERROR = protocol.Error


class MeetingNotesModule(MinutesModule):
    """The minutes from level 0.16 on."""

    NAMESPACE = "meeting_notes"
    _SELECT = meeting_notes.SelectWriter
    _DESELECT = meeting_notes.DeselectWriter
    _GENERATE_PDF = meeting_notes.GeneratePdf
    _READ_URL = meeting_notes.ReadUrl
    _WRITE_URL = meeting_notes.WriteUrl
    _ERROR = meeting_notes.Error
