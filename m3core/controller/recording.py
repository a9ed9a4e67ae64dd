"""The server's side of namespace `recording`: the state of a room's recording (signaling.md § 11).

A recorder is an invisible participant. `start` asks one to come; the operator of recorders has to learn of it by means
of its own, and the recorder gets its ticket over REST (`resources.services`). From 0.14 on the module `streaming` takes
the place of this one.
"""

from __future__ import annotations

from attrs import define, frozen

from m3core.controller.joining import NORMAL_CLOSURE
from m3core.controller.module import Module, Occasion
from m3core.controller.room import Participant
from m3core.controller.surroundings import Surroundings
from m3core.messages import recording
from m3core.messages.recording import RecordingErrorCode, RecordingStatus


@define
class _Recording:
    """State of a room: its recording. Nothing is recorded if neither of the two is set."""

    is_initializing: bool = False
    """A recorder was asked to come. There is no timeout: if none comes, the state does not change (R)."""
    recorder: Participant | None = None


@frozen
class _Consent:
    """State of a participant: whether it agrees to be recorded."""

    is_given: bool


class Consents(Module):
    """The part of `recording` that all versions have: participants agree to be recorded, or do not."""

    NAMESPACE = "recording"

    def peer_data(
        self, peer: Participant, occasion: Occasion, receiver: Participant | None
    ) -> recording.PeerData | None:
        """The consent; None if the participant has not answered."""
        del occasion, receiver
        consent = peer.states.find(_Consent)
        return None if consent is None else recording.PeerData(consents_recording=consent.is_given)

    def left(self, participant: Participant) -> None:
        """Forget the consent: a participant that comes back is asked again."""
        participant.states.drop(_Consent)

    def set_consent(self, sender: Participant, command: recording.SetConsent) -> None:
        """Handle `set_consent`, which a subclass lists among its handlers."""
        sender.states.put(_Consent(command.consent))
        self._around.announce(sender)

    def refuse(self, sender: Participant, code: RecordingErrorCode) -> None:
        """Answer a command with `recording.error`."""
        self._around.tell(sender.session, recording.Error(error=code, timestamp=self._around.direct()))


class RecordingModule(Consents):
    """Handles the commands up to 0.13, and tells the others when the recorder joins and leaves."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._handlers = {
            recording.Start: lambda sender, _: self._start(sender),
            recording.Stop: self._stop,
            recording.SetConsent: self.set_consent,
        }

    def join_data(self, joiner: Participant) -> recording.JoinData | None:
        """The state of the recording; `null` on the wire if nothing is recorded. Recorders get no key."""
        if not joiner.is_visible:
            return None
        state = joiner.room.states.of(_Recording)
        if state.recorder is not None:
            return recording.JoinData(state=RecordingStatus.RECORDING, recording_id=state.recorder.id)
        return recording.JoinData(state=RecordingStatus.INITIALIZING if state.is_initializing else None)

    def entered(self, participant: Participant) -> None:
        """A recorder joined, whether one was asked to come or not. A second one changes nothing."""
        state = participant.room.states.of(_Recording)
        if not participant.is_visible and state.recorder is None:
            state.is_initializing, state.recorder = False, participant
            self._tell_others(participant, recording.Started)

    def left(self, participant: Participant) -> None:
        """If the recorder left, the recording is over."""
        super().left(participant)
        state = participant.room.states.of(_Recording)
        if state.recorder is participant:
            state.recorder = None
            self._tell_others(participant, recording.Stopped)

    def _tell_others(self, recorder: Participant, event: type[recording.Started | recording.Stopped]) -> None:
        told = event(recording_id=recorder.id, timestamp=self._around.relayed())
        self._around.tell_all(recorder.room.others(recorder), told)

    def _start(self, sender: Participant) -> None:
        state = sender.room.states.of(_Recording)
        if not sender.is_moderator:
            self.refuse(sender, RecordingErrorCode.INSUFFICIENT_PERMISSIONS)
        elif state.is_initializing or state.recorder is not None:
            self.refuse(sender, RecordingErrorCode.ALREADY_RECORDING)
        else:
            state.is_initializing = True

    def _stop(self, sender: Participant, command: recording.Stop) -> None:
        """Close the recorder's connection. Its leave then sends `stopped` to the others."""
        recorder = sender.room.states.of(_Recording).recorder
        if not sender.is_moderator:
            self.refuse(sender, RecordingErrorCode.INSUFFICIENT_PERMISSIONS)
        elif recorder is None or recorder.id != command.recording_id:
            self.refuse(sender, RecordingErrorCode.INVALID_RECORDING_ID)
        else:
            self._around.dismiss((recorder.session,), NORMAL_CLOSURE)
