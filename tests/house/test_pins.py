"""constraints.txt is complete: on this Python, no package in it needs a package that is not in it.

`make venv` installs it without resolving. So a package that is forgotten is missing from the first day, and not only
when a release appears that needs it.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "constraints.txt").read_text("utf-8")
_PIN = re.compile(r"^([a-z0-9][^ \n]*==[^\\\n]*?) *\\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def pins() -> dict[NormalizedName, str]:
    """The versions for this Python and this system."""
    every = [Requirement(pin) for pin, _hashes in _PIN.findall(TEXT)]
    here = [one for one in every if one.marker is None or one.marker.evaluate()]
    found = {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in here}
    assert len(found) == len(here), "a package has two versions"
    return found


def test_every_line_is_a_pin_with_hashes_and_names_no_index() -> None:
    assert "".join(f"{pin} \\\n{hashes}" for pin, hashes in _PIN.findall(TEXT)) == TEXT


def test_the_list_is_complete_and_has_nothing_unused() -> None:
    pinned = pins()
    wanted: set[tuple[str, str]] = set()
    pending = [Requirement("m3-conference[dev]")]
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        version = metadata.version(name)
        assert requirement.specifier.contains(version, prereleases=True), (str(requirement), version)
        assert name == "m3-conference" or pinned[name] == version, str(requirement)
        new = {(name, extra) for extra in ("", *requirement.extras)} - wanted
        wanted |= new
        needed = [Requirement(text) for text in metadata.requires(name) or ()]
        pending += [
            one
            for _, extra in new
            for one in needed
            if (one.marker.evaluate({"extra": extra}) if one.marker else not extra)
        ]
    assert pinned.keys() == {name for name, _ in wanted} - {"m3-conference"}
