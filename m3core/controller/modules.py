"""The namespaces of a controller, in the order in which their hooks are called.

`whiteboard`, `legal_vote`, `automod` and `shared_folder` need services that this controller does not have. They are not
in the list, and so commands of theirs are answered with `invalid_namespace` (docs/architecture.md, decision 10).
"""

from __future__ import annotations

from m3core.controller.breakout import BreakoutModule
from m3core.controller.chat import ChatModule
from m3core.controller.control import ControlModule
from m3core.controller.features import Feature
from m3core.controller.media import MediaModule
from m3core.controller.minutes import MeetingNotesModule, ProtocolModule
from m3core.controller.moderation import ModerationModule
from m3core.controller.module import Module
from m3core.controller.one_by_one import OneByOne
from m3core.controller.polls import PollsModule
from m3core.controller.recording import RecordingModule
from m3core.controller.streaming import RecordingServiceModule, StreamingModule
from m3core.controller.streams import Streams
from m3core.controller.surroundings import Surroundings
from m3core.controller.timer import TimerModule


def modules_of(around: Surroundings, streams: Streams, one_by_one: OneByOne) -> dict[str, Module]:
    """The modules of one controller, by namespace."""
    control = ControlModule(around)
    modules: list[Module] = [
        MediaModule(around, streams, one_by_one),
        control,
        ModerationModule(around, control),
        ChatModule(around),
        PollsModule(around),
        TimerModule(around),
    ]
    # Messages for the joiner come before messages about it for others (signaling.md § 5.3): first the minutes, then
    # `recording` and `breakout`.
    if around.config.pads is not None:
        minutes = MeetingNotesModule if around.has(Feature.MEETING_NOTES) else ProtocolModule
        modules.append(minutes(around, around.config.pads))
    if around.config.has_recording:
        if around.has(Feature.STREAMING_TARGETS):
            modules += [StreamingModule(around), RecordingServiceModule(around)]
        else:
            modules.append(RecordingModule(around))
    modules.append(BreakoutModule(around))
    return {module.NAMESPACE: module for module in modules}
