"""Terminals: colours where they are wanted, tables, JSON lines. NO_COLOR and pipes get plain text (rich sees to it)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = ("bold cyan", "bold magenta", "bold green", "bold yellow", "bold blue")


class Output:
    """Where a command prints. ``json``: text goes to stderr, so that stdout is for programs alone."""

    def __init__(self, *, json: bool = False) -> None:
        self._json = json
        stream = sys.stderr if json else sys.stdout
        width = None if stream.isatty() else 120
        self._console = Console(file=stream, highlight=False, width=width, soft_wrap=True, emoji=False)

    def line(self, *parts: str | tuple[str, str]) -> None:
        """One line of texts, or of (text, style)."""
        safe = ((_printable(part), "") if isinstance(part, str) else (_printable(part[0]), part[1]) for part in parts)
        self._console.print(Text.assemble(*safe), soft_wrap=True)

    def table(self, title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """A table; all columns but the first are numbers."""
        table = Table(title=title, title_justify="left", title_style="bold")
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(_printable(cell)) for cell in row))
        self._console.print(table, soft_wrap=False)

    def object(self, value: Mapping[str, object]) -> None:
        """One JSON object on one line of stdout, at once."""
        if self._json:
            try:
                print(json.dumps(value, ensure_ascii=False), flush=True)
            except UnicodeEncodeError:  # a terminal that has few letters, or half a surrogate pair
                print(json.dumps(value), flush=True)


def _printable(text: str) -> str:
    """What others wrote must not move the cursor, colour the terminal, or pretend to be a line of ours."""
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "\ufffd" for letter in text)
