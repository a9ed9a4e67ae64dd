"""One request of the REST API as its handler gets it, and what a handler gives back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from attrs import frozen

from m3core.controller.config import User
from m3core.io import Headers, HttpResponse
from m3core.rest.endpoint import Endpoint
from m3core.rest.errors import Problem
from m3core.rest.routes import AnyEndpoint, Match
from m3core.values import Secret

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

Answer: TypeAlias = HttpResponse | Problem


@frozen
class Incoming:
    """A request whose path names the endpoint ``match.endpoint``. Nothing else of it was checked.

    ``address`` is that of the client (`m3core.controller.addresses`). ``user`` is the one whose access token it has
    (`Access.identify`).
    """

    match: Match
    headers: Headers
    body: bytes
    address: str = ""
    user: User | None = None

    def header(self, name: str) -> str | None:
        """The first field ``name`` (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def bearer(self) -> Secret | None:
        """The bearer token (RFC 6750 s.2.1)."""
        scheme, _, token = (self.header("authorization") or "").partition(" ")
        return Secret(token.strip()) if scheme.lower() == "bearer" and token.strip() else None

    def read(self, endpoint: Endpoint[RequestT, ResponseT]) -> RequestT:
        """The typed body; raises `RequestRefused`."""
        return endpoint.read_request(self.body, self.header("content-type"))


Handler: TypeAlias = Callable[[Incoming], Answer]
"""Answers one endpoint. It may raise `RequestRefused`, and `LimitExceeded` when the store is full."""
Handlers: TypeAlias = tuple[tuple[AnyEndpoint, Handler], ...]
