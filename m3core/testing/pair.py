"""Clients and a controller in memory, on a virtual clock: no sockets, no threads, no waiting.

    world = World()
    ada, bob = world.owner("Ada"), world.guest("Bob")
    world.run()                        # until nothing is under way
    call = ada.publish()
    world.run()
    assert bob.of(StreamStarted)

Every message waits in a channel until it is delivered. `run` delivers all of them, `deliver(n)` the next one of one
channel, so that a test can let messages cross.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from m3core.conference.entrance import Entrance, GuestEntrance, MemberEntrance
from m3core.conference.outbox import Output as ClientOutput
from m3core.controller.config import ControllerConfig, TokenTable, User
from m3core.controller.engine import Controller
from m3core.controller.engine import Output as ServerOutput
from m3core.controller.sfu import SfuCommand
from m3core.errors import TransportError
from m3core.io import (
    Accept,
    Authorization,
    CallDone,
    Close,
    Connect,
    ConnectionId,
    HttpReply,
    HttpRequest,
    HttpResponse,
    MediaCommand,
    MediaReport,
    Notify,
    PeerId,
    Ping,
    Reject,
    RequestId,
    SendText,
)
from m3core.rest.auth import LOGIN, LoginRequest
from m3core.rest.events import CREATE_EVENT, CreateEvent
from m3core.rest.invites import CREATE_INVITE, CreateInvite
from m3core.testing.client import UTC_AT_ZERO, Client, seeded_entropy
from m3core.testing.fakes import FakeSfu
from m3core.values import InviteCode, RoomId, Secret, UserId

BASE_URL: Final = "http://127.0.0.1:8080"
OWNER_TOKEN: Final = Secret("owner-token")
OWNER: Final = User(
    id=UserId("07587a01-c663-4536-89a5-40e8da60f671"), email="ada@example.org", display_name="Ada Lovell"
)


class World:
    """One controller, its fake SFU, and any number of clients. ``users`` have an account beside the owner."""

    def __init__(self, config: ControllerConfig | None = None, *, users: Sequence[User] = ()) -> None:
        self.now = 0.0
        self._tokens = {user.display_name: Secret(f"token-{user.id}") for user in users}
        self.controller = Controller(
            config or ControllerConfig(web_url=BASE_URL),
            TokenTable({OWNER_TOKEN: OWNER} | {self._tokens[user.display_name]: user for user in users}),
            entropy=seeded_entropy(),
            utc_at_zero=UTC_AT_ZERO,
        )
        self.sfu = FakeSfu()
        self.clients: list[Client] = []
        self._accounts: list[Secret] = []
        """The access token of each client; guests do not use theirs."""
        self.channels: dict[tuple[str, int], deque[Callable[[], None]]] = {}
        """What is under way: a queue for each direction of each client, and one for the SFU."""
        self.refusals: list[HttpResponse] = []
        self.is_reachable = True
        """Whether requests and new connections reach the controller; otherwise they fail."""
        self._black: set[tuple[Client, ConnectionId]] = set()
        self._replies: dict[RequestId, Callable[[HttpResponse], None]] = {}
        self._links: dict[ConnectionId, tuple[Client, ConnectionId]] = {}
        self._last_request = 0
        self._last_connection = 0
        self.room_id, self.invite_code = self._prepare()

    # -- participants ---
    def guest(self, name: str) -> Client:
        """A guest with the invitation, who starts to join."""
        return self._enter(GuestEntrance(base_url=BASE_URL, invite_code=self.invite_code), name)

    def owner(self, name: str) -> Client:
        """The owner of the room, who starts to join."""
        return self._enter(MemberEntrance(base_url=BASE_URL, room_id=self.room_id), name)

    def user(self, name: str) -> Client:
        """One of the ``users``, by display name, who starts to join. Needs `ControllerConfig.open_rooms`."""
        entrance = MemberEntrance(base_url=BASE_URL, room_id=self.room_id)
        return self._enter(entrance, name, self._tokens[name])

    def joined(self, *names: str) -> list[Client]:
        """The owner (the first name) and guests, all in the room."""
        clients = [self.owner(name) if index == 0 else self.guest(name) for index, name in enumerate(names)]
        self.run()
        return clients

    # -- time and delivery ---
    def run(self) -> None:
        """Deliver from all channels in turn, until nothing is under way."""
        while any(self.channels.values()):
            for key in list(self.channels):
                if self.channels[key]:
                    self.channels[key].popleft()()

    def deliver(self, which: int) -> bool:
        """Deliver the next item of one channel that is not empty; False if all are empty."""
        busy = [queue for queue in self.channels.values() if queue]
        if busy:
            busy[which % len(busy)].popleft()()
        return bool(busy)

    def sleep(self, seconds: float) -> None:
        """Let time pass; each engine is advanced at each of its deadlines."""
        end = self.now + seconds
        self.run()
        while True:
            deadlines = [client.conference.deadline for client in self.clients] + [self.controller.deadline]
            due = min((at for at in deadlines if at is not None), default=end + 1)
            if due > end:
                break
            self.now = max(self.now, due)
            for client in self.clients:
                client.tell(lambda conference, now: conference.advance(now))
            self.controller.advance(self.now)
            self.drain_server()
            self.run()
        self.now = end

    def cut(self, client: Client) -> None:
        """Break the connection of ``client``: both ends notice, what is under way is lost. The client comes back."""
        self._lose_what_is_under_way(client)
        for server_side, (owner, client_side) in list(self._links.items()):
            if owner is client:
                del self._links[server_side]
                client.conference.connection_lost(client_side, self.now)
                self.drain(client)
                self.controller.connection_lost(server_side, self.now)
                self.drain_server()
        # A connection that the controller does not know yet, or has closed already: the news of that was lost above.
        if (connection := client.conference.outbox.connection) is not None:
            client.tell(lambda conference, now: conference.connection_lost(connection, now))

    def gone(self, client: Client) -> None:
        """As `cut`, but ``client`` does not come back."""
        self.cut(client)
        client.do(lambda conference, now: conference.leave(now))

    def blackhole(self, client: Client) -> None:
        """Let the connection of ``client`` lose everything, in both directions, unnoticed. A new connection works."""
        self._lose_what_is_under_way(client)
        self._black |= {link for link in self._links.values() if link[0] is client}

    def restart_controller(self, close_code: int | None = 1001) -> None:
        """The controller forgets everything that is not in its store, and closes all connections."""
        for client in self.clients:
            self._lose_what_is_under_way(client)
        self.controller.shut_down(self.now)
        for output in list(self.controller.outputs()):
            self._perform_server(Close(output.connection, close_code) if isinstance(output, Close) else output)

    def _lose_what_is_under_way(self, client: Client) -> None:
        index = self.clients.index(client)
        for direction in ("up", "down"):
            self.channels.get((direction, index), deque()).clear()

    # -- performing ---
    def drain(self, client: Client) -> None:
        """Perform the outputs of ``client``."""
        for output in list(client.conference.outputs()):
            self._perform_client(client, output)

    def drain_server(self) -> None:
        """Perform the outputs of the controller."""
        for output in list(self.controller.outputs()):
            self._perform_server(output)

    def _queue(self, direction: str, index: int, deliver: Callable[[], None]) -> None:
        self.channels.setdefault((direction, index), deque()).append(deliver)

    def _perform_client(self, client: Client, output: ClientOutput) -> None:
        index = self.clients.index(client)
        match output:
            case HttpRequest():
                client.requests.append((self.now, output))
                self._queue("http", index, lambda: self._request(client, index, output))
            case Connect():
                self._queue("up", index, lambda: self._connect(client, index, output))
            case SendText(data=data, connections=connections):
                client.sent.append(data)
                self._queue("up", index, lambda: self._up(client, connections[0], data))
            case Close(connection=connection, code=code):
                client.closes.append(code)
                self._queue("up", index, lambda: self._closed_by_client(client, connection, code))
            case Ping(connection=connection, payload=payload):
                self._queue("up", index, lambda: self._pinged(client, connection, payload))
            case MediaCommand():
                self._queue("media", index, lambda: self._media(client, index, output))
            case Notify(event=event):
                client.events.append(event)
            case CallDone():
                if output.call in client.done:
                    raise AssertionError("a call ended twice")
                client.done[output.call] = output

    def _perform_server(self, output: ServerOutput) -> None:
        match output:
            case HttpReply(id=request, response=response):
                self._replies.pop(request)(response)
            case Accept(connection=connection):
                client, client_side = self._links[connection]
                self._down(client, lambda: client.conference.connected(client_side, self.now))
            case Reject(connection=connection, response=response):
                self.refusals.append(response)
                client, client_side = self._links.pop(connection)
                status, headers, body = response.status, response.headers, response.body
                self._down(
                    client, lambda: client.conference.connect_refused(client_side, status, body, self.now, headers)
                )
            case SendText(connections=connections, data=data):
                for connection in connections:
                    self._send_down(connection, data)
            case Ping(connection=connection, payload=payload):
                self._ping_down(connection, payload)
            case Close(connection=connection, code=code):
                self._closed_by_server(connection, code)
            case SfuCommand():
                self._queue("sfu", 0, lambda: self._sfu(output))

    def _link(self, connection: ConnectionId) -> tuple[Client, ConnectionId] | None:
        """The client at the other end of a connection of the controller; None if nothing arrives there."""
        link = self._links.get(connection)
        return None if link in self._black else link

    def _send_down(self, connection: ConnectionId, data: bytes) -> None:
        if (link := self._link(connection)) is None:
            return
        client, client_side = link

        def receive() -> None:
            client.received.append(data)
            client.conference.receive_text(client_side, data, self.now)

        self._down(client, receive)

    def _ping_down(self, connection: ConnectionId, payload: bytes) -> None:
        if (link := self._link(connection)) is not None:
            client, client_side = link
            self._down(client, lambda: client.conference.pinged(client_side, self.now))
            self._queue("up", self.clients.index(client), lambda: self._pong(connection, payload))

    def _closed_by_server(self, connection: ConnectionId, code: int | None) -> None:
        if (link := self._link(connection)) is not None:
            client, client_side = link
            self._down(client, lambda: client.conference.connection_lost(client_side, self.now, code=code))
        self._links.pop(connection, None)

    def _down(self, client: Client, act: Callable[[], None]) -> None:
        def deliver() -> None:
            act()
            self.drain(client)

        self._queue("down", self.clients.index(client), deliver)

    def _up(self, client: Client, client_side: ConnectionId, data: bytes) -> None:
        for connection, link in self._links.items():
            if link == (client, client_side) and link not in self._black:
                self.controller.receive_text(connection, data, self.now)
                break
        self.drain_server()

    def _pong(self, connection: ConnectionId, payload: bytes) -> None:
        self.controller.pong(connection, payload, self.now)
        self.drain_server()

    def _pinged(self, client: Client, client_side: ConnectionId, payload: bytes) -> None:
        link = (client, client_side)
        if link in self._links.values() and link not in self._black:
            self._down(client, lambda: client.conference.pong(client_side, payload, self.now))

    def _connect(self, client: Client, index: int, output: Connect) -> None:
        del index
        if not self.is_reachable:
            self._down(client, lambda: client.conference.connection_lost(output.connection, self.now))
            return
        self._last_connection += 1
        connection = ConnectionId(self._last_connection)
        self._links[connection] = (client, output.connection)
        headers = (("sec-websocket-protocol", ", ".join(output.subprotocols)),)
        self.controller.websocket_requested(connection, "/signaling", headers, self.now)
        self.drain_server()

    def _closed_by_client(self, client: Client, client_side: ConnectionId, code: int | None) -> None:
        for connection, link in list(self._links.items()):
            if link == (client, client_side) and link not in self._black:
                del self._links[connection]
                self.controller.connection_lost(connection, self.now, code)
                self.drain_server()
                self._down(client, lambda: client.conference.connection_lost(client_side, self.now, code=code))

    def _request(self, client: Client, index: int, request: HttpRequest) -> None:
        if not self.is_reachable:
            error = TransportError("the controller cannot be reached")
            client.tell(lambda conference, now: conference.http_failed(request.id, error, now))
            return
        headers = request.headers
        if request.authorization is Authorization.ACCOUNT:
            headers = (*headers, ("authorization", f"Bearer {self._accounts[index].reveal()}"))

        def reply(response: HttpResponse) -> None:
            def deliver() -> None:
                client.conference.http_response(request.id, response, self.now)
                self.drain(client)

            self._queue("http", index, deliver)

        self._ask(request.method, request.url, headers, request.body, reply)

    def _ask(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        reply: Callable[[HttpResponse], None],
    ) -> None:
        self._last_request += 1
        request = RequestId(self._last_request)
        self._replies[request] = reply
        self.controller.http_request(request, method, url.removeprefix(BASE_URL), headers, body, self.now)
        self.drain_server()

    def _media(self, client: Client, index: int, command: MediaCommand) -> None:
        for report in client.media.perform(command):

            def deliver(report: MediaReport = report) -> None:
                client.conference.media_report(report, self.now)
                self.drain(client)

            self._queue("media", index, deliver)

    def _sfu(self, command: SfuCommand) -> None:
        for report in self.sfu.perform(command):

            def deliver(report: MediaReport = report) -> None:
                self.controller.sfu_report(report, self.now)
                self.drain_server()

            self._queue("sfu", 0, deliver)

    # -- set-up ---
    def _enter(self, entrance: Entrance, name: str, token: Secret = OWNER_TOKEN) -> Client:
        client = Client(self, entrance, name, len(self.clients))
        self.clients.append(client)
        self._accounts.append(token)
        client.do(lambda conference, now: conference.start(now))
        return client

    def _prepare(self) -> tuple[RoomId, InviteCode]:
        """Log in the owner and the users, and create an event and an invitation, over REST."""
        answers: list[HttpResponse] = []

        def ask(request: HttpRequest, token: Secret = OWNER_TOKEN) -> HttpResponse:
            headers = (*request.headers, ("authorization", f"Bearer {token.reveal()}"))
            self._ask(request.method, request.url, headers, request.body, answers.append)
            return answers[-1]

        zero = RequestId(0)
        for token in (OWNER_TOKEN, *self._tokens.values()):
            LOGIN.read(ask(LOGIN.request(zero, BASE_URL, LoginRequest(id_token=token)), token))
        body = CreateEvent(title="Test", description="", is_time_independent=True, is_adhoc=True)
        room_id = CREATE_EVENT.read(ask(CREATE_EVENT.request(zero, BASE_URL, body))).room.id
        invite = CREATE_INVITE.read(ask(CREATE_INVITE.request(zero, BASE_URL, CreateInvite(), room_id=room_id)))
        return room_id, invite.invite_code


__all__ = ["BASE_URL", "OWNER", "OWNER_TOKEN", "UTC_AT_ZERO", "Client", "PeerId", "World", "seeded_entropy"]
