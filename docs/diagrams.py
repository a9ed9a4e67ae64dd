"""Draws docs/state-diagrams.md from the state tables (``make diagrams``).

A test compares the file with the tables. With ``--check`` the exit code is 1 if they differ, and nothing is written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

from m3core.negotiation import TRANSITIONS
from m3core.signaling import CLIENT_SENDS, REFUSALS, SERVER_SENDS

StateT = TypeVar("StateT", bound=Enum)
InputT = TypeVar("InputT")
TARGET = Path(__file__).parent / "state-diagrams.md"


def _edges(rows: Mapping[StateT, Mapping[InputT, StateT]], mark: str) -> Iterator[str]:
    for state, inputs in rows.items():
        by_target: dict[StateT, list[str]] = {}
        for name, to in inputs.items():
            by_target.setdefault(to, []).append(str(name.value if isinstance(name, Enum) else name))
        for to, names in by_target.items():
            yield f"    {_name(state)} --> {_name(to)}: {mark}{', '.join(names)}"


def _name(state: Enum) -> str:
    return str(state.value).replace("-", "_")


def _refusals() -> Iterator[str]:
    yield "| state | what a client sends | answer |"
    yield "|---|---|---|"
    for state, rows in REFUSALS.items():
        for kind, slug in rows.items():
            yield f"| {state.value} | `{kind}` | {'silence' if slug == 'drop' else f'`{slug}`'} |"


def draw() -> str:
    """The text of docs/state-diagrams.md."""
    lines = [
        "# State diagrams",
        "",
        "Drawn from the tables of `m3core/signaling.py` and `m3core/negotiation.py` by `make diagrams`.",
        "",
        "## Signalling",
        "",
        "`>` is sent by the client, `<` by the server. `*` stands for all namespaces but `control`.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> new",
        *_edges(CLIENT_SENDS, "> "),
        *_edges(SERVER_SENDS, "< "),
        "```",
        "",
        "What a server answers to a message that is not in the diagram:",
        "",
        *_refusals(),
    ]
    for role, rows in TRANSITIONS.items():
        title = f"## Negotiation, {role.value}"
        lines += ["", title, "", "```mermaid", "stateDiagram-v2", "    [*] --> new", *_edges(rows, ""), "```"]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the file or, with ``--check``, compare it; returns the exit code."""
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.read_text("utf-8") == draw() else 1
    TARGET.write_text(draw(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
