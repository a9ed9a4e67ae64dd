"""Settings of an embedded controller, and the ports to users and pads. No I/O."""

from __future__ import annotations

from typing import Protocol

from attrs import field, frozen

from m3core.controller.addresses import parse_network
from m3core.controller.features import NEWEST, Feature, FeatureLevel
from m3core.controller.ice_policy import IceCandidates
from m3core.errors import LocalProtocolError
from m3core.limits import CAMERA_BITRATE, SCREEN_BITRATE
from m3core.rest.turn import TurnServer
from m3core.values import BreakoutRoomId, ParticipantId, RoomId, Secret, UserId


@frozen(kw_only=True)
class User:
    """Somebody with an account."""

    id: UserId
    email: str
    display_name: str
    firstname: str = ""
    lastname: str = ""
    title: str = ""
    avatar_url: str = ""
    groups: tuple[str, ...] = ()
    """Names of groups. The members of a group have a chat of their own."""


class Identities(Protocol):
    """The port to the users: `TokenTable`, or a class of yours in front of an identity provider."""

    def user_of(self, access_token: Secret) -> User | None:
        """The user whose access token this is; None for an unknown one."""
        ...

    def login(self, id_token: Secret) -> User | None:
        """The user whose id token this is (`POST /auth/login`); None for an unknown one."""
        ...


class TokenTable:
    """Users with one fixed token each, which serves as access token and as id token. For development and tests."""

    def __init__(self, users: dict[Secret, User]) -> None:
        self._users = dict(users)

    def user_of(self, access_token: Secret) -> User | None:
        """The user whose token this is; None for an unknown one."""
        return self._users.get(access_token)

    def login(self, id_token: Secret) -> User | None:
        """The same as `user_of`: a user has one token."""
        return self._users.get(id_token)


class Pads(Protocol):
    """The port to a pad, where people write minutes together (signaling.md § 13): makes the addresses of sessions.

    ``breakout`` None means the pad of the main room; each breakout room has its own. An address may hold a key.
    """

    def write_url(self, room: RoomId, breakout: BreakoutRoomId | None, participant: ParticipantId) -> str:
        """The address of a session in which ``participant`` may write."""
        ...

    def read_url(self, room: RoomId, breakout: BreakoutRoomId | None, participant: ParticipantId) -> str:
        """The address of a session in which ``participant`` may only read."""
        ...


@frozen(kw_only=True)
class ControllerConfig:
    """Settings of one controller. ``web_url`` is the web client that its invitation links open."""

    web_url: str
    public_url: str = ""
    """The address at which guests reach the controller, as its discovery document gives it (`m3core.rest.discovery`).
    Empty: the address that the request for the document used."""
    issuer: str = "https://login.m3.invalid"
    """The identity provider, for `GET /auth/login`. The default leads nowhere: tokens come from elsewhere then."""
    screen_needs_permission: bool = False
    """Whether guests and users need a moderator's grant to share the screen (media.md § 3, `is_presenter`)."""
    open_rooms: bool = False
    """Whether all logged-in users may start in every room, and not only its owner (rest.md § 4, start)."""
    camera_bitrate: int = CAMERA_BITRATE
    screen_bitrate: int = SCREEN_BITRATE
    feature_level: FeatureLevel = NEWEST
    """The version of the reference controller whose messages this controller sends."""
    participant_limit: int | None = None
    """How many participants a meeting may have, waiting ones included (None: `limits.MAX_PARTICIPANTS`). It is a quota
    of feature level 0.3."""
    time_limit: float | None = None
    """Seconds from the first join until a meeting is closed; None: no limit. It is a quota of feature level 0.3."""
    ice_candidates: IceCandidates | None = None
    """To which addresses of participants the media server may send. None: `serve` chooses by the address at which it
    listens, `ALL` for a loopback or private address and else `PUBLIC`; without `serve` it is `ALL`."""
    own_ports: tuple[int, ...] = ()
    """Ports at which this machine listens: the media server never sends to them. `serve` adds its own."""
    turn_servers: tuple[TurnServer, ...] = field(default=(), repr=False)
    has_recording: bool = True
    """Whether the namespace `recording` exists, and with it a key in `join_success`, even without a recorder."""
    recorder_token: Secret | None = None
    """The secret with which a recorder gets its tickets (rest.md § 4, Services); None: nobody may record."""
    pads: Pads | None = field(default=None, repr=False)
    """The pad for minutes; None: the namespaces `protocol` and `meeting_notes` do not exist."""

    trusted_proxies: tuple[str, ...] = ()
    """Networks (`10.0.0.0/8`) of proxies that say who their client is, by `X-Forwarded-For` or the PROXY protocol. They
    must write it themselves: what they pass on from their clients is believed, too."""
    limit_loopback: bool = False
    """Whether clients on this machine have the budgets of an address (docs/limits.md), as all others."""

    def __attrs_post_init__(self) -> None:
        for network in self.trusted_proxies:
            try:
                parse_network(network)
            except ValueError as error:
                raise LocalProtocolError(
                    f"trusted_proxies are networks, such as 10.0.0.0/8, or addresses: {error}"
                ) from None
        quotas = (self.participant_limit, self.time_limit)
        if any(quota is not None for quota in quotas) and not self.feature_level.has(Feature.QUOTAS):
            raise LocalProtocolError(
                "participant_limit and time_limit need feature level 0.3 or later, because earlier clients do not know "
                "them: choose a later level, or leave both limits out"
            )
