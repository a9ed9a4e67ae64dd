"""What a client may send over HTTP, and what becomes of it: one case is a row of a table.

Most rows send a request that the controller answers by itself. `GET /v1/auth/login` is 200; a whole `INVITE` is 404,
because there is no such invitation, and a body that was cut elsewhere is 400 and no JSON.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen

from m3core.limits import MAX_HTTP_BODY, MAX_HTTP_CHUNK_LINE, MAX_HTTP_HEAD, MAX_HTTP_HEAD_LINES


class After(Enum):
    """What the connection does after the last answer."""

    OPEN = "open"
    """It takes the next request."""
    CLOSED = "closed"
    """The server has closed its side, and takes nothing more."""
    WAITS = "waits"
    """It waits for the rest of a request."""


@frozen
class HttpCase:
    """``statuses`` are those of all answers to ``data``, in order; ``source`` is where the rule stands."""

    name: str
    data: bytes
    statuses: tuple[int, ...]
    after: After
    source: str


INVITE: Final = b'{"invite_code":"11111111-2222-4333-8444-555555555555"}'
LOGIN: Final = b"GET /v1/auth/login HTTP/1.1"
VERIFY: Final = b"POST /v1/invite/verify HTTP/1.1"
PROBE: Final = LOGIN + b"\r\nHost: probe\r\n\r\n"
"""A request whose answer is 200."""
SIZE: Final = b"Content-Length: %d" % len(INVITE)
CHUNKED: Final = b"Transfer-Encoding: chunked"
JSON: Final = b"Content-Type: application/json"
OPEN, CLOSED, WAITS = After.OPEN, After.CLOSED, After.WAITS


def get(*fields: bytes, line: bytes = LOGIN, host: bytes | None = b"Host: a") -> bytes:
    """A request without a body."""
    return b"\r\n".join([line, *([host] if host is not None else []), *fields, b"", b""])


def post(*fields: bytes, body: bytes = INVITE, line: bytes = VERIFY) -> bytes:
    """A request with ``body``; its length is up to ``fields``."""
    return get(JSON, *fields, line=line) + body


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


def chunked(body: bytes) -> bytes:
    """A request whose chunks are ``body``."""
    return post(CHUNKED, body=body)


def target(path: bytes, method: bytes = b"GET") -> bytes:
    return get(line=b"%b %b HTTP/1.1" % (method, path))


def head(size: int, lines: int = 3) -> bytes:
    """A request whose head has ``size`` bytes in ``lines`` lines, besides the empty one."""
    fields = [b"x: y"] * (lines - 3)
    rest = size - len(get(*fields, b"p: "))
    return get(*fields, b"p: " + b"y" * rest)


def lines(count: int) -> bytes:
    """A request whose head has ``count`` lines, besides the empty one."""
    return get(*[b"x:"] * (count - 2))


def trailers(*fields: bytes) -> bytes:
    """A chunked request with ``fields`` behind its last chunk."""
    return chunked(b"\r\n".join([chunk(INVITE) + b"0", *fields, b"", b""]))


SPLIT: Final = chunk(INVITE[:7]) + chunk(INVITE[7:])
LAST: Final = b"0\r\n\r\n"
_FRAMING: Final = "RFC 9112 s.6.1"
_LENGTH: Final = "RFC 9110 s.8.6"
_CHUNKS: Final = "RFC 9112 s.7.1"
_TRAILERS: Final = "RFC 9112 s.7.1.2"
_LINES: Final = "RFC 9112 s.2.2"
_FIELDS: Final = "RFC 9112 s.5.1"
_HOST: Final = "RFC 9112 s.3.2"
_ABSOLUTE: Final = "RFC 9112 s.3.2.2"
_TARGET: Final = "RFC 9112 s.3.2"
_VERSION: Final = "RFC 9110 s.15.6.6"
_EXPECT: Final = "RFC 9110 s.10.1.1"
_PERSIST: Final = "RFC 9112 s.9.3"
_LARGE: Final = "RFC 6585 s.5"

_TWO_LENGTHS: Final = (
    HttpCase("a length, then chunked", post(SIZE, CHUNKED), (400,), CLOSED, _FRAMING),
    HttpCase("chunked, then a length", post(CHUNKED, SIZE, body=SPLIT + LAST), (400,), CLOSED, _FRAMING),
    HttpCase("a length of 0, then chunked", post(b"Content-Length: 0", CHUNKED, body=LAST), (400,), CLOSED, _FRAMING),
    HttpCase("chunked, then a length of 0", post(CHUNKED, b"Content-Length: 0", body=LAST), (400,), CLOSED, _FRAMING),
    HttpCase(
        "a length and chunked in other letters",
        post(b"CONTENT-LENGTH: 4", b"TRANSFER-ENCODING: CHUNKED", body=LAST),
        (400,),
        CLOSED,
        _FRAMING,
    ),
    HttpCase("a length between two codings", post(CHUNKED, SIZE, CHUNKED, body=LAST), (501,), CLOSED, _FRAMING),
    HttpCase("a coding between two lengths", post(SIZE, CHUNKED, SIZE), (400,), CLOSED, _FRAMING),
    HttpCase("a length and an unknown coding", post(SIZE, b"Transfer-Encoding: x"), (501,), CLOSED, _FRAMING),
)

_LENGTHS: Final = (
    HttpCase("a length", post(SIZE), (404,), OPEN, _LENGTH),
    HttpCase("no length and no body", post(body=b""), (400,), OPEN, "RFC 9112 s.6.3"),
    HttpCase("no length, and a body", post(), (400, 400), CLOSED, "RFC 9112 s.6.3"),
    HttpCase("a length too short", post(b"Content-Length: 7"), (400,), WAITS, "RFC 9112 s.6.3"),
    HttpCase("a length too long", post(b"Content-Length: 99"), (), WAITS, "RFC 9112 s.8"),
    HttpCase("a length of a GET", get(b"Content-Length: 2") + b"{}", (200,), OPEN, "RFC 9110 s.9.3.1"),
    HttpCase("the same length twice", post(SIZE, SIZE), (404,), OPEN, _LENGTH),
    HttpCase("the same length twice in one line", post(SIZE + b", 54"), (404,), OPEN, _LENGTH),
    HttpCase("two lengths", post(SIZE, b"Content-Length: 3"), (400,), CLOSED, _LENGTH),
    HttpCase("two lengths in one line", post(SIZE + b", 3"), (400,), CLOSED, _LENGTH),
    HttpCase("a length and a comma", post(SIZE + b","), (400,), CLOSED, _LENGTH),
    HttpCase("a length with leading zeros", post(b"Content-Length: 000054"), (404,), OPEN, _LENGTH),
    HttpCase("a length with a plus", post(b"Content-Length: +54"), (400,), CLOSED, _LENGTH),
    HttpCase("a length below zero", post(b"Content-Length: -54"), (400,), CLOSED, _LENGTH),
    HttpCase("a length in hexadecimal", post(b"Content-Length: 0x36"), (400,), CLOSED, _LENGTH),
    HttpCase("a length with an underscore", post(b"Content-Length: 5_4"), (400,), CLOSED, _LENGTH),
    HttpCase("a length with a fraction", post(b"Content-Length: 54.0"), (400,), CLOSED, _LENGTH),
    HttpCase("an empty length", post(b"Content-Length:"), (400,), CLOSED, _LENGTH),
    HttpCase("a length in other digits", post("Content-Length: ٥٤".encode()), (400,), CLOSED, _LENGTH),
    HttpCase("a length of 21 digits", post(b"Content-Length: 000000000000000000054"), (400,), CLOSED, _LENGTH),
    HttpCase("a length of 5,000 digits", post(b"Content-Length: " + b"9" * 5_000), (400,), CLOSED, _LENGTH),
    HttpCase("a length over the limit", post(b"Content-Length: %d" % (MAX_HTTP_BODY + 1)), (400,), CLOSED, _LENGTH),
    HttpCase("a length at the limit", post(b"Content-Length: %d" % MAX_HTTP_BODY), (), WAITS, _LENGTH),
)

_CHUNKED: Final = (
    HttpCase("two chunks", chunked(SPLIT + LAST), (404,), OPEN, _CHUNKS),
    HttpCase(
        "chunks of one byte", chunked(b"".join(chunk(bytes([one])) for one in INVITE) + LAST), (404,), OPEN, _CHUNKS
    ),
    HttpCase("no chunks", chunked(LAST), (400,), OPEN, _CHUNKS),
    HttpCase("an end with several zeros", chunked(SPLIT + b"0000\r\n\r\n"), (404,), OPEN, _CHUNKS),
    HttpCase(
        "a size in capitals", chunked(chunk(INVITE + b" " * 25).replace(b"4f", b"4F", 1) + LAST), (404,), OPEN, _CHUNKS
    ),
    HttpCase("a size with leading zeros", chunked(b"000" + SPLIT + LAST), (404,), OPEN, _CHUNKS),
    HttpCase(
        "chunked in capitals", post(b"transfer-encoding: CHUNKED", body=SPLIT + LAST), (404,), OPEN, "RFC 9112 s.7"
    ),
    HttpCase("an extension", chunked(chunk(INVITE, b";a=b") + LAST), (404,), OPEN, "RFC 9112 s.7.1.1"),
    HttpCase("an extension with a CR", chunked(chunk(INVITE, b";a\rb") + LAST), (400,), CLOSED, _LINES),
    HttpCase("an extension with a LF", chunked(chunk(INVITE, b";a\nb") + LAST), (400,), CLOSED, _LINES),
    HttpCase("an extension with NUL", chunked(chunk(INVITE, b";a\0b") + LAST), (400,), CLOSED, _LINES),
    HttpCase(
        "a chunk line at the limit",
        chunked(chunk(INVITE, b";" + b"x" * (MAX_HTTP_CHUNK_LINE - 5)) + LAST),
        (404,),
        OPEN,
        "RFC 9112 s.7.1.1",
    ),
    HttpCase(
        "a chunk line over the limit",
        chunked(chunk(INVITE, b";" + b"x" * (MAX_HTTP_CHUNK_LINE - 4)) + LAST),
        (400,),
        CLOSED,
        "RFC 9112 s.7.1.1",
    ),
    HttpCase("a size line without an end", chunked(b"1" * 9_999), (400,), CLOSED, "RFC 9112 s.7.1.1"),
    HttpCase("a size with a plus", chunked(b"+" + SPLIT + LAST), (400,), CLOSED, _CHUNKS),
    HttpCase("a size below zero", chunked(b"-" + SPLIT + LAST), (400,), CLOSED, _CHUNKS),
    HttpCase("a size with 0x", chunked(b"0x" + SPLIT + LAST), (400,), CLOSED, _CHUNKS),
    HttpCase("a size with a blank before it", chunked(b" " + SPLIT + LAST), (400,), CLOSED, _CHUNKS),
    HttpCase("a size with a blank behind it", chunked(chunk(INVITE, b" ") + LAST), (404,), OPEN, _CHUNKS),
    HttpCase("a size with an underscore", chunked(b"0_" + SPLIT + LAST), (400,), CLOSED, _CHUNKS),
    HttpCase("a size that is no number", chunked(b"x\r\n" + INVITE), (400,), CLOSED, _CHUNKS),
    HttpCase("an empty size", chunked(b"\r\n" + INVITE), (400,), CLOSED, _CHUNKS),
    HttpCase("a size of 17 digits", chunked(b"0" * 15 + chunk(INVITE) + LAST), (400,), CLOSED, _CHUNKS),
    HttpCase("a size over the limit", chunked(b"%x\r\n" % (MAX_HTTP_BODY + 1)), (400,), CLOSED, _CHUNKS),
    HttpCase("a size at the limit", chunked(b"%x\r\n" % MAX_HTTP_BODY), (), WAITS, _CHUNKS),
    HttpCase(
        "sizes over the limit together", chunked(chunk(b"x") + b"%x\r\n" % MAX_HTTP_BODY), (400,), CLOSED, _CHUNKS
    ),
    HttpCase("a size with a bare LF", chunked(b"36\n" + INVITE + b"\r\n" + LAST), (400,), CLOSED, _LINES),
    HttpCase("a size with a bare CR", chunked(b"36\r" + INVITE + b"\r\n" + LAST), (400,), CLOSED, _LINES),
    HttpCase("a chunk longer than its size", chunked(b"2\r\n" + INVITE + b"\r\n"), (400,), CLOSED, _CHUNKS),
    HttpCase("a chunk shorter than its size", chunked(b"3a\r\n" + INVITE + b"\r\n" + LAST), (400,), CLOSED, _CHUNKS),
    HttpCase("a chunk that ends with a bare LF", chunked(b"36\r\n" + INVITE + b"\n" + LAST), (400,), CLOSED, _CHUNKS),
    HttpCase("chunks without their end", chunked(SPLIT), (), WAITS, "RFC 9112 s.8"),
    HttpCase("an end without its empty line", chunked(SPLIT + b"0\r\n"), (), WAITS, _TRAILERS),
    HttpCase("a coding twice in one line", post(CHUNKED + b", chunked", body=SPLIT + LAST), (501,), CLOSED, _FRAMING),
    HttpCase("a coding twice", post(CHUNKED, CHUNKED, body=SPLIT + LAST), (501,), CLOSED, _FRAMING),
    HttpCase("a coding that we do not have", post(b"Transfer-Encoding: gzip, chunked"), (501,), CLOSED, _FRAMING),
    HttpCase("identity", post(b"Transfer-Encoding: identity"), (501,), CLOSED, _FRAMING),
    HttpCase("an empty coding", post(b"Transfer-Encoding:"), (501,), CLOSED, _FRAMING),
    HttpCase("a coding in quotes", post(b'Transfer-Encoding: "chunked"'), (501,), CLOSED, _FRAMING),
    HttpCase(
        "a coding behind a vertical tab", post(b"Transfer-Encoding: \x0bchunked"), (400,), CLOSED, "RFC 9110 s.5.5"
    ),
    HttpCase("a coding with a blank before the colon", post(b"Transfer-Encoding : chunked"), (400,), CLOSED, _FIELDS),
    HttpCase(
        "a coding of HTTP/1.0",
        post(CHUNKED, line=VERIFY.replace(b"1.1", b"1.0"), body=SPLIT + LAST),
        (400,),
        CLOSED,
        _FRAMING,
    ),
)

_AFTER_CHUNKS: Final = (
    HttpCase("a trailer", trailers(b"x: y"), (404,), OPEN, _TRAILERS),
    HttpCase("a trailer that would be a length", trailers(b"Content-Length: 3"), (404,), OPEN, "RFC 9110 s.6.5.1"),
    HttpCase("a trailer without a colon", trailers(b"x"), (400,), CLOSED, _TRAILERS),
    HttpCase("a trailer with a blank before the colon", trailers(b"x : y"), (400,), CLOSED, _TRAILERS),
    HttpCase("a folded trailer", trailers(b"x: y", b" z"), (400,), CLOSED, "RFC 9112 s.5.2"),
    HttpCase("a trailer with a bare LF", trailers(b"x: y\nz: a"), (400,), CLOSED, _LINES),
    HttpCase("a trailer with NUL", trailers(b"x: \0"), (400,), CLOSED, "RFC 9110 s.5.5"),
    HttpCase("trailers at the limit of lines", trailers(*[b"x:"] * MAX_HTTP_HEAD_LINES), (404,), OPEN, _TRAILERS),
    HttpCase(
        "trailers over the limit of lines", trailers(*[b"x:"] * (MAX_HTTP_HEAD_LINES + 1)), (431,), CLOSED, _LARGE
    ),
    HttpCase("trailers at the limit", trailers(b"x:" + b"y" * (MAX_HTTP_HEAD - 6)), (404,), OPEN, _TRAILERS),
    HttpCase("trailers over the limit", trailers(b"x:" + b"y" * (MAX_HTTP_HEAD - 5)), (431,), CLOSED, _LARGE),
)

_HOSTS: Final = (
    HttpCase("no host", get(host=None), (400,), CLOSED, _HOST),
    HttpCase("no host in HTTP/1.0", get(host=None, line=LOGIN.replace(b"1.1", b"1.0")), (200,), CLOSED, _HOST),
    HttpCase("no host in HTTP/1.2", get(host=None, line=LOGIN.replace(b"1.1", b"1.2")), (400,), CLOSED, _HOST),
    HttpCase("an empty host", get(host=b"Host:"), (200,), OPEN, _HOST),
    HttpCase("another host", get(host=b"Host: m3.example:8443"), (200,), OPEN, "RFC 9110 s.7.2"),
    HttpCase("a host of IPv6", get(host=b"Host: [::1]:8080"), (200,), OPEN, "RFC 9110 s.7.2"),
    HttpCase("two hosts", get(b"Host: b"), (400,), CLOSED, _HOST),
    HttpCase("the same host twice", get(b"host: a"), (400,), CLOSED, _HOST),
    HttpCase("two hosts in one line", get(host=b"Host: a, b"), (400,), CLOSED, _HOST),
    HttpCase("a host with a blank", get(host=b"Host: a b"), (400,), CLOSED, _HOST),
    HttpCase("a host with a path", get(host=b"Host: a/b"), (400,), CLOSED, _HOST),
    HttpCase("a host with a user", get(host=b"Host: a@b"), (400,), CLOSED, _HOST),
    HttpCase("a host that is a URL", get(host=b"Host: http://a"), (400,), CLOSED, _HOST),
    HttpCase("a host with a port that is none", get(host=b"Host: a:b"), (400,), CLOSED, _HOST),
    HttpCase("a host with a blank before the colon", get(host=b"Host : a"), (400,), CLOSED, _FIELDS),
)

_TARGETS: Final = (
    HttpCase("an absolute form", target(b"http://m3.example/v1/auth/login"), (200,), OPEN, _ABSOLUTE),
    HttpCase("an absolute form in capitals", target(b"HTTP://M3.example/v1/auth/login"), (200,), OPEN, _ABSOLUTE),
    HttpCase("an absolute form of https", target(b"https://m3.example/v1/auth/login?a"), (200,), OPEN, _ABSOLUTE),
    HttpCase("an absolute form without a path", target(b"http://m3.example"), (404,), OPEN, _ABSOLUTE),
    HttpCase("an absolute form without a host", target(b"http:///v1/auth/login"), (400,), CLOSED, "RFC 9110 s.4.2.1"),
    HttpCase("an absolute form with a user", target(b"http://a@b/v1/auth/login"), (400,), CLOSED, "RFC 9110 s.4.2.4"),
    HttpCase("an absolute form of another scheme", target(b"ftp://a/v1/auth/login"), (400,), CLOSED, _ABSOLUTE),
    HttpCase(
        "an absolute form without a Host",
        get(host=None, line=b"GET http://a/v1/auth/login HTTP/1.1"),
        (400,),
        CLOSED,
        _HOST,
    ),
    HttpCase("no slash", target(b"v1/auth/login"), (400,), CLOSED, _TARGET),
    HttpCase("an authority", target(b"a:80"), (400,), CLOSED, "RFC 9112 s.3.2.3"),
    HttpCase("an asterisk of GET", target(b"*"), (400,), CLOSED, "RFC 9112 s.3.2.4"),
    HttpCase("an asterisk of OPTIONS", target(b"*", b"OPTIONS"), (204,), OPEN, "RFC 9112 s.3.2.4"),
    HttpCase("an empty target", target(b""), (400,), CLOSED, "RFC 9112 s.3"),
    HttpCase("a blank in the target", target(b"/v1/auth/login x"), (400,), CLOSED, "RFC 9112 s.3.2"),
    HttpCase("a target that is not ASCII", target("/v1/ä".encode()), (400,), CLOSED, _TARGET),
    HttpCase("NUL in the target", target(b"/v1/auth/login\0"), (400,), CLOSED, _TARGET),
    HttpCase("DEL in the target", target(b"/v1/auth/login\x7f"), (400,), CLOSED, _TARGET),
    HttpCase("a fragment", target(b"/v1/auth/login#x"), (400,), CLOSED, _TARGET),
    HttpCase("a query", target(b"/v1/auth/login?a=/../&b=%00"), (200,), OPEN, "RFC 9112 s.3.2.1"),
    HttpCase("an empty query", target(b"/v1/auth/login?"), (200,), OPEN, "RFC 9112 s.3.2.1"),
    HttpCase("a path of dots", target(b"/v1/../v1/auth/login"), (404,), OPEN, "RFC 3986 s.5.2.4"),
    HttpCase("a path with one dot", target(b"/v1/./auth/login"), (404,), OPEN, "RFC 3986 s.5.2.4"),
    HttpCase("a path of encoded dots", target(b"/v1/%2e%2e/v1/auth/login"), (404,), OPEN, "RFC 3986 s.5.2.4"),
    HttpCase("a path above the root", target(b"/../../etc/passwd"), (404,), OPEN, "RFC 3986 s.5.2.4"),
    HttpCase("an encoded slash", target(b"/v1%2fauth/login"), (404,), OPEN, "RFC 3986 s.2.2"),
    HttpCase("an encoded letter", target(b"/v1/auth/l%6Fgin"), (404,), OPEN, "RFC 3986 s.2.4"),
    HttpCase("an encoded NUL", target(b"/v1/auth/login%00"), (404,), OPEN, "RFC 3986 s.2.1"),
    HttpCase("a percent that encodes nothing", target(b"/v1/auth/login%zz"), (404,), OPEN, "RFC 3986 s.2.1"),
    HttpCase("two slashes at the beginning", target(b"//v1/auth/login"), (404,), OPEN, "RFC 9112 s.3.2.1"),
    HttpCase("two slashes inside", target(b"/v1//auth/login"), (404,), OPEN, "RFC 9112 s.3.2.1"),
    HttpCase("a slash at the end", target(b"/v1/auth/login/"), (404,), OPEN, "RFC 9112 s.3.2.1"),
    HttpCase("a backslash", target(b"/v1\\auth\\login"), (404,), OPEN, "RFC 3986 s.2"),
    HttpCase("a parameter", target(b"/v1/auth/login;x"), (404,), OPEN, "RFC 3986 s.3.3"),
    HttpCase("a path in capitals", target(b"/V1/AUTH/LOGIN"), (404,), OPEN, "RFC 9110 s.4.2.3"),
)

_METHODS: Final = (
    HttpCase("HEAD", target(b"/v1/auth/login", b"HEAD"), (200,), OPEN, "RFC 9110 s.9.3.2"),
    HttpCase("HEAD of nothing", target(b"/nothing", b"HEAD"), (404,), OPEN, "RFC 9110 s.9.3.2"),
    HttpCase("OPTIONS", target(b"/v1/auth/login", b"OPTIONS"), (204,), OPEN, "RFC 9110 s.9.3.7"),
    HttpCase("TRACE", target(b"/v1/auth/login", b"TRACE"), (405,), OPEN, "RFC 9110 s.9.3.8"),
    HttpCase("CONNECT", target(b"a:80", b"CONNECT"), (400,), CLOSED, "RFC 9110 s.9.3.6"),
    HttpCase("CONNECT to a path", target(b"/v1/auth/login", b"CONNECT"), (400,), CLOSED, "RFC 9110 s.9.3.6"),
    HttpCase("an unknown method", target(b"/v1/auth/login", b"BREW"), (405,), OPEN, "RFC 9110 s.9.1"),
    HttpCase("a method in small letters", target(b"/v1/auth/login", b"get"), (405,), OPEN, "RFC 9110 s.9.1"),
    HttpCase("a method that is no token", target(b"/v1/auth/login", b"G@T"), (400,), CLOSED, "RFC 9112 s.3.1"),
    HttpCase("no method", b" /v1/auth/login HTTP/1.1\r\nHost: a\r\n\r\n", (400,), CLOSED, "RFC 9112 s.3"),
)

_VERSIONS: Final = (
    HttpCase("HTTP/1.0", get(line=LOGIN.replace(b"1.1", b"1.0")), (200,), CLOSED, _PERSIST),
    HttpCase("HTTP/1.2", get(line=LOGIN.replace(b"1.1", b"1.2")), (200,), OPEN, "RFC 9110 s.2.5"),
    HttpCase("HTTP/2.0", get(line=LOGIN.replace(b"1.1", b"2.0")), (505,), CLOSED, _VERSION),
    HttpCase("HTTP/2.0 without a host", get(host=None, line=LOGIN.replace(b"1.1", b"2.0")), (505,), CLOSED, _VERSION),
    HttpCase("HTTP/0.9 with a version", get(line=LOGIN.replace(b"1.1", b"0.9")), (505,), CLOSED, _VERSION),
    HttpCase("HTTP/0.9", b"GET /v1/auth/login\r\n\r\n", (400,), CLOSED, "RFC 9112 s.3"),
    HttpCase("HTTP/2", get(line=LOGIN.replace(b"1.1", b"2")), (400,), CLOSED, "RFC 9112 s.2.3"),
    HttpCase("HTTP/1.10", get(line=LOGIN.replace(b"1.1", b"1.10")), (400,), CLOSED, "RFC 9112 s.2.3"),
    HttpCase("http/1.1 in small letters", get(line=LOGIN.replace(b"HTTP", b"http")), (400,), CLOSED, "RFC 9112 s.2.3"),
    HttpCase("another protocol", get(line=b"OPTIONS sip:a SIP/2.0"), (400,), CLOSED, "RFC 9112 s.2.3"),
    HttpCase("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505,), CLOSED, "RFC 9113 s.3.4"),
    HttpCase(
        "an upgrade to h2c",
        get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"),
        (200,),
        OPEN,
        "RFC 9110 s.7.8",
    ),
    HttpCase(
        "the hello of TLS",
        bytes.fromhex("16030102000100 01fc0303") + b"\0" * 499,
        (400,),
        CLOSED,
        "RFC 8446 s.5.1",
    ),
    HttpCase("the hello of SSL 2", bytes.fromhex("802b010301001200000010"), (400,), CLOSED, "RFC 9112 s.3"),
    HttpCase("the greeting of SSH", b"SSH-2.0-OpenSSH_9.7\r\n\r\n", (400,), CLOSED, "RFC 9112 s.3"),
    HttpCase("the line of a proxy", b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n" + PROBE, (400,), CLOSED, "RFC 9112 s.3"),
)

_LINE_ENDS: Final = (
    HttpCase("an empty line before the request", b"\r\n" + PROBE, (200,), OPEN, _LINES),
    HttpCase("an empty line before each of two requests", (b"\r\n" + PROBE) * 2, (200, 200), OPEN, _LINES),
    HttpCase("two empty lines before the request", b"\r\n\r\n" + PROBE, (400,), CLOSED, _LINES),
    HttpCase("a bare LF before the request", b"\n" + PROBE, (400,), CLOSED, _LINES),
    HttpCase("a blank before the request", b" " + PROBE, (400,), CLOSED, "RFC 9112 s.3"),
    HttpCase("NUL before the request", b"\0" + PROBE, (400,), CLOSED, "RFC 9112 s.3"),
    HttpCase("lines that end with a bare LF", PROBE.replace(b"\r", b""), (400,), CLOSED, _LINES),
    HttpCase("a request line that ends with a bare LF", PROBE.replace(b"\r", b"", 1), (400,), CLOSED, _LINES),
    HttpCase("a field that ends with a bare LF", get(b"x: y\nz: a"), (400,), CLOSED, _LINES),
    HttpCase("a head that ends with a bare LF", get()[:-2] + b"\n", (400,), CLOSED, _LINES),
    HttpCase("lines that end with a bare CR", PROBE.replace(b"\n", b""), (), WAITS, _LINES),
    HttpCase("a bare CR in a value", get(b"x: y\rz: a"), (400,), CLOSED, _LINES),
    HttpCase("a CR before the end of a line", get(b"x: y\r"), (400,), CLOSED, _LINES),
    HttpCase("a bare CR in the request line", get(line=LOGIN.replace(b" HTTP", b"\rHTTP")), (400,), CLOSED, _LINES),
    HttpCase("a tab in the request line", get(line=LOGIN.replace(b" ", b"\t")), (400,), CLOSED, "RFC 9112 s.3"),
    HttpCase("two blanks in the request line", get(line=LOGIN.replace(b" H", b"  H")), (400,), CLOSED, "RFC 9112 s.3"),
    HttpCase("a blank at the end of the request line", get(line=LOGIN + b" "), (400,), CLOSED, "RFC 9112 s.3"),
)

_FIELD_LINES: Final = (
    HttpCase("a folded field", get(b"x: y", b" z"), (400,), CLOSED, "RFC 9112 s.5.2"),
    HttpCase("a field folded by a tab", get(b"x: y", b"\tz"), (400,), CLOSED, "RFC 9112 s.5.2"),
    HttpCase("a folded length", post(b"Content-Length:", b" 54"), (400,), CLOSED, "RFC 9112 s.5.2"),
    HttpCase("a folded coding", post(b"Transfer-Encoding:", b" chunked", body=LAST), (400,), CLOSED, "RFC 9112 s.5.2"),
    HttpCase("a first field after a blank", get(host=b" Host: a"), (400,), CLOSED, _LINES),
    HttpCase("a field without a colon", get(b"x"), (400,), CLOSED, _FIELDS),
    HttpCase("a field without a name", get(b": y"), (400,), CLOSED, _FIELDS),
    HttpCase("a field without a value", get(b"x:"), (200,), OPEN, "RFC 9112 s.5"),
    HttpCase("a name with a blank", get(b"x y: z"), (400,), CLOSED, _FIELDS),
    HttpCase("a name with a blank before the colon", get(b"x : y"), (400,), CLOSED, _FIELDS),
    HttpCase("a name with a tab before the colon", get(b"x\t: y"), (400,), CLOSED, _FIELDS),
    HttpCase("a name that is no token", get(b"x(y): z"), (400,), CLOSED, "RFC 9110 s.5.6.2"),
    HttpCase("a name that is not ASCII", get("ü: y".encode()), (400,), CLOSED, "RFC 9110 s.5.6.2"),
    HttpCase("a name with NUL", get(b"x\0: y"), (400,), CLOSED, "RFC 9110 s.5.6.2"),
    HttpCase("a value that is not ASCII", get(b"x: \xfc"), (200,), OPEN, "RFC 9110 s.5.5"),
    HttpCase("a value with a tab", get(b"x: y\tz"), (200,), OPEN, "RFC 9110 s.5.5"),
    HttpCase("a value between blanks", get(b"x: \t y \t "), (200,), OPEN, "RFC 9110 s.5.5"),
    HttpCase("a value with NUL", get(b"x: y\0z"), (400,), CLOSED, "RFC 9110 s.5.5"),
)

_HEADS: Final = (
    HttpCase("a head at the limit", head(MAX_HTTP_HEAD), (200,), OPEN, _LARGE),
    HttpCase("a head over the limit", head(MAX_HTTP_HEAD + 1), (431,), CLOSED, _LARGE),
    HttpCase("a head far over the limit", head(4 * MAX_HTTP_HEAD), (431,), CLOSED, _LARGE),
    HttpCase("a head over the limit in many fields", head(MAX_HTTP_HEAD + 1, 50), (431,), CLOSED, _LARGE),
    HttpCase("a head at the limit of lines", lines(MAX_HTTP_HEAD_LINES), (200,), OPEN, _LARGE),
    HttpCase("a head over the limit of lines", lines(MAX_HTTP_HEAD_LINES + 1), (431,), CLOSED, _LARGE),
    HttpCase("a head of a thousand lines", lines(1_000), (431,), CLOSED, _LARGE),
    HttpCase("a target over the limit", target(b"/" + b"x" * MAX_HTTP_HEAD), (431,), CLOSED, _LARGE),
    HttpCase("a method over the limit", b"G" * (MAX_HTTP_HEAD + 1), (431,), CLOSED, _LARGE),
    HttpCase("a request line without an end", b"GET /" + b"x" * MAX_HTTP_HEAD, (431,), CLOSED, _LARGE),
    HttpCase("half a head", PROBE[:20], (), WAITS, "RFC 9112 s.8"),
    HttpCase("a head without its empty line", PROBE[:-2], (), WAITS, "RFC 9112 s.8"),
    HttpCase("a head at the limit behind another", PROBE + head(MAX_HTTP_HEAD), (200, 200), OPEN, _LARGE),
    HttpCase("a head over the limit behind another", PROBE + head(MAX_HTTP_HEAD + 1), (200, 431), CLOSED, _LARGE),
)

_IN_TURN: Final = (
    HttpCase("three requests at once", PROBE * 3, (200, 200, 200), OPEN, "RFC 9112 s.9.3.2"),
    HttpCase(
        "requests of all kinds at once",
        post(SIZE) + PROBE + chunked(SPLIT + LAST) + target(b"/", b"HEAD") + PROBE,
        (404, 200, 404, 404, 200),
        OPEN,
        "RFC 9112 s.9.3.2",
    ),
    HttpCase("a request and half of another", PROBE + PROBE[:9], (200,), WAITS, "RFC 9112 s.9.3.2"),
    HttpCase("a request and what is none", PROBE + b"?\r\n\r\n" + PROBE, (200, 400), CLOSED, "RFC 9112 s.9.3.2"),
    HttpCase("an empty line between requests", PROBE + b"\r\n" + PROBE, (200, 200), OPEN, _LINES),
    HttpCase("a request to close, and another", get(b"Connection: close") + PROBE, (200,), CLOSED, "RFC 9112 s.9.6"),
    HttpCase("close in capitals", get(b"Connection: Keep-Alive, CLOSE") + PROBE, (200,), CLOSED, "RFC 9112 s.9.6"),
    HttpCase(
        "HTTP/1.0 that would go on",
        get(b"Connection: keep-alive", line=LOGIN.replace(b"1.1", b"1.0")) + PROBE,
        (200,),
        CLOSED,
        _PERSIST,
    ),
    HttpCase(
        "a request within a body",
        post(b"Content-Length: %d" % len(PROBE), body=PROBE),
        (400,),
        OPEN,
        "RFC 9112 s.11.2",
    ),
)

_ASKED: Final = (
    HttpCase("100-continue", post(SIZE, b"Expect: 100-continue"), (100, 404), OPEN, _EXPECT),
    HttpCase("100-continue in capitals", post(SIZE, b"Expect: 100-Continue"), (100, 404), OPEN, _EXPECT),
    HttpCase("100-continue before the body", post(SIZE, b"Expect: 100-continue", body=b""), (100,), WAITS, _EXPECT),
    HttpCase(
        "100-continue of chunks", post(CHUNKED, b"Expect: 100-continue", body=SPLIT + LAST), (100, 404), OPEN, _EXPECT
    ),
    HttpCase(
        "100-continue with a length over the limit",
        post(b"Content-Length: %d" % (MAX_HTTP_BODY + 1), b"Expect: 100-continue", body=b""),
        (400,),
        CLOSED,
        _EXPECT,
    ),
    HttpCase(
        "100-continue with two lengths",
        post(SIZE, CHUNKED, b"Expect: 100-continue", body=b""),
        (400,),
        CLOSED,
        _EXPECT,
    ),
    HttpCase(
        "100-continue of HTTP/1.0",
        post(SIZE, b"Expect: 100-continue", line=VERIFY.replace(b"1.1", b"1.0")),
        (404,),
        CLOSED,
        _EXPECT,
    ),
    HttpCase("another expectation", post(SIZE, b"Expect: wonders"), (404,), OPEN, _EXPECT),
)

HTTP_CASES: Final = (
    *_TWO_LENGTHS,
    *_LENGTHS,
    *_CHUNKED,
    *_AFTER_CHUNKS,
    *_HOSTS,
    *_TARGETS,
    *_METHODS,
    *_VERSIONS,
    *_LINE_ENDS,
    *_FIELD_LINES,
    *_HEADS,
    *_IN_TURN,
    *_ASKED,
)
