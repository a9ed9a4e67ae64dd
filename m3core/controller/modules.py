"""Which namespaces a controller has, in the order in which they have their say."""

from __future__ import annotations

from m3core.controller.chat import ChatModule
from m3core.controller.control import ControlModule
from m3core.controller.echo import EchoModule
from m3core.controller.media import MediaModule
from m3core.controller.moderation import ModerationModule
from m3core.controller.module import Module
from m3core.controller.polls import PollsModule
from m3core.controller.streams import Streams
from m3core.controller.surroundings import Surroundings
from m3core.controller.timer import TimerModule


def modules_of(around: Surroundings, streams: Streams) -> dict[str, Module]:
    """The modules of one controller, by namespace. What it does not have is answered with `invalid_namespace`."""
    control = ControlModule(around)
    modules: list[Module] = [
        MediaModule(around, streams),
        control,
        ModerationModule(around, control),
        ChatModule(around),
        PollsModule(around),
        TimerModule(around),
        EchoModule(around),
    ]
    return {module.NAMESPACE: module for module in modules}
