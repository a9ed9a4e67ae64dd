"""One media session (participant, type, publish or subscribe) as a state table: RFC 9429 with trickle, both ends.

Theory of operation. A negotiation stands between the wire and one peer of a media engine. Descriptions and candidates
come in from both sides; what has to be done next comes out as `Step` values, in the order in which it must happen:
offer applied without candidates -> answer sent -> own candidates sent -> remote candidates into the peer. (Candidates
that reach a peer before its answer is on the way cost a DTLS retransmission of one second.)

`TRANSITIONS` holds every legal input. The wire's illegal inputs raise `StaleNegotiation` or `SdpError` and change
nothing; ours raise `LocalProtocolError`. An offer of ours is a `PendingOffer`, consumed by exactly one answer, and an
answer is checked against its offer before a media engine sees it.

This module does not know what makes the descriptions, nor in which messages they travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from attrs import evolve, field, frozen

from m3core.errors import GlareError, LimitExceeded, LocalProtocolError, SdpError, StaleNegotiation
from m3core.limits import MAX_CANDIDATES
from m3core.sdp import IceCandidate, Mid, SessionDescription, TrickledCandidate, check_answer, check_offer


class NegotiationRole(Enum):
    """Who offers (RFC 3264 s.5): a publishing client, or a server to a subscriber."""

    OFFERER = "offerer"
    ANSWERER = "answerer"


class NegotiationState(Enum):
    """Where the negotiation stands; the names of RFC 9429 s.3.2 where it has one."""

    NEW = "new"
    """No description yet."""
    CREATING_OFFER = "creating-offer"
    """The media engine makes our offer."""
    HAVE_LOCAL_OFFER = "have-local-offer"
    HAVE_REMOTE_OFFER = "have-remote-offer"
    """The media engine makes our answer."""
    STABLE = "stable"
    CLOSED = "closed"


class Input(Enum):
    """What can happen to a negotiation."""

    CREATE_OFFER = "create offer"
    LOCAL_OFFER = "local offer"
    LOCAL_ANSWER = "local answer"
    LOCAL_CANDIDATE = "local candidate"
    REMOTE_OFFER = "remote offer"
    REMOTE_ANSWER = "remote answer"
    REMOTE_CANDIDATE = "remote candidate"
    CLOSE = "close"


_S = NegotiationState
_I = Input
_OFFERER, _ANSWERER = NegotiationRole.OFFERER, NegotiationRole.ANSWERER
_Rows: TypeAlias = Mapping[NegotiationState, Mapping[Input, NegotiationState]]


def _freeze(rows: dict[NegotiationState, dict[Input, NegotiationState]]) -> _Rows:
    return MappingProxyType({state: MappingProxyType(inputs) for state, inputs in rows.items()})


TRANSITIONS: Final[Mapping[NegotiationRole, _Rows]] = MappingProxyType(
    {
        _OFFERER: _freeze(
            {
                _S.NEW: {_I.CREATE_OFFER: _S.CREATING_OFFER, _I.CLOSE: _S.CLOSED},
                _S.CREATING_OFFER: {_I.LOCAL_OFFER: _S.HAVE_LOCAL_OFFER, _I.CLOSE: _S.CLOSED},
                _S.HAVE_LOCAL_OFFER: {
                    _I.LOCAL_CANDIDATE: _S.HAVE_LOCAL_OFFER,
                    _I.REMOTE_ANSWER: _S.STABLE,
                    _I.REMOTE_CANDIDATE: _S.HAVE_LOCAL_OFFER,  # held until the answer (media.md § 10 row 12)
                    _I.CLOSE: _S.CLOSED,
                },
                _S.STABLE: {
                    _I.CREATE_OFFER: _S.CREATING_OFFER,
                    _I.LOCAL_CANDIDATE: _S.STABLE,
                    _I.REMOTE_CANDIDATE: _S.STABLE,
                    _I.CLOSE: _S.CLOSED,
                },
                _S.CLOSED: {_I.CLOSE: _S.CLOSED},
            }
        ),
        _ANSWERER: _freeze(
            {
                _S.NEW: {
                    _I.REMOTE_OFFER: _S.HAVE_REMOTE_OFFER,
                    _I.REMOTE_CANDIDATE: _S.NEW,  # held until the offer
                    _I.CLOSE: _S.CLOSED,
                },
                _S.HAVE_REMOTE_OFFER: {
                    _I.LOCAL_ANSWER: _S.STABLE,
                    _I.REMOTE_CANDIDATE: _S.HAVE_REMOTE_OFFER,  # held until the answer (media.md § 4.1)
                    _I.CLOSE: _S.CLOSED,
                },
                _S.STABLE: {
                    _I.REMOTE_OFFER: _S.HAVE_REMOTE_OFFER,  # renegotiation, ICE restart
                    _I.LOCAL_CANDIDATE: _S.STABLE,
                    _I.REMOTE_CANDIDATE: _S.STABLE,
                    _I.CLOSE: _S.CLOSED,
                },
                _S.CLOSED: {_I.CLOSE: _S.CLOSED},
            }
        ),
    }
)
"""Every legal input: role -> state -> input -> state. What is not here is an error and changes nothing."""


def _size(text: str) -> str:
    return f"<{len(text)}>"


@frozen
class SendDescription:
    """Send our offer (role offerer) or answer (role answerer) to the other end."""

    sdp: str = field(repr=_size)


@frozen
class SendCandidate:
    """Send one local candidate."""

    candidate: TrickledCandidate = field(repr=False)


@frozen
class SendEndOfCandidates:
    """Tell the other end that no candidate follows (RFC 8838 s.13)."""


@frozen
class GiveDescription:
    """Give the other end's offer (role answerer) or answer (role offerer) to our peer; it holds no candidates."""

    sdp: str = field(repr=_size)


