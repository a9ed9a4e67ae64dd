"""Session descriptions: text to sections and back, byte for byte, with typed views that are parsed on demand.

`SessionDescription.parse` checks the line grammar and the limits, and keeps the text. An attribute is parsed when its
property is read for the first time, and the result is kept. `SessionDescription.validate` reads those that a
conference uses. This module does not know who sent a description, nor whether it is an offer or an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from attrs import astuple, field, frozen

from m3core.errors import SdpError
from m3core.sdp import musts, semantics
from m3core.sdp._grammar import decode, sections
from m3core.sdp.candidate import TrickledCandidate
from m3core.sdp.media import MediaDescription
from m3core.sdp.session import SessionPart

_FUSED_TIMING: Final = re.compile(r"(\r?\ns=[^\r\n]*?)(t=[0-9]{1,20} [0-9]{1,20}\r?\n)(?!t=)")
_CANDIDATE_LINE: Final = re.compile(r"^a=(?:candidate|end-of-candidates)(?::[^\n]*+|\r?)(?:\n|\Z)", re.MULTILINE)

_PORT: Final = re.compile(r"\A(m=\S+ )(?!0+[ /])[0-9]+(?:/[0-9]+)?")
_CONNECTION_LINE: Final = re.compile(r"^(c=)[^\r\n]*", re.MULTILINE)


@frozen
class Repair:
    """A known artefact (media.md § 8.1) that lenient parsing undid. ``line`` is that of the text as given, from 1."""

    name: str
    line: int


@frozen
class Problem:
    """What is odd about a description: ``rule`` as in `SdpError`. ``line`` and ``column`` count from 1."""

    line: int
    column: int
    rule: str


@frozen(repr=False)
class SessionDescription(SessionPart):
    """An immutable session description (RFC 8866), made by `parse`. Every property may raise `SdpError`.

    Two descriptions are equal if their texts are. The repr shows no line, since lines hold passwords and addresses.
    """

    _rest: tuple[str, ...]
    repairs: tuple[Repair, ...] = field(default=(), eq=False)

    @classmethod
    def parse(cls, text: str | bytes, *, lenient: bool = False) -> SessionDescription:
        """Check the line grammar of ``text`` and keep it. ``lenient`` undoes the artefacts of media.md § 8.1 first.

        Raises `SdpError` with line and column, or `LimitExceeded`, and no other error, whatever ``text`` is.
        """
        text = decode(text)
        repairs: tuple[Repair, ...] = ()
        if lenient:
            text, repairs = _repaired(text)
        session, *media = sections(text)
        return cls(session, 1, tuple(media), repairs)

    def serialize(self) -> str:
        """The text, exactly as it was given to `parse`, but for the `repairs`."""
        return self._text + "".join(self._rest)

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        return f"<SessionDescription of {len(self.serialize())} characters, {len(self._rest)} m-sections>"

    @cached_property
    def media(self) -> tuple[MediaDescription, ...]:
        """The m-sections, in order."""
        # The m-sections get a copy of the session part, not this object: that would be a reference cycle, and so
        # descriptions would live until the garbage collector runs.
        session = SessionPart(self._text, 1)
        found, line = [], 1 + self._text.count("\n")
        for index, text in enumerate(self._rest):
            found.append(MediaDescription(text, line, index, session))
            line += text.count("\n")
        return tuple(found)

    def find(self, mid: str) -> MediaDescription | None:
        """The m-section whose a=mid is ``mid``; the first, if an invalid description has several. None without one."""
        return self._by_mid.get(mid)

    @cached_property
    def _by_mid(self) -> dict[str, MediaDescription]:
        return {media.mid: media for media in reversed(self.media) if media.mid is not None}

    def validate(self, *, strict: bool = False) -> None:
        """Check what a conference needs of a description that a peer sent (`m3core.sdp.musts`).

        Raises the first `SdpError`. ``strict`` checks everything, as our own descriptions keep it: every line that has
        a typed view, and the rules of `m3core.sdp.semantics`.
        """
        faults = self._faults() if strict else musts.faults(self, self.media, self.transport_of)
        for error in faults:
            raise error

    def problems(self) -> tuple[Problem, ...]:
        """Everything that is odd, in the order of the lines; nothing if `validate` with ``strict`` passes.

        A rule that needs a malformed line is not checked further.
        """
        found = {Problem(error.line, error.column, error.rule) for error in self._faults()}
        return tuple(sorted(found, key=astuple))

    def _faults(self) -> Iterator[SdpError]:
        yield from self.malformed()
        for media in self.media:
            yield from media.malformed()
        yield from musts.faults(self, self.media, self.transport_of)
        yield from semantics.faults(self, self.media)

    def without_candidates(self) -> SessionDescription:
        """This description without its a=candidate and a=end-of-candidates lines."""
        session, *media = map(_without_candidates, (self._text, *self._rest))
        return SessionDescription(session, 1, tuple(media), self.repairs)

    def for_trickling(self) -> SessionDescription:
        """This description without candidates, and with the default destination of one that has none.

        That destination is port 9 and 0.0.0.0, in each m-section that is not rejected (RFC 8840 s.4.1.1,
        RFC 8839 s.4.2.1.1).
        """
        session, *media = (_without_address(_without_candidates(text)) for text in (self._text, *self._rest))
        return SessionDescription(session, 1, tuple(media), self.repairs)

    def trickled(self) -> tuple[tuple[TrickledCandidate, ...], bool]:
        """The candidates as messages would trickle them, and whether they are complete (a=end-of-candidates).

        Of the m-sections of a BUNDLE group, only the one that owns the transport contributes: the first that is not
        rejected (RFC 9143 s.7.2). Candidates that cannot be read are left out. Raises `SdpError`.
        """
        found: list[TrickledCandidate] = []
        ended: list[bool] = []
        tagged: set[int] = set()
        for media in self.media:
            if media.is_rejected:
                continue
            owner = self.transport_of(media)
            if owner.mline_index in tagged:
                continue
            tagged.add(owner.mline_index)
            credentials = owner.ice_credentials
            ufrag = None if credentials is None else credentials.ufrag
            found += (
                TrickledCandidate(each, owner.mid, owner.mline_index, ufrag) for each in owner.readable_candidates
            )
            ended.append(bool(owner.attributes("end-of-candidates")))
        return tuple(found), bool(ended) and all(ended)

    def transport_of(self, media: MediaDescription) -> MediaDescription:
        """The m-section whose transport ``media`` uses: itself, or the tagged one of its BUNDLE group."""
        for group in self.groups:
            if group.semantics == "BUNDLE" and media.mid in group.mids:
                members = map(self.find, group.mids)
                return next((member for member in members if member is not None and not member.is_rejected), media)
        return media


def _without_candidates(text: str) -> str:
    if "\na=candidate" not in text and "\na=end-of-candidates" not in text:
        return text
    return _CANDIDATE_LINE.sub("", text)


def _without_address(text: str) -> str:
    # _PORT does not match port 0, that of a rejected m-section: port 9 would accept it again.
    return _CONNECTION_LINE.sub(r"\1IN IP4 0.0.0.0", _PORT.sub(r"\g<1>9", text, count=1))


def _repaired(text: str) -> tuple[str, tuple[Repair, ...]]:
    ending = "\r\n" if "\r\n" in text else "\n"
    repairs = []
    missing = 0
    if text.startswith("v=0o="):
        text = f"v=0{ending}{text[3:]}"
        repairs.append(Repair("fused v=/o=", 1))
        missing = 1
    end = text.find("\nm=") + 1 or len(text)
    match = _FUSED_TIMING.search(text, 0, end)
    # A name of a session may hold `t=0 0`, if the t= line is there as well.
    if match is not None and "\nt=" not in text[:end]:
        repairs.append(Repair("fused s=/t=", text.count("\n", 0, match.start(2)) + 1 - missing))
        text = text[: match.start(2)] + ending + text[match.start(2) :]
    return text, tuple(repairs)
