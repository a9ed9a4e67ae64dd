"""The session part of a description: the lines before the first m-section, with typed views parsed on demand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from attrs import frozen

from m3core.errors import SdpError
from m3core.sdp._section import EITHER_VIEWS, Section
from m3core.sdp.attributes import ConnectionInformation, Fingerprint, Group, Mid, Origin, Timing, UnknownAttribute
from m3core.sdp.streams import MsidSemantic

_VIEWS: Final = EITHER_VIEWS | {
    "o=": "origin",
    "t=": "timing",
    "group": "groups",
    "ice-lite": "ice_lite",
    "msid-semantic": "msid_semantics",
}


@frozen(repr=False)
class SessionPart(Section):
    """The lines before the first m-section. Every property may raise `SdpError`."""

    @property
    def version(self) -> int:
        """v=, which is always 0 (RFC 8866 s.5.1)."""
        return 0

    @cached_property
    def origin(self) -> Origin:
        """o= (RFC 8866 s.5.2)."""
        return self._all("o=", Origin.parse)[0]

    @cached_property
    def session_name(self) -> str:
        """s= (RFC 8866 s.5.3)."""
        return self._all("s=", str)[0]

    @cached_property
    def timing(self) -> Timing:
        """The first t= line."""
        return self._all("t=", Timing.parse)[0]

    @property
    def connection(self) -> ConnectionInformation | None:
        """c= of the session."""
        return next(iter(self.own_connections), None)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """a=group, in the order of the lines."""
        return self._all("group", Group.parse)

    @cached_property
    def bundle(self) -> tuple[Mid, ...]:
        """The mids of the first BUNDLE group, the tagged one first (RFC 9143 s.7); empty without such a group."""
        return next((group.mids for group in self.groups if group.semantics == "BUNDLE"), ())

    @cached_property
    def ice_lite(self) -> bool:
        """a=ice-lite (RFC 8839 s.5.3)."""
        return self._flag("ice-lite")

    @property
    def ice_options(self) -> frozenset[str]:
        """a=ice-options of the session."""
        return self.own_ice_options

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """a=fingerprint of the session."""
        return self.own_fingerprints

    @cached_property
    def msid_semantics(self) -> tuple[MsidSemantic, ...]:
        """a=msid-semantic."""
        return self._all("msid-semantic", MsidSemantic.parse)

    @cached_property
    def unknown_attributes(self) -> tuple[UnknownAttribute, ...]:
        """The session's attributes that have no typed view at this level, in order."""
        return self._unknown(_VIEWS)

    def malformed(self) -> Iterator[SdpError]:
        """The error of each line of the session part that has a typed view and cannot be read."""
        return self._malformed(_VIEWS)
