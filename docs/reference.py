"""Writes docs/reference/ from the message classes, so that the pages cannot rot (a test compares).

Run: ``make reference``. The examples come from tests/vectors.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, get_args

import attrs

from m3core.messages import Command, Event, Json, decode_command, decode_event, fields
from m3core.messages.base import Value
from m3core.messages.fields import Field, fields_of, tag_of
from m3core.messages.kinds import classes
from m3core.messages.namespaces import NAMESPACES, UNTYPED_NAMESPACES
from m3core.structuring import is_enum, is_id, is_mapping, is_nested, is_tuple
from m3core.values import Role, Secret, Timestamp

TARGET = Path(__file__).parent / "reference"
PROTOCOL = Path(__file__).parent / "protocol"
VECTORS = Path(__file__).parents[1] / "tests" / "vectors"
WORDS: Final[dict[Any, str]] = {str: "text", bool: "boolean", int: "integer", float: "number", Json: "any JSON"}
WORDS.update({Timestamp: "timestamp", Secret: "secret text"})
SECTIONS: Final = ("Commands", "Events", "Error slugs", "Join data and peer data", "Values", "Enums")
PREAMBLE: Final = """\
# Messages

All typed messages of the WebSocket, one page a namespace. Written from the classes and their docstrings by
`make reference`; the examples are test vectors, with SDP cut short.

A message is `{"namespace": ..., "payload": {...}}`. Commands go from a client to the server and name their kind in
`payload.action`; events come back, name it in `payload.message`, and have a `timestamp` beside the payload; `echo` and
`recording_service` use other keys. The tables tell what else stands in the payload:

* *required*: without it the message is malformed. *optional*: may be missing or null; left out when it is None.
  *nullable*: the same, but sent as null. *optional or null*: missing is None, null the value without fields.
* *timestamp*: a text of RFC 3339 (`Timestamp`). *secret text*: one that Python does not print (`Secret`). Types
  like `ParticipantId` are UUIDs.
* Keys that are in no table are ignored. An enum value that is in no table makes the message an unknown one.

