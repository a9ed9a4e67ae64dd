"""The legal inputs of one media session, as plain data from media.md § 4 and RFC 9429 s.3.2. Imports nothing of m3core.

Inputs: `create` (begin to offer), `local` (our media engine made a description), `own candidate`, `remote` (their
description), `their candidate`, `close`.
"""

from __future__ import annotations

STATES = ("new", "creating-offer", "have-local-offer", "have-remote-offer", "stable", "closed")
INPUTS = ("create", "local", "own candidate", "remote", "their candidate", "close")
LOCAL, GLARE, STALE = "LocalProtocolError", "GlareError", "StaleNegotiation"

# role -> the states that this role can be in
REACHABLE = {
    "offerer": ("new", "creating-offer", "have-local-offer", "stable", "closed"),
    "answerer": ("new", "have-remote-offer", "stable", "closed"),
}
LEGAL = {
    # A client that publishes (media.md § 4.1); a server with a subscriber (§ 4.4)
    ("offerer", "new", "create"): "creating-offer",
    ("offerer", "creating-offer", "local"): "have-local-offer",
    ("offerer", "have-local-offer", "own candidate"): "have-local-offer",  # § 4.1: any number, before the answer
    ("offerer", "have-local-offer", "remote"): "stable",
    ("offerer", "have-local-offer", "their candidate"): "have-local-offer",  # § 10 row 12: before its sdp_answer
    ("offerer", "stable", "create"): "creating-offer",  # § 4.5: ICE restart
    ("offerer", "stable", "own candidate"): "stable",
    ("offerer", "stable", "their candidate"): "stable",
    # A server with a publisher (media.md § 4.1); a client that subscribes (§ 4.4)
    ("answerer", "new", "remote"): "have-remote-offer",
    ("answerer", "new", "their candidate"): "new",  # § 3: SFU trickle
    ("answerer", "have-remote-offer", "local"): "stable",
    ("answerer", "have-remote-offer", "their candidate"): "have-remote-offer",  # § 4.1: queued behind the publish
    ("answerer", "stable", "remote"): "have-remote-offer",  # § 2: renegotiates or ICE-restarts
    ("answerer", "stable", "own candidate"): "stable",
    ("answerer", "stable", "their candidate"): "stable",
    # A session may be closed in every state, also a second time
    **{(role, state, "close"): "closed" for role, states in REACHABLE.items() for state in states},
}


def error(role: str, state: str, what: str) -> str | None:
    """The name of the error class of an input that is not legal; None for a legal one."""
    if (role, state, what) in LEGAL:
        return None
    if what in {"remote", "their candidate"}:
        return STALE
    if what == "create" and state in {"creating-offer", "have-local-offer"}:
        return GLARE  # RFC 9429 s.4.1.8
    return LOCAL
