"""STUN and TURN servers, and the credentials that a TURN server verifies without the controller (rest.md § 4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from types import NoneType
from typing import Final

from attrs import field, frozen

from m3core.errors import WrongValue
from m3core.io import Authorization, IceServer
from m3core.rest.body import AS_TEXT, UnixSeconds
from m3core.rest.endpoint import Blank, Endpoint
from m3core.values import Secret


@frozen(kw_only=True)
class TurnServer:
    """One entry of `GET /turn`. That of a STUN server has only ``uris``.

    In spite of its name, ``ttl`` is the instant of expiry, as in the ``username`` (rest.md § 4).
    """

    username: str | None = None
    password: Secret | None = None
    ttl: UnixSeconds | None = field(default=None, metadata=AS_TEXT)
    uris: tuple[str, ...]


@frozen(kw_only=True)
class TurnRequest:
    """The empty object that Mustang's client sends as its very first request, without authorization."""


def turn_password(secret: Secret, username: str) -> Secret:
    """The password of ``username`` at the TURN server with the shared ``secret`` (TURN REST draft, s.2.2)."""
    digest = hmac.digest(secret.reveal().encode(), username.encode(), hashlib.sha1)
    return Secret(base64.b64encode(digest).decode())


def turn_credentials(secret: Secret, *, expires_at: int, random: bytes, uris: Sequence[str]) -> TurnServer:
    """An entry for ``uris`` that is valid until ``expires_at`` (Unix seconds). ``random`` is 16 bytes.

    The username is random, so that the TURN server does not learn which users talk to each other.
    """
    if len(random) != 16:
        raise WrongValue("the username for a TURN server needs 16 random bytes")
    username = f"{expires_at}:turn_random_for_privacy_{base64.b64encode(random).decode()}"
    return TurnServer(
        username=username,
        password=turn_password(secret, username),
        ttl=UnixSeconds(expires_at),
        uris=tuple(uris),
    )


_URI: Final = re.compile(r"(?:stuns?|turns?):[!-~]{1,253}", re.ASCII)


def ice_servers(entries: Sequence[TurnServer]) -> tuple[IceServer, ...]:
    """``entries`` for a media engine. URIs of other schemes are left out, and so are entries without any URI."""
    return tuple(
        IceServer(
            urls=urls,
            username=entry.username or "",
            credential=entry.password or Secret(""),
            expires_at=entry.ttl or 0,
        )
        for entry in entries
        if (urls := tuple(uri for uri in entry.uris if _URI.fullmatch(uri)))
    )


GET_TURN: Final = Endpoint(
    method="GET",
    path="/turn",
    purpose="learn the TURN servers",
    authorization=Authorization.ACCOUNT,
    accepts_invite=True,
    request_type=NoneType,
    response_type=tuple[TurnServer, ...],
    blank=Blank[tuple[TurnServer, ...]]((), 204),
)
POST_TURN: Final = Endpoint(
    method="POST",
    path="/turn",
    purpose="learn the TURN servers",
    authorization=Authorization.NONE,
    request_type=TurnRequest,
    response_type=tuple[TurnServer, ...],
)
"""The reference does not have it. Mustang's client joins only after an answer with a JSON array, which may be empty
(rest.md § 4)."""
