"""Faults in offers and answers of media sessions (`m3core.negotiation`)."""

from __future__ import annotations

from mutants import Mutant

_FILE = "m3core/negotiation.py"
_TESTS = ("tests/core/test_negotiation.py",)
_GENERATION = """has given them all to our peer.
        self._remote_ended = False
        self._remote_count = 0
"""

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "negotiation: an answer consumes no offer",
        _FILE,
        "        self._pending = None\n        self._sections = len(description.media)\n",
        "        self._sections = len(description.media)\n",
        _TESTS,
    ),
    Mutant(
        "negotiation: a broken description moves the state",
        _FILE,
        "        description = SessionDescription.parse(sdp, lenient=True)\n        if self._pending is not None:",
        "        self.state = to\n        description = SessionDescription.parse(sdp, lenient=True)\n"
        "        if self._pending is not None:",
        _TESTS,
    ),
    Mutant(
        "negotiation: our own broken description moves the state",
        _FILE,
        "        description = SessionDescription.parse(sdp)\n",
        "        self.state = to\n        description = SessionDescription.parse(sdp)\n",
        _TESTS,
    ),
    Mutant(
        "negotiation: descriptions of the other end are not repaired",
        _FILE,
        "SessionDescription.parse(sdp, lenient=True)",
        "SessionDescription.parse(sdp)",
        _TESTS,
    ),
    Mutant(
        "negotiation: our answer is not checked against the offer",
        _FILE,
        "            check_answer(self._remote_offer, description)\n",
        "            description.validate()\n",
        _TESTS,
    ),
    Mutant(
        "negotiation: a restart of the other end keeps the count of candidates",
        _FILE,
        _GENERATION,
        _GENERATION.replace("        self._remote_count = 0\n", ""),
        _TESTS,
    ),
    Mutant(
        "negotiation: a restart of the other end keeps the end of candidates",
        _FILE,
        _GENERATION,
        _GENERATION.replace("        self._remote_ended = False\n", ""),
        _TESTS,
    ),
    Mutant(
        "negotiation: a restart of ours begins no generation",
        _FILE,
        "        self.state = self._local(Input.CREATE_OFFER)\n        self._new_generation()\n",
        "        self.state = self._local(Input.CREATE_OFFER)\n",
        _TESTS,
    ),
    Mutant(
        "negotiation: candidates that came before the first offer do not count",
        _FILE,
        "            if self._remote_offer is not None:\n                self._new_generation()\n",
        "            self._new_generation()\n",
        _TESTS,
    ),
    Mutant(
        "negotiation: candidates of descriptions do not count",
        _FILE,
        "        self._remote_count += len(candidates)\n",
        "",
        _TESTS,
    ),
    Mutant(
        "negotiation: a candidate more than the limit is taken",
        _FILE,
        "if self._remote_count >= MAX_CANDIDATES:",
        "if self._remote_count > MAX_CANDIDATES:",
        _TESTS,
    ),
    Mutant(
        "negotiation: early candidates are kept for m-sections that are not there",
        _FILE,
        "for text, index in self._held if index < self._sections]",
        "for text, index in self._held]",
        _TESTS,
    ),
    Mutant(
        "negotiation: candidates for the m-section behind the last are taken",
        _FILE,
        "mline_index >= self._sections)",
        "mline_index > self._sections)",
        _TESTS,
    ),
    Mutant(
        "negotiation: the end inside a description is forgotten",
        _FILE,
        "        self._remote_ended |= ended\n",
        "",
        _TESTS,
    ),
    Mutant(
        "negotiation: the first end of candidates is forgotten by a description without one",
        _FILE,
        "        self._remote_ended |= ended\n",
        "        self._remote_ended = ended\n",
        _TESTS,
    ),
    Mutant(
        "negotiation: a second end of candidates is passed on",
        _FILE,
        "        if self._remote_ended:\n            return []\n",
        "",
        _TESTS,
    ),
    Mutant(
        "negotiation: released candidates are released again",
        _FILE,
        "        step = GiveCandidates(tuple(self._held), self._remote_ended)\n        self._held.clear()\n",
        "        step = GiveCandidates(tuple(self._held), self._remote_ended)\n",
        _TESTS,
    ),
    Mutant(
        "negotiation: our candidates keep the mids of an earlier offer",
        _FILE,
        "        self._mids = {media.mline_index: media.mid for media in description.media}\n",
        "        self._mids = self._mids or {media.mline_index: media.mid for media in description.media}\n",
        _TESTS,
    ),
    Mutant(
        "negotiation: the end of our candidates in a description is not sent",
        _FILE,
        "            steps += [SendEndOfCandidates()] if ended else []\n",
        "",
        _TESTS,
    ),
    Mutant(
        "negotiation: remote candidates reach our peer before the answer is sent",
        _FILE,
        "        return steps + self._release()\n\n    def local_candidate",
        "        return self._release() + steps\n\n    def local_candidate",
        _TESTS,
    ),
    Mutant(
        "negotiation: two offers of ours may cross",
        _FILE,
        "if self.state in {NegotiationState.CREATING_OFFER, NegotiationState.HAVE_LOCAL_OFFER}:",
        "if self.state is NegotiationState.HAVE_LOCAL_OFFER:",
        _TESTS,
    ),
    Mutant(
        "negotiation: our own offer is checked as one of a peer",
        _FILE,
        "check_offer(description, strict=True)",
        "check_offer(description)",
        _TESTS,
    ),
    Mutant(
        "negotiation: the offer of a peer is checked as our own",
        _FILE,
        "        else:\n            check_offer(description)\n",
        "        else:\n            check_offer(description, strict=True)\n",
        _TESTS,
    ),
)
