"""What h11 lets through in the head of a request, and a server has to refuse."""

from __future__ import annotations

import re
from typing import Final

import h11

from m3core.controller.request_bytes import BAD_REQUEST
from m3core.limits import MAX_HTTP_BODY
from m3core.rest.errors import PAYLOAD_OVERFLOW, Problem

_OTHER_VERSION: Final = Problem(505, "bad_request")
_NAME: Final = r"[-A-Za-z0-9._~%!$&'()*+,;=]"
"""A character of a host name (RFC 3986 s.3.2.2)."""
_LITERAL: Final = r"\[[0-9A-Fa-f:.]+\]"
_HOST: Final = re.compile(rf"(?:{_NAME}*|{_LITERAL})(?::[0-9]*)?".encode())
_ORIGIN_FORM: Final = re.compile(rb"/[^#]*")
_ABSOLUTE_FORM: Final = re.compile(
    rf"https?://(?:{_NAME}+|{_LITERAL})(?::[0-9]*)?(?:[/?][^#]*)?".encode(), re.IGNORECASE
)
"""Without a user before the host, which misleads people (RFC 9110 s.4.2.4)."""


def check_head(request: h11.Request) -> Problem | None:
    """The answer to a head that is not acceptable."""
    if not request.http_version.startswith(b"1."):
        return _OTHER_VERSION
    names = [name for name, _ in request.headers]
    hosts = [value for name, value in request.headers if name == b"host"]
    is_old = request.http_version == b"1.0"
    if not (hosts or is_old) or not all(map(_HOST.fullmatch, hosts)) or not _has_target(request):
        return BAD_REQUEST
    # Two lengths are how requests are smuggled past a proxy. So are the chunks of HTTP/1.0, which has none
    # (RFC 9112 s.6.1).
    if b"transfer-encoding" in names and (b"content-length" in names or is_old):
        return BAD_REQUEST
    return PAYLOAD_OVERFLOW if (body_length(request) or 0) > MAX_HTTP_BODY else None


def body_length(request: h11.Request) -> int | None:
    """The bytes of the body; None if it comes in chunks."""
    fields = dict(request.headers)
    return None if b"transfer-encoding" in fields else int(fields.get(b"content-length", b"0"))


def _has_target(request: h11.Request) -> bool:
    """Whether the target has a form that its method allows (RFC 9112 s.3.2). `CONNECT` is for proxies only."""
    if request.method == b"CONNECT":
        return False
    if request.target == b"*":
        return request.method == b"OPTIONS"
    return bool(_ORIGIN_FORM.fullmatch(request.target) or _ABSOLUTE_FORM.fullmatch(request.target))
