"""What a client takes of the response to a request, whichever library reads it: its size, its coding, how it begins."""

from __future__ import annotations

from typing import Final

from m3core.errors import TransportError
from m3core.io import Headers
from m3core.limits import MAX_HTTP_BODY, MAX_HTTP_PIECES, MAX_INFORMATIONAL

IDENTITY: Final = (("accept-encoding", "identity"),)
"""The field of a request that forbids codings: without it a server may choose any (RFC 9110 s.12.5.3)."""
NOT_HTTP: Final = "the response of the controller is not HTTP, or is cut off"
TOO_MANY_INFORMATIONAL: Final = f"the controller sent more than {MAX_INFORMATIONAL} informational responses"


def check_size(size: int, pieces: int) -> None:
    """Raise `TransportError` if a body that has come to ``size`` bytes, in ``pieces``, is too much."""
    if size > MAX_HTTP_BODY:
        raise TransportError(f"the response of the server is longer than {MAX_HTTP_BODY} bytes")
    if pieces > MAX_HTTP_PIECES:
        raise TransportError(f"the response of the server came in more than {MAX_HTTP_PIECES} pieces")


def check_coding(headers: Headers) -> None:
    """Raise `TransportError` if the content of a response has a coding (gzip for example).

    No request asks for one, and 269 bytes in several layers of gzip unpack to 2 GiB: the limit of a body is worth
    nothing if a decoder works before it.
    """
    if any(name.lower() == "content-encoding" and value.strip().lower() != "identity" for name, value in headers):
        raise TransportError(
            "the response of the server is compressed, although the request forbids it (Accept-Encoding: identity): "
            "switch off compression in the server, or in the proxy before it"
        )
