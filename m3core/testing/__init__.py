"""Tools for tests, public: clients and a controller in memory on a virtual clock, fake media, Hypothesis strategies.

May import anything of m3core; nothing of m3core imports it.
"""

from m3core.testing.fakes import FakeMedia, FakeSfu
from m3core.testing.pair import Client, World, seeded_entropy

__all__ = ["Client", "FakeMedia", "FakeSfu", "World", "seeded_entropy"]
