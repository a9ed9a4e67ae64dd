"""One section of a description, either the session part or an m-section: its text, and an index of its lines.

The index is made when an attribute is read for the first time. This module owns the way from the name of an attribute
to its typed views and, for an error, back to line and column. `document` and `media` know which attributes there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Final, ParamSpec, TypeVar

from attrs import evolve, field, frozen

from m3core.errors import SdpError
from m3core.sdp._syntax import remembered
from m3core.sdp.attributes import (
    Attribute,
    Bandwidth,
    ConnectionInformation,
    Direction,
    DtlsSetup,
    Fingerprint,
    IceCredentials,
    UnknownAttribute,
    parse_ice_options,
    parse_pwd,
    parse_tls_id,
    parse_ufrag,
)
from m3core.sdp.streams import ExtMap
from m3core.values import Secret

T = TypeVar("T")
P = ParamSpec("P")

EITHER_VIEWS: Final = {
    "b=": "bandwidths",
    "c=": "own_connections",
    "sendrecv": "own_direction",
    "sendonly": "own_direction",
    "recvonly": "own_direction",
    "inactive": "own_direction",
    "fingerprint": "own_fingerprints",
    "setup": "own_setup",
    "tls-id": "own_tls_id",
    "ice-ufrag": "_own_ufrag",
    "ice-pwd": "_own_pwd",
    "ice-options": "own_ice_options",
    "extmap": "own_extmaps",
    "extmap-allow-mixed": "extmap_allow_mixed",
}
"""Lines that may stand at session level and in m-sections, and the property that parses each."""
_parse_extmap: Final = remembered(ExtMap.parse)
_DIRECTIONS: Final = tuple(direction.value for direction in Direction)


@frozen(repr=False)
class Section:
    """A section of a description. Its line grammar has been checked."""

    _text: str
    _first_line: int = field(eq=False)

    @cached_property
    def _index(self) -> dict[str, list[tuple[int, str | None]]]:
        """Line numbers and values, by the name of an attribute; those of other lines by `letter=`."""
        index: dict[str, list[tuple[int, str | None]]] = defaultdict(list)
        lines = self._text.removesuffix("\n").replace("\r\n", "\n").removesuffix("\r").split("\n")
        for number, line in enumerate(lines, self._first_line):
            if line[0] == "a":
                name, colon, value = line.partition(":")
                index[name[2:]].append((number, value if colon else None))
            else:
                index[line[:2]].append((number, line[2:]))
        return index

    def attributes(self, name: str | None = None) -> tuple[Attribute, ...]:
        """The a= lines called ``name``, or all of them, in order and with their values as written."""
        if name is not None:
            if name.endswith("="):  # the index has other lines under such keys; no name of an attribute has a `=`
                return ()
            return tuple(Attribute(name, value) for _, value in self._index.get(name, ()))
        return self._ordered(Attribute, {})

    def _ordered(self, kind: Callable[[str, str | None], T], known: Mapping[str, str]) -> tuple[T, ...]:
        lines = sorted(
            (number, name, value)
            for name, found in self._index.items()
            if not name.endswith("=") and name not in known
            for number, value in found
        )
        return tuple(kind(name, value) for _, name, value in lines)

    def _unknown(self, views: Mapping[str, str]) -> tuple[UnknownAttribute, ...]:
        return self._ordered(UnknownAttribute, views)

    def _malformed(self, views: Mapping[str, str]) -> Iterator[SdpError]:
        """The error of each line that has a typed view and cannot be read."""
        for name, lines in self._index.items():
            view = views.get(name)
            if view is None:
                continue
            try:
                getattr(self, view)
            except SdpError as error:
                # The property ends at the first malformed line. A section of each line by itself finds the others.
                found: list[SdpError] = []
                for number, value in lines:
                    line = evolve(self, text=_line(name, value), first_line=number)
                    found += guarded(_read, line, view)
                yield from found or [error]

    def broken(self, rule: str, name: str = "", number: int = 0, column: int = 1) -> SdpError:
        """An error at line ``number`` of those called ``name``, or at this section's first line."""
        lines = self._index.get(name, ())
        return SdpError(rule, lines[number][0] if number < len(lines) else self._first_line, column)

    def _all(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """The typed views of all lines called ``name``, in order; raises `SdpError`."""
        lines = self._index.get(name)
        if lines is None:
            return ()
        found = []
        for number, (_, value) in enumerate(lines):
            try:
                if value is None:
                    raise SdpError("attribute without a value")
                found.append(parse(value))
            except SdpError as error:
                column = 3 if name.endswith("=") else len(name) + 4
                raise self.broken(error.rule, name, number, column) from None
        return tuple(found)

    def _readable(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """The typed views of those lines called ``name`` that can be read, in order."""
        found = []
        for _, value in self._index.get(name, ()):
            with suppress(SdpError):
                if value is not None:
                    found.append(parse(value))
        return tuple(found)

    def _one(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The typed view of the only line called ``name``, or None; raises `SdpError`, also for a second line."""
        found = self._all(name, parse)
        if len(found) > 1:
            raise self.broken("a second line where only one may stand", name, 1)
        return found[0] if found else None

    def _flag(self, name: str) -> bool:
        """Whether the property attribute ``name`` is there; raises `SdpError` if it has a value."""
        for number, (_, value) in enumerate(self._index.get(name, ())):
            if value is not None:
                raise self.broken("property with a value (RFC 8866 s.5.13)", name, number, len(name) + 3)
        return name in self._index

    # -- attributes that may stand at either level; own_ means: without those of the session part ---
    @cached_property
    def bandwidths(self) -> tuple[Bandwidth, ...]:
        """The b= lines of this section (RFC 8866 s.5.8)."""
        return self._all("b=", Bandwidth.parse)

    @cached_property
    def own_connections(self) -> tuple[ConnectionInformation, ...]:
        """The c= lines of this section (RFC 8866 s.5.7)."""
        return self._all("c=", ConnectionInformation.parse)

    @cached_property
    def own_direction(self) -> Direction | None:
        """The direction attribute of this section (RFC 8866 s.6.7); raises `SdpError` for more than one."""
        found = [value for value in _DIRECTIONS if self._flag(value)]
        if sum(len(self._index[value]) for value in found) > 1:
            lines = sorted(line for value in found for line, _ in self._index[value])
            raise SdpError("two directions (RFC 8866 s.6.7)", lines[1], 1)
        return Direction(found[0]) if found else None

    @cached_property
    def own_fingerprints(self) -> tuple[Fingerprint, ...]:
        """The a=fingerprint lines of this section (RFC 8122 s.5)."""
        return self._all("fingerprint", Fingerprint.parse)

    @cached_property
    def own_setup(self) -> DtlsSetup | None:
        """a=setup of this section (RFC 4145 s.4)."""
        return self._one("setup", DtlsSetup.parse)

    @cached_property
    def own_tls_id(self) -> str | None:
        """a=tls-id of this section (RFC 8842 s.4)."""
        return self._one("tls-id", parse_tls_id)

    @cached_property
    def own_ice_credentials(self) -> IceCredentials | None:
        """a=ice-ufrag and a=ice-pwd of this section; raises `SdpError` if only one is there."""
        ufrag, pwd = self._own_ufrag, self._own_pwd
        if ufrag is not None and pwd is not None:
            return IceCredentials(ufrag, pwd)
        if ufrag is not None or pwd is not None:
            raise self.broken(
                "a=ice-ufrag and a=ice-pwd go together (RFC 8839 s.5.4)", "ice-pwd" if ufrag is None else "ice-ufrag"
            )
        return None

    @cached_property
    def _own_ufrag(self) -> str | None:
        return self._one("ice-ufrag", parse_ufrag)

    @cached_property
    def _own_pwd(self) -> Secret | None:
        return self._one("ice-pwd", parse_pwd)

    @cached_property
    def own_ice_options(self) -> frozenset[str]:
        """All options of the a=ice-options lines of this section (RFC 8839 s.5.6)."""
        return frozenset().union(*self._all("ice-options", parse_ice_options))

    @cached_property
    def own_extmaps(self) -> tuple[ExtMap, ...]:
        """The a=extmap lines of this section (RFC 8285 s.8)."""
        return self._all("extmap", _parse_extmap)

    @property
    def readable_own_extmaps(self) -> tuple[ExtMap, ...]:
        """`own_extmaps` without the lines that are malformed."""
        return self._readable("extmap", _parse_extmap)

    @cached_property
    def extmap_allow_mixed(self) -> bool:
        """Whether one-byte and two-byte header extensions may be mixed (RFC 8285 s.6)."""
        return self._flag("extmap-allow-mixed")


def guarded(rule: Callable[P, Iterator[SdpError]], *args: P.args, **kwargs: P.kwargs) -> Iterator[SdpError]:
    """The errors that ``rule`` finds. One that a typed view raises is the last of them."""
    try:
        yield from rule(*args, **kwargs)
    except SdpError as error:
        yield error


def _read(section: Section, view: str) -> Iterator[SdpError]:
    getattr(section, view)
    yield from ()


def _line(name: str, value: str | None) -> str:
    if name.endswith("="):
        return f"{name}{value}\n"
    return f"a={name}\n" if value is None else f"a={name}:{value}\n"
