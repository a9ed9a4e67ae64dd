"""Public tools for tests: clients and a controller in memory on a virtual clock, fake media, Hypothesis strategies.

For adapters there are `check_adapter` and `check_adapter_over_sockets`, which every adapter must pass; `Stage`, a
controller in memory that conferences of an adapter can join; transports that record, replay and fail; `cancelled_at`.
This package may import everything of m3core, and nothing of m3core imports it.
"""

from m3core.testing.adapter import CHECKS, Outcome, check_adapter
from m3core.testing.checkpoints import cancelled_at
from m3core.testing.fakes import FakeMedia, FakeSfu
from m3core.testing.memory_media import MemoryMedia
from m3core.testing.pair import Client, World, seeded_entropy
from m3core.testing.sockets import Place, check_adapter_over_sockets
from m3core.testing.stage import Stage
from m3core.testing.transports import Faulty, Recorder, Replay, Transcript

__all__ = [
    "CHECKS",
    "Client",
    "FakeMedia",
    "FakeSfu",
    "Faulty",
    "MemoryMedia",
    "Outcome",
    "Place",
    "Recorder",
    "Replay",
    "Stage",
    "Transcript",
    "World",
    "cancelled_at",
    "check_adapter",
    "check_adapter_over_sockets",
    "seeded_entropy",
]
