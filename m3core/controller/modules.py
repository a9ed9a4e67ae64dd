"""Which namespaces a controller has, in the order in which they have their say."""

from __future__ import annotations

from m3core.controller.control import ControlModule
from m3core.controller.media import MediaModule
from m3core.controller.moderation import ModerationModule
from m3core.controller.module import Module
from m3core.controller.streams import Streams
from m3core.controller.surroundings import Surroundings


def modules_of(around: Surroundings, streams: Streams) -> dict[str, Module]:
    """The modules of one controller, by namespace. What it does not have is answered with `invalid_namespace`."""
    control = ControlModule(around)
    modules: list[Module] = [MediaModule(around, streams), control, ModerationModule(around, control)]
    return {module.NAMESPACE: module for module in modules}