The letters tell where a message is known from: S, captured from a live server; R, the reference controller before 0.3;
L, a later version, with its number if known; all of them are in [the protocol](../protocol/README.md#source-marks),
which describes how messages follow each other. A section (§) is one of its pages.
"""


class Page:
    """The page of one namespace: its messages, and all classes that their fields lead to and no other page has."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.module = import_module(NAMESPACES[namespace])
        self.commands = [*classes(namespace, Command).values()]
        self.events = [*classes(namespace, Event).values()]
        self.values: set[type[Any]] = set()
        for cls in [*self.commands, *self.events, *vars(self.module).values()]:
            self.reach(cls)
        self.members = [*self.commands, *self.events, *sorted(self.values, key=lambda cls: cls.__name__)]
        self.anchors = {cls.__name__: anchor(heading(cls)) for cls in self.members}

    def reach(self, hint: Any) -> None:
        """Add ``hint``, if it is a value class or enum of this page, and what its fields lead to."""
        for part in get_args(hint):
            self.reach(part)
        if not (is_enum(hint) or (is_nested(hint) and issubclass(hint, Value))) or hint in self.values:
            return
        if hint in (Value, Command, Event, Enum) or self.home(hint) != self.namespace:
            return
        if not issubclass(hint, Command | Event):
            self.values.add(hint)
        for field in () if is_enum(hint) else fields_of(hint):
            self.reach(field.type)

    def home(self, cls: type[Any]) -> str:
        """On which page ``cls`` stands: this one if its module has the name, else the first that has; or this one."""
        shared = cls.__module__ == Role.__module__
        for namespace in () if shared else (self.namespace, *NAMESPACES):
            if getattr(import_module(NAMESPACES[namespace]), cls.__name__, None) is cls:
                return namespace
        return self.namespace

    def subject(self) -> str:
        """What the namespace is: the first sentence of its module, without the name."""
        text = " ".join((inspect.getdoc(self.module) or "").split())
        return re.sub(r"^Namespaces? [^:]*: ", "", text).split(". ")[0].rstrip(".").replace("``", "`")

    def write(self) -> str:
        """The whole page."""
        path = NAMESPACES[self.namespace].replace(".", "/") + ".py"
        lines = [
            f"# `{self.namespace}`",
            "",
            f"Source: [`{path}`](../../{path}). How to read this page: [index](README.md).",
            "",
            *self.prose(inspect.getdoc(self.module) or ""),
        ]
        for title in SECTIONS:
            members = [cls for cls in self.members if section(cls) == title]
            lines += ["", f"## {title}"] if members else []
            for cls in members:
                lines += ["", f"### {heading(cls)}", "", *self.prose(inspect.cleandoc(cls.__dict__["__doc__"] or ""))]
                lines += enum_rows(cls) if is_enum(cls) else self.table(cls)
        return "\n".join(lines) + "\n"

    def prose(self, doc: str) -> Iterator[str]:
        """A docstring as Markdown: names of the page are links, and so are sections of the protocol."""

        def link(match: re.Match[str]) -> str:
            known = self.anchors.get(match[2] or "")
            return f"[`{match[2]}`](#{known})" if known else f"`{match[1] or match[2]}`"

        doc = re.sub(r"``([^`]+)``|`([^`]+)`", link, doc)
        yield from re.sub(r"\b(signaling|media|rest)\.md § (\d+(?:\.\d+)?)", section_link, doc).splitlines()

    def table(self, cls: type[Any]) -> Iterator[str]:
        """The table of the fields of ``cls``, and its example."""
        meanings = meanings_of(cls)
        rows = [(*self.row(field), meanings.get(field.name, "")) for field in fields_of(cls)]
        if rest := fields.rest_of(cls):
            keys = ", ".join(f"`{key}`" for key in rest[1])
            rows.append((f"`{rest[0]}`", f"any JSON, by namespace; on the wire the keys {keys}", "optional", "", ""))
        yield from table(("field", "type", "presence", "default", "meaning"), rows)
        if example := examples().get(cls):
            yield from ("", "```json", example, "```")

    def row(self, field: Field) -> tuple[str, str, str, str]:
        """The row of ``field``, but for what it means."""
        name = f"`{field.name}`" + (f", on the wire `{field.wire}`" if field.wire != field.name else "")
        must = "required" if field.required and not field.optional else "nullable" if field.null else "optional"
        value = getattr(field.default, "factory", lambda: field.default)()
        shown = "" if value in (None, attrs.NOTHING) else f"`{json.dumps(getattr(value, 'value', value))}`"
        return name, self.type(field.type), must + " or null" * field.empty, shown

    def type(self, hint: Any) -> str:
        """A type hint for people, with links."""
        if word := WORDS.get(hint):
            return word
        if is_id(hint):
            return f"`{hint.__name__}`"
        if both := fields.one_or_several(hint):
            return f"{self.type(both[0])}, or {self.type(both[1])}"
        if is_tuple(hint):
            return f"list of {self.type(get_args(hint)[0])}"
        if is_mapping(hint):
            key, value = get_args(hint)
            return f"object: {self.type(key)} to {self.type(value)}"
        if not (is_enum(hint) or is_nested(hint)):
            raise TypeError(f"{hint}: docs/reference.py has no words for this type")
        home = "" if (namespace := self.home(hint)) == self.namespace else namespace
        return f"[`{home and home + '.'}{hint.__name__}`]({home and home + '.md'}#{anchor(heading(hint))})"


def heading(cls: type[Any]) -> str:
    """The title of a class: the Python name, and for messages the wire name."""
    name = tag_of(cls)[1]
    return cls.__name__ if name is None else f"{cls.__name__}: `{name}`"


def anchor(title: str) -> str:
    """What readers of Markdown make of a heading."""
    return re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")


def section_link(cited: re.Match[str]) -> str:
    """A citation of the protocol as a link to the heading of that section."""
    page = (PROTOCOL / f"{cited[1]}.md").read_text("utf-8")
    title = re.search(rf"^#+ ({re.escape(cited[2])}\.? .*)$", page, re.MULTILINE)
    return f"[{cited[0]}](../protocol/{cited[1]}.md#{anchor(title[1])})" if title else cited[0]


def section(cls: type[Any]) -> str:
    """Where on a page ``cls`` stands."""
    if tag_of(cls)[1]:
        return "Commands" if issubclass(cls, Command) else "Events"
    if is_enum(cls):
        return "Error slugs" if cls.__name__.endswith("ErrorCode") else "Enums"
    return "Join data and peer data" if cls.__name__.endswith(("JoinData", "PeerData")) else "Values"


def enum_rows(cls: type[Enum]) -> Iterator[str]:
    """The table of the members of ``cls``."""
    meanings = meanings_of(cls)
    rows = [(f"`{each.value}`", f"`{each.name}`", meanings.get(each.name, "")) for each in cls]
    return table(("on the wire", "Python", "meaning"), rows)


def table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table without the columns that have nothing in them; nothing at all if there are no rows."""
    rows = [*rows]
    used = [column for column in range(len(titles)) if any(row[column] for row in rows)]
    if rows:
        yield from ("", "| " + " | ".join(titles[column] for column in used) + " |", "|" + "---|" * len(used))
    for row in rows:
        yield "| " + " | ".join(row[column].replace("|", "\\|") for column in used) + " |"


def meanings_of(cls: type[Any]) -> dict[str, str]:
    """The texts that stand below the members or fields of ``cls``, by name; each is one line here."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    found = {}
    for before, after in zip(body.body, body.body[1:], strict=False) if isinstance(body, ast.ClassDef) else ():
        target = before.targets[0] if isinstance(before, ast.Assign) else getattr(before, "target", None)
        if isinstance(target, ast.Name) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[target.id] = " ".join(str(after.value.value).replace("``", "`").split())
    return found


@cache
def examples() -> dict[type[Any], str]:
    """The vector with the most lines for each message class; of texts with several lines (SDP) only the first."""
    found: dict[type[Any], str] = {}
    for path in sorted(VECTORS.glob("signaling-*.json")):
        for vector in json.loads(path.read_text("utf-8")):
            if "raw" in vector:  # these are malformed
                continue
            decode = decode_event if vector["direction"] == "to_client" else decode_command
            cls = type(decode(json.dumps(vector["json"])))
            text = re.sub(r'\\r\\n.*"', ' …"', json.dumps(vector["json"], indent=2, ensure_ascii=False))
            if text.count("\n") > found.get(cls, "").count("\n"):
                found[cls] = text
    return found


def generate() -> dict[str, str]:
    """All pages, by file name."""
    pages = [Page(namespace) for namespace in NAMESPACES]
    rows = [
        (f"[`{page.namespace}`]({page.namespace}.md)", page.subject(), str(len(page.commands)), str(len(page.events)))
        for page in pages
    ]
    index = [PREAMBLE, "## Namespaces", *table(("namespace", "what it is", "commands", "events"), rows)]
    if UNTYPED_NAMESPACES:
        raw = ", ".join(f"`{namespace}`" for namespace in sorted(UNTYPED_NAMESPACES))
        index += ["", f"Without classes, decoded as `UnknownCommand` and `UnknownEvent`: {raw}."]
    return {"README.md": "\n".join(index) + "\n"} | {f"{page.namespace}.md": page.write() for page in pages}


def main() -> None:
    """Write the pages; others go."""
    pages = generate()
    TARGET.mkdir(exist_ok=True)
    for path in TARGET.glob("*.md"):
        path.unlink()
    for name, text in pages.items():
        (TARGET / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
