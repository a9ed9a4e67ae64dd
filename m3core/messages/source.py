"""Functions that are generated from message classes: their text and its names. Also ids that are known to be UUIDs."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from itertools import count
from typing import Any, Final, TypeAlias

from m3core.errors import MalformedMessage, WrongType, WrongValue
from m3core.values import is_uuid

Generated: TypeAlias = Callable[..., Any]
_MAX_KNOWN_IDS: Final = 8192
_NUMBERS: Final = count(1)
"""Two classes of one name have two texts, and so two file names."""


class _KnownIds(dict[str, str]):
    """Texts that are UUIDs, so that each is checked once: most messages are about the same few participants.

    ``ids[text]`` is the first text that was equal to ``text``, so that each id is in memory once. It is emptied when it
    is full.
    """

    def __missing__(self, text: str) -> str:
        """Raise `MalformedMessage` for a text that is no UUID."""
        if not is_uuid(text):
            raise MalformedMessage("not a UUID")
        if len(self) >= _MAX_KNOWN_IDS:
            self.clear()
        self[text] = text
        return text

    def check_own(self, text: object, what: str) -> None:
        """Raise `WrongType` for anything but a text, and `WrongValue` for one that is no UUID."""
        if text.__class__ is not str:
            raise WrongType(f"{what} is not a UUID: it must be a str")
        if not is_uuid(text):
            raise WrongValue(f"{what} is not a UUID")
        self.__missing__(text)


KNOWN_IDS: Final = _KnownIds()


class Source:
    """The text of one function, line by line, and the objects that it names."""

    def __init__(self, head: str) -> None:
        self._lines = [f"def generated({head}):"]
        self.names: dict[str, object] = {"ids": KNOWN_IDS}

    def name(self, value: object, hint: str) -> str:
        """A name for ``value`` in the text."""
        name = f"{hint}_{len(self.names)}"
        self.names[name] = value
        return name

    def add(self, depth: int, line: str) -> None:
        """A line, indented by ``depth``."""
        self._lines.append("    " * depth + line)

    def compile(self, title: str) -> Generated:
        """The function; tracebacks and debuggers show its lines as those of the file ``<m3core generated title>``."""
        text = "\n".join(self._lines) + "\n"
        filename = f"<m3core generated {title} {next(_NUMBERS)}>"
        code = compile(text, filename, "exec")
        # No modification time: `linecache.checkcache` keeps such an entry. `attrs` makes its methods visible so, too.
        linecache.cache[filename] = len(text), None, text.splitlines(keepends=True), filename
        exec(code, self.names)  # noqa: S102 - the text is made of attribute names of our own classes, never of input
        function: Any = self.names["generated"]
        generated: Generated = function
        return generated
