"""The REST API of the embedded controller: finds the handler of a request among its `resources`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attrs import evolve

from m3core.controller.config import ControllerConfig, Identities
from m3core.controller.resources.access import Access, ApiSurroundings
from m3core.controller.resources.auth import Auth
from m3core.controller.resources.events import Events
from m3core.controller.resources.incoming import Answer, Handlers, Incoming
from m3core.controller.resources.invites import Invites
from m3core.controller.resources.rooms import RoomResource
from m3core.controller.resources.services import Services
from m3core.controller.resources.start import Start
from m3core.controller.resources.turn import Turn
from m3core.controller.resources.users import Users
from m3core.controller.resumptions import Resumptions
from m3core.controller.tickets import Tickets
from m3core.errors import LimitExceeded, LinkError
from m3core.io import Headers, HttpResponse
from m3core.rest.discovery import API_PATH, CLIENT_PATH, api_document, client_document
from m3core.rest.errors import NOT_FOUND, Problem, RequestRefused, too_many_requests
from m3core.rest.link import parse_controller_url
from m3core.rest.routes import route, split_target, wrong_method
from m3core.values import InviteCode

_STORE_FULL: Final = Problem(500, "internal_server_error", message="the controller's memory is full")


class Api:
    """Answers whole requests. What a request does wrong is a response, never an exception."""

    def __init__(
        self, around: ApiSurroundings, identities: Identities, tickets: Tickets, resumptions: Resumptions
    ) -> None:
        self._around = around
        self._config: ControllerConfig = around.config
        access = self._access = Access(around, identities)
        handlers: Handlers = (
            *Auth(around, identities).handlers,
            *Users(around, access).handlers,
            *Events(around, access).handlers,
            *RoomResource(access).handlers,
            *Invites(around, access).handlers,
            *Start(around, access, tickets, resumptions).handlers,
            *Turn(around, access).handlers,
            *Services(around, access, tickets).handlers,
        )
        self._handlers = MappingProxyType({str(endpoint): handler for endpoint, handler in handlers})

    def answer(self, method: str, target: str, headers: Headers, body: bytes, address: str = "") -> HttpResponse:
        """The response to one request of a client at ``address``."""
        answer = self._answer(method, target, headers, body, address)
        return answer.response() if isinstance(answer, Problem) else answer

    def _answer(self, method: str, target: str, headers: Headers, body: bytes, address: str) -> Answer:
        path, _ = split_target(target)
        if path in (CLIENT_PATH, API_PATH):
            if busy := self._too_many(address):
                return busy
            return self._say_where(path, headers) if method in ("GET", "HEAD") else wrong_method("GET")
        match = route(method, target)
        if isinstance(match, Problem):
            return self._too_many(address) or match
        incoming = Incoming(match, headers, body, address)
        user = self._access.identify(incoming)
        if user is None and (busy := self._too_many(address)):
            return busy
        try:
            return self._handlers[str(match.endpoint)](evolve(incoming, user=user))
        except RequestRefused as refused:
            return refused.problem
        except LimitExceeded:
            return _STORE_FULL

    def _too_many(self, address: str) -> Problem | None:
        """The refusal of a request without a login, if there were too many from ``address``."""
        wait = self._around.addresses.request(address, self._around.now)
        return too_many_requests(wait) if wait else None

    def invite_url(self, code: InviteCode) -> str:
        """The link for a guest (S)."""
        return f"{self._config.web_url}/invite/{code}"

    def _say_where(self, path: str, headers: Headers) -> Answer:
        """The discovery documents: where the controller of a web host is, and where its API is."""
        if path == API_PATH:
            return api_document()
        if self._config.public_url:
            return client_document(self._config.public_url)
        # Without a public URL the answer is the address that the request used, if that is on this machine. From
        # elsewhere the request came through a proxy or a forwarded port, whose address only the public URL tells.
        asked = next((value for name, value in headers if name == "host"), "")
        try:
            return client_document(parse_controller_url(f"http://{asked}"))
        except LinkError:
            return NOT_FOUND
