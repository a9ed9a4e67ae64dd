"""How an embedded controller behaves, and who may log in: values and two ports, no I/O."""

from __future__ import annotations

from typing import Protocol

from attrs import field, frozen

from m3core.controller.features import NEWEST, Feature, FeatureLevel
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
    """Names; members of a group may chat among themselves."""


class Identities(Protocol):
    """The port to whoever knows the users: a table of tokens here, an identity provider elsewhere."""

    def user_of(self, access_token: Secret) -> User | None:
        """The user whose access token this is."""
        ...

    def login(self, id_token: Secret) -> User | None:
        """The user whose id token this is (`POST /auth/login`)."""
        ...


class TokenTable:
    """Users with one fixed token each, which serves as access token and as id token. For development and tests."""

    def __init__(self, users: dict[Secret, User]) -> None:
        self._users = dict(users)

    def user_of(self, access_token: Secret) -> User | None:
        """The user whose token this is."""
        return self._users.get(access_token)

    def login(self, id_token: Secret) -> User | None:
        """The same: the tokens do not differ."""
        return self._users.get(id_token)


class Pads(Protocol):
    """The port to a pad, where people write together (signaling.md § 13): makes the addresses of sessions there.

    ``breakout`` None: the pad of the main room; each breakout room has its own. An address may hold a key.
    """

    def write_url(self, room: RoomId, breakout: BreakoutRoomId | None, participant: ParticipantId) -> str:
        """Where ``participant`` may write."""
        ...

    def read_url(self, room: RoomId, breakout: BreakoutRoomId | None, participant: ParticipantId) -> str:
        """Where ``participant`` may read."""
        ...


@frozen(kw_only=True)
class ControllerConfig:
    """Settings of one controller. ``web_url`` is where its invitation links lead."""

    web_url: str
    public_url: str = ""
    """Where guests reach the controller, for those who ask (`m3core.rest.discovery`); empty: where they ask."""
    issuer: str = "https://login.m3.invalid"
    """Of the identity provider, for `GET /auth/login`; a URL that leads nowhere where tokens come from elsewhere."""
    screen_needs_permission: bool = False
    """Whether guests and users need a moderator's grant to share the screen (media.md § 3)."""
    open_rooms: bool = False
    """Whether everybody who is logged in may start in every room, not only its owner (rest.md § 4, start)."""
    camera_bitrate: int = CAMERA_BITRATE
    screen_bitrate: int = SCREEN_BITRATE
    feature_level: FeatureLevel = NEWEST
    """Which version of the server to behave like."""
    participant_limit: int | None = None
    """How many may be in a meeting, those who wait included; a quota of 0.3."""
    time_limit: float | None = None
    """Seconds from the first join until a meeting is closed; a quota of 0.3."""
    turn_servers: tuple[TurnServer, ...] = field(default=(), repr=False)
    has_recording: bool = True
    """Whether there is a namespace `recording`, and so a key in `join_success`, be there a recorder or not."""
    recorder_token: Secret | None = None
    """By which a recorder gets its tickets (rest.md § 4, Services); None: nobody may record."""
    pads: Pads | None = field(default=None, repr=False)
    """Where minutes are written; None: there are none (namespaces `protocol` and `meeting_notes`)."""

    def __attrs_post_init__(self) -> None:
        quotas = (self.participant_limit, self.time_limit)
        if any(quota is not None for quota in quotas) and not self.feature_level.has(Feature.QUOTAS):
            raise LocalProtocolError("limits of participants and time are quotas of feature level 0.3 or later")
