"""What commands print: coloured lines, tables, JSON lines. With NO_COLOR and in pipes rich prints plain text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = ("bold cyan", "bold magenta", "bold green", "bold yellow", "bold blue")


class Output:
    """Where a command prints. ``json``: text goes to stderr, so that stdout has only JSON, for programs."""

    def __init__(self, *, json: bool = False) -> None:
        self._json = json
        stream = sys.stderr if json else sys.stdout
        width = None if stream.isatty() else 120  # rich assumes 80 for pipes, and cuts long names off
        self._console = Console(file=stream, highlight=False, width=width, soft_wrap=True, emoji=False)

    def line(self, *parts: str | tuple[str, str]) -> None:
        """Print one line. Its parts are texts, or texts with a style of rich."""
        safe = ((_printable(part), "") if isinstance(part, str) else (_printable(part[0]), part[1]) for part in parts)
        self._console.print(Text.assemble(*safe), soft_wrap=True)

    def table(self, title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """Print a table. All columns but the first are aligned as numbers."""
        table = Table(title=title, title_justify="left", title_style="bold")
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(_printable(cell)) for cell in row))
        self._console.print(table, soft_wrap=False)

    def object(self, value: Mapping[str, object]) -> None:
        """Print one JSON object as a line of stdout, and flush it. Nothing without ``json``."""
        if self._json:
            try:
                print(json.dumps(value, ensure_ascii=False), flush=True)
            except UnicodeEncodeError:  # the encoding of stdout lacks a letter, or the text has half a surrogate pair
                print(json.dumps(value), flush=True)


def _printable(text: str) -> str:
    """``text`` without control characters: those of a chat message could move the cursor, or fake a line of ours."""
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "\ufffd" for letter in text)
