"""Small faults in the source that the tests must notice: what a mutant is, and the list of all.

Each list is a module of its own, `mutants_<area>.py`. `kill.py` (``make mutants``) runs them; `test_mutants.py` keeps
the lists true to the source.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from attrs import field, frozen

ROOT = Path(__file__).parents[2]


@frozen
class Mutant:
    """One fault: the text ``old`` of ``file``, which stands there once, becomes ``new``; ``tests`` must then fail."""

    name: str
    """What goes wrong, in a few words."""
    file: str
    """From the root of the repository."""
    old: str = field(repr=False)
    new: str = field(repr=False)
    tests: tuple[str, ...] = field(repr=False)
    """Files or folders of tests, or single tests, from the root: as few as find it."""

    def source(self) -> str:
        """The file with the fault."""
        text = (ROOT / self.file).read_text("utf-8")
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"{self.name}: the text to change stands {found} times in {self.file}")
        return text.replace(self.old, self.new)


def areas() -> dict[str, tuple[Mutant, ...]]:
    """The mutants of every area."""
    lists = sorted(path.stem for path in Path(__file__).parent.glob("mutants_*.py"))
    return {name.removeprefix("mutants_"): importlib.import_module(name).MUTANTS for name in lists}
