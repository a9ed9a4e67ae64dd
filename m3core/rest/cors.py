"""Cross-origin access: any web page may call the API (rest.md § 1).

That is safe, because only tokens give access, and a browser does not add them to requests of a page as it adds cookies.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from m3core.io import Headers, HttpResponse

_ORIGIN: Final[Headers] = (("access-control-allow-origin", "*"),)
_PREFLIGHT: Final[Headers] = (
    *_ORIGIN,
    ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE"),
    ("access-control-allow-headers", "authorization, content-type"),
    ("access-control-max-age", "3600"),
)


def preflight() -> HttpResponse:
    """The answer to any `OPTIONS` request."""
    return HttpResponse(204, _PREFLIGHT)


def with_cors(response: HttpResponse) -> HttpResponse:
    """``response`` with headers that let any page read it, with its `Link`, `Retry-After` and `x-request-id`."""
    exposed = ("access-control-expose-headers", "link, retry-after, x-request-id")
    return evolve(response, headers=(*response.headers, *_ORIGIN, exposed))
