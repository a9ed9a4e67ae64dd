"""How the snapshot of a conference is put together from its parts."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from m3core.conference.state import ConferenceState

if TYPE_CHECKING:
    from m3core.conference.engine import Conference


def snapshot_of(conference: Conference) -> ConferenceState:
    """Everything that is known now; the states of modules that did not change are the same objects as before."""
    modules = conference.modules
    return ConferenceState(
        phase=conference.phase,
        room_id=conference.life.room_id,
        own=conference.own,
        participants=MappingProxyType(dict(conference.roster.participants)),
        focus=conference.roster.focus,
        publications=conference.publications.states(),
        subscriptions=conference.subscriptions.states(),
        modules=conference.raw_modules,
        control=modules.control.state,
        media=modules.media.state,
        moderation=modules.moderation.state,
        chat=modules.chat.state,
        polls=modules.polls.state,
        timer=modules.timer.state,
        breakout=modules.breakout.state,
        recording=modules.recording.state,
        recording_service=modules.recording_service.state,
        minutes=modules.minutes.state,
        whiteboard=modules.whiteboard.state,
        legal_vote=modules.legal_vote.state,
        automod=modules.automod.state,
        shared_folder=modules.shared_folder.state,
        ended=conference.life.ended,
    )
