"""The way into a room: the REST calls that end in a ticket, then TURN (protocol/README.md, Session lifecycle).

Guest: verify the invitation, start_invited. Member: start. Both: the WebSocket is opened as soon as there is a ticket,
and only then TURN servers (and the room) are asked for, as the capture does.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from m3core.conference.requests import Requests
from m3core.errors import M3Error
from m3core.io import IceServer
from m3core.rest.invites import VERIFY_INVITE, VerifiedInvite, VerifyInvite
from m3core.rest.rooms import GET_ROOM, START, START_INVITED, StartInvitedRequest, StartRequest, StartResponse
from m3core.rest.turn import GET_TURN, ice_servers
from m3core.values import BreakoutRoomId, InviteCode, RoomId, Secret


@frozen(kw_only=True)
class GuestEntrance:
    """With an invitation, without an account.

    ``base_url`` is the controller's; ``api_url`` that of its API, if not `/v1` below it (`m3core.rest.discovery`).
    """

    base_url: str
    api_url: str = field()
    invite_code: InviteCode = field(repr=lambda _: "...")
    password: Secret | None = None

    @api_url.default
    def _below_the_controller(self) -> str:
        return f"{self.base_url.rstrip('/')}/v1"


@frozen(kw_only=True)
class MemberEntrance:
    """With an account: the driver signs the requests (`Authorization.ACCOUNT`), and knows where the API is."""

    base_url: str
    room_id: RoomId

    @property
    def api_url(self) -> str:
        """Where requests go."""
        return f"{self.base_url.rstrip('/')}/v1"


Entrance = GuestEntrance | MemberEntrance


class Entering:
    """One way in, step by step. ``started`` gets the ticket, ``failed`` the reason why there is none."""

    def __init__(
        self,
        entrance: Entrance,
        requests: Requests,
        *,
        started: Callable[[RoomId, StartResponse], None],
        failed: Callable[[M3Error], None],
    ) -> None:
        self._entrance = entrance
        self._requests = requests
        self._started = started
        self._failed = failed
        self._room_id = entrance.room_id if isinstance(entrance, MemberEntrance) else RoomId("")

    def begin(self) -> None:
        """Ask for the first thing."""
        entrance = self._entrance
        if isinstance(entrance, GuestEntrance):
            self._requests.ask(
                VERIFY_INVITE,
                body=VerifyInvite(invite_code=entrance.invite_code),
                then=self._verified,
                fail=self._failed,
            )
        else:
            self._start(None)

    def resume(self, resumption: Secret | None, breakout: BreakoutRoomId | None) -> None:
        """Ask for another ticket, with the token of the last one (signaling.md § 3), or as somebody new."""
        self._start(resumption, breakout)

    def _verified(self, answer: VerifiedInvite) -> None:
        self._room_id = answer.room_id
        self._start(None)

    def _start(self, resumption: Secret | None, breakout: BreakoutRoomId | None = None) -> None:
        entrance, room_id = self._entrance, self._room_id
        if isinstance(entrance, GuestEntrance):
            self._requests.ask(
                START_INVITED,
                body=StartInvitedRequest(
                    invite_code=entrance.invite_code,
                    password=entrance.password,
                    breakout_room=breakout,
                    resumption=resumption,
                ),
                then=lambda answer: self._started(room_id, answer),
                fail=self._failed,
                room_id=room_id,
            )
        else:
            self._requests.ask(
                START,
                body=StartRequest(breakout_room=breakout, resumption=resumption),
                then=lambda answer: self._started(room_id, answer),
                fail=self._failed,
                room_id=room_id,
            )

    def ask_turn(self, then: Callable[[tuple[IceServer, ...]], None], fail: Callable[[M3Error], None]) -> None:
        """Ask for ICE servers; a server may have none."""
        self._requests.ask(
            GET_TURN,
            body=None,
            invite=self._entrance.invite_code if isinstance(self._entrance, GuestEntrance) else None,
            then=lambda answer: then(ice_servers(answer)),
            fail=fail,
        )

    def ask_room(self) -> None:
        """Members look the room up, as the capture does; nothing depends on the answer."""
        if isinstance(self._entrance, MemberEntrance):
            self._requests.ask(
                GET_ROOM,
                body=None,
                then=lambda _: None,
                fail=lambda _: None,
                room_id=self._entrance.room_id,
            )