@frozen
class GiveCandidates:
    """Give remote candidates, as (text, mline_index), to our peer; ``end``: there will be no more."""

    candidates: tuple[tuple[str, int], ...] = field(repr=False)
    end: bool


Step: TypeAlias = SendDescription | SendCandidate | SendEndOfCandidates | GiveDescription | GiveCandidates


@frozen
class PendingOffer:
    """The token of an offer of ours that waits for its answer."""

    description: SessionDescription = field(repr=False)


class Negotiation:
    """One media session's offers and answers.

    ``trickle``: our own candidates are taken out of our descriptions and sent one by one, as clients do; a server
    leaves them inside, because Mustang's client ignores trickled ones (media.md § 10 row 12).
    """

    def __init__(self, role: NegotiationRole, *, trickle: bool) -> None:
        self.role = role
        self.state = NegotiationState.NEW
        self._trickle = trickle
        self._pending: PendingOffer | None = None
        self._remote_offer: SessionDescription | None = None
        self._sections: int | None = None
        self._mids: dict[int, Mid | None] = {}
        """Of our own m-sections, by index."""
        self._held: list[tuple[str, int]] = []
        self._remote_ended = False
        self._remote_count = 0

    @property
    def is_stable(self) -> bool:
        """Whether an offer was answered and none is under way."""
        return self.state is NegotiationState.STABLE

    # ours ---
    def create_offer(self) -> None:
        """We are about to offer (again). Raises `GlareError` while an offer of this session is unanswered."""
        if self.state in {NegotiationState.CREATING_OFFER, NegotiationState.HAVE_LOCAL_OFFER}:
            raise GlareError("an offer of this media session is unanswered")
        self.state = self._local(Input.CREATE_OFFER)
        self._new_generation()

    def local_description(self, sdp: str) -> list[Step]:
        """What our peer made: the offer that we wanted, or the answer to the remote offer.

        Raises `SdpError` if it breaks the rules: then our own media engine, or SFU, is at fault.
        """
        to = self._local(Input.LOCAL_OFFER if self.role is _OFFERER else Input.LOCAL_ANSWER)
        description = SessionDescription.parse(sdp)
        if self._remote_offer is not None:
            check_answer(self._remote_offer, description)
        else:
            check_offer(description)
        candidates, ended = description.trickled()
        if self.role is _OFFERER:
            self._pending = PendingOffer(description)
            self._sections = len(description.media)  # of the answer, too (RFC 3264 s.6)
        self._mids = {media.mline_index: media.mid for media in description.media}
        self.state = to
        if not self._trickle:
            steps: list[Step] = [SendDescription(description.serialize())]
        else:
            steps = [SendDescription(description.for_trickling().serialize())]
            steps += [SendCandidate(candidate) for candidate in candidates]
            steps += [SendEndOfCandidates()] if ended else []
        return steps + self._release()

    def local_candidate(self, candidate: TrickledCandidate | None) -> list[Step]:
        """A candidate that our peer gathered later; ``None``: the last one was."""
        self.state = self._local(Input.LOCAL_CANDIDATE)
        if candidate is not None and candidate.mid is None:
            candidate = evolve(candidate, mid=self._mids.get(candidate.mline_index))
        return [SendEndOfCandidates() if candidate is None else SendCandidate(candidate)]

    def close(self) -> None:
        """The session is over; everything held is dropped."""
        self.state = self._local(Input.CLOSE)
        self._pending = self._remote_offer = None
        self._held.clear()

    # the other end's ---
    def remote_description(self, sdp: str) -> list[Step]:
        """Their offer or answer. Raises `StaleNegotiation`, `SdpError` or `LimitExceeded`; then nothing has changed."""
        to = self._remote(Input.REMOTE_ANSWER if self.role is _OFFERER else Input.REMOTE_OFFER)
        description = SessionDescription.parse(sdp, lenient=True)
        if self._pending is not None:
            check_answer(self._pending.description, description)
        else:
            check_offer(description)
        candidates, ended = description.trickled()
        self.state = to
        if self.role is _ANSWERER:
            if self._remote_offer is not None:
                self._new_generation()
            self._remote_offer = description
        self._pending = None
        self._sections = len(description.media)
        # Early ones could not be judged; one for an m-section that the offer does not have is good for nothing.
        early = [(text, index) for text, index in self._held if index < self._sections]
        self._held = [(item.candidate.serialize(), item.mline_index) for item in candidates] + early
        self._remote_count += len(candidates)
        self._remote_ended |= ended
        steps: list[Step] = [GiveDescription(description.without_candidates().serialize())]
        return steps + self._release()

    def remote_candidate(self, candidate: str, mline_index: int) -> list[Step]:
        """A trickled candidate; an empty text is the end of candidates. Raises like `remote_description`."""
        self._remote(Input.REMOTE_CANDIDATE)
        if not candidate:
            return self.remote_end_of_candidates()
        if self._remote_ended:
            raise StaleNegotiation("a candidate after the end of candidates")
        if mline_index < 0 or (self._sections is not None and mline_index >= self._sections):
            raise SdpError("a candidate for an m-section that is not there")
        text = IceCandidate.parse(candidate).serialize()
        if self._remote_count >= MAX_CANDIDATES:
            raise LimitExceeded("candidates of a generation", MAX_CANDIDATES, self._remote_count + 1, "candidates")
        self._remote_count += 1
        self._held.append((text, mline_index))
        return self._release()

    def remote_end_of_candidates(self) -> list[Step]:
        """No remote candidate follows; a second time is harmless. Raises `StaleNegotiation`."""
        self._remote(Input.REMOTE_CANDIDATE)
        if self._remote_ended:
            return []
        self._remote_ended = True
        return self._release(ended=True)

    # both ---
    def _new_generation(self) -> None:
        self._held.clear()
        self._remote_ended = False
        self._remote_count = 0

    def _release(self, *, ended: bool = False) -> list[Step]:
        """What was held, once both descriptions are there."""
        if self.state is not NegotiationState.STABLE or not (self._held or ended or self._remote_ended):
            return []
        step = GiveCandidates(tuple(self._held), self._remote_ended)
        self._held.clear()
        return [step]

    def _local(self, what: Input) -> NegotiationState:
        to = TRANSITIONS[self.role][self.state].get(what)
        if to is None:
            raise LocalProtocolError(f"{what.value} is not legal in state {self.state.value} of the {self.role.value}")
        return to

    def _remote(self, what: Input) -> NegotiationState:
        to = TRANSITIONS[self.role][self.state].get(what)
        if to is None:
            raise StaleNegotiation(f"{what.value} in state {self.state.value} of the {self.role.value}")
        return to
