"""Turns what the server tells about a participant into a `Participant`, by the merge rule of signaling.md § 5.2."""

from __future__ import annotations

from types import MappingProxyType
from typing import TypeAlias

from attrs import evolve

from m3core.conference.common import Participant, Stream
from m3core.messages.control import Joined, Update
from m3core.messages.participants import ParticipantEntry
from m3core.values import MediaSessionType

Entry: TypeAlias = ParticipantEntry | Joined | Update


def newcomer(entry: Entry) -> Participant:
    """A participant of whom nothing was known before ``entry``."""
    return merged(Participant(id=entry.id, display_name=""), entry)


def merged(before: Participant, entry: Entry) -> Participant:
    """``before`` with the values that ``entry`` has; a namespace that it leaves out is unchanged."""
    after = before
    if entry.control is not None:
        control = entry.control
        after = evolve(
            after,
            display_name=control.display_name,
            role=control.role,
            kind=control.participation_kind,
            avatar_url=control.avatar_url,
            hand_is_up=control.hand_is_up,
            hand_updated_at=control.hand_updated_at or after.hand_updated_at,
            joined_at=control.joined_at or after.joined_at,
            left_at=control.left_at,
        )
    if entry.media is not None:  # a stream that is missing in it is not published any more
        media = entry.media
        streams = {
            kind: Stream(media_session_type=kind, audio=state.audio, video=state.video)
            for kind, state in ((MediaSessionType.VIDEO, media.video), (MediaSessionType.SCREEN, media.screen))
            if state is not None
        }
        after = evolve(after, is_presenter=media.is_presenter, streams=MappingProxyType(streams))
    if entry.chat is not None:
        after = evolve(after, groups=entry.chat.groups)
    minutes = entry.meeting_notes or entry.protocol  # renamed late in the 0.x releases (signaling.md § 13)
    if minutes is not None:
        after = evolve(after, may_write_minutes=not minutes.readonly)
    if entry.recording is not None:
        told = entry.recording
        consents = told.recording_consent if told.consents_recording is None else told.consents_recording
        after = evolve(after, consents_recording=consents)
    if entry.modules:
        after = evolve(after, modules=MappingProxyType({**after.modules, **entry.modules}))
    return after
