"""The open REST requests of a client engine: the callbacks for their responses, and their deadlines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from m3core.conference.outbox import Outbox
from m3core.errors import M3Error, TransportError
from m3core.io import HttpResponse, RequestId
from m3core.limits import REQUEST_TIMEOUT
from m3core.rest.endpoint import Endpoint
from m3core.values import InviteCode

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


@frozen
class _Waiting:
    take: Callable[[HttpResponse], None]
    fail: Callable[[M3Error], None]
    deadline: float


class Requests:
    """The open requests. A response that is late, or to an unknown request, is ignored."""

    def __init__(self, outbox: Outbox, api_url: str, now: Callable[[], float]) -> None:
        self._outbox = outbox
        self._now = now
        self._api_url = api_url
        self._open: dict[RequestId, _Waiting] = {}
        self._last = 0

    def ask(
        self,
        endpoint: Endpoint[RequestT, ResponseT],
        *,
        then: Callable[[ResponseT], None],
        fail: Callable[[M3Error], None],
        body: RequestT,
        invite: InviteCode | None = None,
        **ids: str,
    ) -> None:
        """Send a request; exactly one of ``then`` and ``fail`` is called, unless the conference ends before."""
        self._last += 1
        request_id = RequestId(self._last)

        def take(response: HttpResponse) -> None:
            try:
                value = endpoint.read(response, body)
            except M3Error as error:
                fail(error)
            else:
                then(value)

        self._outbox.put(endpoint.request_below(request_id, self._api_url, body, invite=invite, **ids))
        self._open[request_id] = _Waiting(take, fail, self._now() + REQUEST_TIMEOUT)

    def response(self, request: RequestId, response: HttpResponse) -> None:
        """A response came."""
        waiting = self._open.pop(request, None)
        if waiting is not None:
            waiting.take(response)

    def failed(self, request: RequestId, error: M3Error) -> None:
        """The request could not be performed."""
        waiting = self._open.pop(request, None)
        if waiting is not None:
            waiting.fail(error)

    def forget(self) -> None:
        """The conference has ended: ignore all responses from now on."""
        self._open.clear()

    @property
    def deadline(self) -> float | None:
        """When the next request times out; ``None`` without requests."""
        return min((waiting.deadline for waiting in self._open.values()), default=None)

    def advance(self, now: float) -> None:
        """Fail the requests that have waited too long."""
        for request in [key for key, waiting in self._open.items() if waiting.deadline <= now]:
            self.failed(request, TransportError(f"the server did not answer within {REQUEST_TIMEOUT:g} s"))
