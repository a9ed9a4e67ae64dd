"""The search for the controller of a link, and for its API. Two documents of servers name them; else they are guessed.

The web server of a link may name the controller (`GET /.well-known/opentalk/client`). A controller may name its API
(`GET /.well-known/opentalk/api`), by a URL or by a path below itself. The requests for these documents carry no secret.
An address in them is as little trusted as the link, and may not lead further (`m3core.rest.address.follow`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

from attrs import frozen

from m3core.errors import LinkError, M3Error, RemoteProtocolError
from m3core.io import Authorization, HttpRequest, HttpResponse, RequestId
from m3core.limits import DISCOVERY_TIMEOUT
from m3core.rest.address import base_path, follow
from m3core.rest.auth import GET_LOGIN
from m3core.rest.body import read_body, write_body
from m3core.rest.endpoint import JSON_TYPE
from m3core.rest.link import ControllerCandidate, InviteLink, controller_candidates

CLIENT_PATH: Final = "/.well-known/opentalk/client"
API_PATH: Final = "/.well-known/opentalk/api"
_HAS_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

DocumentT = TypeVar("DocumentT")


@frozen(kw_only=True)
class ControllerBase:
    """``base_url`` is the address of the controller, below which `/signaling` is."""

    base_url: str


@frozen(kw_only=True)
class ClientDocument:
    """The document of the web server of links. Wire: response of `GET /.well-known/opentalk/client`."""

    opentalk_controller: ControllerBase


@frozen(kw_only=True)
class ApiVersion:
    """``base_url`` of the API is a URL, or a path below the controller."""

    base_url: str


@frozen(kw_only=True)
class ApiVersions:
    """The versions of the API that a controller has."""

    v1: ApiVersion | None = None


@frozen(kw_only=True)
class ApiDocument:
    """The document of a controller. Wire: response of `GET /.well-known/opentalk/api`."""

    opentalk_api: ApiVersions


@frozen
class ControllerAddress:
    """The addresses of a controller: `/signaling` is below ``base_url``, and all endpoints are below ``api_url``."""

    base_url: str
    api_url: str


def client_document(controller: str) -> HttpResponse:
    """The document that names ``controller``."""
    return _write(ClientDocument(opentalk_controller=ControllerBase(base_url=controller)))


def api_document() -> HttpResponse:
    """The document of a controller whose API is at `/v1` below it."""
    return _write(ApiDocument(opentalk_api=ApiVersions(v1=ApiVersion(base_url="/v1"))))


def _write(document: ClientDocument | ApiDocument) -> HttpResponse:
    return HttpResponse(200, (("content-type", JSON_TYPE),), write_body(document))


def ask(request_id: RequestId, base_url: str, path: str) -> HttpRequest:
    """The request for the document at ``path``."""
    return HttpRequest(request_id, "GET", f"{base_url}{path}", authorization=Authorization.NONE)


def read_client(response: HttpResponse, origin: str, *, allow_private: bool = False) -> str | None:
    """The controller that the web server at ``origin`` names. None if it names none, or an address that is not allowed.

    Raises `LinkError` if the address is in a private network, because the user may allow that.
    """
    document = _read(response, ClientDocument)
    if document is None:
        return None
    return _follow(origin, document.opentalk_controller.base_url, allow_private=allow_private)


def read_api(response: HttpResponse, base_url: str, *, allow_private: bool = False) -> str | None:
    """The API that the controller at ``base_url`` names, as in `read_client`. A path is one below the controller."""
    document = _read(response, ApiDocument)
    if document is None or document.opentalk_api.v1 is None:
        return None
    told = document.opentalk_api.v1.base_url
    if not _HAS_SCHEME.match(told):
        try:
            return base_url + base_path("/" + told.removeprefix("/"), "")
        except LinkError:
            return None
    return _follow(base_url, told, allow_private=allow_private)


def _read(response: HttpResponse, kind: type[DocumentT]) -> DocumentT | None:
    if not 200 <= response.status < 300:
        return None
    try:
        return read_body(response.body, kind)
    except RemoteProtocolError:
        return None


def _follow(here: str, text: str, *, allow_private: bool) -> str | None:
    try:
        return follow(here, text, allow_private=allow_private)
    except LinkError as error:
        if error.is_private:
            raise LinkError("the server leads to an address of a private network", is_private=True) from None
        return None


class Search:
    """Finds the controller of ``link``, one request at a time.

    Perform `request`, and give its response to `answered`, or None if there is none within ``timeout`` seconds (None:
    the usual timeout). Repeat that until `request` is None; then `found` has the addresses. A search always ends with
    addresses: if the servers have no documents, these are guessed. A ``controller`` that the user names is only asked
    for its API. Raises `LinkError`.
    """

    def __init__(self, link: InviteLink, controller: str | None = None, *, allow_private: bool = False) -> None:
        self.request: HttpRequest | None = None
        self.timeout: float | None = None
        self.found = ControllerAddress("", "")
        self._link = link
        self._allow_private = allow_private
        self._take: Callable[[HttpResponse | None], None] = self._take_client
        if controller is None:
            self._ask(link.origin, CLIENT_PATH, self._take_client)
        else:
            (named,) = controller_candidates(link, controller)
            self._ask_controller(named.base_url)

    def answered(self, response: HttpResponse | None) -> None:
        """Continue with the response to `request`, or with None if there is none."""
        self.request = None
        self._take(response)

    def _ask(self, base_url: str, path: str, take: Callable[[HttpResponse | None], None]) -> None:
        self.request, self.timeout, self._take = ask(RequestId(0), base_url, path), DISCOVERY_TIMEOUT, take

    def _take_client(self, response: HttpResponse | None) -> None:
        origin = self._link.origin
        if response is None:  # there is no server, or it is too slow to be asked again
            self._guess()
            return
        named = read_client(response, origin, allow_private=self._allow_private)
        if named is None:
            self._ask(origin, API_PATH, self._take_api_of_link)
        else:
            self._ask_controller(named)

    def _take_api_of_link(self, response: HttpResponse | None) -> None:
        """The origin of the link counts as a controller only if it has the document of one."""
        origin = self._link.origin
        api_url = None if response is None else read_api(response, origin, allow_private=self._allow_private)
        if api_url is None:
            self._guess()
        else:
            self.found = ControllerAddress(origin, api_url)

    def _ask_controller(self, base_url: str) -> None:
        """Ask the controller for its API. It is the controller even if it has no such document."""

        def take(response: HttpResponse | None) -> None:
            api_url = None if response is None else read_api(response, base_url, allow_private=self._allow_private)
            self.found = ControllerAddress(base_url, api_url or f"{base_url}/v1")

        self._ask(base_url, API_PATH, take)

    def _guess(self) -> None:
        first, *others = controller_candidates(self._link)

        def take(response: HttpResponse | None) -> None:
            is_it = response is not None and _is_provider(response)
            self.found = _guessed(first if is_it else others[0])

        if first.probe:
            self.request, self.timeout = GET_LOGIN.request(RequestId(0), first.base_url, None), None
            self._take = take
        else:
            self.found = _guessed(first)


def _guessed(candidate: ControllerCandidate) -> ControllerAddress:
    return ControllerAddress(candidate.base_url, f"{candidate.base_url}/v1")


def _is_provider(response: HttpResponse) -> bool:
    """Whether ``response`` is that of a controller to `GET_LOGIN`."""
    try:
        GET_LOGIN.read(response)
    except M3Error:
        return False
    return True
