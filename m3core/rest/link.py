"""Invitation links and controller addresses. Both may come from the mail of a stranger, so neither is trusted.

`m3core.rest.address` says what is refused, and why. ``allow_private`` allows private networks. It applies to links, and
to controllers that get a token. A controller that a guest names may always be in a private network: all that it gets is
the code of the link. The server of a link names the controller (`m3core.rest.discovery`). If it does not, this module
has the candidates.
"""

from __future__ import annotations

from attrs import field, frozen

from m3core.errors import LinkError
from m3core.rest.address import base_path, split_url
from m3core.values import InviteCode, RoomId, is_uuid


@frozen
class InviteLink:
    """An invitation link that has been checked. ``origin`` is `https://host[:port]`, its host in lower case punycode.

    Everybody who has the code can join, so it is not in the repr. Only the later form of links has ``room_id`` and
    ``breakout_room``; `POST /invite/verify` answers with the room of any code.
    """

    origin: str
    invite_code: InviteCode = field(repr=lambda _: "...")
    room_id: RoomId | None = None
    breakout_room: RoomId | None = None
    is_loopback: bool = False

    @classmethod
    def parse(cls, text: str, *, controller: str | None = None, allow_private: bool = False) -> InviteLink:
        """Read `https://host/invite/<code>` or `https://host/room/<room>[/<breakout room>]?invite=<code>`.

        A link to this machine is accepted, also with http, if ``controller`` is on this machine or None. Raises
        `LinkError`, whose text does not repeat the link.
        """
        origin, path, query = split_url(text, allow_private=allow_private)
        if origin.is_loopback and controller is not None:
            own, _, _ = split_url(controller, allow_private=True)
            if not own.is_loopback:
                raise LinkError("the link leads to this machine, but the controller is on another one")
        match path.removesuffix("/").split("/"):
            case ["", "invite", code]:
                return cls(str(origin), _code(code), is_loopback=origin.is_loopback)
            case ["", "room", room, *rest] if len(rest) < 2 and all(map(is_uuid, (room, *rest))):
                return cls(
                    str(origin),
                    _code(_query_value(query, "invite")),
                    RoomId(room),
                    RoomId(rest[0]) if rest else None,
                    origin.is_loopback,
                )
        raise LinkError("this is not an invitation link: it must be like https://HOST/invite/CODE")


@frozen
class ControllerCandidate:
    """An address at which the controller of a link may be.

    With ``probe`` it is a controller only if it answers `GET /v1/auth/login` with JSON.
    """

    base_url: str
    probe: bool


def _code(text: str) -> InviteCode:
    if not is_uuid(text):
        raise LinkError("the invite code of the link is not a UUID")
    return InviteCode(text.lower())  # ids on the wire are in lower case


def _query_value(query: str, name: str) -> str:
    values = [value for key, _, value in (part.partition("=") for part in query.split("&")) if key == name]
    if len(values) != 1:
        raise LinkError("the link has no invite code, or more than one")
    return values[0]


def parse_controller_url(text: str, *, allow_private: bool = False) -> str:
    """The address of a controller, `https://host[:port]`, checked and in normal form. Raises `LinkError`."""
    origin, path, query = split_url(text, allow_private=allow_private)
    if path not in {"", "/"} or query:
        raise LinkError("the address of a controller must not have a path or a query")
    return str(origin)


def controller_candidates(link: InviteLink, controller: str | None = None) -> tuple[ControllerCandidate, ...]:
    """The addresses at which the controller of ``link`` may be, the best first. Links do not name it (rest.md § 4).

    That is ``controller`` if it is given; the user trusts it, so it may be in a private network. Else it is the origin
    of the link, if that is on this machine or turns out to be a controller, and then `controller.` + its host.
    """
    if controller is not None:
        return (ControllerCandidate(parse_controller_url(controller, allow_private=True), probe=False),)
    origin, _, _ = split_url(link.origin, allow_private=True)
    # `controller.` can precede neither an address nor a name that would exceed 253 characters (RFC 1035 s.2.3.4).
    if origin.is_loopback or origin.is_address or len(origin.host) > 242:
        return (ControllerCandidate(link.origin, probe=False),)
    derived = f"{origin.scheme}://controller.{link.origin.removeprefix('https://')}"
    return (ControllerCandidate(link.origin, probe=True), ControllerCandidate(derived, probe=False))


def signaling_url(base_url: str) -> str:
    """The WebSocket URL of the controller at ``base_url`` (signaling.md § 1). Raises `LinkError`."""
    origin, path, query = split_url(base_url, allow_private=True)
    return f"ws{str(origin).removeprefix('http')}{base_path(path, query)}/signaling"


def is_local(url: str) -> bool:
    """Whether the host of ``url`` (http, https, ws or wss) is this machine; False if ``url`` is not a URL."""
    try:
        origin, _, _ = split_url(url.replace("ws", "http", 1) if url.startswith("ws") else url, allow_private=True)
    except LinkError:
        return False
    return origin.is_loopback
