"""The REST requests before and while a room is joined (protocol/README.md, Session lifecycle; rest.md § 5).

A guest verifies the invitation and then asks for a ticket with `start_invited`; a member asks with `start`. With the
ticket the WebSocket is opened at once, and the engine asks for TURN servers after that, as the client of the capture.
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
    """Enter with an invitation, without an account.

    ``base_url`` is the URL of the controller, ``api_url`` that of its API: `/v1` below ``base_url`` unless the
    controller says otherwise (`m3core.rest.discovery`).
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
    """Enter with an account. The driver signs the requests (`Authorization.ACCOUNT`), and knows where the API is."""

    base_url: str
    room_id: RoomId

    @property
    def api_url(self) -> str:
        """The URL that the paths of requests are put below."""
        return f"{self.base_url.rstrip('/')}/v1"


Entrance = GuestEntrance | MemberEntrance


class Entering:
    """Makes the requests of one entrance. ``started`` is called with each ticket, ``failed`` if there is none."""

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
        """Ask for the first ticket."""
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

    def again(self) -> None:
        """Ask for the first ticket once more, after a busy server has refused it or its use."""
        if self._room_id:  # an invitation that was verified is not verified again
            self._start(None)
        else:
            self.begin()

    def resume(self, resumption: Secret | None, breakout: BreakoutRoomId | None) -> None:
        """Ask for another ticket: with the resumption token of the last one (signaling.md § 3), or without."""
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
        """Ask for ICE servers. The answer is empty if the server has none (rest.md, TURN)."""
        self._requests.ask(
            GET_TURN,
            body=None,
            invite=self._entrance.invite_code if isinstance(self._entrance, GuestEntrance) else None,
            then=lambda answer: then(ice_servers(answer)),
            fail=fail,
        )

    def ask_room(self) -> None:
        """Ask for the room of a member, as the client of the capture does; nothing depends on the answer."""
        if isinstance(self._entrance, MemberEntrance):
            self._requests.ask(
                GET_ROOM,
                body=None,
                then=lambda _: None,
                fail=lambda _: None,
                room_id=self._entrance.room_id,
            )
